import { describe, expect, test } from 'vitest'
import { bytesEqual, concat, toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import {
  CARRIED_BLOCK_MAX,
  INS,
  order,
  PIN_SUBJECTS,
  RECORD_PARTS,
  request,
} from '../../../src/schemes/wallet/message.ts'
import {
  contentOf,
  memoryOf,
  NOTHING,
  overhear,
  sealed,
  sealedBytes,
  select,
  send,
  sendAfresh,
} from './card-bench.ts'
import { Office, PIN, random, refused, taken, UNBLOCKING, type Card } from './card-world.ts'

const office = new Office(1)
const till = office.till(7)
const used = await office.card()
const NEW_PIN = '975310'

/** What the card says to a PIN, on a copy. */
async function opens(card: Card, pin: string): Promise<string> {
  return refused(await card.clone().tapped((held) => held.verifyPin(pin)))
}

describe('VERIFY PIN', () => {
  test('three wrong ones block it, a right one between gives the tries back', async () => {
    const card = used.clone()
    const said = (pin: string) => card.tapped((held) => held.verifyPin(pin))
    expect(await said('0000')).toEqual({ ok: false, refusal: 'wrong_pin', triesLeft: 2 })
    expect(await said('48210')).toEqual({ ok: false, refusal: 'wrong_pin', triesLeft: 1 })
    expect((await card.state()).pinTries).toBe(1)
    expect(refused(await said(PIN))).toBe('done')
    expect((await card.state()).pinTries).toBe(3)
    for (const left of [2, 1, 0]) expect(await said('0000')).toMatchObject({ triesLeft: left })
    expect(await said(PIN)).toMatchObject({ refusal: 'blocked' })
  })

  test('a wrong one, or another SELECT, ends what a right one began', async () => {
    const card = used.clone()
    taken(await card.pay(till, 1n))
    select(card)
    const read = () => send(card, INS.READ_RECORD).sw
    const show = (pin: string) =>
      send(card, INS.VERIFY_PIN, sealed(card, PIN_SUBJECTS.verify, pin)).sw
    expect([read(), show(PIN), read()]).toEqual([0x6982, 0x9000, 0x9000])
    expect([show('0000'), read()]).toEqual([0x63c2, 0x6982])
    expect([show(PIN), read()]).toEqual([0x9000, 0x9000])
    select(card)
    expect(read()).toBe(0x6982)
  })

  test('sealed for another nonce, card or purpose it is nothing, and takes no try', async () => {
    const card = used.clone()
    const twin = await office.card(0n)
    const stale = sealed(card, PIN_SUBJECTS.verify, PIN)
    taken(await card.pay(till, 1n))
    for (const data of [
      stale,
      sealed(twin, PIN_SUBJECTS.verify, PIN),
      sealed(card, PIN_SUBJECTS.change, PIN),
      sealed(card, new Uint8Array(32), PIN),
      concat(new Uint8Array(64), sealed(card, PIN_SUBJECTS.verify, PIN).slice(64)),
    ]) {
      expect(sendAfresh(card, INS.VERIFY_PIN, data).sw).toBe(0x6a80)
    }
    expect((await card.state()).pinTries).toBe(3)
    expect(sendAfresh(card, INS.VERIFY_PIN, NOTHING).sw).toBe(0x6700)
  })

  test('overheard and shown again it is nothing', () => {
    const card = used.clone()
    const codes = [
      [INS.VERIFY_PIN, () => sealed(card, PIN_SUBJECTS.verify, PIN)],
      [INS.CHANGE_PIN, () => sealed(card, PIN_SUBJECTS.change, PIN, NEW_PIN)],
      [INS.UNBLOCK_PIN, () => sealed(card, PIN_SUBJECTS.unblock, UNBLOCKING, PIN)],
    ] as const
    for (const [ins, seal] of codes) {
      const data = seal()
      expect(sendAfresh(card, ins, data).sw).toBe(0x9000)
      const before = contentOf(card)
      expect(sendAfresh(card, ins, data).sw).toBe(0x6a80)
      expect(contentOf(card)).toEqual(before)
    }
  })
})

describe('CHANGE PIN and UNBLOCK PIN', () => {
  test('the old PIN makes a new one', async () => {
    const card = used.clone()
    expect(refused(await card.tapped((held) => held.changePin('0000', NEW_PIN)))).toBe('wrong_pin')
    expect(await opens(card, PIN)).toBe('done')
    taken(await card.tapped((held) => held.changePin(PIN, NEW_PIN)))
    expect([await opens(card, PIN), await opens(card, NEW_PIN)]).toEqual(['wrong_pin', 'done'])
    expect((await card.state()).pinTries).toBe(3)
  })

  test('the code makes a new one, with all its tries', async () => {
    const card = used.clone()
    for (let tries = 0; tries < 3; tries++) await card.tapped((held) => held.verifyPin('0000'))
    taken(await card.tapped((held) => held.unblockPin(UNBLOCKING, NEW_PIN)))
    expect(await opens(card, NEW_PIN)).toBe('done')
    expect((await card.state()).pinTries).toBe(3)
  })

  test('three wrong codes block it for good, and leave the PIN alone', async () => {
    const card = used.clone()
    const said = (code: string) => card.tapped((held) => held.unblockPin(code, NEW_PIN))
    for (const left of [2, 1, 0]) expect(await said('00000000')).toMatchObject({ triesLeft: left })
    expect(await said(UNBLOCKING)).toMatchObject({ refusal: 'blocked' })
    expect(await opens(card, PIN)).toBe('done')
  })

  test('a new PIN that is none takes no try', async () => {
    const card = used.clone()
    const letters = concat(pinBlock(PIN), utf8('ABCDEFGH'))
    const data = sealedBytes(card, PIN_SUBJECTS.change, letters)
    expect(sendAfresh(card, INS.CHANGE_PIN, data).sw).toBe(0x6a80)
    expect((await card.state()).pinTries).toBe(3)
  })

  test('what was sealed to change it unblocks nothing, nor the other way round', () => {
    const card = used.clone()
    const change = sealed(card, PIN_SUBJECTS.change, PIN, NEW_PIN)
    const unblock = sealed(card, PIN_SUBJECTS.unblock, UNBLOCKING, NEW_PIN)
    expect(sendAfresh(card, INS.UNBLOCK_PIN, change).sw).toBe(0x6a80)
    expect(sendAfresh(card, INS.CHANGE_PIN, unblock).sw).toBe(0x6a80)
  })
})

describe('READ RECORD', () => {
  test('all that shows each record, oldest first', async () => {
    const [card, friend] = [used.clone(), await office.card()]
    const papers = await card.papers()
    const load = office.order(await card.instruction('load', { amount: 5n }))
    const made = taken(await card.tapped((held) => held.execute(load))).record
    const paid = taken(await card.pay(till, 10n))
    const asked = await card.ask(20n)
    const payment = taken(await friend.payPerson(asked, papers))
    const theirs = await friend.papers()
    const received = taken(await card.tapped((held) => held.receive(payment.bytes, theirs)))
    expect(await card.tapped((held) => held.readRecords())).toMatchObject({ refusal: 'pin_needed' })
    const read = await card.tapped(async (held) => {
      taken(await held.verifyPin(PIN))
      return taken(await held.readRecords())
    })
    expect(read.map(({ record }) => record.bytes)).toEqual([
      made?.bytes,
      paid.bytes,
      received.bytes,
    ])
    const [loaded, bought, got] = read
    expect(loaded).toMatchObject({ cause: load, counterparty: [], request: undefined })
    expect(order.decode(loaded?.cause ?? NOTHING).permit).toEqual([])
    expect(openMessage(request, bought?.cause ?? NOTHING).digest).toEqual(paid.content.cause)
    expect(bought).toMatchObject({ counterparty: till.papers, request: undefined })
    expect(got).toMatchObject({ cause: payment.bytes, counterparty: theirs, request: asked })
  })

  test('nothing where nothing is', async () => {
    const card = used.clone()
    taken(await card.pay(till, 1n))
    const pin = sealed(card, PIN_SUBJECTS.verify, PIN)
    select(card)
    expect(send(card, INS.VERIFY_PIN, pin).sw).toBe(0x9000)
    const said = (index: number, part: number) =>
      send(card, INS.READ_RECORD, NOTHING, index, part).sw
    expect(said(0, RECORD_PARTS.record)).toBe(0x9000)
    expect(said(0, RECORD_PARTS.request)).toBe(0x6a83)
    expect(said(1, RECORD_PARTS.record)).toBe(0x6a83)
    expect(said(15, RECORD_PARTS.counterparty)).toBe(0x6a83)
    expect(said(0, RECORD_PARTS.open)).toBe(0x6a83)
    expect(said(16, RECORD_PARTS.record)).toBe(0x6b00)
    expect(said(0, 6)).toBe(0x6b00)
  })

  test('whoever was paid may see them where the card is told to bring them', async () => {
    const card = used.clone()
    const pay = async () => {
      const asked = await till.ask(card, 1n)
      return card.tapped(async (held) => {
        const before = refused(await held.readRecords())
        taken(await held.pay(asked, { payee: till.papers }))
        return [before, refused(await held.readRecords())]
      })
    }
    expect(await pay()).toEqual(['pin_needed', 'pin_needed'])
    taken(await card.acknowledge({ hops: 1 }))
    expect(await pay()).toEqual(['pin_needed', 'done'])
  })
})

describe('CARRY', () => {
  const sizes = [2, 254, 255, 256, 1309, CARRIED_BLOCK_MAX]
  test.for(sizes)('%i bytes, until the next acknowledgement', async (size) => {
    const card = used.clone()
    const block = random.bytes(size)
    const read = () =>
      card.tapped(async (held) => {
        taken(await held.verifyPin(PIN))
        const blocks = []
        for (let at = 0; at < 4; at++) blocks.push(taken(await held.readCarried(at)))
        return blocks
      })
    taken(await card.tapped((held) => held.carry(2, block)))
    expect(await read()).toEqual([NOTHING, NOTHING, block, NOTHING])
    taken(await card.tapped((held) => held.carry(2, block.subarray(1))))
    taken(await card.tapped((held) => held.carry(3, block)))
    expect(await read()).toEqual([NOTHING, NOTHING, block.slice(1), block])
    expect(await card.tapped((held) => held.readCarried(2))).toMatchObject({
      refusal: 'pin_needed',
    })
    taken(await card.tell('void'))
    expect(await read()).toEqual([NOTHING, NOTHING, block.slice(1), block])
    taken(await card.acknowledge())
    expect(await read()).toEqual([NOTHING, NOTHING, NOTHING, NOTHING])
  })

  test('a piece that does not follow, or does not fit', () => {
    const card = used.clone()
    const carry = (piece: number, size: number) =>
      sendAfresh(card, INS.CARRY, new Uint8Array(size), 0, piece).sw
    expect(carry(1, 1)).toBe(0x6985)
    expect(carry(0, 254)).toBe(0x9000)
    expect(carry(1, 1)).toBe(0x6985)
    for (let piece = 0; piece < 6; piece++) expect(carry(piece, 255)).toBe(0x9000)
    expect(carry(6, 7)).toBe(0x6700)
    expect(carry(6, 6)).toBe(0x9000)
    expect(carry(7, 1)).toBe(0x6b00)
    expect(sendAfresh(card, INS.CARRY, new Uint8Array(1), 4).sw).toBe(0x6b00)
  })
})

test('a PIN never passes in clear', async () => {
  const card = used.clone()
  const passed: Bytes[] = []
  overhear(card, (...apdus) => passed.push(...apdus))
  taken(await card.pay(till, 300_00n, PIN))
  const friend = await office.card(1n)
  taken(await card.payPerson(await friend.ask(1n), await friend.papers()))
  await card.tapped(async (held) => {
    taken(await held.verifyPin(PIN))
    taken(await held.changePin(PIN, NEW_PIN))
    taken(await held.unblockPin(UNBLOCKING, PIN))
    expect(refused(await held.verifyPin(NEW_PIN))).toBe('wrong_pin')
  })
  const wire = toHex(concat(...passed))
  for (const code of [PIN, NEW_PIN, UNBLOCKING]) {
    expect(wire).not.toContain(toHex(utf8(code)))
    expect(wire).not.toContain(toHex(pinBlock(code)))
  }
  expect(passed.length).toBeGreaterThan(20)
})

test('two cards on one phone pass money from one to the other', async () => {
  const [giver, taker] = [used.clone(), await office.card(0n)]
  // Each is put on when it is its turn, and nothing else passes between them.
  const asked = await taker.ask(75_00n)
  const payment = taken(await giver.payPerson(asked, await taker.papers()))
  const papers = await giver.papers()
  taken(await taker.tapped((held) => held.receive(payment.bytes, papers)))
  expect(await giver.state()).toMatchObject({ balance: 925_00n })
  expect(await taker.state()).toMatchObject({ balance: 75_00n, spendable: 0n, open: 0 })
  expect(bytesEqual(memoryOf(giver).state.last, payment.digest)).toBe(true)
})
