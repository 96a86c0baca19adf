import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { cardIdBytes, cardIdOf, digestOf } from '../../../src/kernel/ids.ts'
import { currency } from '../../../src/kernel/money.ts'
import { generatePrivateKey, sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import { signToken } from '../../../src/kernel/token.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import type { Suspect } from '../../../src/office/ledger/findings.ts'
import type { Verdict, VerifiedEntry } from '../../../src/office/scheme.ts'
import {
  cardKey,
  cardPlan,
  evidence,
  issuerStamp,
  masters,
  modulePlan,
  openSigned,
  parameters,
  personalisation,
  RECORD_SIZE,
  recordDigest,
  SIGNED_SIZE,
  signRecord,
  VALUE_MAX,
  type Evidence,
  type PurseKind,
  type PurseRecord,
} from '../../../src/schemes/purse/message.ts'
import { PURSE_REJECTIONS, purseOffice } from '../../../src/schemes/purse/office.ts'
import { held } from '../../../src/schemes/purse/terminal.ts'
import { nextRecord } from './bench.ts'
import { EUR, PASSCODE, random } from './world.ts'

const officeKey = generatePrivateKey()
const tills = new Map([7, 8].map((number) => [number, generatePrivateKey()]))
const secrets = purseOffice.createSecrets(random, 0)
const card = cardIdOf(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7))
const START = Date.UTC(2026, 8, 8)
const office = { key: officeKey, generation: 1, secrets, clock: { now: () => START }, random }
const request = { card, uid: new Uint8Array(4), currency: EUR, balance: 1000n }
const issue = purseOffice.issue({ ...request, passcode: PASSCODE }, office)
const issued = evidence.decode(issue.evidence).signed
const issuerKey = cardKey(masters.decode(secrets).issuer, cardIdBytes(card), 'issuer')

function keyOf(maker: number, generation: number) {
  if (generation !== 1) return undefined
  return maker === 0 ? officeKey.publicKey : tills.get(maker)?.publicKey
}

function verify(bytes: Bytes): Verdict {
  return purseOffice.verify(bytes, { secrets, keyOf })
}

function entryOf(bytes: Bytes): VerifiedEntry {
  const verdict = verify(bytes)
  if (!verdict.ok) throw new Error(`rejected: ${verdict.reason}`)
  return verdict.entry
}

/** What of a record is as no honest till makes it. */
interface Lies {
  readonly record?: Partial<PurseRecord>
  readonly evidence?: Partial<Evidence>
  readonly signer?: PrivateKey
}

interface Made {
  readonly signed: Bytes
  readonly evidence: Bytes
}

/** A record of till 7 on `on` that the card took, honest but for its lies. */
function make(kind: PurseKind, amount: bigint, on: Bytes = issued, lies: Lies = {}): Made {
  const content = nextRecord(held(on), kind, amount, lies.record)
  const signed = signRecord(content, lies.signer ?? tills.get(content.maker) ?? officeKey)
  const shown = {
    signed,
    previous: [on],
    authorisation: new Uint8Array(16),
    extra: [],
    stamp: [issuerStamp(issuerKey, signed.subarray(0, RECORD_SIZE))],
    policyVersion: 1,
    tokens: [],
    ...lies.evidence,
  }
  return { signed, evidence: evidence.encode(shown) }
}

function token(price: bigint, change: { currency?: number } = {}): Bytes {
  return signToken(officeKey, {
    product: 1,
    price,
    currency: EUR.numeric,
    madeAt: START,
    till: 7,
    nonce: random.bytes(8),
    ...change,
  })
}

/** In a record: docs/protocol/purse.md. */
const SEQUENCE_AT = 14
const unstamped = { evidence: { stamp: [] } }
const paid = make('pay', 300n)
const loaded = make('load', 300n)

describe('issue', () => {
  test('passes its own verification', () => {
    expect(entryOf(issue.evidence)).toMatchObject({
      card,
      sequence: 0,
      kind: 'issue',
      amount: 1000n,
      balance: 1000n,
      maker: 0,
      madeAt: START,
      predecessor: undefined,
      isAttested: true,
      findings: [],
    })
    expect(issue.known).toEqual(utf8(issue.unblocking ?? ''))
  })

  test('the plan has the card’s own keys, its PINs and its limits', () => {
    const { personalisation: keys, first } = cardPlan.decode(issue.plan)
    const plan = personalisation.decode(keys)
    expect(first).toEqual(issued)
    expect(plan).toMatchObject({
      issuer: issuerKey,
      passcode: pinBlock(PASSCODE),
      unblocking: pinBlock(issue.unblocking ?? ''),
    })
    expect(parameters.decode(plan.parameters)).toMatchObject({
      balanceMax: 20_000n,
      paymentMax: 20_000n,
      pinFreeMax: 2500n,
    })
  })

  test.for([
    ['balance', { balance: VALUE_MAX + 1n }],
    ['balance', { balance: -1n }],
    ['passcode', { passcode: '123' }],
  ] as const)('names %s if it cannot be', ([field, change]) => {
    expect(() => purseOffice.issue({ ...request, ...change }, office)).toThrow(FormatError)
    expect(() => purseOffice.issue({ ...request, ...change }, office)).toThrow(field)
  })

  test('makes up a PIN of four digits and a code of eight, each digit as likely as another', () => {
    const draws = [251, 250, 0, 249, 19, 7, 1, 2, 3, 4, 5, 6, 7, 8]
    const drawn = { bytes: (size: number) => Uint8Array.of(...draws.splice(0, size)) }
    const made = purseOffice.issue(request, { ...office, random: drawn })
    expect([made.passcode, made.unblocking]).toEqual(['0997', '12345678'])
    expect(draws).toEqual([])
  })

  test('a module of a till that may not load has no key to load with', () => {
    const plan = (mayLoad: boolean) => {
      const bytes = purseOffice.module?.({ till: 7, currency: EUR, mayLoad }, secrets)
      return modulePlan.decode(bytes ?? new Uint8Array())
    }
    expect(plan(false).load).toEqual([])
    expect(plan(true).load).toEqual([masters.decode(secrets).load])
    const { publicKey } = generatePrivateKey()
    const till = { number: 7, publicKey, generation: 1, currency: EUR, now: 0 }
    expect(purseOffice.tillSecrets(secrets, till)).toHaveLength(0)
  })
})

describe('rejections', () => {
  /** A record with that sequence, whatever the layout says of it, as its maker has signed it. */
  function numbered(sequence: number): Bytes {
    const bytes = paid.signed.slice(0, RECORD_SIZE)
    new DataView(bytes.buffer).setUint32(SEQUENCE_AT, sequence)
    return concat(bytes, sign(tills.get(7) ?? officeKey, bytes))
  }

  const ROWS: readonly (readonly [string, Bytes])[] = [
    ['malformed', new Uint8Array()],
    ['malformed', paid.evidence.slice(1)],
    ['malformed', concat(paid.evidence, Uint8Array.of(0))],
    ['malformed', make('pay', 1n, issued, { record: { maker: 0 } }).evidence],
    ['malformed', make('issue', 0n, issued, { record: { maker: 0, sequence: 0 } }).evidence],
    // The office could not keep its place.
    [
      'malformed',
      make('pay', 1n, issued, { evidence: { signed: numbered(0x7fff_ffff) } }).evidence,
    ],
    ['unknown_currency', make('pay', 1n, issued, { record: { currency: 1 } }).evidence],
    ['unknown_maker', make('pay', 1n, issued, { record: { maker: 99 } }).evidence],
    ['unknown_maker', make('pay', 1n, issued, { record: { generation: 2 } }).evidence],
    ['bad_signature', make('pay', 1n, issued, { signer: generatePrivateKey() }).evidence],
  ]

  test.for(ROWS)('%s', ([reason, bytes]) => {
    expect(verify(bytes)).toEqual({ ok: false, reason })
  })

  test('every reason is in the table, in the order of the checks', () => {
    expect([...new Set(ROWS.map(([reason]) => reason))]).toEqual([...PURSE_REJECTIONS])
  })

  test('whatever one byte is changed to, nothing crashes and no other record is accepted', () => {
    const honest = entryOf(paid.evidence)
    const change = fc.record({
      at: fc.nat(paid.evidence.length - 1),
      by: fc.integer({ min: 1, max: 255 }),
    })
    const previousAt = 1 + SIGNED_SIZE + 2
    const stampAt = paid.evidence.length - 2 - 4 - 16
    fc.assert(
      fc.property(change, ({ at, by }) => {
        const bytes = paid.evidence.slice()
        bytes[at] = (bytes[at] ?? 0) ^ by
        const verdict = verify(bytes)
        expect(verdict.ok ? verdict.entry.digest : honest.digest).toBe(honest.digest)
        expect(at <= SIGNED_SIZE && verdict.ok).toBe(false)
        if (!verdict.ok) return
        // The predecessor is signed too, and the stamp is the card's: whatever is changed of them shows.
        const found = verdict.entry.findings.map(({ kind }) => kind)
        const inPrevious = at >= previousAt && at < previousAt + SIGNED_SIZE
        const inStamp = at >= stampAt && at < stampAt + 16
        expect(found).toEqual([
          ...(inPrevious ? ['previous-balance-altered'] : []),
          ...(inStamp ? ['counterfeit-stamp'] : []),
        ])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('findings', () => {
  const TILL: readonly Suspect[] = [{ kind: 'till', till: 7 }]
  const CARD: readonly Suspect[] = [{ kind: 'card', card }]
  const byOther = make('pay', 300n, issued, { record: { maker: 8 } })
  const altered = signRecord({ ...openSigned(byOther.signed), balance: 100n }, officeKey)
  const ofAnother = make('pay', 1n, issued, { record: { card: new Uint8Array(8) } }).signed
  const fake = make('issue', 0n, issued, { record: { sequence: 0, balance: 60_000n } })
  const onFake = make('pay', 10n, fake.signed, { record: { maker: 8 } })
  const units = [token(100n), token(200n)]
  const reversed = make('pay-reversal', 300n, paid.signed)

  interface Found {
    readonly kind: string
    readonly suspects: readonly Suspect[]
    readonly amount?: bigint
  }
  const against = (kind: string, suspects: readonly Suspect[], amount?: bigint): Found => ({
    kind,
    suspects,
    ...(amount !== undefined && { amount }),
  })

  const wrong = (record: Partial<PurseRecord>, lies: Lies = {}) =>
    make('pay', 300n, issued, { ...lies, record })

  const ROWS: readonly (readonly [string, Made, readonly Found[]])[] = [
    ['an honest payment', paid, []],
    [
      'an honest payment that the card may not have taken',
      make('pay', 300n, issued, unstamped),
      [],
    ],
    ['an honest load', loaded, []],
    ['an honest change of PIN', make('passcode', 0n), []],
    ['a payment taken back', reversed, []],
    ['a load taken back', make('load-reversal', 300n, loaded.signed), []],
    ['tokens that pay', make('pay', 300n, issued, { evidence: { tokens: units } }), []],
    [
      'a cent too much, the till says',
      wrong({ balance: 699n }, unstamped),
      [against('wrong-arithmetic', TILL, 1n)],
    ],
    [
      'a cent too much, and the card took it',
      wrong({ balance: 699n }),
      [against('wrong-arithmetic', CARD, 1n)],
    ],
    [
      'a cent too much, and a stamp that is none',
      wrong({ balance: 699n }, { evidence: { stamp: [new Uint8Array(16)] } }),
      [
        against('wrong-arithmetic', TILL, 1n),
        against('counterfeit-stamp', [...CARD, ...TILL], 300n),
      ],
    ],
    [
      'an amount in a change of PIN',
      make('passcode', 5n, issued, unstamped),
      [against('wrong-arithmetic', TILL, 0n)],
    ],
    [
      'an undoing undone',
      make('load-reversal', 300n, reversed.signed, unstamped),
      [against('wrong-arithmetic', TILL, 0n)],
    ],
    [
      'another till’s payment undone',
      make('pay-reversal', 300n, byOther.signed, unstamped),
      [against('wrong-arithmetic', TILL, 0n)],
    ],
    [
      'another amount undone',
      make('pay-reversal', 301n, paid.signed, unstamped),
      [against('wrong-arithmetic', TILL, 0n)],
    ],
    [
      'the issue undone',
      make('load-reversal', 1000n, issued, unstamped),
      [against('wrong-arithmetic', TILL, 0n)],
    ],
    ...(
      [
        { sequence: 2 },
        { paymentSequence: 2 },
        { loadSequence: 1 },
        { file: 0x105 },
        { currency: currency('USD').numeric },
      ] as const
    ).map((change): [string, Made, Found[]] => [
      `another ${Object.keys(change)[0]}`,
      wrong(change, unstamped),
      [against('wrong-sequence', TILL)],
    ]),
    [
      'a sequence left out, and the card took it',
      wrong({ sequence: 2 }),
      [against('wrong-sequence', CARD)],
    ],
    [
      'a previous record signed by another',
      make('pay', 10n, altered),
      [against('previous-balance-altered', TILL)],
    ],
    [
      'no previous record',
      make('pay', 300n, issued, { evidence: { previous: [] } }),
      [against('previous-balance-altered', TILL)],
    ],
    [
      'a previous record that is none',
      make('pay', 300n, issued, { evidence: { previous: [new Uint8Array(172)] } }),
      [against('previous-balance-altered', TILL)],
    ],
    [
      'another previous record than it names',
      make('pay', 300n, issued, { evidence: { previous: [paid.signed] } }),
      [against('previous-balance-altered', TILL)],
    ],
    [
      'a previous record of another card',
      make('pay', 1n, ofAnother, { record: { card: cardIdBytes(card) }, evidence: { stamp: [] } }),
      [against('previous-balance-altered', TILL)],
    ],
    [
      'a stamp that the card did not make',
      make('pay', 300n, issued, { evidence: { stamp: [new Uint8Array(16)] } }),
      [against('counterfeit-stamp', [...CARD, ...TILL], 300n)],
    ],
    [
      'more than the tokens',
      make('pay', 301n, issued, { evidence: { tokens: units } }),
      [against('overspend', TILL, 1n)],
    ],
    [
      'a token that is none',
      make('pay', 100n, issued, { evidence: { tokens: [token(100n), new Uint8Array(95)] } }),
      [against('unknown-token', TILL)],
    ],
    [
      'a token of another currency',
      make('pay', 100n, issued, {
        evidence: { tokens: [token(100n), token(5n, { currency: currency('USD').numeric })] },
      }),
      [against('unknown-token', TILL)],
    ],
    [
      'a till that issues',
      { ...fake, evidence: evidence.encode({ ...evidence.decode(fake.evidence), previous: [] }) },
      [against('unauthorised-load', TILL, 60_000n)],
    ],
    ['a record on what a till issued', onFake, [against('unauthorised-load', TILL, 60_000n)]],
  ]

  test.for(ROWS)('%s', ([, { evidence: bytes }, expected]) => {
    const { findings } = entryOf(bytes)
    expect(findings.map(({ kind, suspects, amount }) => against(kind, suspects, amount))).toEqual(
      expected,
    )
  })

  test('all are proven but the counterfeit stamp, and name the record', () => {
    for (const [name, { evidence: bytes }] of ROWS) {
      const { findings, digest, predecessor } = entryOf(bytes)
      const about = name === 'a record on what a till issued' ? predecessor?.digest : digest
      for (const finding of findings) {
        expect(finding.strength).toBe(finding.kind === 'counterfeit-stamp' ? 'suspected' : 'proven')
        expect(finding.about).toBe(about)
        expect(finding.records).toContain(digest)
      }
    }
  })

  test('only a genuine stamp attests; nothing is judged beyond the bytes', () => {
    const attested = (made: Made) => entryOf(made.evidence).isAttested
    expect(attested(paid)).toBe(true)
    expect(attested(make('pay', 300n, issued, unstamped))).toBe(false)
    expect(attested(make('pay', 300n, issued, { evidence: { stamp: [new Uint8Array(16)] } }))).toBe(
      false,
    )
    const moved = evidence.decode(make('pay', 301n).evidence).stamp
    expect(attested(make('pay', 300n, issued, { evidence: { stamp: moved } }))).toBe(false)
    expect(purseOffice.judge(entryOf(paid.evidence), [issue.known])).toEqual([])
  })
})

describe('the predecessor', () => {
  test('is told with its own content where it is shown', () => {
    expect(entryOf(make('pay', 10n, paid.signed).evidence).predecessor).toEqual({
      digest: digestOf(recordDigest(paid.signed)),
      sequence: 1,
      maker: 7,
      generation: 1,
      balance: 700n,
      madeAt: START + 1000,
      kind: 'pay',
      shown: true,
    })
  })

  test('that is not shown names nobody but the maker', () => {
    for (const [kind, amount] of [
      ['pay', 300n],
      ['load', 300n],
      ['passcode', 0n],
    ] as const) {
      const made = make(kind, amount, issued, { evidence: { previous: [] } })
      expect(entryOf(made.evidence).predecessor).toMatchObject({
        digest: digestOf(recordDigest(issued)),
        shown: false,
        maker: 7,
        sequence: 0,
        balance: 1000n,
      })
    }
  })

  test('tokens are told with what they are', () => {
    const [one, two] = [token(100n), token(200n)]
    const { tokens } = entryOf(
      make('pay', 300n, issued, { evidence: { tokens: [one, two] } }).evidence,
    )
    expect(tokens).toMatchObject([
      { bytes: one, price: 100n, product: 1, till: 7 },
      { bytes: two, price: 200n, product: 1, till: 7 },
    ])
  })
})

test('all evidence of one card has one route, whatever the bytes', () => {
  const routes = [paid, loaded, make('pay', 1n, paid.signed)].map((made) =>
    purseOffice.route(made.evidence),
  )
  expect(new Set(routes).size).toBe(1)
  expect(purseOffice.route(new Uint8Array())).toBe(0)
  const others = Array.from({ length: 50 }, (_, n) =>
    purseOffice.route(
      make('pay', 1n, issued, { record: { card: Uint8Array.of(n, 2, 3, 4, 5, 6, 7, n) } }).evidence,
    ),
  )
  expect(new Set(others).size).toBeGreaterThan(40)
})
