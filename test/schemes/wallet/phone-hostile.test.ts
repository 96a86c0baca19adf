import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesEqual, type Bytes } from '../../../src/kernel/bytes.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import type { TransportRequest } from '../../../src/kernel/ports.ts'
import {
  decodeSynchronisation,
  encodeSynchronisation,
  type Synchronisation,
} from '../../../src/kernel/synchronisation.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { INS } from '../../../src/schemes/wallet/message.ts'
import {
  askMessage,
  paidMessage,
  refusedMessage,
} from '../../../src/schemes/wallet/phone/messages.ts'
import type { Wire, WireMessage } from '../../../src/schemes/wallet/phone/wire.ts'
import { agree, off, synchronise } from './phone-flows.ts'
import { done, PhoneWorld, PIN, type Holder } from './phone-world.ts'

let world: PhoneWorld
let elsewhere: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
  elsewhere = await PhoneWorld.create()
})
afterAll(async () => {
  await world.close()
  await elsewhere.close()
})

/** A phone that keeps all that passes through it. */
function recording(into: WireMessage[], then?: Wire): Wire {
  return async (message) => {
    into.push(message)
    return then ? then(message) : message.bytes
  }
}

/** Puts what phones once sent to a card before this one, whatever it says. */
async function replayTo(holder: Holder, apdus: readonly Bytes[]): Promise<void> {
  holder.field.powerOn()
  const channel = inProcessChannel(holder.field)
  for (const apdu of apdus) await channel.transmit(apdu)
  holder.field.powerOff()
}

/** What of a card and its books no repeated message may change. */
async function standing(...holders: readonly Holder[]) {
  const states = await Promise.all(holders.map(async (holder) => holder.state()))
  const cards = states.map(({ balance, sequence, last, spendable, pinTries }) => {
    return { balance, sequence, last, spendable, pinTries }
  })
  const books = holders[0] ? await holders[0].world.books(...holders) : []
  return { cards, books: books.map(({ online, shadow }) => ({ online, shadow })) }
}

describe('every message of every flow, replayed at every later point', () => {
  test('has no effect: to the same card and office, and to others', async () => {
    const [alice, bob, eve] = [await world.person(), await world.person(), await world.person()]
    const stranger = await elsewhere.person()
    const seen: WireMessage[] = []
    for (const holder of [alice, bob]) holder.wire = recording(seen)
    let asked: Bytes = new Uint8Array()
    let paid: Bytes = new Uint8Array()
    let refused: Bytes = new Uint8Array()
    const steps: readonly (() => Promise<unknown>)[] = [
      async () => done(await alice.load(300_00n)),
      async () => (asked = done(await bob.ask(80_00n)).message),
      async () => (paid = done(await alice.pay(asked)).message),
      async () => done(await bob.receive(paid)),
      async () => done(await bob.synchronise()),
      async () => done(await alice.synchronise()),
      async () => (asked = done(await bob.ask(5_00n)).message),
      async () => done(await alice.pay(asked)),
      async () => (refused = done(await bob.refuse(askMessage.decode(asked).request)).message),
      async () => done(await alice.refund(refused)),
      async () => done(await alice.unload(20_00n)),
    ]
    let replays = 0
    for (const step of steps) {
      await step()
      const all = [alice, bob, eve]
      const before = [await standing(...all), await standing(stranger)]
      const apdus = seen.filter(({ leg, way }) => leg === 'card' && way === 'there')
      const requests = [...alice.sent, ...bob.sent]
      for (const holder of [...all, stranger]) {
        await replayTo(
          holder,
          apdus.map(({ bytes }) => bytes),
        )
      }
      for (const request of requests) await replayed(request)
      replays += 4 * apdus.length + 2 * requests.length
      expect([await standing(...all), await standing(stranger)]).toEqual(before)
    }
    off(alice, bob)
    await synchronise(alice, bob)
    expect(await agree(alice, bob)).toEqual([
      { online: 720_00n, shadow: 200_00n, card: 200_00n },
      { online: 1000_00n, shadow: 80_00n, card: 80_00n },
    ])
    console.log(`${replays} replays`)
  })
})

/** By the office that it was for, and by another. */
async function replayed({ method, path, headers, body }: TransportRequest): Promise<void> {
  for (const { office } of [world, elsewhere]) {
    const payload = body && Buffer.from(body)
    const answer = await office.api.inject({
      method,
      url: path,
      headers: { ...headers },
      ...(payload && { payload }),
    })
    expect(answer.statusCode).toBeLessThan(500)
  }
}

/** Changes every message of that name. */
function changing(name: string, way: WireMessage['way'], change: (bytes: Bytes) => Bytes): Wire {
  return async (message) =>
    message.name === name && message.way === way ? change(message.bytes) : message.bytes
}

function flipped(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function spoilt(item: Bytes): Bytes {
  return flipped(item, 60)
}

/** Behind CLA INS P1 P2 Lc. */
const DATA = 5
/** Where amount and payee stand in a request. */
const REQUEST = { payee: 1 + 3, amount: 1 + 11 + 2 + 3 }
/** Where amount and card stand in an order: behind the length of its instruction. */
const ORDER = { card: 2 + 4, amount: 2 + 1 + 1 + 2 + 8 + 4 + 8 + 8 + 2 + 3 }

describe('a hostile phone', () => {
  let alice: Holder
  let bob: Holder
  beforeAll(async () => {
    ;[alice, bob] = [await world.person(), await world.person()]
    done(await alice.load(300_00n))
  })

  test.each([
    ['amount', REQUEST.amount],
    ['payee', REQUEST.payee],
  ])('changes the %s that is asked for: refused', async (_what, at) => {
    const before = await standing(alice)
    const { message } = done(await bob.ask(10_00n))
    const ask = askMessage.decode(message)
    const changed = askMessage.encode({ ...ask, request: flipped(ask.request, at) })
    expect(await alice.pay(changed)).toMatchObject({ status: 'card_refused' })
    alice.wire = changing('PAY', 'there', (apdu) => flipped(apdu, DATA + at))
    expect(await alice.pay(message)).toMatchObject({ status: 'card_refused' })
    off(alice)
    expect(await standing(alice)).toEqual(before)
    done(await bob.refuse(ask.request))
  })

  test('puts its own certificate in the place of the payee’s: refused', async () => {
    const [eve, carol] = [await world.person(0n), await world.person()]
    done(await carol.load(20_00n))
    const [asked, own] = [done(await bob.ask(10_00n)), done(await eve.ask(10_00n))]
    const forged = askMessage.encode({
      ...askMessage.decode(own.message),
      request: askMessage.decode(asked.message).request,
    })
    expect(await carol.pay(forged)).toEqual({ status: 'card_refused', refusal: 'unknown_signer' })
    done(await bob.refuse(asked.request.bytes))
  })

  test.each([
    ['amount', ORDER.amount],
    ['card', ORDER.card],
  ])('changes the %s of an order: refused, and mended by the next contact', async (_what, at) => {
    const [before] = await world.books(alice)
    alice.wire = changing('EXECUTE', 'there', (apdu) => flipped(apdu, DATA + at))
    expect(await alice.load(10_00n)).toMatchObject({ status: 'card_refused' })
    off(alice)
    await synchronise(alice)
    // The money that was set aside came back.
    expect(await world.books(alice)).toEqual([before])
  })

  test('forges a payment: refused by the payee’s card', async () => {
    const asked = done(await bob.ask(10_00n))
    const real = done(await alice.pay(asked.message))
    const paid = paidMessage.decode(real.message)
    const forged = paidMessage.encode({ ...paid, record: flipped(paid.record, 20) })
    const before = await standing(bob)
    expect(await bob.receive(forged)).toMatchObject({ status: 'card_refused' })
    expect(await standing(bob)).toEqual(before)
    done(await bob.receive(real.message))
    expect(await bob.receive(real.message)).toMatchObject({ status: 'done' })
    expect((await bob.state()).balance).toBe((before.cards[0]?.balance ?? 0n) + 10_00n)
  })

  test('forges a refusal: the payer’s card keeps its payment', async () => {
    const asked = done(await bob.ask(1_00n))
    done(await alice.pay(asked.message))
    const real = done(await bob.refuse(asked.request.bytes))
    const refusal = refusedMessage.decode(real.message)
    const forged = refusedMessage.encode({ ...refusal, refusal: flipped(refusal.refusal, 40) })
    const before = await standing(alice)
    expect(await alice.refund(forged)).toMatchObject({ status: 'card_refused' })
    expect(await standing(alice)).toEqual(before)
    expect(done(await alice.refund(real.message)).record?.content.kind).toBe('refund')
  })

  test.each([
    ['statement', (sent: Synchronisation) => ({ ...sent, statement: flipped(sent.statement, 30) })],
    ['records', (sent: Synchronisation) => ({ ...sent, items: sent.items.map(spoilt) })],
    ['presence of records', (sent: Synchronisation) => ({ ...sent, items: [] })],
  ])('changes the %s on the way up: the card forgets nothing', async (what, change) => {
    const asked = done(await bob.ask(1_00n))
    done(await bob.receive(done(await alice.pay(asked.message)).message))
    alice.wire = changing('POST /api/wallet/sync', 'there', (body) =>
      encodeSynchronisation(change(decodeSynchronisation(body))),
    )
    const { status } = await alice.synchronise()
    expect(status).toBe(what === 'statement' ? 'office_refused' : 'done')
    off(alice)
    const { records } = done(await alice.tap((phone, channel) => phone.records(channel, PIN)))
    expect(records.map(({ content }) => content.kind)).toContain('pay')
    await synchronise(alice, bob)
    await agree(alice, bob)
  })

  test('keeps what goes up or down: it comes again, the same', async () => {
    const orders: Bytes[] = []
    const keeping: Wire = async ({ name, way, bytes }) => {
      if (name !== 'EXECUTE' || way !== 'there') return bytes
      orders.push(bytes)
      throw new Error('kept')
    }
    alice.wire = keeping
    await expect(alice.load(5_00n)).rejects.toThrow('kept')
    await expect(alice.load(5_00n)).rejects.toThrow('kept')
    off(alice)
    const [first, second] = orders
    expect(first && second && bytesEqual(first, second)).toBe(true)
    done(await alice.load(5_00n))
    await agree(alice)
  })

  test('never gets to read a PIN, and cannot use what it overheard', async () => {
    const seen: WireMessage[] = []
    for (const holder of [alice, bob]) holder.wire = recording(seen)
    const asked = done(await bob.ask(1_00n))
    done(await bob.receive(done(await alice.pay(asked.message)).message))
    await alice.synchronise()
    done(await alice.unload(1_00n))
    off(alice, bob)
    const clear = Buffer.from(pinBlock(PIN))
    expect(seen.length).toBeGreaterThan(50)
    expect(seen.filter(({ bytes }) => Buffer.from(bytes).includes(clear))).toEqual([])
    // The PIN of one payment is of no use for another.
    const pay = seen.find(({ name, way }) => name === 'PAY' && way === 'there')
    const next = done(await bob.ask(2_00n))
    const before = await standing(alice)
    const { request } = askMessage.decode(next.message)
    const old = pay?.bytes.slice() ?? new Uint8Array()
    old.set(request, DATA)
    expect(old[1]).toBe(INS.PAY)
    await replayTo(alice, [seen[0]?.bytes ?? old, old])
    expect(await standing(alice)).toEqual(before)
    done(await bob.refuse(request))
  })
})

describe('a payee who will not have it', () => {
  let alice: Holder
  let bob: Holder
  beforeAll(async () => {
    ;[alice, bob] = [await world.person(), await world.person()]
    done(await alice.load(300_00n))
  })

  test('refuses before the payment came, and the payer hears of it by the office', async () => {
    const asked = done(await bob.ask(30_00n))
    done(await alice.pay(asked.message))
    done(await bob.refuse(asked.request.bytes))
    // They part; neither phone ever meets the other again.
    await synchronise(alice, bob, alice)
    expect(await agree(alice, bob)).toMatchObject([{ card: 300_00n }, { card: 0n }])
    const { records } = done(await alice.tap((phone, channel) => phone.records(channel, PIN)))
    expect(records).toEqual([])
  })

  test('cannot refuse what it has received', async () => {
    const asked = done(await bob.ask(30_00n))
    done(await bob.receive(done(await alice.pay(asked.message)).message))
    expect(await bob.refuse(asked.request.bytes)).toEqual({
      status: 'card_refused',
      refusal: 'not_now',
    })
    await synchronise(alice, bob)
    expect(await agree(alice, bob)).toMatchObject([{ card: 270_00n }, { card: 30_00n }])
  })

  test('gives its limits back with the refund', async () => {
    const { paymentsLeft } = await alice.state()
    const asked = done(await bob.ask(30_00n))
    done(await alice.pay(asked.message))
    expect((await alice.state()).paymentsLeft).toBe(paymentsLeft - 1)
    done(await alice.refund(done(await bob.refuse(asked.request.bytes)).message))
    expect((await alice.state()).paymentsLeft).toBe(paymentsLeft)
  })
})
