import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeBatch } from '../../src/kernel/batch.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { digestOf } from '../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { encodeSynchronisation } from '../../src/kernel/synchronisation.ts'
import { TOKEN_SIZE } from '../../src/kernel/token.ts'
import { decodeCaseFile, signCaseFile, type CaseFile } from '../../src/office/case-file/document.ts'
import { verifyCaseFile, type CaseResult } from '../../src/office/case-file/verify.ts'
import { listCases } from '../../src/office/ledger/cases.ts'
import { isOfCoins } from '../../src/office/coins/cases.ts'
import { CASE_KINDS, type CaseKind } from '../../src/office/ledger/findings.ts'
import { listMakerKeys } from '../../src/office/registry/keys.ts'
import type { VerifyContext } from '../../src/office/scheme.ts'
import { blockDigest, evidence } from '../../src/schemes/block/message.ts'
import { blockOffice } from '../../src/schemes/block/office.ts'
import { evidence as walletEvidence } from '../../src/schemes/wallet/message.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { exportNewest, exportOne, type ExportedCase } from '../support/case-files.ts'
import { CASE_STORIES, type CaseStory } from '../support/case-stories.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import { random, type Made, type MintTill } from '../support/mint.ts'
import { createWalletOffice, type WalletOffice } from '../support/wallet-office.ts'

let database: TestDatabase
let town: LedgerOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
})
afterAll(async () => {
  await town.evidence.stop()
  await database.drop()
})

const files = new Map<CaseStory, ExportedCase>()

/** The file of that story, which is told once. */
async function told(kind: CaseKind, how?: string): Promise<ExportedCase> {
  const story = CASE_STORIES.find(
    (one) => one.kind === kind && (how === undefined || one.how === how),
  )
  if (!story) throw new Error(`nobody tells of ${kind}`)
  const known = files.get(story)
  if (known) return known
  await story.tell(town)
  const file = await exportNewest(town.office, kind)
  files.set(story, file)
  return file
}

function resultOf(file: Uint8Array, root = town.office.key.publicKey): CaseResult {
  return verifyCaseFile(file, root, officeSchemes).result
}

describe('a proven case leaves the office in a file', () => {
  test.each(CASE_STORIES)('$kind, $how: seen by $seenBy', async (story) => {
    const { found, check } = await told(story.kind, story.how)
    expect(check.result).toBe(story.seenBy === 'anyone' ? 'proven' : 'office_only')
    const { file } = check
    expect(file?.checkable).toBe(story.seenBy)
    expect(file?.finding).toMatchObject({ kind: story.kind, about: found.about, card: found.card })
    expect(found.suspects).toMatchObject(file?.finding.suspects ?? [])
    expect(file?.batches).toHaveLength(story.batches)
    expect(check.steps.map(({ passed }) => passed)).toEqual([
      ...[true, true, true, true],
      story.seenBy === 'anyone',
    ])
  })

  test('there is a story for every kind that can be proven', () => {
    const others = [
      ...['counterfeit-stamp', 'missing-transaction', 'batch-gap'],
      // Of cards that sign, below.
      'card-key-extracted',
      // In coin-case-file.test.ts.
      ...CASE_KINDS.filter(isOfCoins),
    ]
    expect([...new Set(CASE_STORIES.map(({ kind }) => kind))]).toEqual(
      CASE_KINDS.filter((kind) => !others.includes(kind)),
    )
  })

  test('is seen by those that docs/protocol/case.md names', () => {
    const page = readFileSync('docs/protocol/case.md', 'utf8')
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (anyone|office) +\|/gm)]
    const seen = CASE_STORIES.map(({ kind, seenBy }) => `${kind} ${seenBy}`)
    expect(rows.map(([, kind, seenBy]) => `${kind} ${seenBy}`).toSorted()).toEqual(
      [...new Set(seen), 'card-key-extracted anyone'].toSorted(),
    )
  })

  test('opens the records of its own card, and of no other in the same batch', async () => {
    const till = await town.addTill()
    const [guilty, other] = [await town.addCard(), await town.addCard()]
    await town.send(
      town.mint.batch(till, [
        town.mint.make(till, other),
        town.mint.make(till, guilty, { lie: { balance: 1n } }),
      ]),
    )
    const { file } = (await exportNewest(town.office, 'wrong-arithmetic')).check
    const [bytes = new Uint8Array()] = file?.batches ?? []
    const context: VerifyContext = {
      secrets: file?.readingKeys['block'] ?? new Uint8Array(),
      keyOf: (maker) => (maker === 0 ? town.office.key.publicKey : till.key.publicKey),
    }
    const verdicts = decodeBatch(bytes).batch.items.map((item) =>
      blockOffice.verify(item.evidence, context),
    )
    expect(verdicts.map((one) => (one.ok ? one.entry.card : one.reason))).toEqual([
      'unreadable',
      guilty.id,
    ])
    expect(file?.known).toEqual([])
    expect(file?.keys.map(({ maker }) => maker)).toEqual([0, till.number])
  })

  test('has a passcode only where it is what shows the cheat', async () => {
    const copied = await told('passcode-not-entered', 'its HMAC copied from the block before')
    expect(copied.check.file?.known).toEqual([])
    const guessed = await told(
      'passcode-not-entered',
      'another one, as the passcode that the office knows shows',
    )
    expect(guessed.check.file?.known).toHaveLength(1)
  })
})

describe('of cards that sign', () => {
  let wallets: TestDatabase
  let offices: WalletOffice
  beforeAll(async () => {
    wallets = await createTestDatabase()
    offices = await createWalletOffice(wallets.db)
  })
  afterAll(async () => {
    await offices.service.stop()
    await wallets.drop()
  })

  test.each(['reported by the tills', 'handed in for the card'])(
    'anyone sees two payments with one sequence, %s',
    async (how) => {
      const card = await offices.addCard(100n)
      const [one, other] = [await offices.addTill(), await offices.addTill()]
      const first = offices.mint.buy(card, one, 60n, { keep: false })
      const second = offices.mint.buy(card, other, 70n)
      await offices.report(one, first.evidence)
      if (how === 'handed in for the card') await offices.sync(card, second.evidence)
      else await offices.report(other, second.evidence)
      const { check, file } = await exportNewest(offices.office, 'card-key-extracted')
      expect(check.result).toBe('proven')
      expect(check.file?.finding).toMatchObject({
        suspects: [{ kind: 'card', card: card.id }],
        amount: 60n,
      })
      const whole = decodeCaseFile(file).file
      const parts = [
        { batches: whole.batches.slice(1) },
        { readingKeys: {} },
        { finding: { ...whole.finding, suspects: [{ kind: 'till', till: one.number } as const] } },
      ]
      const { key, keyId } = offices.office
      for (const part of parts) {
        const signed = signCaseFile(key, keyId, { ...whole, ...part })
        expect(resultOf(signed, key.publicKey)).toBe('does_not_follow')
      }
    },
  )

  test('blames no till for what somebody adds to the record of a card', async () => {
    const [card, till] = [await offices.addCard(100n), await offices.addTill()]
    const shown = walletEvidence.decode(offices.mint.buy(card, till, 60n).evidence)
    const added = walletEvidence.encode({ ...shown, tokens: [random.bytes(TOKEN_SIZE)] })
    await offices.report(till, added)
    const { check, file } = await exportNewest(offices.office, 'unknown-token')
    expect(check.result).toBe('proven')
    const statement = new Uint8Array()
    const phone = { scheme: 'wallet', card: card.id, statement, items: [added] }
    const elsewhere = { batches: [], synchronisations: [encodeSynchronisation(phone)] }
    const { key, keyId } = offices.office
    const signed = signCaseFile(key, keyId, { ...decodeCaseFile(file).file, ...elsewhere })
    expect(resultOf(signed, key.publicKey)).toBe('does_not_follow')
  })
})

describe('what does not leave', () => {
  test('a case that is only suspected, or explained', async () => {
    const [a, b] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const { head } = card
    const one = town.mint.make(a, card)
    const two = town.mint.make(b, card, { on: head })
    await town.send(town.mint.batch(a, [one]), town.mint.batch(b, [two]))
    const [fork] = await listCases(database.db, { card: card.id })
    if (!fork) throw new Error('it forks')
    await expect(exportOne(town.office, fork)).rejects.toMatchObject({ refusal: 'conflict' })
    const explained = { ...fork, strength: 'proven', withdrawn: true } as const
    await expect(exportOne(town.office, explained)).rejects.toThrow('explained by later evidence')
  })

  test('a case that the evidence in store does not show', async () => {
    const { found } = await told('wrong-arithmetic')
    const invented = { ...found, suspects: [{ kind: 'till', till: 4711, weight: 1 }] } as const
    await expect(exportOne(town.office, invented)).rejects.toThrow('does not follow')
  })
})

describe('a file that somebody changed', () => {
  test('is refused, whichever byte it is', async () => {
    const { file } = await told('wrong-arithmetic', 'a balance that does not follow')
    const results = new Map<CaseResult, number>()
    for (let at = 0; at < file.length; at += 1) {
      const changed = new Uint8Array(file)
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
      const result = resultOf(changed)
      results.set(result, (results.get(result) ?? 0) + 1)
    }
    expect([...results.keys()].toSorted()).toEqual(['malformed', 'not_signed'])
    const counts = [...results].map(([result, count]) => `${count} ${result}`).join(', ')
    console.log(`case file: each of ${file.length} bytes changed: ${counts}`)
  })

  test('is refused if it ends early or goes on', async () => {
    const { file } = await told('wrong-arithmetic')
    expect(resultOf(file.subarray(0, -1))).toBe('malformed')
    expect(resultOf(Uint8Array.of(...file, 0))).toBe('malformed')
    expect(resultOf(new Uint8Array())).toBe('malformed')
  })

  test('is refused with the key of another office', async () => {
    const { file } = await told('wrong-arithmetic')
    expect(resultOf(file, generatePrivateKey().publicKey)).toBe('not_signed')
  })
})

describe('an office that lies', () => {
  interface Lie {
    readonly name: string
    readonly kind: CaseKind
    readonly how?: string
    readonly lie: (file: CaseFile) => Partial<CaseFile>
    readonly result: CaseResult
  }
  const finding = (change: Partial<CaseFile['finding']>) => (file: CaseFile) => ({
    finding: { ...file.finding, ...change },
  })
  const LATE = 'handed in too late'
  const SHOWN = 'never handed in'
  const LIES: readonly Lie[] = [
    { name: 'says nothing but the truth', kind: 'equivocation', lie: () => ({}), result: 'proven' },
    {
      name: 'has other batches than tills have signed',
      kind: 'equivocation',
      lie: ({ batches }) => ({ batches: batches.map(flipped) }),
      result: 'bad_evidence',
    },
    {
      name: 'gives a till another key',
      kind: 'equivocation',
      lie: ({ keys }) => ({
        keys: keys.map((key) => ({ ...key, publicKey: generatePrivateKey().publicKey.bytes })),
      }),
      result: 'bad_evidence',
    },
    {
      name: 'leaves the tills’ keys out',
      kind: 'equivocation',
      lie: () => ({ keys: [] }),
      result: 'bad_evidence',
    },
    {
      name: 'names another till',
      kind: 'equivocation',
      lie: finding({ suspects: [{ kind: 'till', till: 4711 }] }),
      result: 'does_not_follow',
    },
    {
      name: 'names the card',
      kind: 'equivocation',
      lie: (file) =>
        finding({ suspects: [{ kind: 'card', card: file.finding.card ?? NO_CARD }] })(file),
      result: 'does_not_follow',
    },
    {
      name: 'names somebody else as well',
      kind: 'equivocation',
      lie: (file) =>
        finding({ suspects: [...file.finding.suspects, { kind: 'till', till: 4711 }] })(file),
      result: 'does_not_follow',
    },
    {
      name: 'says that it was something else',
      kind: 'equivocation',
      lie: finding({ kind: 'wrong-arithmetic' }),
      result: 'does_not_follow',
    },
    {
      name: 'makes it more money',
      kind: 'equivocation',
      lie: finding({ amount: 401n }),
      result: 'does_not_follow',
    },
    {
      name: 'names another card',
      kind: 'equivocation',
      lie: finding({ card: NO_CARD }),
      result: 'does_not_follow',
    },
    {
      name: 'leaves one of two versions out',
      kind: 'equivocation',
      lie: ({ batches }) => ({ batches: batches.slice(1) }),
      result: 'does_not_follow',
    },
    {
      name: 'gives no evidence',
      kind: 'equivocation',
      lie: () => ({ batches: [] }),
      result: 'does_not_follow',
    },
    {
      name: 'keeps the reading keys',
      kind: 'equivocation',
      lie: () => ({ readingKeys: {} }),
      result: 'does_not_follow',
    },
    {
      name: 'gives other reading keys',
      kind: 'equivocation',
      lie: ({ readingKeys }) => ({
        readingKeys: { block: flipped(readingKeys['block'] ?? new Uint8Array()) },
      }),
      result: 'does_not_follow',
    },
    {
      name: 'denies the policy that it gave',
      kind: 'unauthorised-load',
      how: 'against its policy',
      lie: ({ policies }) => ({
        policies: policies.map((policy) => ({ ...policy, mayLoad: true })),
      }),
      result: 'does_not_follow',
    },
    {
      name: 'makes up a passcode',
      kind: 'passcode-not-entered',
      how: 'another one, as the passcode that the office knows shows',
      lie: () => ({ known: [new TextEncoder().encode('1234567')] }),
      result: 'does_not_follow',
    },
    {
      name: 'keeps the passcode',
      kind: 'passcode-not-entered',
      how: 'another one, as the passcode that the office knows shows',
      lie: () => ({ known: [] }),
      result: 'does_not_follow',
    },
    {
      name: 'leaves out the batch that should have it',
      kind: 'withheld-transaction',
      how: LATE,
      lie: ({ batches }) => ({ batches: batches.slice(1) }),
      result: 'does_not_follow',
    },
    {
      name: 'leaves out what shows that it is the first that should have it',
      kind: 'withheld-transaction',
      how: SHOWN,
      lie: ({ batches }) => ({
        batches: batches.filter((bytes) => decodeBatch(bytes).batch.items.length > 0).slice(1),
      }),
      result: 'does_not_follow',
    },
    {
      name: 'says that it is its own to see',
      kind: 'equivocation',
      lie: (file) => ({
        ...finding({ suspects: [{ kind: 'till', till: 4711 }] })(file),
        checkable: 'office',
      }),
      result: 'office_only',
    },
    {
      name: 'says of what anyone sees that it is its own',
      kind: 'equivocation',
      lie: () => ({ checkable: 'office' }),
      result: 'proven',
    },
    {
      name: 'blames the till for what a card may have stamped',
      kind: 'wrong-arithmetic',
      how: 'of a purse that has stamped it: the card',
      lie: (file) => ({
        ...finding({ suspects: file.batches.map(tillOf) })(file),
        checkable: 'anyone',
      }),
      result: 'does_not_follow',
    },
    {
      name: 'gives the keys of stamps, which it can make up',
      kind: 'fork',
      lie: () => ({
        readingKeys: { purse: town.office.secretsOf('purse') },
        checkable: 'anyone',
      }),
      result: 'does_not_follow',
    },
    {
      name: 'gives a master key, which it can make up',
      kind: 'equivocation',
      lie: () => ({ readingKeys: { block: town.mint.secrets } }),
      result: 'does_not_follow',
    },
    {
      name: 'says of what is its own to see that anyone does',
      kind: 'fork',
      lie: () => ({ checkable: 'anyone' }),
      result: 'does_not_follow',
    },
  ]

  test.each(LIES)('$name: $result', async ({ kind, how, lie, result }) => {
    const { file } = decodeCaseFile((await told(kind, how)).file)
    const { key, keyId } = town.office
    expect(resultOf(signCaseFile(key, keyId, { ...file, ...lie(file) }))).toBe(result)
  })

  /** A file of a lying office: its own finding, and whatever evidence suits it. */
  async function madeUp(
    lie: Partial<CaseFile['finding']>,
    shown: Partial<CaseFile>,
    readable: readonly Bytes[],
  ): Promise<CaseResult> {
    const { file } = decodeCaseFile((await told('equivocation')).file)
    const keys = await listMakerKeys(database.db)
    const { key, keyId } = town.office
    const readingKeys = blockOffice.readingKeys?.(town.mint.secrets, readable)
    return resultOf(
      signCaseFile(key, keyId, {
        ...file,
        keys: keys.map(({ maker, generation, publicKey }) => ({
          maker,
          generation,
          publicKey: publicKey.bytes,
        })),
        policies: keys.flatMap(({ maker: till }) =>
          till === 0 ? [] : [{ till, version: 1, mayLoad: true, freeAmounts: true }],
        ),
        readingKeys: readingKeys ? { block: readingKeys } : {},
        batches: [],
        ...shown,
        finding: { ...file.finding, amount: undefined, ...lie },
      }),
    )
  }
  const against = ({ number: till }: MintTill) => ({ suspects: [{ kind: 'till', till } as const] })
  const digestOfMade = ({ block }: Made) => digestOf(blockDigest(block))

  test('accuses nobody of withholding what is in the batch that must have it, or is not due', async () => {
    const [honest, next] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const [one, two] = [town.mint.make(honest, card), town.mint.make(honest, card)]
    const first = town.mint.batch(honest, [one], { completeUpTo: one.at })
    const second = town.mint.batch(honest, [two], { completeUpTo: two.at })
    const shows = town.mint.make(next, card)
    const shown = town.mint.batch(next, [shows])
    const withholds = (record: Made, batches: readonly Bytes[]) => {
      const digest = digestOfMade(record)
      const lie = { kind: 'withheld-transaction', card: card.id, about: digest } as const
      return madeUp({ ...lie, ...against(honest), records: [digest] }, { batches: [...batches] }, [
        shows.evidence,
      ])
    }
    // It is there; it is not due yet; the batch that has it is left out.
    expect(await withholds(two, [shown, first, second])).toBe('does_not_follow')
    expect(await withholds(two, [shown, first])).toBe('does_not_follow')
    expect(await withholds(one, [second])).toBe('does_not_follow')
    const empty = { ...honest, sent: [first] }
    const kept = town.mint.batch(empty, [], { completeUpTo: two.at })
    expect(await withholds(two, [shown, first, kept])).toBe('proven')
  })

  test('puts into no till’s mouth what it found in another’s hands', async () => {
    const [honest, liar] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const made = town.mint.make(honest, card, { amount: 100n })
    const lied = evidence.encode({ ...evidence.decode(made.evidence), amount: 50 })
    const digest = digestOfMade(made)
    const arithmetic = { kind: 'wrong-arithmetic', card: card.id, about: digest } as const
    const lie = { ...arithmetic, records: [digest], amount: 50n }
    const item = { evidence: lied, at: made.at }
    const accuse = (accused: MintTill, shown: Partial<CaseFile>) =>
      madeUp({ ...lie, ...against(accused) }, shown, [lied])
    const ofLiar = [town.mint.batch(liar, [item])]
    expect(await accuse(honest, { batches: ofLiar })).toBe('does_not_follow')
    const statement = new Uint8Array()
    const synchronisation = { scheme: 'block', card: card.id, statement, items: [lied] }
    const asCard = [encodeSynchronisation(synchronisation)]
    expect(await accuse(honest, { synchronisations: asCard })).toBe('does_not_follow')
    expect(await accuse(honest, { batches: [town.mint.batch(honest, [item])] })).toBe('proven')
    // The same of what shows only beside another record.
    const { balance } = town.mint.open(card, card.head)
    const undoing = { kind: 'reversal', amount: 100n, lie: { balance: balance + 100n } } as const
    const undone = town.mint.make(honest, card, undoing)
    const more = evidence.encode({ ...evidence.decode(undone.evidence), amount: 900 })
    const name = digestOfMade(undone)
    const excess = { ...arithmetic, about: name, records: [name], amount: 800n }
    const paid = town.mint.batch(honest, [made])
    const byLiar = town.mint.batch(liar, [{ evidence: more, at: undone.at }])
    expect(
      await madeUp({ ...excess, ...against(honest) }, { batches: [paid, byLiar] }, [more]),
    ).toBe('does_not_follow')
  })

  test('counts no loads of a batch of which it shows a part', async () => {
    const till = await town.addTill()
    const [loaded, undone] = [await town.addCard(), await town.addCard()]
    const before = town.mint.make(till, undone, { kind: 'load', amount: 300n })
    const { balance } = town.mint.open(undone, undone.head)
    const lie = { balance: balance - 300n }
    const items = [
      town.mint.make(till, loaded, { kind: 'load', amount: 500n }),
      town.mint.make(till, undone, { kind: 'reversal', amount: 300n, lie }),
    ]
    town.mint.batch(till, [before])
    const totals = { paid: 0n, loaded: 200n, cash: 200n }
    const batches = [town.mint.batch(till, items, { totals })]
    const beyond = (readable: readonly Bytes[], amount: bigint) =>
      madeUp(
        {
          kind: 'load-beyond-cash',
          card: undefined,
          about: `${till.number}:2`,
          records: [],
          amount,
          ...against(till),
        },
        { batches },
        readable,
      )
    expect(await beyond([items[0]?.evidence ?? NO_BYTES], 300n)).toBe('does_not_follow')
    expect(
      await beyond(
        items.map((one) => one.evidence),
        300n,
      ),
    ).toBe('does_not_follow')
  })

  test('proves nothing by a fork of a card that signs nothing', async () => {
    const [a, b] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const { head } = card
    const one = town.mint.make(a, card, { amount: 500n })
    const two = town.mint.make(b, card, { amount: 700n, on: head })
    const batches = [town.mint.batch(a, [one]), town.mint.batch(b, [two])]
    await town.send(...batches)
    const [fork] = await listCases(database.db, { card: card.id })
    if (!fork) throw new Error('it forks')
    const { kind, about, suspects, amount, records } = fork
    const claim = { kind, about, card: card.id, amount, records }
    const accused = suspects.map((suspect) =>
      suspect.kind === 'card'
        ? ({ kind: 'card', card: suspect.card } as const)
        : ({ kind: 'till', till: suspect.till } as const),
    )
    const readable = [one.evidence]
    expect(await madeUp({ ...claim, suspects: accused }, { batches }, readable)).toBe(
      'does_not_follow',
    )
  })

  test('finds no keys under which an honest till has shown rubbish', async () => {
    const [till, card] = [await town.addTill(), await town.addCard()]
    const made = town.mint.make(till, card)
    const shown = evidence.decode(made.evidence)
    const rubbish = evidence.encode({ ...shown, previous: [random.bytes(136)] })
    const keyOf = () => till.key.publicKey
    const { secrets } = town.mint
    const given = blockOffice.readingKeys?.(secrets, [rubbish]) ?? new Uint8Array()
    expect(blockOffice.verify(rubbish, { secrets, keyOf })).toMatchObject({ ok: true })
    expect(blockOffice.verify(rubbish, { secrets: given, keyOf })).toEqual({
      ok: false,
      reason: 'unreadable',
    })
  })
})

const NO_BYTES = new Uint8Array()

function tillOf(batch: Bytes) {
  return { kind: 'till', till: decodeBatch(batch).batch.till } as const
}

const NO_CARD = '00000000000000ff' as NonNullable<CaseFile['finding']['card']>

/** With one bit changed in the middle. */
function flipped(bytes: Bytes): Bytes {
  const changed = new Uint8Array(bytes)
  const at = changed.length >> 1
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}
