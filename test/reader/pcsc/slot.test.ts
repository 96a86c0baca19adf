import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command } from '../../../src/kernel/apdu.ts'
import { fromHex, toHex } from '../../../src/kernel/bytes.ts'
import { CardTorn, exchange, undisturbed, type Channel } from '../../../src/reader/channel.ts'
import type { PcscBinding, ReaderState } from '../../../src/reader/pcsc/binding.ts'
import { PcscReaders } from '../../../src/reader/pcsc/readers.ts'
import { cardWith, UID } from '../../card/cards.ts'
import { BINDINGS, WHY_NOT_SMARTCARD } from './bindings.ts'
import { Cards } from './cards.ts'
import { Lab, skippedLoudly, WHY_NOT, type LabReader } from './lab.ts'
import { Pool } from './pool.ts'
import { Watching } from './watching.ts'

const ATR = '3b8f8001804f0ca000000306030001000000006a'
const LOAD_KEY = 'ff82000006a0a1a2a3a4a5'
const AUTHENTICATE = 'ff860000050100046000'
const READ = 'ffb0000410'
const BLOCK = '00'.repeat(16)
const GET_UID = command(0xff, 0xca, 0, 0, undefined, 256)

const isSkipped = skippedLoudly('cards at a slot over real PC/SC')
const without = { 'pcsc-mini': WHY_NOT, smartcard: WHY_NOT ?? WHY_NOT_SMARTCARD }
if (!isSkipped) skippedLoudly('the binding smartcard', WHY_NOT_SMARTCARD)

const send = async (channel: Channel, apdu: string) => toHex(await channel.transmit(fromHex(apdu)))

let lab: Lab
let cards: Cards
let free: Pool<LabReader>

beforeAll(async () => {
  if (isSkipped) return
  lab = await Lab.start({ names: ['Virtual PCD', 'Second PCD'] })
  cards = await Cards.start(lab)
  free = new Pool(lab.readers)
})
afterAll(async () => {
  if (isSkipped) return
  await cards.stop()
  await lab.stop()
  for (const other of others) stop(other)
})

/** Clients of other programs. With the service gone they stop at once. */
const others: { stop(): void }[] = []

function stop(other: { stop(): void }): void {
  try {
    other.stop()
  } catch {
    // That is how it says that there is nothing left to stop.
  }
}

async function load(name: string): Promise<PcscBinding> {
  const binding = await BINDINGS[name]?.()
  if (!binding) throw new Error(`there is no binding ${name}`)
  return binding
}

/** Another program that uses the same card. */
async function otherProgram(reader: LabReader) {
  const { Client, CardMode, CardDisposition } = await import('pcsc-mini')
  const client = new Client()
  const found = Promise.withResolvers<void>()
  client.on('reader', (one) => {
    if (one.name() === reader.name) one.on('change', () => found.resolve())
  })
  client.on('error', () => {})
  client.start()
  await found.promise
  const connect = async (mode: 'EXCLUSIVE' | 'SHARED') => {
    const card = await client.reader(reader.name)?.connect(CardMode[mode])
    if (!card) throw new Error('the reader is there')
    return {
      card,
      leave: () => card.disconnect(CardDisposition.LEAVE),
      reset: () => card.disconnect(CardDisposition.RESET),
    }
  }
  others.push(client)
  return { connect }
}

async function stateOf(readers: PcscReaders, reader: LabReader, state: ReaderState): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    if (readers.states.get(reader.name) === state) resolve()
  }
  const stopWatching = readers.watch(look)
  look()
  await promise
  stopWatching()
}

/** Readers look for cards a few times a second: tests wait for that side by side, each at its own. */
/** A real service on a busy machine now and then misses its moment: what holds, holds when asked again. */
const TRIES = { retry: 2 }

describe.for(['pcsc-mini', 'smartcard'] as const)('a slot by %s', TRIES, (name) => {
  const run = test.skipIf(without[name] !== undefined).concurrent
  let readers: PcscReaders
  let made = 0

  beforeAll(async () => {
    if (without[name] === undefined) readers = await PcscReaders.open(await load(name))
  })
  afterAll(async () => {
    await readers?.close()
  })

  /** A card with known keys, put into a reader. */
  async function insert(reader: LabReader, until?: 'seen'): Promise<string> {
    made += 1
    const card = `${name} ${made}`
    const { nvm } = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
    await cards.make(card, nvm.snapshot())
    if (until === 'seen') await cards.insertSeen(card, reader.port)
    else await cards.insert(card, reader.port)
    return card
  }

  run('knows the readers', () => {
    expect([...readers.states.keys()]).toEqual(lab.readers.map((reader) => reader.name))
  })

  run('tells of a card that comes and goes, and of the same one again', () =>
    free.use(async (first) => {
      const slot = readers.slot(first.name)
      const watching = new Watching(slot)
      const card = await insert(first)
      const channel = await watching.card()
      expect(toHex(channel.atr)).toBe(ATR)
      expect((await exchange(channel, GET_UID)).data).toEqual(UID)
      await cards.pull(card)
      await watching.empty()
      await expect(channel.transmit(fromHex(READ))).rejects.toThrow(CardTorn)
      await cards.insert(card, first.port)
      const again = await watching.card()
      expect(again).not.toBe(channel)
      expect((await exchange(again, GET_UID)).data).toEqual(UID)
      await expect(channel.transmit(fromHex(READ))).rejects.toThrow(CardTorn)
      expect(watching.kinds).toEqual(['inserted', 'removed', 'inserted'])
      await cards.pull(card)
      await watching.empty()
    }),
  )

  run('finds a card that is there already', () =>
    free.use(async (first) => {
      const card = await insert(first)
      await new Watching(readers.slot(first.name)).card()
      const later = await PcscReaders.open(await load(name))
      const watching = new Watching(later.slot(first.name))
      expect((await exchange(await watching.card(), GET_UID)).data).toEqual(UID)
      await cards.pull(card)
      await watching.empty()
      await later.close()
    }),
  )

  run.each([
    ['before', ''],
    ['answer-lost', ''],
    ['half-answer', '04a1b2'],
  ] as const)('a tear, %s: %s', (cut, heard) =>
    free.use(async (first) => {
      const watching = new Watching(readers.slot(first.name))
      const card = await insert(first)
      const channel = await watching.card()
      await cards.arm(card, { what: 'apdu', at: 1, cut })
      expect(await send(channel, 'ffca000000')).toBe(heard)
      await expect(exchange(channel, GET_UID)).rejects.toThrow(CardTorn)
      await watching.empty()
      await cards.insert(card, first.port)
      expect((await exchange(await watching.card(), GET_UID)).data).toEqual(UID)
      await cards.pull(card)
      await watching.empty()
    }),
  )

  run('part of what was announced is all that comes', () =>
    free.use(async (first) => {
      const watching = new Watching(readers.slot(first.name))
      await cards.play(first.port, ATR, [{ raw: '000604a1b2', then: 'hang-up' }])
      const channel = await watching.card()
      await expect(exchange(channel, GET_UID)).rejects.toThrow(CardTorn)
      await watching.empty()
    }),
  )

  run('a card that is back before the reader looks goes on, without its volatile state', () =>
    free.use(async (first) => {
      const { channel, card } = await unseen(first, async (taken) => {
        await cards.insertSeen(taken, first.port)
        return taken
      })
      expect(await send(channel, AUTHENTICATE)).toBe('9000')
      expect(await send(channel, READ)).toBe(`${BLOCK}9000`)
      await out(card, first)
    }),
  )

  run('a card that is swapped before the reader looks goes on as the first', () =>
    free.use(async (first) => {
      const { card } = await unseen(first, () => insert(first, 'seen'))
      expect((await cards.look(card)).apdus).toBeGreaterThan(0)
      await out(card, first)
    }),
  )

  /**
   * Takes a card out and has another put in at once. The reader may just look in between, which it does
   * for a hundredth of the time: then it is tried again.
   */
  async function unseen(reader: LabReader, putIn: (card: string) => Promise<string>) {
    for (;;) {
      const watching = new Watching(readers.slot(reader.name))
      const taken = await insert(reader)
      const channel = await watching.card()
      await open(channel)
      await cards.pull(taken)
      const puttingIn = putIn(taken)
      // With this one the reader learns that the first card is gone.
      await expect(exchange(channel, GET_UID)).rejects.toThrow(CardTorn)
      const card = await puttingIn
      if (!watching.kinds.includes('removed')) {
        expect(await send(channel, READ)).toBe('6300')
        expect(watching.kinds).toEqual(['inserted'])
        return { channel, card }
      }
      await out(card, reader)
    }
  }

  async function out(card: string, reader: LabReader): Promise<void> {
    const watching = new Watching(readers.slot(reader.name))
    await cards.pull(card)
    await watching.empty()
  }

  async function open(channel: Channel): Promise<void> {
    expect(await send(channel, LOAD_KEY)).toBe('9000')
    expect(await send(channel, AUTHENTICATE)).toBe('9000')
    expect(await send(channel, READ)).toBe(`${BLOCK}9000`)
  }

  run('goes on after a reset by another program', () =>
    free.use(async (first) => {
      const watching = new Watching(readers.slot(first.name))
      const card = await insert(first)
      const channel = await watching.card()
      const other = await otherProgram(first)
      const reset = async () => (await other.connect('SHARED')).reset()
      await open(channel)
      await reset()
      await expect(channel.transmit(fromHex(READ))).rejects.toThrow(CardTorn)
      expect(await send(channel, READ)).toBe('6300')
      await reset()
      if (channel.alone && name === 'pcsc-mini') {
        expect(await undisturbed(channel, () => send(channel, READ))).toBe('6300')
      }
      await cards.pull(card)
      await watching.empty()
    }),
  )

  run('a card that is mute holds up no other', () =>
    free.use((first) =>
      free.use(async (second) => {
        const watching = new Watching(readers.slot(first.name))
        const mute = new Watching(readers.slot(second.name))
        await cards.play(second.port, ATR, [{ raw: '00029000', then: 'stay' }])
        const waiting = await mute.card()
        expect(await send(waiting, 'ffca000000')).toBe('9000')
        const answer = waiting.transmit(fromHex('ffca000000'))
        const card = await insert(first)
        const channel = await watching.card()
        expect((await exchange(channel, GET_UID)).data).toEqual(UID)
        await cards.hangUp(second.port)
        expect(await answer).toHaveLength(0)
        await cards.pull(card)
        await watching.empty()
        await mute.empty()
      }),
    ),
  )

  run('a long answer arrives whole', () =>
    free.use(async (first) => {
      const watching = new Watching(readers.slot(first.name))
      const size = 65_000
      const raw = `fdea${'5a'.repeat(size)}9000`
      await cards.play(first.port, ATR, [{ raw, then: 'hang-up' }])
      const channel = await watching.card()
      const { data } = await exchange(channel, GET_UID)
      expect(data).toHaveLength(size)
      expect(data.every((byte) => byte === 0x5a)).toBe(true)
      await watching.empty()
    }),
  )
})

describe('a slot by pcsc-mini', () => {
  test.skipIf(isSkipped)('keeps another program off while it works', () =>
    free.use(async (reader) => {
      const binding = await load('pcsc-mini')
      const mine = await PcscReaders.open(binding)
      const theirs = await PcscReaders.open(binding)
      const watching = new Watching(mine.slot(reader.name))
      const { nvm } = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
      await cards.make('shared', nvm.snapshot())
      await cards.insert('shared', reader.port)
      const channel = await watching.card()
      const other = await new Watching(theirs.slot(reader.name)).card()
      const order: string[] = []
      const asked: Promise<unknown>[] = []
      await undisturbed(channel, async () => {
        await send(channel, LOAD_KEY)
        asked.push(send(other, 'ffca000000').then(() => order.push('other')))
        await send(channel, AUTHENTICATE)
        await send(channel, READ)
        order.push('mine')
      })
      await Promise.all(asked)
      expect(order).toEqual(['mine', 'other'])
      await cards.pull('shared')
      await mine.close()
      await theirs.close()
    }),
  )
})

describe.for(['pcsc-mini', 'smartcard'] as const)('alone, by %s', TRIES, (name) => {
  test.skipIf(without[name] !== undefined)(
    'leaves a card alone where nobody waits, and another program gets its own first',
    () =>
      free.use(async (reader) => {
        const readers = await PcscReaders.open(await load(name))
        const { nvm } = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
        await cards.make(name, nvm.snapshot())
        await cards.insert(name, reader.port)
        const other = await otherProgram(reader)
        await stateOf(readers, reader, 'card')
        const theirs = await other.connect('EXCLUSIVE')
        const slot = readers.slot(reader.name)
        const watching = new Watching(slot)
        await expect(readers.connect(reader.name)).rejects.toMatchObject({ problem: 'sharing' })
        expect(slot.card()).toBeUndefined()
        await theirs.leave()
        const channel = await watching.card()
        expect((await exchange(channel, GET_UID)).data).toEqual(UID)
        await expect(other.connect('EXCLUSIVE')).rejects.toMatchObject({ code: 'SharingViolation' })
        await cards.pull(name)
        await watching.empty()
        await readers.close()
      }),
  )

  test.skipIf(without[name] !== undefined)(
    'finds its readers and cards again when the service restarts',
    () =>
      free.use(async (reader) => {
        const readers = await PcscReaders.open(await load(name))
        const watching = new Watching(readers.slot(reader.name))
        const { nvm } = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
        await cards.make(name, nvm.snapshot())
        await cards.insert(name, reader.port)
        const channel = await watching.card()
        await lab.restartService()
        await watching.empty()
        await expect(channel.transmit(fromHex(READ))).rejects.toThrow(CardTorn)
        await cards.insert(name, reader.port)
        expect((await exchange(await watching.card(), GET_UID)).data).toEqual(UID)
        await cards.pull(name)
        await watching.empty()
        expect(watching.kinds).toEqual(['inserted', 'removed', 'inserted', 'removed'])
        await readers.close()
      }),
  )
})
