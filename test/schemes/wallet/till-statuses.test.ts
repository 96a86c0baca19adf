import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { cardIdBytes } from '../../../src/kernel/ids.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import type { CurrencyCode } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import type { Policy } from '../../../src/kernel/documents.ts'
import type { Channel } from '../../../src/reader/channel.ts'
import { INS, WALLET_SW, type WalletPolicy } from '../../../src/schemes/wallet/message.ts'
import { WALLET_STATUSES, type WalletStatus } from '../../../src/schemes/wallet/till/statuses.ts'
import { walletTill } from '../../../src/schemes/wallet/till.ts'
import {
  Card,
  certificateFor,
  DAY,
  Office,
  PIN,
  START,
  taken,
  YEAR,
  type Life,
} from './card-world.ts'
import { Counter, pay, recordOf, refund, said, withField } from './till-world.ts'

const shown = new Set<string>(['done'])
const counters: Counter[] = []
afterAll(() => {
  for (const each of counters) each.close()
})

function counterOf(...args: ConstructorParameters<typeof Counter>): Counter {
  const made = new Counter(...args)
  counters.push(made)
  return made
}

/** A payment of 50.00 at a card with 1000.00, of which something can be wrong. */
interface Setup {
  blank: boolean
  abroad: boolean
  currency: CurrencyCode
  life: Life
  policy: Partial<Policy>
  card: Partial<WalletPolicy>
  balance: bigint
  order: { amount: bigint; passcode: string; products: { product: number; quantity: number }[] }
  /** Before. */
  prepare: ((card: Card) => Promise<void>)[]
  hot: boolean
  /** The card is an older copy of itself. */
  copied: boolean
  /** By all clocks but the card’s, when it pays. */
  now: number
  /** In the place of what the card says. */
  answer: ((apdu: Bytes, card: Card) => Bytes | undefined)[]
}

const TODAY = START - (START % DAY)
const PRODUCT = { product: 3, quantity: 1 }

/** In the order of the statuses: what is off by one thing. */
const FAULTS: readonly (readonly [WalletStatus, (setup: Setup) => void])[] = [
  ['unknown_card', (setup) => void (setup.blank = true)],
  [
    'no_certificate',
    (setup) => void (setup.life = { from: TODAY - 70 * DAY, to: TODAY - 9 * DAY }),
  ],
  ['damaged_card', ({ answer }) => answer.push((apdu) => ofGetData(apdu, WALLET_SW.NOT_NOW))],
  ['counterfeit_card', ({ answer }) => answer.push(forged)],
  ['card_expired', (setup) => void (setup.now = TODAY + 5 * YEAR + DAY)],
  ['foreign_currency', (setup) => void (setup.currency = 'EUR')],
  [
    'foreign_card',
    (setup) => {
      setup.abroad = true
      setup.policy = { ...setup.policy, foreignCards: false }
    },
  ],
  ['hot_card', (setup) => void (setup.hot = true)],
  ['copied_card', (setup) => void (setup.copied = true)],
  ['not_allowed', (setup) => void (setup.policy = { ...setup.policy, freeAmounts: false })],
  ['no_token', ({ order }) => order.products.push(PRODUCT)],
  ['over_limit', (setup) => void (setup.policy = { ...setup.policy, paymentMax: 49_99n })],
  [
    'passcode_blocked',
    (setup) => {
      setup.prepare.push(async (card) => {
        for (let tries = 3; tries > 0; tries -= 1) {
          await card.tapped((held) => held.verifyPin('0000'))
        }
      })
      setup.order.passcode = PIN
    },
  ],
  ['passcode_needed', (setup) => void (setup.card = { ...setup.card, pinFreeMax: 49_99n })],
  ['too_many_payments', (setup) => void (setup.card = { ...setup.card, paymentsMax: 0 })],
  ['insufficient_funds', (setup) => void (setup.balance = 49_99n)],
  [
    'clock_behind',
    (setup) => {
      setup.now = START - 3 * DAY
      setup.life = { from: TODAY - 9 * DAY }
    },
  ],
  ['wrong_passcode', ({ order }) => void (order.passcode = '0000')],
  ['payment_too_high', (setup) => void (setup.card = { ...setup.card, paymentMax: 49_99n })],
  ['too_much_paid', (setup) => void (setup.card = { ...setup.card, amountMax: 49_99n })],
  [
    'too_long_offline',
    (setup) => {
      setup.card = { ...setup.card, daysMax: 7 }
      setup.now = START + 7 * DAY + 60_000
    },
  ],
]

/** What cannot be wrong at once. */
const APART: readonly (readonly [WalletStatus, WalletStatus])[] = [
  // What a card showed once it is not asked for again.
  ['damaged_card', 'copied_card'],
  ['counterfeit_card', 'copied_card'],
  ['copied_card', 'too_many_payments'],
  ['not_allowed', 'no_token'],
  ['passcode_blocked', 'passcode_needed'],
  ['passcode_needed', 'wrong_passcode'],
  ['card_expired', 'clock_behind'],
  ['card_expired', 'too_long_offline'],
  ['no_certificate', 'clock_behind'],
  ['clock_behind', 'too_long_offline'],
]

function ofGetData(apdu: Bytes, sw: number): Bytes | undefined {
  return apdu[1] === INS.GET_DATA ? Uint8Array.of(sw >> 8, sw & 0xff) : undefined
}

function ofPay(apdu: Bytes, sw: number): Bytes | undefined {
  return apdu[1] === INS.PAY ? Uint8Array.of(sw >> 8, sw & 0xff) : undefined
}

/** Shows a certificate of this card that somebody else has signed. */
function forged(apdu: Bytes, { office, party }: Card): Bytes | undefined {
  if (apdu[1] !== INS.GET_DATA || apdu[3] !== 0x01) return undefined
  const by = { ...office.authority, key: generatePrivateKey() }
  const own = certificateFor('card', party, generatePrivateKey().publicKey, by)
  return Uint8Array.of(...own, 0x90, 0x00)
}

function before(channel: Channel, card: Card, answers: Setup['answer']): Channel {
  return {
    atr: channel.atr,
    async transmit(apdu) {
      for (const answer of answers) {
        const instead = answer(apdu, card)
        if (instead) return instead
      }
      return channel.transmit(apdu)
    },
  }
}

async function tapWith(faults: readonly ((setup: Setup) => void)[]) {
  const setup: Setup = {
    blank: false,
    abroad: false,
    currency: 'SEK',
    life: { from: TODAY - 9 * DAY, to: TODAY + 9 * YEAR },
    policy: {},
    card: {},
    balance: 1000_00n,
    order: { amount: 50_00n, passcode: '', products: [] },
    prepare: [],
    hot: false,
    copied: false,
    now: START + 60_000,
    answer: [],
  }
  for (const fault of faults) fault(setup)
  const [office, home] = [new Office(1), new Office(2)]
  const issuer = setup.abroad ? home : office
  const till = counterOf(office, 7, setup)
  const issued = setup.blank
    ? new Card(issuer, 'c0ffee00c0ffee00' as Card['id'])
    : await issuer.card(setup.balance, { paymentsMax: 9, ...setup.card })
  const card = issued.clone()
  if (setup.copied) await copyAt(till, issued, setup)
  if (!setup.blank) for (const prepare of setup.prepare) await prepare(card)
  if (setup.hot) block(till, card)
  office.now = setup.now
  const order = { ...pay(), ...setup.order }
  const state = setup.blank ? undefined : await card.state()
  const result = await withField(card, (channel) =>
    till.tapAt(before(channel, card, setup.answer), order),
  )
  const after = setup.blank ? undefined : await card.state()
  return { result, till, order, card, changed: after?.sequence !== state?.sequence }
}

/** This till sees the card pay, as only the card itself can. */
async function copyAt(till: Counter, card: Card, { currency, policy }: Setup): Promise<void> {
  if (currency !== 'SEK') return
  till.setPolicy({})
  for (const amount of [1n, 2n]) await till.tap(card, pay(amount, PIN))
  till.setPolicy(policy)
}

function block(till: Counter, { id }: Card): void {
  const envelope = { format: 1, till: 7, since: 0, version: 1, madeAt: START } as const
  till.apply({ ...envelope, type: 'hot', add: [cardIdBytes(id)], remove: [] })
}

describe('a tap is answered by the first thing that is wrong', () => {
  test.for(FAULTS.map(([status, fault], index) => [status, fault, index] as const))(
    '%s',
    async ([status, fault, index]) => {
      shown.add(status)
      const { result, till, order, changed } = await tapWith([fault])
      expect(said(result)).toBe(status)
      expect(result).toHaveProperty('explanation', expect.stringMatching(/^[A-Z].{20,}\.$/))
      expect(changed).toBe(false)
      // Nothing is left behind, but by a wrong PIN: the same request waits for another.
      const waits = status === 'wrong_passcode'
      expect(till.engine.order(order.id).state).toBe(waits ? 'unfinished' : 'new')
      const open = till.states().filter((state) => state.endsWith('intended'))
      expect(open).toEqual(waits ? ['pay intended'] : [])
      const later = FAULTS.slice(index + 1).filter(
        ([name]) => !APART.some(([a, b]) => a === status && b === name),
      )
      for (const [name, second] of later) {
        const both = await tapWith([fault, second])
        expect([name, said(both.result)]).toEqual([name, status])
      }
    },
  )

  test('and by what the card says, whatever it says', async () => {
    const rows: readonly (readonly [number, WalletStatus])[] = [
      [WALLET_SW.SEQUENCE_EXHAUSTED, 'sequence_exhausted'],
      [WALLET_SW.LOG_FULL, 'too_many_payments'],
      [WALLET_SW.FOREIGN_CURRENCY, 'foreign_currency'],
      [WALLET_SW.BLOCKED, 'passcode_blocked'],
      [WALLET_SW.PIN_NEEDED, 'passcode_needed'],
      [WALLET_SW.TOO_MANY_PAYMENTS, 'too_many_payments'],
      [WALLET_SW.INSUFFICIENT_FUNDS, 'insufficient_funds'],
      [WALLET_SW.RECEIVED_NOT_SPENDABLE, 'received_not_spendable'],
      [WALLET_SW.STALE, 'card_refused'],
      [WALLET_SW.REFUSED, 'card_refused'],
      [WALLET_SW.MALFORMED, 'card_refused'],
      [0x63c2, 'wrong_passcode'],
      [0x63c0, 'wrong_passcode'],
    ]
    for (const [sw, status] of rows) {
      shown.add(status)
      const { result, till } = await tapWith([
        ({ answer }) => answer.push((apdu) => ofPay(apdu, sw)),
      ])
      expect([sw, said(result)]).toEqual([sw, status])
      const waits = status === 'wrong_passcode' || status === 'passcode_needed'
      expect(till.states()).toEqual(waits ? ['pay intended'] : ['pay void', 'reversal void'])
    }
  })

  test('a wrong PIN, then the right one: one request, and no unit is lost', async () => {
    const office = new Office(1)
    const till = counterOf(office, 7)
    till.stock(300_00n, 1)
    const card = await office.card()
    const order = { ...pay(300_00n, '0000'), products: [PRODUCT] }
    expect(await till.tap(card, order)).toMatchObject({
      status: 'wrong_passcode',
      explanation: expect.stringContaining('2 tries'),
    })
    expect(said(await till.tap(card, { ...order, passcode: PIN }))).toBe('done')
    expect(till.states()).toEqual(['pay confirmed'])
    // Whoever walks away is not charged later, whoever has heard the request.
    const second = pay(300_00n, '0000')
    expect(said(await till.tap(card, second))).toBe('wrong_passcode')
    expect(till.engine.giveUp(second.id)).toBe('given_up')
    expect(till.states()).toEqual(['pay confirmed', 'pay intended', 'reversal intended'])
    expect(said(await till.tap(card, pay(1n)))).toBe('done')
    expect(till.states().slice(1)).toEqual(['pay void', 'reversal void', 'pay confirmed'])
  })

  test('received money is not spent before it is synchronised', async () => {
    const office = new Office(1)
    const till = counterOf(office, 7)
    const [giver, card] = [await office.card(), await office.card(100_00n)]
    const asked = await card.ask(50_00n)
    const payment = taken(await giver.payPerson(asked, await card.papers()))
    const papers = await giver.papers()
    taken(await card.tapped((held) => held.receive(payment.bytes, papers)))
    expect(said(await till.tap(card, pay(100_01n)))).toBe('received_not_spendable')
    expect(said(await till.tap(card, pay(150_01n)))).toBe('insufficient_funds')
    expect(till.records()).toEqual([])
    expect(said(await till.tap(card, pay(100_00n)))).toBe('done')
  })

  test('a load, with who loads instead; a refund at another card, or with another key', async () => {
    const office = new Office(1)
    const till = counterOf(office, 7)
    const [card, stranger] = [await office.card(), await office.card()]
    const load = { kind: 'load', id: 'load', amount: 1n, passcode: '' } as const
    expect(await till.tap(card, load)).toMatchObject({
      status: 'not_allowed',
      explanation: expect.stringContaining('office'),
    })
    const payment = recordOf(await till.tap(card, pay()))
    expect(said(await till.tap(stranger, refund(payment)))).toBe('other_card')
    till.reenrol(office.till(7, { generation: 2 }), 2)
    expect(said(await till.tap(card, refund(payment)))).toBe('older_key')
    expect(till.states()).toEqual(['pay confirmed'])
    expect(said(await till.tap(card, pay()))).toBe('done')
    for (const status of ['other_card', 'older_key']) shown.add(status)
  })

  test('as docs/protocol/wallet-till.md lists them', () => {
    const page = readFileSync('docs/protocol/wallet-till.md', 'utf8')
    const listed = [...page.matchAll(/^\| `(\w+)` +\|/gm)].map(([, status]) => status)
    expect(listed).toEqual(WALLET_STATUSES)
  })

  test('and every status was shown', () => {
    expect([...shown].toSorted()).toEqual(WALLET_STATUSES.toSorted())
  })
})

describe('limits are exact', () => {
  test('of the till: twelve payments, and 20,000.00', async () => {
    const office = new Office(1)
    const limits = { offlinePaymentsMax: 12, offlineAmountMax: 20_000_00n }
    const rich = () => office.card(0xffff_0000n, { paymentsMax: 16, balanceMax: 0xffff_ffffn })
    const till = counterOf(office, 7, { policy: limits })
    const card = await rich()
    for (let count = 0; count < 12; count += 1) {
      expect(said(await till.tap(card, pay(1n)))).toBe('done')
    }
    const { balance } = await card.state()
    expect(await till.tap(card, pay(1n))).toMatchObject({
      status: 'over_limit',
      explanation: expect.stringMatching(/12 payments.*synchronise/s),
    })
    expect((await card.state()).balance).toBe(balance)

    const second = counterOf(office, 8, { policy: limits })
    expect(said(await second.tap(card, pay(12_000_00n, PIN)))).toBe('done')
    expect(await second.tap(card, pay(8_000_01n, PIN))).toMatchObject({
      status: 'over_limit',
      explanation: expect.stringContaining('20000.00 SEK'),
    })
    expect(said(await second.tap(card, pay(8_000_00n, PIN)))).toBe('done')
  })

  test('of the card: the sixth payment is refused before anything is asked of it', async () => {
    const office = new Office(1)
    const till = counterOf(office, 7)
    const card = await office.card()
    for (let count = 0; count < 5; count += 1) await till.tap(card, pay(1n))
    const { apdus } = card.field.traffic
    expect(await till.tap(card, pay(1n))).toMatchObject({
      status: 'too_many_payments',
      explanation: expect.stringContaining('synchronise'),
    })
    expect(card.field.traffic.apdus - apdus).toBe(1)
    taken(await card.acknowledge())
    expect(said(await till.tap(card, pay(1n)))).toBe('done')
  })
})

test('any card with a processor may be one, and no storage card', async () => {
  const card = await new Office(1).card()
  expect(walletTill.recognises(card.field.atr)).toBe(true)
  const storage = Buffer.from('3b8f8001804f0ca000000306030001000000006a', 'hex')
  expect(walletTill.recognises(new Uint8Array(storage))).toBe(false)
})

test.for([
  ['order.amount', { ...pay(), amount: 0n }],
  ['order.passcode', pay(1n, '12')],
  ['order.newPasscode', { kind: 'passcode', id: 'x', passcode: PIN, newPasscode: '1' }],
] as const)('an order that no card could carry out names the field: %s', async ([field, order]) => {
  const office = new Office(1)
  const till = counterOf(office, 7)
  expect(await till.tap(await office.card(), order)).toMatchObject({
    status: 'bad_order',
    explanation: expect.stringContaining(field),
  })
})
