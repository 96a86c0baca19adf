import { afterAll, describe, expect, test } from 'vitest'
import { toHex } from '../../../src/kernel/bytes.ts'
import { walletTill } from '../../../src/schemes/wallet/till.ts'
import { Office, PIN, taken, type Card } from './card-world.ts'
import { audit, Counter, pay, recordOf, refund, said, type CounterOptions } from './till-world.ts'

const office = new Office(1)
const abroad = new Office(2)
const counters: Counter[] = []
afterAll(() => {
  for (const each of counters) each.close()
})

function counter(options: CounterOptions = {}, of = office): Counter {
  const made = new Counter(of, counters.length + 1, options)
  counters.push(made)
  return made
}

const till = counter()

async function balanceOf(card: Card): Promise<bigint> {
  return (await card.state()).balance
}

async function apdusOf(card: Card, work: () => Promise<unknown>): Promise<number> {
  const before = card.field.traffic.apdus
  await work()
  return card.field.traffic.apdus - before
}

describe('a payment', () => {
  test('is one tap, signed by the card, and shown to anybody', async () => {
    const card = await office.card(1000_00n)
    const order = pay(199_99n)
    const result = await till.tap(card, order)
    expect(result).toMatchObject({
      result: 'done',
      view: { card: card.id, balance: 800_01n, sequence: 2, lastMaker: 1, paymentsLeft: 4 },
    })
    const record = recordOf(result)
    expect(record).toMatchObject({
      kind: 'pay',
      state: 'confirmed',
      amount: 199_99n,
      balanceAfter: 800_01n,
      sequence: 2,
      isExpected: true,
    })
    expect(record.digest).toBe(toHex((await card.state()).last))
    const { shown, content } = till.shown(record)
    expect(shown.content).toMatchObject({
      kind: 'pay',
      amount: 199_99n,
      counterparty: { kind: 'till', office: 1, till: 1 },
      madeAt: record.madeAt,
    })
    expect(shown.isSigned).toBe(true)
    expect(content).toMatchObject({ policyVersion: 1, refusal: [], tokens: [] })
    expect(await audit(card, [till])).toEqual({
      taken: new Map([[order.id, 199_99n]]),
      owed: 0n,
      balance: 800_01n,
    })
  })

  test('takes two APDUs at a card that was here before, and no more than announced', async () => {
    const card = await office.card()
    const at = counter()
    expect(await apdusOf(card, () => at.tap(card, pay()))).toBe(4)
    for (const order of [pay(), pay(300_00n, PIN)]) {
      const { bytesToCard, bytesFromCard } = card.field.traffic
      const cost = walletTill.cost(order)
      expect(await apdusOf(card, () => at.tap(card, order))).toBe(cost.apdus)
      expect(cost).toEqual({
        apdus: 2,
        bytesOut: card.field.traffic.bytesToCard - bytesToCard,
        bytesIn: card.field.traffic.bytesFromCard - bytesFromCard,
      })
    }
    const foreign = await abroad.card()
    expect(await apdusOf(foreign, () => at.tap(foreign, pay()))).toBe(7)
    expect(await apdusOf(foreign, () => at.tap(foreign, pay()))).toBe(2)
  })

  test('that is tapped again is the same payment', async () => {
    const card = await office.card()
    const order = pay()
    const first = recordOf(await till.tap(card, order))
    const apdus = await apdusOf(card, async () => {
      expect(recordOf(await till.tap(card, order))).toEqual(first)
    })
    expect(apdus).toBe(0)
    expect(await balanceOf(card)).toBe(950_00n)
  })

  test('of a card that left is asked for again, with the same request', async () => {
    for (const cut of ['before', 'answer-lost'] as const) {
      const card = await office.card()
      const at = counter()
      await at.tap(card, pay())
      const order = pay(300_00n, PIN)
      card.field.arm({ atApdu: 2, cut })
      expect(await at.tap(card, order)).toMatchObject({ result: 'unfinished' })
      card.field.arm(undefined)
      expect(await at.tap(card, order)).toMatchObject({ result: 'done' })
      expect(at.states(card.id)).toEqual(['pay confirmed', 'pay confirmed'])
      expect((await audit(card, [at])).taken.get(order.id)).toBe(300_00n)
    }
  })

  test('for which the card has moved on is asked for anew, and the old request refused', async () => {
    const card = await office.card()
    const [at, other] = [counter(), counter()]
    await at.tap(card, pay())
    // The last of them: what the old request would have sold, the new one sells.
    at.stock(50_00n, 1)
    const order = { ...pay(), products: [{ product: 3, quantity: 1 }] }
    card.field.arm({ atApdu: 2, cut: 'before' })
    expect(said(await at.tap(card, order))).toBe('unfinished')
    card.field.arm(undefined)
    expect(said(await other.tap(card, pay()))).toBe('done')
    expect(said(await at.tap(card, order))).toBe('done')
    expect(at.states(card.id)).toEqual([
      'pay confirmed',
      'pay void',
      'reversal void',
      'pay confirmed',
    ])
    const found = await audit(card, [at, other])
    expect([found.taken.get(order.id), found.owed, found.balance]).toEqual([50_00n, 0n, 850_00n])
  })

  test('sells units for their tokens', async () => {
    const card = await office.card()
    const at = counter({ policy: { freeAmounts: false } })
    at.stock(25_00n, 3)
    const order = { ...pay(50_00n), products: [{ product: 3, quantity: 2 }] }
    const record = recordOf(await at.tap(card, order))
    expect(record.tokens).toHaveLength(2)
    expect(at.shown(record).content.tokens).toEqual(record.tokens.map(({ bytes }) => bytes))
  })
})

describe('a card', () => {
  test('is shown with what it can still pay, and proves that it is there', async () => {
    const card = await office.card(1000_00n)
    expect(await till.show(card)).toMatchObject({
      result: 'shown',
      view: { balance: 1000_00n, sequence: 1, lastMaker: undefined, paymentsLeft: 5 },
    })
    const record = recordOf(await till.tap(card, pay()))
    expect(await till.show(card)).toMatchObject({
      view: { balance: 950_00n, lastMaker: 1, lastAt: record.madeAt, paymentsLeft: 4 },
    })
    card.field.arm({ atApdu: 2, cut: 'before' })
    expect(await till.show(card)).toEqual({ result: 'torn' })
    card.field.arm(undefined)
  })

  test('gets a new PIN, and the till writes nothing down', async () => {
    const card = await office.card()
    const order = { kind: 'passcode', id: 'pin', passcode: PIN, newPasscode: '135790' } as const
    expect(await till.tap(card, order)).toMatchObject({ result: 'done', record: undefined })
    expect(till.records(card.id)).toEqual([])
    expect(said(await till.tap(card, pay(300_00n, PIN)))).toBe('wrong_passcode')
    expect(said(await till.tap(card, pay(300_00n, '135790')))).toBe('done')
  })
})

describe('a refund', () => {
  test('gives the money back to the card, and frees its limits', async () => {
    const card = await office.card(1000_00n)
    const payment = recordOf(await till.tap(card, pay(300_00n, PIN)))
    const result = await till.tap(card, refund(payment))
    expect(result).toMatchObject({
      result: 'done',
      view: { balance: 1000_00n, sequence: 3, paymentsLeft: 5, lastMaker: undefined },
    })
    const record = recordOf(result)
    expect(record).toMatchObject({
      kind: 'refund',
      state: 'confirmed',
      refuses: payment.id,
      amount: 300_00n,
      balanceAfter: 1000_00n,
    })
    expect('note' in result).toBe(false)
    const { shown, refused } = till.shown(record)
    expect(shown).toMatchObject({ isSigned: true, content: { kind: 'refund', amount: 300_00n } })
    expect(refused).toBe(toHex(till.shown(payment).shown.content.cause))
    expect(await audit(card, [till])).toEqual({ taken: new Map(), owed: 0n, balance: 1000_00n })
  })

  test('of a payment that the card has handed in comes from its office', async () => {
    const card = await office.card(1000_00n)
    const payment = recordOf(await till.tap(card, pay()))
    taken(await card.acknowledge())
    const result = await till.tap(card, refund(payment))
    expect(result).toMatchObject({
      result: 'done',
      record: { kind: 'refund', state: 'confirmed', refuses: payment.id },
      view: { balance: 950_00n },
      note: expect.stringContaining('synchronised'),
    })
    expect(till.shown(recordOf(result))).toMatchObject({
      shown: { isSigned: true, content: { kind: 'pay' } },
      refused: toHex(till.shown(payment).shown.content.cause),
    })
  })

  test('waits where the card has no room for it', async () => {
    const card = await office.card(1000_00n, { paymentsMax: 16 })
    const payment = recordOf(await till.tap(card, pay(1_00n)))
    for (let count = 1; count < 16; count += 1) await till.tap(card, pay(1_00n))
    const order = refund(payment)
    const result = await till.tap(card, order)
    expect(result).toMatchObject({ result: 'done', record: { state: 'intended' } })
    expect(result).toHaveProperty('note', expect.stringContaining('cannot take'))
    taken(await card.acknowledge())
    expect(await till.tap(card, order)).toMatchObject({
      result: 'done',
      record: { state: 'confirmed' },
    })
  })

  test('of an order that was given up is signed without the card', async () => {
    const card = await office.card(1000_00n)
    const at = counter()
    await at.tap(card, pay())
    const order = pay()
    card.field.arm({ atApdu: 2, cut: 'answer-lost' })
    await at.tap(card, order)
    card.field.arm(undefined)
    expect(at.engine.giveUp(order.id)).toBe('given_up')
    expect(at.states(card.id)).toEqual(['pay confirmed', 'pay intended', 'reversal intended'])
    const before = await audit(card, [at])
    expect([before.taken.get(order.id), before.owed]).toEqual([undefined, 50_00n])
    expect(said(await at.tap(card, pay()))).toBe('done')
    expect(at.states(card.id)).toEqual([
      'pay confirmed',
      'pay confirmed',
      'reversal confirmed',
      'pay confirmed',
    ])
    const after = await audit(card, [at])
    expect([after.taken.get(order.id), after.owed, after.balance]).toEqual([undefined, 0n, 900_00n])
  })
})
