import { describe, expect, test } from 'vitest'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { SEQUENCE_MAX } from '../../../src/schemes/wallet/card/log.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  asking,
  declining,
  INS,
  record,
  refusal,
  request,
  type Asking,
  type WalletRecord,
} from '../../../src/schemes/wallet/message.ts'
import {
  clearCertificate,
  contentOf,
  flipped,
  memoryOf,
  Originals,
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
  extractedCard,
  Office,
  PIN,
  paymentTo,
  refusalBy,
  refused,
  requestBy,
  SEK,
  START,
  taken,
  type Signatory,
} from './card-world.ts'

const office = new Office(1)
const other = new Office(2)
const till = office.till(7)
const alice = await office.card(1000_00n)
const bob = await office.card(100_00n)
const bobsPapers = await bob.papers()
const crook = office.till(99)

const originals = new Originals()

async function filled(card: Card, records: number): Promise<void> {
  for (let count = 0; count < records; count++) taken(await card.tell('load', { amount: 0n }))
}

/** So many records before its last one. */
function atEnd(card: Card, records: number): void {
  const sequence = SEQUENCE_MAX - records
  memoryOf(card).commit({ sequence, acknowledged: sequence })
}

function digestOf(signedRequest: Bytes): Bytes {
  return openMessage(request, signedRequest).digest
}

describe('REQUEST', () => {
  interface Scene {
    readonly wanted: Partial<Asking>
    readonly balanceMax: bigint
    /** Of 1 each. */
    readonly open: number
    readonly spoil: (data: Bytes) => Bytes
  }
  const base: Scene = { wanted: {}, balanceMax: 3000_00n, open: 3, spoil: (data) => data }
  const plain = { currency: SEK.numeric, amount: 50_00n, madeAt: START, expires: START + DAY }

  async function prepare({ wanted, open, spoil, balanceMax }: Scene) {
    const card = bob.clone()
    for (let count = 0; count < open; count++) await card.ask(1n, { madeAt: START + 1 + count })
    const { policy } = memoryOf(card).state
    const changed = policy.slice()
    new DataView(changed.buffer).setUint32(5, Number(balanceMax))
    memoryOf(card).commit({ policy: changed })
    select(card)
    return {
      card,
      run: () => send(card, INS.REQUEST, spoil(asking.encode({ ...plain, ...wanted }))),
    }
  }

  const faults: readonly Fault<Scene>[] = [
    {
      what: 'one byte too many',
      sw: 'WRONG_LENGTH',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: (data) => concat(data, Uint8Array.of(0)) }),
    },
    {
      what: 'nothing',
      sw: 'MALFORMED',
      touches: 'form',
      change: (scene) => ({
        ...scene,
        spoil: (data) => concat(data.subarray(0, 2), new Uint8Array(4), data.subarray(6)),
      }),
    },
    {
      what: 'another currency',
      sw: 'FOREIGN_CURRENCY',
      change: (scene) => ({ ...scene, wanted: { ...scene.wanted, currency: 978 } }),
    },
    {
      what: 'over by the card’s time',
      sw: 'EXPIRED',
      touches: 'time',
      change: (scene) => ({
        ...scene,
        wanted: { ...scene.wanted, madeAt: START - 2, expires: START - 1 },
      }),
    },
    {
      what: 'longer than a day',
      sw: 'EXPIRED',
      touches: 'time',
      change: (scene) => ({ ...scene, wanted: { ...scene.wanted, expires: START + DAY + 1 } }),
    },
    {
      what: 'more than fits, with what is open',
      sw: 'BALANCE_TOO_HIGH',
      change: (scene) => ({ ...scene, balanceMax: 150_02n }),
    },
    {
      what: 'a fifth that is open',
      sw: 'TOO_MANY_REQUESTS',
      change: (scene) => ({ ...scene, open: 4 }),
    },
  ]
  testFaults(base, faults, prepare)

  test('fits to the last unit', async () => {
    const { run } = await prepare({ ...base, balanceMax: 150_03n })
    expect(run().sw).toBe(0x9000)
  })

  test('asks whichever card pays, once however often it is asked for', async () => {
    const card = bob.clone()
    const asked = await card.ask(50_00n)
    expect(openMessage(request, asked).content).toMatchObject({
      payee: bob.party,
      amount: 50_00n,
      payer: new Uint8Array(8),
      payerNonce: new Uint8Array(8),
    })
    const before = contentOf(card)
    expect(await card.ask(50_00n)).toEqual(asked)
    expect(contentOf(card)).toEqual(before)
    expect(await card.ask(50_00n, { madeAt: START + 1 })).not.toEqual(asked)
    expect((await card.state()).open).toBe(2)
  })

  test('what is open can be read, with the PIN', async () => {
    const card = bob.clone()
    const asked = [await card.ask(1n), await card.ask(2n)]
    const read = await card.tapped(async (held) => {
      expect(await held.openRequests()).toMatchObject({ refusal: 'pin_needed' })
      taken(await held.verifyPin(PIN))
      return taken(await held.openRequests())
    })
    expect(read.map(({ bytes }) => bytes)).toEqual(asked)
  })
})

describe('RECEIVE', () => {
  interface Scene {
    readonly known: boolean
    readonly payment: Partial<WalletRecord>
    /** Who signs what the card of the crook could: his key is known. */
    readonly full: number
    readonly status: 'open' | 'refused' | 'closed'
    readonly balance: bigint
    readonly last: boolean
    readonly spoil: (data: Bytes) => Bytes
  }
  const base: Scene = {
    known: true,
    payment: {},
    full: 0,
    status: 'open',
    balance: 0n,
    last: false,
    spoil: (data) => data,
  }

  /** The payer’s key is in the test’s hands: a card of ours would not sign most of this. */
  const thief = extractedCard(office)

  async function prepare(scene: Scene) {
    const card = await originals.copy(['receive', scene.last, scene.full], async () => {
      const made = bob.clone()
      memoryOf(made).commit({ balance: 0n })
      if (scene.last) atEnd(made, scene.full)
      await filled(made, scene.full)
      return made
    })
    const asked = await card.ask(50_00n)
    if (scene.status !== 'open') {
      const wanted = { request: digestOf(asked), madeAt: START }
      taken(await card.tapped((held) => held.refuse(wanted)))
    }
    if (scene.status === 'closed') {
      for (let count = 0; count < 8; count++) await forgotten(card, count)
    }
    memoryOf(card).commit({ balance: scene.balance })
    if (scene.known) expect(showCertificate(card, thief.certificate)).toBe(0x9000)
    const data = scene.spoil(
      signMessage(record, paymentTo(card.party, asked, thief, scene.payment), thief.key),
    )
    select(card)
    return { card, run: () => send(card, INS.RECEIVE, data) }
  }

  const faults: readonly Fault<Scene>[] = [
    {
      what: 'one byte too few',
      sw: 'WRONG_LENGTH',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: (data) => data.slice(1) }),
    },
    {
      what: 'another version',
      sw: 'MALFORMED',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: flipped(0) }),
    },
    {
      what: 'a payer that was not shown',
      sw: 'UNKNOWN_SIGNER',
      change: (scene) => ({ ...scene, known: false }),
    },
    {
      what: 'another amount under the signature',
      sw: 'BAD_SIGNATURE',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: flipped(21) }),
    },
    {
      what: 'no payment',
      sw: 'NOT_ADDRESSED',
      touches: 'address',
      change: (scene) => ({ ...scene, payment: { ...scene.payment, kind: 'refund' } }),
    },
    {
      what: 'to another card',
      sw: 'NOT_ADDRESSED',
      touches: 'address',
      change: (scene) => ({ ...scene, payment: { ...scene.payment, counterparty: alice.party } }),
    },
    {
      what: 'another currency',
      sw: 'FOREIGN_CURRENCY',
      change: (scene) => ({ ...scene, payment: { ...scene.payment, currency: 978 } }),
    },
    {
      what: 'a request that it never made',
      sw: 'STALE',
      touches: 'request',
      change: (scene) => ({
        ...scene,
        payment: { ...scene.payment, cause: new Uint8Array(32).fill(7) },
      }),
    },
    {
      what: 'a request that it has forgotten',
      sw: 'STALE',
      touches: 'status',
      change: (scene) => ({ ...scene, status: 'closed' }),
    },
    {
      what: 'another amount than it asked for',
      sw: 'STALE',
      touches: 'request',
      change: (scene) => ({ ...scene, payment: { ...scene.payment, amount: 50_01n } }),
    },
    {
      what: 'a request that it has refused',
      sw: 'REFUSED',
      touches: 'status',
      change: (scene) => ({ ...scene, status: 'refused' }),
    },
    { what: 'a full log', sw: 'LOG_FULL', change: (scene) => ({ ...scene, full: 15 }) },
    {
      what: 'more than can be counted',
      sw: 'BALANCE_TOO_HIGH',
      change: (scene) => ({ ...scene, balance: 0xffff_ffffn - 49_99n }),
    },
    {
      what: 'the last sequence',
      sw: 'SEQUENCE_EXHAUSTED',
      change: (scene) => ({ ...scene, last: true }),
    },
  ]
  testFaults(base, faults, prepare)

  async function forgotten(card: Card, count: number): Promise<void> {
    const asked = await card.ask(1n, { madeAt: START + 1 + count })
    const wanted = { request: digestOf(asked), madeAt: START }
    taken(await card.tapped((held) => held.refuse(wanted)))
  }

  test('writes a record that names the payment, and the same again', async () => {
    const [payer, payee] = [alice.clone(), bob.clone()]
    const asked = await payee.ask(50_00n)
    const paid = taken(await payer.payPerson(asked, bobsPapers))
    const papers = await payer.papers()
    const got = taken(await payee.tapped((held) => held.receive(paid.bytes, papers)))
    expect(got.content).toMatchObject({
      kind: 'receive',
      amount: 50_00n,
      balance: 150_00n,
      counterparty: alice.party,
      cause: paid.digest,
      madeAt: paid.content.madeAt,
    })
    expect(await payee.state()).toMatchObject({ balance: 150_00n, spendable: 100_00n, open: 0 })
    const before = contentOf(payee)
    expect(sendAfresh(payee, INS.RECEIVE, paid.bytes)).toEqual({ sw: 0x9000, data: got.bytes })
    expect(contentOf(payee)).toEqual(before)
    taken(await payee.acknowledge())
    expect(sendAfresh(payee, INS.RECEIVE, paid.bytes).sw).toBe(0x9413)
    expect(await payee.state()).toMatchObject({ balance: 150_00n, spendable: 150_00n })
  })

  test('only one of two who paid the same request', async () => {
    const payee = bob.clone()
    const asked = await payee.ask(10n)
    const second = await office.card(100n)
    const payments = [
      taken(await alice.clone().payPerson(asked, bobsPapers)),
      taken(await second.payPerson(asked, bobsPapers)),
    ]
    const papers = [await alice.papers(), await second.papers()]
    const answers = []
    for (const [index, { bytes }] of payments.entries()) {
      answers.push(refused(await payee.tapped((held) => held.receive(bytes, papers[index]))))
    }
    expect(answers).toEqual(['done', 'stale'])
  })

  test('of another office’s card', async () => {
    const [payer, payee] = [await other.card(100n), bob.clone()]
    const asked = await payee.ask(10n)
    const paid = taken(await payer.payPerson(asked, bobsPapers))
    const papers = await payer.papers()
    expect(
      taken(await payee.tapped((held) => held.receive(paid.bytes, papers))).content,
    ).toMatchObject({ kind: 'receive', counterparty: payer.party })
  })
})

describe('REFUSE', () => {
  test('closes a request, and says so again', async () => {
    const card = bob.clone()
    const asked = await card.ask(50_00n)
    const wanted = { request: digestOf(asked), madeAt: START + 1 }
    const said = taken(await card.tapped((held) => held.refuse(wanted)))
    expect(said.content).toEqual({ payee: bob.party, ...wanted })
    expect((await card.state()).open).toBe(0)
    const before = contentOf(card)
    const later = { ...wanted, madeAt: START + 2 }
    expect(taken(await card.tapped((held) => held.refuse(later))).bytes).toEqual(said.bytes)
    expect(contentOf(card)).toEqual(before)
  })

  test('the four newest refusals at least are said again', async () => {
    const card = bob.clone()
    const first = await card.ask(1n, { madeAt: START })
    const made = [first]
    for (let count = 1; count < 4; count++) made.push(await card.ask(1n, { madeAt: START + count }))
    const refuse = (asked: Bytes) =>
      card.tapped((held) => held.refuse({ request: digestOf(asked), madeAt: START }))
    // The last to be refused was the first to be asked for.
    for (const asked of made.toReversed()) taken(await refuse(asked))
    for (let count = 4; count < 8; count++) {
      made.push(await card.ask(1n, { madeAt: START + count }))
      expect(refused(await refuse(first))).toBe('done')
    }
    for (const asked of made.slice(4, 7)) taken(await refuse(asked))
    await card.ask(1n, { madeAt: START + 8 })
    const said = []
    for (const asked of made.slice(0, 7)) said.push(refused(await refuse(asked)))
    expect(said).toEqual(['done', 'done', 'done', 'stale', 'done', 'done', 'done'])
  })

  test('not what was received, nor what it never asked for', async () => {
    const card = bob.clone()
    const asked = await card.ask(50_00n)
    const paid = taken(await alice.clone().payPerson(asked, bobsPapers))
    const papers = await alice.papers()
    taken(await card.tapped((held) => held.receive(paid.bytes, papers)))
    const said = (digest: Bytes) =>
      sendAfresh(card, INS.REFUSE, declining.encode({ request: digest, madeAt: START })).sw
    expect(said(digestOf(asked))).toBe(0x6985)
    expect(said(new Uint8Array(32))).toBe(0x9413)
    taken(await card.acknowledge())
    expect(said(digestOf(asked))).toBe(0x9413)
    expect(sendAfresh(card, INS.REFUSE, new Uint8Array(39)).sw).toBe(0x6700)
  })
})

describe('REFUND', () => {
  interface Scene {
    readonly known: boolean
    readonly signer: Signatory
    readonly paid: 'in the log' | 'acknowledged' | 'refunded and acknowledged'
    readonly full: number
    readonly balance: bigint
    readonly spoil: (data: Bytes) => Bytes
  }
  const base: Scene = {
    known: true,
    signer: till,
    paid: 'in the log',
    full: 1,
    balance: 0n,
    spoil: (data) => data,
  }

  async function prepare(scene: Scene) {
    const { card, asked } = await paidBy(scene)
    if (!scene.known) forget(card)
    if (scene.signer !== till) showCertificate(card, scene.signer.certificate)
    memoryOf(card).commit({ balance: scene.balance })
    const data = scene.spoil(refusalBy(scene.signer, asked))
    select(card)
    return { card, run: () => send(card, INS.REFUND, data) }
  }

  const requests = new Map<string, Bytes>()

  async function paidBy({ paid, full }: Scene) {
    const key = `${paid} ${full}`
    const asked = requests.get(key) ?? requestBy(till, { amount: 50_00n })
    requests.set(key, asked)
    const card = await originals.copy(key, async () => {
      const made = alice.clone()
      taken(await made.payPerson(asked, till.papers))
      if (paid === 'refunded and acknowledged') {
        taken(await made.tapped((held) => held.refund(refusalBy(till, asked, START + 9))))
      }
      if (paid !== 'in the log') taken(await made.acknowledge())
      const { sequence, acknowledged } = memoryOf(made).state
      await filled(made, full - (sequence - acknowledged))
      return made
    })
    return { card, asked }
  }

  /** All certificates but that of its office, as if it had met many others since. */
  function forget(card: Card): void {
    const memory = memoryOf(card)
    for (let slot = 1; slot < 46; slot++) {
      if (memory.certificateIn(slot).length > 0) clearCertificate(card, slot)
    }
  }

  const faults: readonly Fault<Scene>[] = [
    {
      what: 'one byte too many',
      sw: 'WRONG_LENGTH',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: (data) => concat(data, Uint8Array.of(0)) }),
    },
    {
      what: 'another version',
      sw: 'MALFORMED',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: flipped(0) }),
    },
    {
      what: 'a payee that the card has forgotten',
      sw: 'UNKNOWN_SIGNER',
      touches: 'known',
      change: (scene) => ({ ...scene, known: false }),
    },
    {
      what: 'a flipped bit of the signature',
      sw: 'BAD_SIGNATURE',
      touches: 'form',
      change: (scene) => ({ ...scene, spoil: flipped(115) }),
    },
    {
      what: 'somebody else refuses',
      sw: 'NOT_ADDRESSED',
      touches: 'known',
      change: (scene) => ({ ...scene, signer: crook }),
    },
    {
      what: 'a payment that was refunded and forgotten',
      sw: 'STALE',
      change: (scene) => ({ ...scene, paid: 'refunded and acknowledged' }),
    },
    { what: 'a full log', sw: 'LOG_FULL', change: (scene) => ({ ...scene, full: 15 }) },
    {
      what: 'more than can be counted',
      sw: 'BALANCE_TOO_HIGH',
      change: (scene) => ({ ...scene, balance: 0xffff_ffffn - 49_99n }),
    },
  ]
  testFaults(base, faults, prepare)

  test('takes the payment back, once, and frees the limits', async () => {
    const card = alice.clone()
    memoryOf(card).commit({ balance: 100n })
    const asked = await till.ask(card, 100n)
    taken(await card.tapped((held) => held.pay(asked, { payee: till.papers })))
    expect((await card.state()).paymentsLeft).toBe(4)
    const said = refusalBy(till, asked, START + 5)
    const back = taken(await card.tapped((held) => held.refund(said)))
    expect(back?.content).toMatchObject({
      kind: 'refund',
      amount: 100n,
      balance: 100n,
      counterparty: till.party,
      cause: openMessage(refusal, said).digest,
      madeAt: START + 5,
    })
    expect((await card.state()).paymentsLeft).toBe(5)
    const before = contentOf(card)
    for (const again of [said, refusalBy(till, asked, START + 6)]) {
      expect(sendAfresh(card, INS.REFUND, again)).toEqual({ sw: 0x9000, data: back?.bytes })
    }
    expect(contentOf(card)).toEqual(before)
    // The request is bound to a nonce that is gone: it is neither paid nor refunded again.
    taken(await card.acknowledge())
    expect(sendAfresh(card, INS.REFUND, said)).toEqual({ sw: 0x9000, data: new Uint8Array() })
    expect((await card.state()).balance).toBe(100n)
  })

  test('of a person, as long as the request could be shown again', async () => {
    const [payer, payee] = [alice.clone(), bob.clone()]
    const asked = await payee.ask(50_00n)
    const { balance } = await payer.state()
    taken(await payer.payPerson(asked, bobsPapers))
    taken(await payer.acknowledge())
    const wanted = { request: digestOf(asked), madeAt: START }
    const said = taken(await payee.tapped((held) => held.refuse(wanted)))
    const back = taken(await payer.tapped((held) => held.refund(said.bytes)))
    expect(back?.content).toMatchObject({ kind: 'refund', amount: 50_00n, balance })
    expect((await payer.state()).paymentsLeft).toBe(5)
    taken(await payer.acknowledge())
    expect(sendAfresh(payer, INS.REFUND, said.bytes).sw).toBe(0x9413)
    expect((await payer.state()).balance).toBe(balance)
  })

  test('before it was paid: it will not be paid', async () => {
    const card = alice.clone()
    const asked = requestBy(till, { amount: 50_00n })
    showCertificate(card, till.certificate)
    const said = refusalBy(till, asked)
    expect(taken(await card.tapped((held) => held.refund(said)))).toBeUndefined()
    const before = contentOf(card)
    expect(taken(await card.tapped((held) => held.refund(said)))).toBeUndefined()
    expect(contentOf(card)).toEqual(before)
    expect(await card.payPerson(asked, till.papers)).toMatchObject({ refusal: 'refused' })
  })

  test('nobody refuses for somebody else, and the newest eight refusals are kept', async () => {
    const card = alice.clone()
    const asked = requestBy(till, { amount: 50_00n })
    showCertificate(card, till.certificate)
    showCertificate(card, crook.certificate)
    expect(sendAfresh(card, INS.REFUND, refusalBy(crook, asked)).sw).toBe(0x9000)
    expect(refused(await card.clone().payPerson(asked, till.papers))).toBe('done')
    const others = Array.from({ length: 8 }, () => requestBy(till, {}))
    for (const each of others) sendAfresh(card, INS.REFUND, refusalBy(till, each))
    const [first = asked] = others
    expect(await card.payPerson(first, till.papers)).toMatchObject({ refusal: 'refused' })
    sendAfresh(card, INS.REFUND, refusalBy(till, asked))
    expect(await card.payPerson(asked, till.papers)).toMatchObject({ refusal: 'refused' })
    expect(refused(await card.payPerson(first, till.papers))).toBe('done')
  })

  test('of money that its own office was paid', async () => {
    const card = alice.clone()
    const asked = requestBy(office, { amount: 50_00n })
    const { balance } = await card.state()
    taken(await card.payPerson(asked, [office.certificate]))
    const said = refusalBy(office, asked)
    expect(taken(await card.tapped((held) => held.refund(said)))?.content).toMatchObject({
      kind: 'refund',
      balance,
      counterparty: office.party,
    })
  })
})
