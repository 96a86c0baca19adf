import { expect, test } from 'vitest'
import { DEFAULT_POLICY, policy, type WalletPolicy } from '../../../src/schemes/wallet/message.ts'
import { DAY, Office, PIN, refusalBy, refused, START, taken, type Card } from './card-world.ts'

/** The document’s limits, as a holder meets them, and as his office changes them over the air. */
const office = new Office(1)
const till = office.till(7)

async function paid(card: Card, amount: bigint): Promise<string> {
  return refused(await card.pay(till, amount, amount > 200_00n ? PIN : undefined))
}

/** One holder pays another. */
async function passed(from: Card, to: Card, amount: bigint): Promise<void> {
  const asked = await to.ask(amount)
  const payment = taken(await from.payPerson(asked, await to.papers()))
  const papers = await from.papers()
  taken(await to.tapped((card) => card.receive(payment.bytes, papers)))
}

test('five payments, the sixth is refused; synchronising allows five more', async () => {
  const card = await office.card()
  for (let left = 5; left > 0; left--) {
    expect((await card.state()).paymentsLeft).toBe(left)
    expect(await paid(card, 1_00n)).toBe('done')
  }
  expect(await paid(card, 1_00n)).toBe('too_many_payments')
  expect(await card.state()).toMatchObject({ paymentsLeft: 0, balance: 995_00n })
  taken(await card.acknowledge())
  expect(await paid(card, 1_00n)).toBe('done')
})

test('3,000.00 fit, 3,000.01 do not: loaded, asked for, or both', async () => {
  const card = await office.card(0n)
  expect(refused(await card.tell('load', { amount: 3000_01n }))).toBe('balance_too_high')
  expect(refused(await card.tell('load', { amount: 2999_00n }))).toBe('done')
  const wanted = { currency: 752, madeAt: START, expires: START + DAY }
  const asked = (amount: bigint) => card.tapped((held) => held.request({ ...wanted, amount }))
  expect(refused(await asked(1_01n))).toBe('balance_too_high')
  expect(refused(await asked(1_00n))).toBe('done')
  expect(refused(await card.tell('load', { amount: 1n }))).toBe('balance_too_high')
})

test('received money is spent after the next synchronisation', async () => {
  const [giver, card] = [await office.card(), await office.card(100_00n)]
  await passed(giver, card, 50_00n)
  expect(await card.state()).toMatchObject({ balance: 150_00n, spendable: 100_00n })
  expect(await paid(card, 100_01n)).toBe('received_not_spendable')
  expect(await paid(card, 150_01n)).toBe('insufficient_funds')
  expect(await paid(card, 100_00n)).toBe('done')
  expect(await card.state()).toMatchObject({ balance: 50_00n, spendable: 0n })
  expect(await paid(card, 1n)).toBe('received_not_spendable')
  taken(await card.acknowledge())
  expect(await paid(card, 50_00n)).toBe('done')
})

test('200.00 go without PIN, 200.01 do not', async () => {
  const card = await office.card()
  expect(refused(await card.pay(till, 200_00n))).toBe('done')
  expect(refused(await card.pay(till, 200_01n))).toBe('pin_needed')
  expect(refused(await card.pay(till, 200_01n, PIN))).toBe('done')
})

const over: readonly (readonly [Partial<WalletPolicy>, readonly string[]])[] = [
  [{ paymentsMax: 1 }, ['done', 'too_many_payments']],
  [{ paymentsMax: 0 }, ['too_many_payments', 'too_many_payments']],
  [{ paymentMax: 9_99n }, ['payment_too_high', 'payment_too_high']],
  [{ amountMax: 19_99n }, ['done', 'too_much_paid']],
  [{ amountMax: 20_00n }, ['done', 'done']],
  [{ pinFreeMax: 9_99n }, ['pin_needed', 'pin_needed']],
]
test.for(over)('over the air: %o', async ([changed, expected]) => {
  const card = await office.card()
  expect([await paid(card, 10_00n), await paid(card, 10_00n)]).toEqual(['done', 'done'])
  taken(await card.acknowledge(changed))
  expect([await paid(card, 10_00n), await paid(card, 10_00n)]).toEqual(expected)
})

test('over the air: received money at once, and no longer', async () => {
  const [giver, card] = [await office.card(), await office.card(0n)]
  taken(await card.acknowledge({ receivedMoney: 'at once' }))
  await passed(giver, card, 50_00n)
  expect(await paid(card, 30_00n)).toBe('done')
  // Told with an acknowledgement from before: what was received since is not all there any more.
  const { acknowledged } = await card.statement()
  const later = policy.encode({ ...DEFAULT_POLICY, version: 3 })
  const told = { sequence: acknowledged, record: new Uint8Array(32), policy: [later] }
  taken(await card.tell('acknowledge', told))
  expect(await card.state()).toMatchObject({ balance: 20_00n, spendable: 0n })
  expect(await paid(card, 1n)).toBe('received_not_spendable')
})

test('over the air: a payment every day, or none', async () => {
  const card = await office.card()
  taken(await card.acknowledge({ daysMax: 3 }))
  office.now = START + 3 * DAY
  expect(await paid(card, 1n)).toBe('done')
  office.now += 1
  expect(await paid(card, 1n)).toBe('too_long_offline')
  taken(await card.acknowledge())
  expect(await paid(card, 1n)).toBe('done')
  office.now = START
})

test('a higher balance only from the next load on; what is there stays', async () => {
  const card = await office.card(2000_00n)
  taken(await card.acknowledge({ balanceMax: 1000_00n }))
  expect(await card.state()).toMatchObject({ balance: 2000_00n })
  expect(refused(await card.tell('load', { amount: 0n }))).toBe('balance_too_high')
  expect(await paid(card, 1000_00n)).toBe('done')
  expect(refused(await card.tell('load', { amount: 0n }))).toBe('done')
})

test('a refund frees what the payment took of the limits, and is spendable', async () => {
  const card = await office.card()
  taken(await card.acknowledge({ paymentsMax: 1, amountMax: 10_00n }))
  const asked = await till.ask(card, 10_00n)
  taken(await card.tapped((held) => held.pay(asked, { payee: till.papers })))
  expect(await paid(card, 1n)).toBe('too_many_payments')
  taken(await card.tapped((held) => held.refund(refusalBy(till, asked))))
  expect(await card.state()).toMatchObject({ balance: 1000_00n, spendable: 1000_00n })
  expect(await paid(card, 10_00n)).toBe('done')
})
