import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { cardIdOf } from '../../../src/kernel/ids.ts'
import { currency } from '../../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import { signToken } from '../../../src/kernel/token.ts'
import type { Finding } from '../../../src/office/ledger/findings.ts'
import type { Verdict, VerifiedEntry } from '../../../src/office/scheme.ts'
import {
  chipKeys,
  evidence,
  openBlock,
  passcodeHmac,
  sealBlock,
  tillSecrets,
  type Block,
  type Evidence,
} from '../../../src/schemes/block/message.ts'
import { BLOCK_REJECTIONS, blockOffice } from '../../../src/schemes/block/office.ts'
import { random, USD } from './world.ts'

const officeKey = generatePrivateKey()
const tills = new Map([7, 8].map((number) => [number, generatePrivateKey()]))
const secrets = blockOffice.createSecrets(random, 0)
const uid = Uint8Array.of(0xde, 0xad, 0xbe, 0xef)
const keys = chipKeys(tillSecrets.decode(secrets).master, uid)
const card = cardIdOf(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7))
const PASSCODE = '4821'
const START = Date.UTC(2026, 8, 8)

const issue = blockOffice.issue(
  { card, uid, currency: USD, balance: 1000n, passcode: PASSCODE },
  { key: officeKey, generation: 1, secrets, clock: { now: () => START }, random },
)
const issued = evidence.decode(issue.evidence).block

function keyOf(maker: number, generation: number) {
  if (generation !== 1) return undefined
  return maker === 0 ? officeKey.publicKey : tills.get(maker)?.publicKey
}

function verify(bytes: Bytes): Verdict {
  return blockOffice.verify(bytes, { secrets, keyOf })
}

function entryOf(bytes: Bytes): VerifiedEntry {
  const verdict = verify(bytes)
  if (!verdict.ok) throw new Error(`rejected: ${verdict.reason}`)
  return verdict.entry
}

/** What of a record is as no honest till makes it. */
interface Lies {
  readonly block?: Partial<Block>
  readonly evidence?: Partial<Evidence>
  readonly signer?: PrivateKey
  readonly passcode?: string
}

interface Made {
  readonly block: Bytes
  readonly evidence: Bytes
}

/** A record of till 7 on `on`, honest but for its lies. */
function make(
  kind: Block['kind'],
  amount: bigint,
  on: Bytes = issued,
  { block: blockLies, evidence: evidenceLies, signer, passcode = PASSCODE }: Lies = {},
): Made {
  const before = openBlock(on, keys)
  const sign = kind === 'pay' ? -1n : kind === 'load' ? 1n : 0n
  const hmacKey = random.bytes(8)
  const block: Block = {
    ...before,
    kind,
    vendor: 7,
    timestamp: START + 1000,
    balance: before.balance + sign * amount,
    sequence: before.sequence + 1,
    hmacKey,
    passcodeHmac: passcodeHmac(passcode, hmacKey),
    ...blockLies,
  }
  const key = signer ?? tills.get(block.vendor) ?? officeKey
  const sealed = sealBlock(block, keys, key)
  const shown = {
    uid,
    block: sealed,
    previous: [on],
    amount: Number(amount),
    policyVersion: 1,
    tokens: [],
    newPasscode: new Uint8Array(),
    ...evidenceLies,
  }
  return { block: sealed, evidence: evidence.encode(shown) }
}

function token(price: bigint, change: { currency?: number } = {}): Bytes {
  return signToken(officeKey, {
    product: 1,
    price,
    currency: USD.numeric,
    madeAt: START,
    till: 7,
    nonce: random.bytes(8),
    ...change,
  })
}

const paid = make('pay', 300n)
const loaded = make('load', 300n)
const byOther = make('pay', 300n, issued, { block: { vendor: 8 } })

describe('issue', () => {
  test('passes its own verification', () => {
    const entry = entryOf(issue.evidence)
    expect(entry).toMatchObject({
      card,
      sequence: 0,
      kind: 'issue',
      amount: 1000n,
      balance: 1000n,
      maker: 0,
      madeAt: START,
      predecessor: undefined,
      findings: [],
    })
    expect(issue.known).toEqual(utf8(PASSCODE))
  })

  const office = { key: officeKey, generation: 1, secrets, clock: { now: () => START }, random }
  test.for([
    ['uid', { uid: new Uint8Array(7) }],
    ['balance', { balance: 65_536n }],
    ['balance', { balance: -1n }],
    ['passcode', { passcode: '123' }],
  ] as const)('names %s if it cannot be', ([field, change]) => {
    const request = { card, uid, currency: USD, balance: 0n, ...change }
    expect(() => blockOffice.issue(request, office)).toThrow(FormatError)
    expect(() => blockOffice.issue(request, office)).toThrow(field)
  })

  test('makes up a passcode of four digits, each as likely as another', () => {
    const draw = (...pairs: number[][]) => {
      let draws = pairs
      const drawn = {
        bytes(size: number) {
          if (size !== 2) return new Uint8Array(size)
          const [next = [], ...rest] = draws
          draws = rest
          return Uint8Array.from(next)
        },
      }
      const request = { card, uid, currency: USD, balance: 0n }
      return blockOffice.issue(request, { ...office, random: drawn }).passcode
    }
    expect(draw([0, 7])).toBe('0007')
    expect(draw([0xea, 0x5f])).toBe('9999')
    // 60000 and above would make the low ones likelier.
    expect(draw([0xea, 0x60], [0xff, 0xff], [0x27, 0x11])).toBe('0001')
  })

  test('secrets open to what tills get', () => {
    const { publicKey } = generatePrivateKey()
    const till = { number: 7, publicKey, generation: 1, currency: currency('USD'), now: 0 }
    expect(tillSecrets.decode(blockOffice.tillSecrets(secrets, till)).master).toHaveLength(16)
    expect(() => blockOffice.tillSecrets(new Uint8Array(3), till)).toThrow(FormatError)
  })
})

describe('rejections', () => {
  const ROWS: readonly (readonly [string, Bytes])[] = [
    ['malformed', new Uint8Array()],
    ['malformed', paid.evidence.slice(1)],
    ['malformed', concat(paid.evidence, Uint8Array.of(0))],
    ['malformed', make('pay', 1n, issued, { block: { vendor: 0 } }).evidence],
    ['malformed', make('issue', 0n, issued, { block: { vendor: 0, sequence: 0 } }).evidence],
    ['unreadable', withBlock(new Uint8Array(136))],
    ['unknown_currency', make('pay', 1n, issued, { block: { currency: 1 } }).evidence],
    ['unknown_maker', make('pay', 1n, issued, { block: { vendor: 99 } }).evidence],
    ['unknown_maker', make('pay', 1n, issued, { block: { generation: 2 } }).evidence],
    ['bad_signature', make('pay', 1n, issued, { signer: generatePrivateKey() }).evidence],
  ]

  function withBlock(block: Bytes): Bytes {
    return evidence.encode({ ...evidence.decode(paid.evidence), block })
  }

  test.for(ROWS)('%s', ([reason, bytes]) => {
    expect(verify(bytes)).toEqual({ ok: false, reason })
  })

  test('every reason is in the table, in the order of the checks', () => {
    const shown = [...new Set(ROWS.map(([reason]) => reason))]
    expect(shown.toSorted(byOrder)).toEqual([...BLOCK_REJECTIONS])
    expect(shown).toEqual([...BLOCK_REJECTIONS])
  })

  function byOrder(a: string, b: string): number {
    const order: readonly string[] = BLOCK_REJECTIONS
    return order.indexOf(a) - order.indexOf(b)
  }

  test('whatever one byte is changed to, nothing crashes and no other block is accepted', () => {
    const honest = entryOf(paid.evidence)
    const change = fc.record({
      at: fc.nat(paid.evidence.length - 1),
      by: fc.integer({ min: 1, max: 255 }),
    })
    fc.assert(
      fc.property(change, ({ at, by }) => {
        const bytes = paid.evidence.slice()
        bytes[at] = (bytes[at] ?? 0) ^ by
        const verdict = verify(bytes)
        expect(verdict.ok ? verdict.entry.digest : honest.digest).toBe(honest.digest)
        const inBlock = at >= 5 && at < 141
        expect(inBlock && verdict.ok).toBe(false)
        // The predecessor is signed too: whatever is changed of it shows.
        const inPrevious = at >= 143 && at < 279
        const found = verdict.ok && verdict.entry.findings.map(({ kind }) => kind)
        expect(inPrevious ? found : false).toEqual(inPrevious && ['previous-balance-altered'])
      }),
      { numRuns: 1000 },
    )
  })

  test('a block is remembered for its chip and its office only', () => {
    const honest = make('pay', 6n).evidence
    expect(verify(honest).ok).toBe(true)
    const shown = evidence.decode(honest)
    expect(verify(evidence.encode({ ...shown, uid: Uint8Array.of(1, 2, 3, 4) })).ok).toBe(false)
    const elsewhere = { secrets: blockOffice.createSecrets(random, 0), keyOf }
    expect(blockOffice.verify(honest, elsewhere).ok).toBe(false)
  })

  test('a signature is remembered for these bytes and this key only', () => {
    const honest = make('pay', 5n)
    expect(verify(honest.evidence).ok).toBe(true)
    const shown = evidence.decode(honest.evidence)
    const forged = shown.block.slice()
    forged[135] = (forged[135] ?? 0) ^ 1
    expect(verify(evidence.encode({ ...shown, block: forged }))).toMatchObject({
      reason: 'bad_signature',
    })
    const later = { secrets, keyOf: () => generatePrivateKey().publicKey }
    expect(blockOffice.verify(honest.evidence, later)).toMatchObject({ reason: 'bad_signature' })
    expect(verify(honest.evidence).ok).toBe(true)
  })
})

describe('findings', () => {
  const reversal = (on: Made, change: bigint, lies: Lies = {}) =>
    make('reversal', 300n, on.block, {
      ...lies,
      block: { balance: openBlock(on.block, keys).balance + change, ...lies.block },
    })
  const reversed = reversal(paid, 300n)
  const rewritten = (lies: Partial<Block>) =>
    sealBlock({ ...openBlock(byOther.block, keys), ...lies }, keys, tills.get(7) ?? officeKey)
  const altered = rewritten({ balance: 100n })
  const ofAnotherCard = make('pay', 1n, issued, {
    block: { card: cardIdOf(new Uint8Array(8)) },
  }).block
  const fake = make('issue', 0n, issued, { block: { sequence: 0, balance: 60_000n } })
  const onFake = make('pay', 10n, fake.block, { block: { vendor: 8 } })
  const units = [token(100n), token(200n)]

  const ROWS: readonly (readonly [string, Made, readonly (readonly [string, bigint?])[]])[] = [
    ['an honest payment', paid, []],
    ['an honest load', loaded, []],
    ['an honest change of passcode', make('passcode', 0n), []],
    ['an undone payment', reversed, []],
    ['an undone load', reversal(loaded, -300n), []],
    ['tokens that pay', make('pay', 300n, issued, { evidence: { tokens: units } }), []],
    [
      'a cent too much taken',
      make('pay', 300n, issued, { block: { balance: 699n } }),
      [['wrong-arithmetic', 1n]],
    ],
    [
      'a cent too much loaded',
      make('load', 300n, issued, { block: { balance: 1301n } }),
      [['wrong-arithmetic', 1n]],
    ],
    [
      'money in a change of passcode',
      make('passcode', 0n, issued, { block: { balance: 1001n } }),
      [['wrong-arithmetic', 1n]],
    ],
    ['an amount in a change of passcode', make('passcode', 5n), [['wrong-arithmetic']]],
    [
      'another currency than before',
      make('pay', 300n, issued, { block: { currency: currency('EUR').numeric } }),
      [['wrong-arithmetic']],
    ],
    [
      "another till's payment undone",
      reversal(paid, 300n, { block: { vendor: 8 } }),
      [['wrong-arithmetic']],
    ],
    ['an undoing undone', reversal(reversed, -300n), [['wrong-arithmetic']]],
    ['an issue undone', reversal({ ...paid, block: issued }, 300n), [['wrong-arithmetic']]],
    [
      'a sequence left out',
      make('pay', 300n, issued, { block: { sequence: 2 } }),
      [['wrong-sequence']],
    ],
    ['a previous block resealed', make('pay', 10n, altered), [['previous-balance-altered']]],
    [
      'no previous block',
      make('pay', 300n, issued, { evidence: { previous: [] } }),
      [['previous-balance-altered']],
    ],
    [
      'a previous block that is none',
      make('pay', 300n, issued, { evidence: { previous: [new Uint8Array(136)] } }),
      [['previous-balance-altered']],
    ],
    [
      'a previous block of another card',
      make('pay', 1n, ofAnotherCard, { block: { card } }),
      [['previous-balance-altered']],
    ],
    [
      'an HMAC copied',
      make('pay', 300n, issued, {
        block: {
          hmacKey: openBlock(issued, keys).hmacKey,
          passcodeHmac: openBlock(issued, keys).passcodeHmac,
        },
      }),
      [['passcode-not-entered', 300n]],
    ],
    [
      'more than the tokens',
      make('pay', 301n, issued, { evidence: { tokens: units } }),
      [['overspend', 1n]],
    ],
    [
      'a token that is none',
      make('pay', 100n, issued, { evidence: { tokens: [token(100n), new Uint8Array(95)] } }),
      [['unknown-token']],
    ],
    [
      'a token of another currency',
      make('pay', 100n, issued, {
        evidence: { tokens: [token(100n), token(5n, { currency: currency('EUR').numeric })] },
      }),
      [['unknown-token']],
    ],
    [
      'a till that issues',
      { ...fake, evidence: evidence.encode({ ...evidence.decode(fake.evidence), previous: [] }) },
      [['unauthorised-load', 60_000n]],
    ],
    ['a record on what a till issued', onFake, [['unauthorised-load', 60_000n]]],
  ]

  test.for(ROWS)('%s', ([, { evidence: bytes }, expected]) => {
    const found = entryOf(bytes).findings
    expect(
      found.map(({ kind, amount }) => (amount === undefined ? [kind] : [kind, amount])),
    ).toEqual(expected)
  })

  test('each is proven against whoever signed, and names the record', () => {
    for (const [name, { evidence: bytes }] of ROWS) {
      const entry = entryOf(bytes)
      const guilty = name === 'a record on what a till issued' ? 7 : entry.maker
      const about = guilty === entry.maker ? entry.digest : entry.predecessor?.digest
      expect(entry.findings.every((finding) => finding.strength === 'proven')).toBe(true)
      expect(entry.findings.map(({ suspects }) => suspects)).toEqual(
        entry.findings.map((): Finding['suspects'] => [{ kind: 'till', till: guilty }]),
      )
      expect(entry.findings.map((finding) => finding.about)).toEqual(
        entry.findings.map(() => about),
      )
      expect(entry.findings.every(({ records }) => records.includes(entry.digest))).toBe(true)
    }
  })

  test('what an altered predecessor claims is told, and that it was not shown', () => {
    expect(entryOf(make('pay', 10n, altered).evidence).predecessor).toMatchObject({
      shown: false,
      maker: 8,
      sequence: 1,
      balance: 100n,
      kind: 'pay',
    })
    expect(entryOf(make('pay', 10n, byOther.block).evidence).predecessor).toMatchObject({
      shown: true,
      maker: 8,
      sequence: 1,
      balance: 700n,
    })
  })

  test('a predecessor that cannot be read names nobody but the maker', () => {
    for (const [kind, before] of [
      ['pay', 1000n],
      ['load', 1000n],
      ['passcode', 1000n],
    ] as const) {
      const amount = kind === 'passcode' ? 0n : 300n
      const made = make(kind, amount, issued, { evidence: { previous: [] } })
      expect(entryOf(made.evidence).predecessor).toMatchObject({
        shown: false,
        maker: 7,
        sequence: 0,
        balance: before,
      })
    }
  })
})

describe('what a known passcode tells', () => {
  const known = [issue.known]
  const judged = (made: Made, codes: readonly Bytes[] = known) =>
    blockOffice.judge(entryOf(made.evidence), codes)
  const guessed = make('pay', 300n, issued, { passcode: '0000' })
  const changed = make('passcode', 0n, issued, { passcode: '1234' })

  test('a payment without it is proven against its maker', () => {
    const entry = entryOf(guessed.evidence)
    expect(blockOffice.judge(entry, known)).toEqual([
      {
        kind: 'passcode-not-entered',
        strength: 'proven',
        suspects: [{ kind: 'till', till: 7 }],
        card,
        about: entry.digest,
        amount: 300n,
        records: [entry.digest],
      },
    ])
    expect(judged(guessed, [utf8('9999'), ...known])).toHaveLength(1)
  })

  test('a payment with it is not, nor one after a change that the office knows', () => {
    expect(judged(paid)).toEqual([])
    const after = make('pay', 1n, changed.block, { passcode: '1234' })
    expect(judged(after, [...known, utf8('1234')])).toEqual([])
    expect(judged(make('pay', 1n, changed.block), [...known, utf8('1234')])).toHaveLength(1)
  })

  test('nothing is said where the office does not know enough', () => {
    expect(judged(guessed, [])).toEqual([])
    expect(judged(guessed, [utf8('9999')])).toEqual([])
    expect(judged(make('pay', 1n, changed.block))).toEqual([])
    expect(blockOffice.judge(entryOf(issue.evidence), known)).toEqual([])
    const unshown = make('pay', 1n, issued, { passcode: '0000', evidence: { previous: [] } })
    expect(judged(unshown)).toEqual([])
  })

  test('a change of passcode, and undoing one, are not judged', () => {
    expect(judged(changed)).toEqual([])
    const back = make('reversal', 0n, changed.block)
    expect(entryOf(back.evidence).findings).toEqual([])
    expect(judged(back, [...known, utf8('1234')])).toEqual([])
    const undone = make('reversal', 300n, paid.block, {
      block: { balance: 1000n },
      passcode: '0000',
    })
    expect(judged(undone)).toHaveLength(1)
  })
})
