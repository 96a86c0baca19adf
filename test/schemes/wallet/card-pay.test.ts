import { describe, expect, test } from 'vitest'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { cardIdBytes } from '../../../src/kernel/ids.ts'
import { SEQUENCE_MAX } from '../../../src/schemes/wallet/card/log.ts'
import { isSignedBy, openMessage } from '../../../src/kernel/signed-message.ts'
import {
  DEFAULT_POLICY,
  INS,
  policy,
  record,
  request,
  type PaymentRequest,
  type WalletPolicy,
} from '../../../src/schemes/wallet/message.ts'
import { readCertificate } from '../../../src/schemes/wallet/certificates.ts'
import {
  contentOf,
  flipped,
  memoryOf,
  NOTHING,
  Originals,
  sealed,
  select,
  send,
  sendAfresh,
  showCertificate,
  testFaults,
  type Fault,
} from './card-bench.ts'
import {
  Card,
  DAY,
  Office,
  PIN,
  refusalBy,
  requestBy,
  START,
  taken,
  type Signatory,
} from './card-world.ts'

const office = new Office(1)
const other = new Office(2)
const till = office.till(7)
const blank = new Card(office, (await office.card(0n)).id)
const payer = await office.card(0n)
const friend = await office.card(1000_00n)
const friendsPapers = await friend.papers()
const stranger = await office.card(0n)

/** Who says that he is that till. */
const forger: Signatory = { party: till.party, key: other.key, certificate: till.certificate }

/** A payment, and the card that is asked for it. */
interface Scene {
  readonly blank: boolean
  readonly policy: Partial<WalletPolicy>
  readonly amount: bigint
  readonly balance: bigint
  readonly received: bigint
  /** Records in the log, the received one among them. */
  readonly records: number
  readonly lastSequence: boolean
  readonly payee: Signatory
  readonly known: boolean
  readonly refused: boolean
  readonly request: Partial<PaymentRequest>
  readonly pin: 'none' | 'right' | 'wrong' | 'blocked' | 'blocked and none'
  readonly spoil: (data: Bytes) => Bytes
}

const base: Scene = {
  blank: false,
  policy: {},
  amount: 100n,
  balance: 1000n,
  received: 0n,
  records: 0,
  lastSequence: false,
  payee: till,
  known: true,
  refused: false,
  request: {},
  pin: 'right',
  spoil: (data) => data,
}

async function prepare(scene: Scene) {
  const card = scene.blank ? blank.clone() : await inUse(scene)
  const { nonce } = memoryOf(card).state
  const asked = requestBy(scene.payee, {
    amount: scene.amount,
    payer: cardIdBytes(card.id),
    payerNonce: nonce,
    ...scene.request,
  })
  if (scene.refused) await card.tapped((held) => held.refund(refusalBy(scene.payee, asked)))
  const { digest } = openMessage(request, asked)
  const isGiven = !scene.pin.includes('none') && !scene.blank
  const pin = isGiven ? sealed(card, digest, pinOf(scene)) : NOTHING
  if (scene.pin.includes('blocked')) memoryOf(card).writeTries({ pin: 0, unblocking: 3 })
  select(card)
  const data = scene.spoil(concat(asked, pin))
  return { card, asked, run: () => send(card, INS.PAY, data) }
}

function pinOf({ pin }: Scene): string {
  return pin === 'wrong' ? '0000' : PIN
}

const originals = new Originals()

/** Makes the log by what cards do, the rest by a microscope. */
async function inUse(scene: Scene): Promise<Card> {
  const { lastSequence, records, received, known } = scene
  const card = await originals.copy([lastSequence, records, String(received), known], async () => {
    const made = payer.clone()
    await fill(made, scene)
    return made
  })
  memoryOf(card).commit({
    balance: scene.balance,
    policy: policy.encode({ ...DEFAULT_POLICY, version: 3, ...scene.policy }),
  })
  return card
}

async function fill(card: Card, scene: Scene): Promise<void> {
  if (scene.lastSequence) {
    const before = SEQUENCE_MAX - scene.records
    memoryOf(card).commit({ sequence: before, acknowledged: before })
  }
  if (scene.received > 0n) {
    const asked = await card.ask(scene.received)
    const paid = taken(await friend.clone().payPerson(asked, await card.papers()))
    taken(await card.tapped((held) => held.receive(paid.bytes, friendsPapers)))
  }
  const loads = scene.records - (scene.received > 0n ? 1 : 0)
  for (let count = 0; count < loads; count++) taken(await card.tell('load', { amount: 1n }))
  if (scene.known) showCertificate(card, till.certificate)
}

function having(part: Partial<Scene>): (scene: Scene) => Scene {
  return (scene) => ({ ...scene, ...part })
}

function asks(part: Partial<PaymentRequest>): (scene: Scene) => Scene {
  return (scene) => ({ ...scene, request: { ...scene.request, ...part } })
}

function limited(part: Partial<WalletPolicy>): (scene: Scene) => Scene {
  return (scene) => ({ ...scene, policy: { ...scene.policy, ...part } })
}

const LATE = START + DAY + 1

describe('PAY', () => {
  const faults: readonly Fault<Scene>[] = [
    {
      what: 'one byte too many',
      sw: 'WRONG_LENGTH',
      touches: 'form',
      change: having({ spoil: (data) => concat(data, Uint8Array.of(0)) }),
    },
    { what: 'a blank card', sw: 'NOT_NOW', touches: 'blank', change: having({ blank: true }) },
    {
      what: 'another version',
      sw: 'MALFORMED',
      touches: 'form',
      change: having({ spoil: flipped(0) }),
    },
    {
      what: 'whichever pays, for the nonce of one',
      sw: 'MALFORMED',
      touches: 'payer',
      change: asks({ payer: new Uint8Array(8) }),
    },
    {
      what: 'a till that was not shown',
      sw: 'UNKNOWN_SIGNER',
      touches: 'payee',
      change: having({ known: false }),
    },
    {
      what: 'a flipped bit of the signature',
      sw: 'BAD_SIGNATURE',
      touches: 'form',
      change: having({ spoil: flipped(121) }),
    },
    {
      what: 'another amount under the signature',
      sw: 'BAD_SIGNATURE',
      touches: 'form',
      change: having({ spoil: flipped(17) }),
    },
    {
      what: 'signed by somebody else',
      sw: 'BAD_SIGNATURE',
      touches: 'payee',
      change: having({ payee: forger }),
    },
    {
      what: 'for another card',
      sw: 'NOT_ADDRESSED',
      touches: 'payer',
      change: asks({ payer: cardIdBytes(stranger.id) }),
    },
    {
      what: 'another currency',
      sw: 'FOREIGN_CURRENCY',
      change: asks({ currency: 978 }),
    },
    {
      what: 'over by the card’s time',
      sw: 'EXPIRED',
      touches: 'time',
      change: asks({ madeAt: START - 2, expires: START - 1 }),
    },
    {
      what: 'longer than a day',
      sw: 'EXPIRED',
      touches: 'time',
      change: asks({ expires: START + DAY + 1 }),
    },
    {
      what: 'over before it begins',
      sw: 'EXPIRED',
      touches: 'time',
      change: asks({ madeAt: START + 1, expires: START }),
    },
    {
      what: 'with another nonce',
      sw: 'STALE',
      touches: 'payer',
      change: asks({ payerNonce: new Uint8Array(8).fill(1) }),
    },
    { what: 'refused by its payee', sw: 'REFUSED', change: having({ refused: true }) },
    { what: 'a blocked PIN', sw: 'BLOCKED', touches: 'pin', change: having({ pin: 'blocked' }) },
    {
      what: 'a blocked PIN, and none given',
      sw: 'BLOCKED',
      touches: 'pin',
      change: (scene) => limited({ pinFreeMax: 99n })({ ...scene, pin: 'blocked and none' }),
    },
    {
      what: 'more than goes without PIN',
      sw: 'PIN_NEEDED',
      touches: 'pin',
      change: (scene) => limited({ pinFreeMax: 99n })({ ...scene, pin: 'none' }),
    },
    { what: 'a wrong PIN', sw: 'WRONG_PIN', touches: 'pin', change: having({ pin: 'wrong' }) },
    {
      what: 'more than goes at once',
      sw: 'PAYMENT_TOO_HIGH',
      change: limited({ paymentMax: 99n }),
    },
    {
      what: 'more payments than allowed',
      sw: 'TOO_MANY_PAYMENTS',
      change: limited({ paymentsMax: 0 }),
    },
    { what: 'more than may be paid', sw: 'TOO_MUCH_PAID', change: limited({ amountMax: 99n }) },
    {
      what: 'too long after the last acknowledgement',
      sw: 'TOO_LONG_OFFLINE',
      touches: 'time',
      change: (scene) => limited({ daysMax: 1 })(asks({ madeAt: LATE, expires: LATE })(scene)),
    },
    { what: 'a full log', sw: 'LOG_FULL', change: having({ records: 15 }) },
    {
      what: 'one unit too little',
      sw: 'INSUFFICIENT_FUNDS',
      touches: 'funds',
      change: having({ balance: 99n }),
    },
    {
      what: 'one unit that was received',
      sw: 'RECEIVED_NOT_SPENDABLE',
      touches: 'funds',
      change: (scene) => ({
        ...scene,
        balance: 100n,
        received: 1n,
        records: Math.max(scene.records, 1),
      }),
    },
    {
      what: 'the last sequence',
      sw: 'SEQUENCE_EXHAUSTED',
      change: having({ lastSequence: true }),
    },
  ]
  testFaults(base, faults.filter(isApart), prepare)

  /** A blank card has nothing else that could be wrong: it is tried by itself. */
  function isApart({ touches }: Fault<Scene>): boolean {
    return touches !== 'blank'
  }

  test('a blank card pays nothing', async () => {
    const { run } = await prepare({ ...base, blank: true, pin: 'none' })
    expect(run().sw).toBe(0x6985)
  })

  const exactly: readonly (readonly [string, Partial<Scene>])[] = [
    ['all that is there', { balance: 100n }],
    ['what is left of received money', { balance: 101n, received: 1n, records: 1 }],
    ['the highest amount', { policy: { paymentMax: 100n } }],
    [
      'without PIN up to the amount that goes without',
      { policy: { pinFreeMax: 100n }, pin: 'none' },
    ],
    ['all that may be paid', { policy: { amountMax: 100n } }],
    ['the last payment', { policy: { paymentsMax: 1 } }],
    ['on the last day', { policy: { daysMax: 1 }, request: { madeAt: LATE - 1, expires: LATE } }],
    ['at its end by the card’s time', { request: { madeAt: START - DAY, expires: START } }],
    ['with the last room in the log', { records: 14 }],
    [
      'received money where that goes at once',
      { balance: 100n, received: 100n, records: 1, policy: { receivedMoney: 'at once' } },
    ],
  ]
  test.for(exactly)('pays %s', async ([, part]) => {
    const { run } = await prepare({ ...base, ...part })
    expect(run().sw).toBe(0x9000)
  })

  test('writes a record that says what was asked for', async () => {
    const { card, asked, run } = await prepare(base)
    const before = memoryOf(card).state
    const paid = openMessage(record, run().data)
    expect(paid.content).toEqual({
      kind: 'pay',
      currency: 752,
      office: 1,
      card: cardIdBytes(card.id),
      sequence: 1,
      amount: 100n,
      balance: 900n,
      counterparty: till.party,
      cause: openMessage(request, asked).digest,
      madeAt: START,
      previous: before.last,
    })
    const [own] = await card.papers()
    expect(isSignedBy(paid, readCertificate(own).certificate.publicKey)).toBe(true)
    const { balance, sequence, last, nonce } = memoryOf(card).state
    expect({ balance, sequence, last }).toEqual({ balance: 900n, sequence: 1, last: paid.digest })
    expect(nonce).not.toEqual(before.nonce)
  })

  test('the same request again: the same bytes, whatever is asked for besides', async () => {
    const { card, asked, run } = await prepare(base)
    const first = run().data
    memoryOf(card).commit({
      policy: policy.encode({ ...DEFAULT_POLICY, paymentsMax: 0, pinFreeMax: 0n }),
    })
    memoryOf(card).writeTries({ pin: 0, unblocking: 0 })
    const before = contentOf(card)
    expect(sendAfresh(card, INS.PAY, asked)).toEqual({ sw: 0x9000, data: first })
    expect(contentOf(card)).toEqual(before)
  })

  test('its own office is paid by unloading, with a PIN', async () => {
    const scene = { ...base, payee: office, amount: 1n }
    const { run } = await prepare(scene)
    expect(openMessage(record, run().data).content).toMatchObject({
      kind: 'unload',
      balance: 999n,
      counterparty: { kind: 'office', office: 1 },
    })
    expect((await prepare({ ...scene, pin: 'none' })).run().sw).toBe(0x6982)
  })

  test('another office is not paid, though the card knows it', async () => {
    const { card, run } = await prepare({ ...base, payee: other })
    expect(run().sw).toBe(0x6a88)
    expect(showCertificate(card, other.certificate)).toBe(0x9000)
    const asked = requestBy(other, {
      payer: cardIdBytes(card.id),
      payerNonce: memoryOf(card).state.nonce,
    })
    expect(sendAfresh(card, INS.PAY, asked).sw).toBe(0x9410)
  })

  test('a person is paid with a PIN only, and nobody pays himself', async () => {
    const card = payer.clone()
    memoryOf(card).commit({ balance: 100n })
    const asked = await friend.clone().ask(1n)
    await card.tapped(async (held) => {
      expect(await held.pay(asked, { payee: friendsPapers })).toMatchObject({
        refusal: 'pin_needed',
      })
      expect(await held.pay(asked, { pin: '0000', payee: friendsPapers })).toEqual({
        ok: false,
        refusal: 'wrong_pin',
        triesLeft: 2,
      })
      expect(
        taken(await held.pay(asked, { pin: PIN, payee: friendsPapers })).content,
      ).toMatchObject({ kind: 'pay', amount: 1n, balance: 99n, counterparty: friend.party })
    })
    const own = await card.ask(1n)
    const papers = await card.papers()
    expect(await card.payPerson(own, papers)).toMatchObject({ refusal: 'not_addressed' })
  })

  test('a till of another office is paid once its office is known', async () => {
    const card = payer.clone()
    memoryOf(card).commit({ balance: 100n })
    const theirs = other.till(9)
    expect(showCertificate(card, theirs.certificate)).toBe(0x6a88)
    expect(taken(await card.pay(theirs, 1n)).content.counterparty).toEqual(theirs.party)
  })

  test('whoever signs with a certificate that is over is not paid', async () => {
    const card = payer.clone()
    memoryOf(card).commit({ balance: 100n })
    const short = office.till(8, { to: START - (START % DAY) })
    expect(showCertificate(card, short.certificate)).toBe(0x9000)
    const next = START - (START % DAY) + DAY
    memoryOf(card).commit({ time: next - 1 })
    const asked = await short.ask(card, 1n, { madeAt: next, expires: next })
    expect(taken(await card.tapped((held) => held.pay(asked))).content.amount).toBe(1n)
    memoryOf(card).commit({ time: next })
    const late = await short.ask(card, 1n, { madeAt: next, expires: next })
    expect(await card.tapped((held) => held.pay(late))).toMatchObject({ refusal: 'expired' })
  })

  test('requests for whichever card are paid once, as long as they could be shown again', async () => {
    const card = payer.clone()
    memoryOf(card).commit({ balance: 10_000n })
    const asked: Bytes[] = []
    for (let count = 0; count < 16; count++) {
      const one = requestBy(till, { amount: 1n, expires: START + 1000 + count })
      asked.push(one)
      taken(await card.payPerson(one, till.papers))
      taken(await card.acknowledge())
    }
    const seventeenth = requestBy(till, { amount: 1n, expires: START + DAY })
    expect(await card.payPerson(seventeenth, till.papers)).toMatchObject({ refusal: 'log_full' })
    expect(taken(await card.pay(till, 1n)).content.kind).toBe('pay')
    for (const one of asked) {
      expect(await card.payPerson(one, till.papers)).toMatchObject({ refusal: 'stale' })
    }
    // Any instruction moves the time, and makes room.
    const told = card.clone()
    taken(await told.tell('void', { madeAt: START + 1001 }))
    expect(taken(await told.payPerson(seventeenth, till.papers)).content.amount).toBe(1n)
    taken(await card.tell('acknowledge', { madeAt: START + 1001 }))
    const [first = NOTHING, second = NOTHING] = asked
    expect(await card.payPerson(first, till.papers)).toMatchObject({ refusal: 'expired' })
    expect(await card.payPerson(second, till.papers)).toMatchObject({ refusal: 'stale' })
    expect(taken(await card.payPerson(seventeenth, till.papers)).content.amount).toBe(1n)
  })

  test('what is acknowledged in part is remembered in part', async () => {
    const card = payer.clone()
    memoryOf(card).commit({ balance: 100n })
    const digests: Bytes[] = []
    for (let count = 0; count < 3; count++) {
      const paid = taken(await card.payPerson(requestBy(till, { amount: 1n }), till.papers))
      digests.push(paid.content.cause)
    }
    const remembered = () => memoryOf(card).paid.map((each) => each.request)
    for (const sequence of [1, 3]) {
      const digest = sha256(memoryOf(card).logSlot(sequence).record)
      taken(await card.tell('acknowledge', { sequence, record: digest }))
      expect(remembered()).toEqual(digests.slice(0, sequence))
    }
  })
})
