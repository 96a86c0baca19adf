import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { cardIdBytes, cardIdOf, digestOf } from '../../../src/kernel/ids.ts'
import { generatePrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import { signToken } from '../../../src/kernel/token.ts'
import type { Verdict, VerifiedEntry } from '../../../src/office/scheme.ts'
import {
  createAuthority,
  joinNotary,
  publicPart,
  readAuthority,
  rotateKey,
  tillPapers,
} from '../../../src/schemes/wallet/office/authority.ts'
import { isCertifiedBy, readCertificate } from '../../../src/schemes/wallet/certificates.ts'
import {
  cardPlan,
  DEFAULT_POLICY,
  evidence,
  order,
  personalisation,
  policy,
  shownRecord,
  type Evidence,
  type ShownRecord,
} from '../../../src/schemes/wallet/message.ts'
import { walletOffice } from '../../../src/schemes/wallet/office.ts'
import { createRoot, requestCertificate, signRequested } from '../../../src/schemes/wallet/root.ts'
import { WALLET_REJECTIONS } from '../../../src/schemes/wallet/office/shown.ts'
import { random } from '../../support/mint.ts'
import { SEK, WalletMint, type Lies, type Made } from '../../support/wallet-mint.ts'

const START = Date.UTC(2026, 5, 1, 9)

/** Two offices under one root with a notary. */
const top = createRoot(generatePrivateKey(), 1, START)
const root = top.certificate
const certified = (
  role: 'notary' | 'office',
  office: number,
  key: PrivateKey,
  generation = 1,
): Bytes =>
  signRequested(
    requestCertificate({ role, party: { kind: 'office', office }, generation }, key),
    top,
    START,
  )
const notary = certified('notary', 0, generatePrivateKey())
function secretsOf(office: number): Bytes {
  const alone = createAuthority(START)
  const certificate = certified('office', office, readAuthority(alone).key)
  return joinNotary(alone, { office, root: root.bytes, certificate, notary })
}
const secrets = secretsOf(7)
const mint = new WalletMint(secrets)
const elsewhere = new WalletMint(secretsOf(8))
const stranger = new WalletMint(createAuthority(START))

function verify(bytes: Bytes, by = secrets): Verdict {
  return walletOffice.verify(bytes, { secrets: by, keyOf: () => undefined })
}

function entryOf(bytes: Bytes, by = secrets): VerifiedEntry {
  const verdict = verify(bytes, by)
  if (!verdict.ok) throw new Error(`rejected: ${verdict.reason}`)
  return verdict.entry
}

/** What a card with money does. */
function holder(office = mint) {
  const card = office.card()
  card.balance = 1000n
  return card
}

describe('issue', () => {
  const office = {
    key: generatePrivateKey(),
    generation: 1,
    secrets,
    clock: { now: () => START },
    random,
  }
  const chip = generatePrivateKey().publicKey
  const card = cardIdOf(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
  const request = { card, uid: chip.bytes, currency: SEK, balance: 0n, passcode: '1234' }
  const issue = walletOffice.issue(request, office)

  test('certifies the key that the chip has made, and plans what is written on it', () => {
    const plan = cardPlan.decode(issue.plan)
    expect(plan.publicKey).toEqual(chip.bytes)
    const own = readCertificate(plan.certificate)
    const issuer = readCertificate(plan.office)
    expect(own).toMatchObject({ role: 'card', party: { kind: 'card', office: 7, card } })
    expect(own.certificate.publicKey.bytes).toEqual(chip.bytes)
    expect([isCertifiedBy(own, issuer), isCertifiedBy(issuer, root)]).toEqual([true, true])
    expect(personalisation.decode(plan.personalisation)).toMatchObject({
      office: 7,
      card: cardIdBytes(card),
      currency: SEK.numeric,
      root: root.certificate.publicKey.bytes,
      notary: [readCertificate(notary).certificate.publicKey.bytes],
      madeAt: START,
      passcode: pinBlock('1234'),
      unblocking: pinBlock(issue.unblocking ?? ''),
      policy: policy.encode(DEFAULT_POLICY),
    })
    expect(issue.known).toEqual(utf8(issue.unblocking ?? ''))
  })

  test('starts the chain with the certificate', () => {
    const { certificate } = cardPlan.decode(issue.plan)
    expect(entryOf(issue.evidence)).toMatchObject({
      card,
      sequence: 0,
      kind: 'issue',
      amount: 0n,
      balance: 0n,
      maker: 0,
      digest: digestOf(sha256(certificate)),
      predecessor: undefined,
      isAttested: true,
    })
    expect(verify(issue.evidence, secretsOf(7))).toEqual({ ok: false, reason: 'unknown_card' })
  })

  test.for([
    ['balance', { balance: 1n }],
    ['uid', { uid: new Uint8Array(64) }],
    ['uid', { uid: new Uint8Array(4) }],
    ['passcode', { passcode: '123' }],
  ] as const)('names %s if it cannot be', ([field, change]) => {
    expect(() => walletOffice.issue({ ...request, ...change }, office)).toThrow(FormatError)
    expect(() => walletOffice.issue({ ...request, ...change }, office)).toThrow(field)
  })
})

describe('authority', () => {
  test('is its own root until it joins others, and then not any more', () => {
    const alone = readAuthority(createAuthority(START))
    expect(alone).toMatchObject({ office: 1, notary: undefined })
    expect(alone.rootKey?.publicKey.bytes).toEqual(alone.root.certificate.publicKey.bytes)
    expect(readAuthority(secrets)).toMatchObject({ office: 7, rootKey: undefined })
  })

  test('joins nobody with another office’s certificate, or of another root', () => {
    const alone = createAuthority(START)
    const certificate = certified('office', 7, readAuthority(alone).key)
    const good = { office: 7, root: root.bytes, certificate, notary }
    expect(() => joinNotary(alone, good)).not.toThrow()
    const other = readAuthority(createAuthority(START))
    for (const wrong of [
      { office: 6 },
      { root: other.root.bytes },
      { certificate: readAuthority(secrets).certificates[0].bytes },
      { notary: good.certificate },
    ]) {
      expect(() => joinNotary(alone, { ...good, ...wrong })).toThrow(FormatError)
    }
  })

  test('signs with a new key, and what the old one signed stays good', () => {
    const key = generatePrivateKey()
    const rotated = rotateKey(secrets, key, (_publicKey, generation) =>
      certified('office', 7, key, generation),
    )
    const card = holder()
    const loaded = mint.told(card, 'load', 5n)
    expect(entryOf(loaded.evidence, rotated)).toMatchObject({ kind: 'load' })
    // An old card, told something with the new key.
    const newer = new WalletMint(rotated)
    const { content } = newer.told(card, 'load', 6n, { keep: false })
    const order6 = newer.told({ ...card }, 'load', 6n)
    const shown = shownRecord.encode({
      ...shownRecord.decode(order6.shown),
      office: mint.authority.certificates[0].bytes,
    })
    expect(content.amount).toBe(6n)
    expect(entryOf(mint.evidence(shown), rotated)).toMatchObject({ kind: 'load', amount: 6n })
    expect(() => rotateKey(secrets, key, () => notary)).toThrow(FormatError)
  })

  test('gives a till papers that show who it is', () => {
    const key = generatePrivateKey().publicKey
    const till = { number: 3, publicKey: key, generation: 2, currency: SEK, now: START }
    const papers = tillPapers.decode(walletOffice.tillSecrets(secrets, till))
    const own = readCertificate(papers.own)
    expect(own).toMatchObject({ party: { kind: 'till', office: 7, till: 3 }, generation: 2 })
    expect(isCertifiedBy(own, readCertificate(papers.office))).toBe(true)
    expect(papers.root).toEqual(root.bytes)
  })

  test('shows a stranger what evidence needs, and nothing that is secret', () => {
    const open = publicPart(secrets)
    const paid = mint.buy(holder(), mint.till(3), 5n)
    expect(entryOf(paid.evidence, open)).toEqual(entryOf(paid.evidence))
    expect(toHex(open)).not.toContain(toHex(secrets).slice(-160, -80))
    expect(() => readAuthority(open)).toThrow(FormatError)
  })
})

describe('a record is an entry', () => {
  test('of a payment to a till of this office', () => {
    const card = holder()
    const before = card.last
    const paid = mint.buy(card, mint.till(3), 40n)
    expect(entryOf(paid.evidence)).toMatchObject({
      card: card.id,
      sequence: 1,
      kind: 'pay',
      amount: 40n,
      balance: 960n,
      maker: 3,
      madeAt: paid.content.madeAt,
      digest: digestOf(paid.digest),
      predecessor: { digest: digestOf(before), sequence: 0, balance: 1000n, shown: false },
      isAttested: true,
      findings: [],
      payment: {
        id: digestOf(paid.digest),
        payer: card.party,
        payee: { kind: 'till', office: 7, till: 3 },
        amount: 40n,
        request: digestOf(paid.content.cause),
        sequence: 1,
      },
    })
  })

  test('of a payment to a card, which its receipt shows too', () => {
    const [payer, payee] = [holder(), mint.card()]
    const paid = mint.buy(payer, payee, 40n)
    const received = mint.receive(payee, paid)
    const [pay, receive] = [verify(paid.evidence), verify(received.evidence)]
    if (!pay.ok || !receive.ok) throw new Error('rejected')
    expect(receive.entry).toMatchObject({ kind: 'receive', card: payee.id, maker: 0, balance: 40n })
    expect(receive.entry.payment).toEqual(pay.entry.payment)
    expect(receive.others).toEqual([pay.entry])
  })

  test('of a receipt whose payment is shown by its cause alone', () => {
    const [payer, payee] = [holder(), mint.card()]
    const received = mint.receive(payee, mint.buy(payer, payee, 40n))
    const bare = entryOf(mint.evidence(received.shown))
    expect(bare.payment).toMatchObject({ payer: payer.party, payee: payee.party, amount: 40n })
  })

  test('of a refund, an unload, a load and a restore', () => {
    const [payer, payee] = [holder(), mint.card()]
    const asked = mint.request(payee, 40n, payer.id)
    const paid = mint.pay(payer, asked)
    const refunded = mint.refund(payer, mint.refuse(payee, asked), paid)
    expect(entryOf(refunded.evidence)).toMatchObject({
      kind: 'refund',
      balance: 1000n,
      refundOf: { payer: payer.party, payee: payee.party, request: digestOf(asked.digest) },
    })
    const unloaded = mint.pay(payer, mint.request(mint.office(), 10n, payer.id))
    expect(entryOf(unloaded.evidence)).toMatchObject({
      kind: 'unload',
      maker: 0,
      payment: { payee: { kind: 'office', office: 7 }, amount: 10n },
    })
    const loaded = mint.told(payer, 'load', 5n)
    expect(entryOf(loaded.evidence)).toMatchObject({ kind: 'load', balance: 995n })
    const restored = mint.told(payer, 'restore', 3n)
    expect(entryOf(restored.evidence)).toMatchObject({ kind: 'restore', balance: 3n })
  })

  test('without its signature only as what a till expects, and with a refusal beside it', () => {
    const card = holder()
    const till = mint.till(3)
    const asked = mint.request(till, 40n, card.id)
    const paid = mint.pay(card, asked)
    const expected = entryOf(mint.expected(paid))
    expect(expected).toMatchObject({ digest: digestOf(paid.digest), isAttested: false })
    expect(expected.payment).toBeUndefined()
    const refusedAt = mint.refuse(till, asked)
    expect(entryOf(mint.refused(paid, refusedAt)).refundOf).toMatchObject({ payer: card.party })
  })

  test('of another office only as far as it pays somebody here', () => {
    const foreign = holder(elsewhere)
    const paid = elsewhere.buy(foreign, mint.till(3), 40n)
    expect(verify(paid.evidence)).toEqual({ ok: false, reason: 'unknown_counterparty' })
    const certificates = [mint.till(3).certificate, mint.authority.certificates[0].bytes]
    const till = mint.till(3)
    const here = elsewhere.buy(foreign, till, 40n)
    const shown = shownRecord.encode({
      ...shownRecord.decode(here.shown),
      counterparty: [till.certificate, ...certificates.slice(1)],
    })
    expect(entryOf(mint.evidence(shown))).toMatchObject({
      isForeign: true,
      maker: 3,
      payment: { payer: foreign.party, amount: 40n },
    })
  })

  test('of a receipt from another office only with what was asked for: the notary wants to see it', () => {
    const [payer, payee] = [holder(elsewhere), mint.card()]
    const received = mint.receive(payee, elsewhere.buy(payer, payee, 40n))
    const introduced = [payer.certificate, elsewhere.authority.certificates[0].bytes]
    const shown = { ...shownRecord.decode(received.shown), counterparty: introduced }
    const bare = mint.evidence(shownRecord.encode(shown))
    expect(verify(bare)).toEqual({ ok: false, reason: 'unknown_counterparty' })
  })

  test('and shows what a till sold for it: tokens that do not add up are its doing', () => {
    const card = holder()
    const paid = mint.buy(card, mint.till(3), 40n)
    const token = (price: bigint) =>
      signToken(generatePrivateKey(), {
        product: 1,
        price,
        currency: SEK.numeric,
        madeAt: START,
        till: 3,
        nonce: random.bytes(8),
      })
    const sold = (...tokens: Bytes[]) => entryOf(mint.evidence(paid.shown, { tokens }))
    expect(sold(token(30n), token(10n))).toMatchObject({ findings: [], tokens: [{}, {}] })
    expect(sold(token(39n)).findings).toMatchObject([
      { kind: 'overspend', suspects: [{ kind: 'till', till: 3 }], amount: 1n },
    ])
    expect(sold(token(40n), new Uint8Array(token(1n).length)).findings).toMatchObject([
      { kind: 'unknown-token', suspects: [{ kind: 'till', till: 3 }] },
    ])
  })
})

describe('evidence is none', () => {
  const reached = new Set<string>()
  const till = mint.till(3)

  interface Off {
    readonly lies?: Lies
    readonly shown?: (honest: ShownRecord) => Partial<ShownRecord>
    readonly evidence?: (honest: Evidence) => Partial<Evidence>
  }

  /** An honest payment to a till, but for one thing. */
  function payment({ lies, shown, evidence: beside }: Off): Bytes {
    return change(mint.buy(holder(), till, 40n, lies), shown, beside)
  }

  function change(made: Made, shown?: Off['shown'], beside?: Off['evidence']): Bytes {
    const layout = shownRecord.decode(made.shown)
    const honest = evidence.decode(made.evidence)
    const changed = shownRecord.encode({ ...layout, ...shown?.(layout) })
    return evidence.encode({ ...honest, shown: changed, ...beside?.(honest) })
  }

  const other = generatePrivateKey()
  const asked = (amount: bigint, payer?: string) =>
    mint.request(till, amount, payer === undefined ? undefined : cardIdOf(utf8(payer))).bytes
  const flipped = (bytes: Bytes) => bytes.with(0, (bytes[0] ?? 0) ^ 1)
  const office = { kind: 'office', office: 7 } as const

  test.for<[reason: (typeof WALLET_REJECTIONS)[number], what: string, off: Off]>([
    ['malformed', 'an amount of 0', { lies: { record: { amount: 0n } } }],
    ['malformed', 'a sequence beyond a chain', { lies: { record: { sequence: 2 ** 31 - 1 } } }],
    ['malformed', 'a payment to an office', { lies: { record: { counterparty: office } } }],
    ['malformed', 'an unload to a till', { lies: { record: { kind: 'unload' } } }],
    ['malformed', 'a load by a till', { lies: { record: { kind: 'load' } } }],
    ['malformed', 'a receipt of a till', { lies: { record: { kind: 'receive' } } }],
    ['unknown_currency', 'no such currency', { lies: { record: { currency: 1 } } }],
    ['unknown_card', 'another card', { lies: { record: { card: utf8('another.') } } }],
    ['unknown_card', 'another office', { lies: { record: { office: 8 } } }],
    ['unknown_card', 'no certificate', { shown: () => ({ certificate: new Uint8Array() }) }],
    ['unknown_card', 'a till’s for a card’s', { shown: () => ({ certificate: till.certificate }) }],
    ['unknown_card', 'a card’s for an office’s', { shown: (c) => ({ office: c.certificate }) }],
    [
      'unknown_card',
      'an office under another root',
      { shown: () => ({ office: stranger.authority.certificates[0].bytes }) },
    ],
    ['bad_signature', 'another’s signature', { lies: { signer: other } }],
    [
      'bad_signature',
      'a signature off by a bit',
      { shown: ({ signature }) => ({ signature: signature.map(flipped) }) },
    ],
    ['unknown_counterparty', 'nobody shown', { shown: () => ({ counterparty: [] }) }],
    [
      'unknown_counterparty',
      'another till shown',
      { shown: () => ({ counterparty: [mint.till(4).certificate] }) },
    ],
    [
      'unknown_counterparty',
      'a till that another office calls so',
      { shown: () => ({ counterparty: [elsewhere.till(3).certificate] }) },
    ],
    [
      'bad_cause',
      'no request, of a card that has not signed',
      {
        shown: () => ({ signature: [], cause: new Uint8Array() }),
      },
    ],
    ['bad_cause', 'another request', { shown: () => ({ cause: asked(40n) }) }],
    ['bad_cause', 'a request off by a bit', { shown: ({ cause }) => ({ cause: flipped(cause) }) }],
    [
      'bad_cause',
      'a refusal of another request',
      { evidence: () => ({ refusal: [mint.refuse(till, mint.request(till, 40n))] }) },
    ],
  ])('%s: %s', ([reason, , off]) => {
    expect(verify(payment(off))).toEqual({ ok: false, reason })
    reached.add(reason)
  })

  test.for<[what: string, make: () => Bytes]>([
    [
      'more than was asked for',
      () => {
        const card = holder()
        return mint.pay(card, mint.request(till, 40n), { record: { amount: 41n } }).evidence
      },
    ],
    [
      'what another card was asked for',
      () => mint.pay(holder(), mint.request(till, 40n, cardIdOf(utf8('another.')))).evidence,
    ],
    [
      'a request that another key signed',
      () => mint.pay(holder(), mint.request({ ...till, key: other }, 40n)).evidence,
    ],
    [
      'a refund that its payee did not sign',
      () => {
        const card = holder()
        const request = mint.request(till, 40n, card.id)
        const paid = mint.pay(card, request)
        return mint.refund(card, mint.refuse({ ...till, key: other }, request), paid).evidence
      },
    ],
    [
      'a load that no office ordered',
      () => {
        const made = mint.told(holder(), 'load', 5n)
        const { instruction } = order.decode(shownRecord.decode(made.shown).cause)
        const cause = order.encode({ instruction: flipped(instruction.toReversed()), permit: [] })
        return change(made, () => ({ cause }))
      },
    ],
    [
      'a load of more than was ordered',
      () => {
        return mint.told(holder(), 'load', 5n, { record: { amount: 6n } }).evidence
      },
    ],
    [
      'a receipt of another amount',
      () => {
        const payee = mint.card()
        const paid = mint.buy(holder(), payee, 40n)
        return mint.receive(payee, paid, { record: { amount: 41n } }).evidence
      },
    ],
    [
      'a receipt of what was paid to another card',
      () => mint.receive(mint.card(), mint.buy(holder(), mint.card(), 40n)).evidence,
    ],
    [
      'a receipt with another payment as large',
      () => {
        const [payer, payee] = [holder(), mint.card()]
        const received = mint.receive(payee, mint.buy(payer, payee, 40n))
        const { shown: again } = mint.buy(payer, payee, 40n)
        return change(received, undefined, () => ({ payment: [again] }))
      },
    ],
    [
      'a receipt of what its payer only might have paid',
      () => {
        const payee = mint.card()
        const received = mint.receive(payee, mint.buy(holder(), payee, 40n))
        return change(received, undefined, ({ payment: [shown] }) => {
          const layout = shownRecord.decode(shown ?? new Uint8Array())
          return { payment: [shownRecord.encode({ ...layout, signature: [] })] }
        })
      },
    ],
  ])('bad_cause: %s', ([, make]) => {
    expect(verify(make())).toEqual({ ok: false, reason: 'bad_cause' })
  })

  test('malformed: a card that pays itself', () => {
    const card = holder()
    expect(verify(mint.buy(card, card, 40n).evidence)).toEqual({ ok: false, reason: 'malformed' })
  })

  test('foreign_card: nobody here is paid', () => {
    const foreign = elsewhere.buy(holder(elsewhere), elsewhere.till(3), 40n)
    expect(verify(foreign.evidence)).toEqual({ ok: false, reason: 'foreign_card' })
    expect(verify(elsewhere.told(holder(elsewhere), 'load', 1n).evidence)).toMatchObject({
      reason: 'foreign_card',
    })
    reached.add('foreign_card')
  })

  test('no_root: whoever has none cannot tell', () => {
    const paid = mint.buy(holder(), till, 40n)
    expect(verify(paid.evidence, new Uint8Array())).toEqual({ ok: false, reason: 'no_root' })
    reached.add('no_root')
  })

  test('every reason is reached', () => {
    expect([...WALLET_REJECTIONS].filter((reason) => !reached.has(reason))).toEqual([])
  })

  test('changed in any byte it is another record, or none', () => {
    const paid = mint.buy(holder(), till, 40n)
    const honest = entryOf(paid.evidence)
    fc.assert(
      fc.property(
        fc.nat(paid.evidence.length - 1),
        fc.integer({ min: 1, max: 255 }),
        (at, mask) => {
          const changed = paid.evidence.with(at, (paid.evidence[at] ?? 0) ^ mask)
          const verdict = verify(changed)
          // Only the policy’s version is nobody’s signed word.
          if (verdict.ok) expect({ ...verdict.entry, policyVersion: 1 }).toEqual(honest)
        },
      ),
      { numRuns: 300 },
    )
  })
})
