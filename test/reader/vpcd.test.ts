import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LINK_CUTS } from '../../src/card/field.ts'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import {
  insertIntoVpcd,
  serveInVpcd,
  VpcdUnreachable,
  type VpcdCard,
  type VpcdEnd,
} from '../../src/reader/vpcd.ts'
import { cardWith, inField } from '../card/cards.ts'

/** The other side of the protocol, as vpcd behaves: it listens, and takes the card that connects. */
class Reader {
  readonly server: Server = createServer()
  port = 0

  async listen(port = 0): Promise<void> {
    this.server.listen(port, '127.0.0.1')
    await once(this.server, 'listening')
    const address = this.server.address()
    this.port = typeof address === 'object' && address ? address.port : 0
  }

  async card(): Promise<Socket> {
    const [socket] = (await once(this.server, 'connection')) as [Socket]
    return socket
  }
}

const ATR = '3b8f8001804f0ca000000306030001000000006a'
const GET_UID = '0005ffca000000'
const UID_ANSWER = '000604a1b2c39000'

let reader: Reader
let pull: AbortController

beforeEach(async () => {
  reader = new Reader()
  pull = new AbortController()
  await reader.listen()
})
afterEach(() => {
  pull.abort()
  reader.server.close()
})

function newCard() {
  return inField(cardWith({ blocks: ['000', '000', '000'], trailer: '011' }))
}

async function insert(card: VpcdCard): Promise<{ socket: Socket; end: Promise<VpcdEnd> }> {
  const coming = reader.card()
  const inserted = Promise.withResolvers<void>()
  const end = insertIntoVpcd(card, { port: reader.port }, pull.signal, inserted.resolve)
  const socket = await coming
  await inserted.promise
  return { socket, end }
}

/** The next so many bytes that the card sends. */
async function hear(socket: Socket, size: number): Promise<string> {
  let heard = Buffer.alloc(0)
  while (heard.length < size) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    heard = Buffer.concat([heard, chunk])
  }
  return toHex(heard)
}

describe('a card in a virtual reader', () => {
  test('answers, also what comes glued or in pieces', async () => {
    const { socket } = await insert(newCard())
    socket.write(fromHex(`000101000104${GET_UID}`))
    expect(await hear(socket, 30)).toBe(`0014${ATR}${UID_ANSWER}`)
    for (const byte of fromHex(GET_UID)) socket.write(Uint8Array.of(byte))
    expect(await hear(socket, 8)).toBe(UID_ANSWER)
  })

  test('sends each answer in one piece', async () => {
    const { socket } = await insert(newCard())
    socket.write(fromHex('000101000104'))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(toHex(chunk)).toBe(`0014${ATR}`)
  })

  test('is powered by the reader, and loses what is volatile with its power and at a reset', async () => {
    const card = newCard()
    const { socket } = await insert(card)
    const authenticate = '000bff82000006a0a1a2a3a4a5000aff860000050100046000'
    const read = '0005ffb0000410'
    for (const again of ['000100000101', '000102']) {
      socket.write(fromHex(`000101${authenticate}${read}`))
      expect(await hear(socket, 4 + 4 + 20)).toMatch(/^00029000000290000012(00){16}9000$/)
      socket.write(fromHex(`${again}${read}`))
      expect(await hear(socket, 4)).toBe('00026300')
    }
  })

  test('comes in with power, which it had not before', async () => {
    const card = newCard()
    const { socket } = await insert(card)
    socket.write(fromHex(GET_UID))
    expect(await hear(socket, 8)).toBe(UID_ANSWER)
    socket.destroy()
  })

  test.each(LINK_CUTS)(
    'that goes in the middle, %s, hangs up with what got through',
    async (cut) => {
      const card = newCard()
      const { socket, end } = await insert(card)
      card.arm({ atApdu: 2, cut })
      socket.write(fromHex(`000101${GET_UID}${GET_UID}`))
      const heard: Buffer[] = []
      socket.on('data', (chunk: Buffer) => heard.push(chunk))
      expect(await end).toBe('torn')
      await once(socket, 'close')
      const rest = cut === 'half-answer' ? '000304a1b2' : ''
      expect(toHex(Buffer.concat(heard))).toBe(UID_ANSWER + rest)
    },
  )

  test('is pulled', async () => {
    const { socket, end } = await insert(newCard())
    pull.abort()
    expect(await end).toBe('pulled')
    await once(socket.resume(), 'close')
  })

  test('is pulled before it comes in', async () => {
    pull.abort()
    expect(await insertIntoVpcd(newCard(), { port: reader.port }, pull.signal)).toBe('pulled')
  })

  test('does not mind a reader that hangs up, even rudely', async () => {
    const polite = await insert(newCard())
    polite.socket.end()
    expect(await polite.end).toBe('reader_gone')
    const rude = await insert(newCard())
    rude.socket.write(fromHex(`000101${GET_UID}`))
    rude.socket.resetAndDestroy()
    expect(await rude.end).toBe('reader_gone')
  })

  test('waits with reading while it works', async () => {
    const working = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    let asked = 0
    const slow: VpcdCard = {
      atr: fromHex(ATR),
      powered: true,
      powerOn() {},
      powerOff() {},
      async transmit() {
        asked += 1
        begun.resolve()
        await working.promise
        return fromHex('9000')
      },
    }
    const { socket } = await insert(slow)
    socket.write(fromHex(`${GET_UID}${GET_UID}`))
    await begun.promise
    expect(asked).toBe(1)
    working.resolve()
    expect(await hear(socket, 8)).toBe('0002900000029000')
  })

  test('needs somebody who listens', async () => {
    reader.server.close()
    await expect(insertIntoVpcd(newCard(), { port: reader.port }, pull.signal)).rejects.toThrow(
      VpcdUnreachable,
    )
  })

  test('refuses what is not the protocol', async () => {
    const { socket, end } = await insert(newCard())
    socket.write(fromHex('0000'))
    await expect(end).rejects.toThrow('vpcd.length')
  })
})

test('a card that is served comes back when the reader does', async () => {
  const changes: boolean[] = []
  const changed = Promise.withResolvers<void>()
  reader.server.close()
  const serving = serveInVpcd(newCard(), {
    port: reader.port,
    signal: pull.signal,
    onChange(inserted) {
      changes.push(inserted)
      if (changes.length === 4) changed.resolve()
    },
  })
  const { port } = reader
  reader = new Reader()
  await reader.listen(port)
  const first = await reader.card()
  const second = reader.card()
  first.destroy()
  const socket = await second
  await changed.promise
  socket.write(fromHex(`000101${GET_UID}`))
  expect(await hear(socket, 8)).toBe(UID_ANSWER)
  expect(changes).toEqual([false, true, false, true])
  pull.abort()
  await serving
})
