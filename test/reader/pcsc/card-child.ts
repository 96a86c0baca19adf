import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Field } from '../../../src/card/field.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import { fromHex } from '../../../src/kernel/bytes.ts'
import { READER_PROFILES } from '../../../src/kernel/storage-apdu.ts'
import { encodeVpcd, VpcdDecoder } from '../../../src/reader/vpcd-frames.ts'
import { insertIntoVpcd, type VpcdCard } from '../../../src/reader/vpcd.ts'
import { cardKinds } from '../../../src/cli/card-images.ts'
import { systemRandom } from '../../../src/cli/system.ts'
import type { Answered, CardOrder, CardReply, ScriptedAnswer } from './cards.ts'

/** Cards in a process of their own, moved by messages: cards.ts is the other side. */
interface Card {
  readonly field: Field
  readonly nvm: Nvm
  pull: AbortController
  gone: Promise<unknown>
}

const cards = new Map<string, Card>()
const playing = new Map<number, Socket>()

function cardOf(name: string): Card {
  const card = cards.get(name)
  if (!card) throw new Error(`there is no card ${name}`)
  return card
}

/** A card that says when the reader looks at it. */
function told(field: Field, onLook: () => void): VpcdCard {
  return {
    get atr() {
      onLook()
      return field.atr
    },
    get powered() {
      return field.powered
    },
    powerOn: () => field.powerOn(),
    powerOff: () => field.powerOff(),
    transmit: (apdu) => field.transmit(apdu),
  }
}

async function carryOut(order: CardOrder): Promise<Answered | undefined> {
  switch (order.do) {
    case 'make': {
      const kinds = cardKinds(READER_PROFILES[order.profile])
      const memory = new Uint8Array(order.memory)
      const { card, nvm } = kinds.put(order.kind, memory, systemRandom)
      const field = new Field(card)
      cards.set(order.card, { field, nvm, pull: new AbortController(), gone: Promise.resolve() })
      return undefined
    }
    case 'insert':
    case 'insert-seen': {
      const card = cardOf(order.card)
      card.pull = new AbortController()
      const inserted = Promise.withResolvers<void>()
      const seen = Promise.withResolvers<void>()
      const { port } = order
      const shown = told(card.field, seen.resolve)
      card.gone = insertIntoVpcd(shown, { port }, card.pull.signal, inserted.resolve)
      const reached = order.do === 'insert' ? inserted : seen
      await Promise.race([reached.promise, card.gone])
      return undefined
    }
    case 'pull': {
      const card = cardOf(order.card)
      card.pull.abort()
      await card.gone
      return undefined
    }
    case 'arm': {
      const { field, nvm } = cardOf(order.card)
      const { cut } = order
      nvm.arm(cut?.what === 'write' ? { atWrite: cut.at, tear: cut.tear } : undefined)
      field.arm(cut?.what === 'apdu' ? { atApdu: cut.at, cut: cut.cut } : undefined)
      return undefined
    }
    case 'look': {
      const { field, nvm } = cardOf(order.card)
      return { memory: nvm.snapshot(), writes: nvm.writes, apdus: field.traffic.apdus }
    }
    case 'play':
      await play(order.port, fromHex(order.atr), order.answers)
      return undefined
    case 'hang-up':
      playing.get(order.port)?.destroy()
      return undefined
  }
}

/** Something in the reader that answers as it is told, by the wire's own bytes. */
async function play(
  port: number,
  atr: Uint8Array,
  answers: readonly ScriptedAnswer[],
): Promise<void> {
  const decoder = new VpcdDecoder()
  const left = [...answers]
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    for (const message of decoder.push(chunk)) {
      if (message.kind === 'atr') socket.write(encodeVpcd(atr))
      if (message.kind !== 'apdu') continue
      const answer = left.shift()
      if (answer && answer.raw !== '') socket.write(fromHex(answer.raw))
      if (answer?.then === 'hang-up') socket.destroySoon()
    }
  })
  await once(socket, 'connect')
  playing.set(port, socket)
}

process.on('message', (message: { id: number; order: CardOrder }) => {
  const { id, order } = message
  const reply = (answer: CardReply) => process.send?.(answer)
  carryOut(order).then(
    (answered) => reply({ id, answered }),
    (error: unknown) => reply({ id, error: error instanceof Error ? String(error.stack) : '' }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
