import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { digestOf } from '../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { decodeCaseFile, signCaseFile, type CaseFile } from '../../src/office/case-file/document.ts'
import type { CoinEvidence } from '../../src/office/case-file/coins.ts'
import { verifyCaseFile, type CaseResult } from '../../src/office/case-file/verify.ts'
import { isOfCoins } from '../../src/office/coins/cases.ts'
import { listCases } from '../../src/office/ledger/cases.ts'
import { CASE_KINDS, type CaseKind } from '../../src/office/ledger/findings.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { closeTills } from '../schemes/coin/till.ts'
import { exportOne, exportProven, type ExportedCase } from '../support/case-files.ts'
import {
  forgedBy,
  keepingAll,
  lying,
  movingNothing,
  unsigned,
  type Lie,
} from '../support/coin-lies.ts'
import { CoinOffice, type OfficeCustomer, type Shop } from '../support/coin-office.ts'

let town: CoinOffice
beforeAll(async () => {
  town = await CoinOffice.create('case files')
})
afterAll(async () => {
  closeTills()
  await town.office.close()
})

async function oneLie(lieOf: (shop: Shop, payer: OfficeCustomer) => Lie): Promise<void> {
  const [customer, shop] = [await town.customer(10n, [10n]), await town.shop([2n, 5n])]
  await shop.sell(customer, 8n)
  await shop.report(lying(town, shop, lieOf(shop, customer)))
}

interface Story {
  readonly kind: CaseKind
  readonly tell: () => Promise<void>
  /** Items of evidence, and transfers alone, that it takes. */
  readonly shown: readonly [number, number]
  readonly amount: bigint | null
}

const STORIES: readonly Story[] = [
  {
    kind: 'forged-coin',
    tell: () => oneLie((_shop, payer) => forgedBy(payer.chip)),
    shown: [1, 0],
    amount: null,
  },
  { kind: 'forged-hop', tell: () => oneLie(() => unsigned), shown: [1, 0], amount: null },
  {
    kind: 'broken-chain',
    tell: () => oneLie((_shop, payer) => movingNothing(payer.chip)),
    shown: [1, 0],
    amount: null,
  },
  {
    kind: 'wrong-change',
    tell: () => oneLie((shop) => keepingAll(shop.vendor.chip)),
    shown: [1, 0],
    amount: null,
  },
  {
    kind: 'cloned-element',
    async tell() {
      const customer = await town.customer(30n, [10n, 20n])
      const [first, second] = [await town.shop(), await town.shop()]
      const copy = customer.clone()
      await first.sell(customer, 10n)
      await second.sell(copy, 20n)
      await first.surrender()
      await second.surrender()
    },
    shown: [0, 2],
    amount: null,
  },
  {
    kind: 'coin-spent-twice',
    async tell() {
      const customer = await town.customer(30n, [10n, 20n])
      const [first, second] = [await town.shop(), await town.shop()]
      const copy = customer.clone()
      await first.sell(customer, 10n)
      await (await town.shop()).sell(copy, 20n)
      await second.sell(copy, 10n)
      await first.surrender()
      await second.surrender()
    },
    shown: [2, 0],
    amount: 10n,
  },
  {
    kind: 'coin-redeemed-twice',
    async tell() {
      const [customer, shop] = [await town.customer(10n, [10n]), await town.shop()]
      await shop.sell(customer, 10n)
      await shop.report(lying(town, shop, (content) => ({ ...content, kept: [] })))
      await shop.surrender()
    },
    shown: [2, 0],
    amount: 10n,
  },
]

const told = new Map<CaseKind, ExportedCase>()

/** The file of that story, which is told once. */
async function fileOf(kind: CaseKind): Promise<ExportedCase> {
  const known = told.get(kind)
  if (known) return known
  await STORIES.find((story) => story.kind === kind)?.tell()
  for (const one of await exportProven(town.office.office)) {
    if (!told.has(one.found.kind)) told.set(one.found.kind, one)
  }
  const file = told.get(kind)
  if (!file) throw new Error(`nobody was found guilty of ${kind}`)
  return file
}

function resultOf(file: Uint8Array, root = town.office.office.key.publicKey): CaseResult {
  return verifyCaseFile(file, root, officeSchemes).result
}

describe('a case about coins leaves the office in a file', () => {
  test.each(STORIES)('$kind: seen by anyone', async ({ kind, shown, amount }) => {
    const { found, check } = await fileOf(kind)
    expect(check.result).toBe('proven')
    const { file } = check
    expect(file?.finding).toMatchObject({ kind, about: found.about, records: found.records })
    expect(found.suspects).toMatchObject(file?.finding.suspects ?? [])
    expect([file?.finding.amount ?? null, file?.currency]).toEqual([
      amount,
      amount === null && found.card === undefined ? null : 'EUR',
    ])
    expect([file?.coins?.opened.length, file?.coins?.transfers.length]).toEqual(shown)
    // Nobody else’s business: no batch, no key, and of nobody but the accused whose an element is.
    expect(file).toMatchObject({ batches: [], readingKeys: {}, keys: [], known: [] })
    expect(file?.coins?.bearers).toHaveLength(1)
    expect(check.steps.every(({ passed }) => passed)).toBe(true)
  })

  test('there is a story for every kind that can be proven', () => {
    const provable = CASE_KINDS.filter(isOfCoins).filter((kind) => kind !== 'unissued-coin')
    expect(STORIES.map(({ kind }) => kind)).toEqual(provable)
  })

  test('over the API, by those who may', async () => {
    const { found } = await fileOf('coin-spent-twice')
    const url = `/api/cases/${found.id}/export`
    const { status, body } = await town.office.call('operator', 'GET', url)
    expect(status).toBe(200)
    expect(resultOf(body)).toBe('proven')
  })

  test('not one whose evidence nobody remembers', async () => {
    await fileOf('wrong-change')
    const found = (await listCases(town.office.db)).find(({ kind }) => kind === 'wrong-change')
    if (!found) throw new Error('it was found')
    const lost = { ...found, records: found.records.map(() => digestOf(new Uint8Array(32))) }
    await expect(exportOne(town.office.office, lost)).rejects.toMatchObject({ refusal: 'conflict' })
  })
})

describe('an office that lies about coins', () => {
  interface Lied {
    readonly name: string
    readonly kind: CaseKind
    readonly lie: (file: CaseFile, coins: CoinEvidence) => Partial<CaseFile>
    readonly result: CaseResult
  }
  const finding = (change: Partial<CaseFile['finding']>) => (file: CaseFile) => ({
    finding: { ...file.finding, ...change },
  })
  const evidence =
    (change: (coins: CoinEvidence) => Partial<CoinEvidence>) =>
    (_file: CaseFile, coins: CoinEvidence) => ({ coins: { ...coins, ...change(coins) } })
  const NO_CARD = '00000000000000ff' as NonNullable<CaseFile['finding']['card']>
  const LIES: readonly Lied[] = [
    {
      name: 'says nothing but the truth',
      kind: 'coin-spent-twice',
      lie: () => ({}),
      result: 'proven',
    },
    {
      name: 'has another evidence than a vendor element signed',
      kind: 'coin-spent-twice',
      lie: evidence(({ opened }) => ({ opened: opened.map(flipped) })),
      result: 'bad_evidence',
    },
    {
      name: 'has another transfer than its giver signed',
      kind: 'cloned-element',
      lie: evidence(({ transfers }) => ({ transfers: transfers.map(flipped) })),
      result: 'bad_evidence',
    },
    {
      name: 'makes up a certificate',
      kind: 'coin-spent-twice',
      lie: evidence(({ certificates }) => ({
        certificates: certificates.map((one, n) => (n === 2 ? flipped(one) : one)),
      })),
      result: 'bad_evidence',
    },
    {
      name: 'leaves the root out',
      kind: 'coin-spent-twice',
      lie: evidence(({ certificates }) => ({ certificates: certificates.slice(1) })),
      result: 'bad_evidence',
    },
    {
      name: 'leaves its bank out',
      kind: 'forged-coin',
      lie: evidence(({ certificates }) => ({ certificates: certificates.toSpliced(1, 1) })),
      result: 'bad_evidence',
    },
    {
      name: 'lays an element at another card’s door',
      kind: 'coin-spent-twice',
      lie: (file, coins) => ({
        ...finding({ card: NO_CARD, suspects: [{ kind: 'card', card: NO_CARD }] })(file),
        coins: { ...coins, bearers: coins.bearers.map((one) => ({ ...one, card: NO_CARD })) },
      }),
      result: 'bad_evidence',
    },
    {
      name: 'lays a card’s element at a till’s door',
      kind: 'coin-spent-twice',
      lie: (file, coins) => ({
        ...finding({ card: undefined, suspects: [{ kind: 'till', till: 7 }] })(file),
        coins: {
          ...coins,
          bearers: coins.bearers.map((one) => ({ ...one, card: undefined, till: 7 })),
        },
      }),
      result: 'bad_evidence',
    },
    {
      name: 'says that a vendor element is a card’s',
      kind: 'coin-redeemed-twice',
      lie: evidence(({ bearers }) => ({
        bearers: bearers.map((one) => ({ ...one, till: undefined, card: NO_CARD })),
      })),
      result: 'bad_evidence',
    },
    {
      name: 'names nobody’s element',
      kind: 'coin-redeemed-twice',
      lie: evidence(({ bearers }) => ({
        bearers: bearers.map((one) => ({ ...one, element: '00000000000000ff' })),
      })),
      result: 'bad_evidence',
    },
    {
      name: 'keeps whose it is to itself',
      kind: 'coin-redeemed-twice',
      lie: evidence(() => ({ bearers: [] })),
      result: 'does_not_follow',
    },
    {
      name: 'names the till that was given the coin',
      kind: 'coin-spent-twice',
      lie: finding({ suspects: [{ kind: 'till', till: 1 }] }),
      result: 'does_not_follow',
    },
    {
      name: 'says that it was worth more',
      kind: 'coin-spent-twice',
      lie: finding({ amount: 11n }),
      result: 'does_not_follow',
    },
    {
      name: 'says that it was something else',
      kind: 'coin-spent-twice',
      lie: finding({ kind: 'coin-redeemed-twice' }),
      result: 'does_not_follow',
    },
    {
      name: 'says that it was another coin',
      kind: 'coin-spent-twice',
      lie: (file) => finding({ about: `ff${file.finding.about.slice(2)}` })(file),
      result: 'does_not_follow',
    },
    {
      name: 'shows one claim, and says that there were two',
      kind: 'coin-spent-twice',
      lie: evidence(({ opened }) => ({ opened: opened.slice(1) })),
      result: 'does_not_follow',
    },
    {
      name: 'shows one claim twice',
      kind: 'coin-redeemed-twice',
      lie: evidence(({ opened: [first] }) => ({ opened: first ? [first, first] : [] })),
      result: 'does_not_follow',
    },
    {
      name: 'shows one transfer twice',
      kind: 'cloned-element',
      lie: evidence(({ transfers: [first] }) => ({ transfers: first ? [first, first] : [] })),
      result: 'does_not_follow',
    },
    {
      name: 'shows no evidence',
      kind: 'wrong-change',
      lie: evidence(() => ({ opened: [] })),
      result: 'does_not_follow',
    },
    {
      name: 'names the vendor for what his customer signed',
      kind: 'forged-coin',
      lie: (file) => finding({ card: undefined, suspects: [{ kind: 'till', till: 1 }] })(file),
      result: 'does_not_follow',
    },
  ]

  test.each(LIES)('$name: $result', async ({ kind, lie, result }) => {
    const { file } = decodeCaseFile((await fileOf(kind)).file)
    if (!file.coins) throw new Error('it is about coins')
    const { key, keyId } = town.office.office
    const lied = { ...file, ...lie(file, file.coins) }
    expect(resultOf(signCaseFile(key, keyId, lied))).toBe(result)
  })

  test('is found out by its key', async () => {
    const { file } = await fileOf('forged-hop')
    expect(resultOf(file, generatePrivateKey().publicKey)).toBe('not_signed')
  })
})

test('a file about coins is refused whatever byte of it is changed', async () => {
  const { file } = await fileOf('cloned-element')
  const results = new Map<CaseResult, number>()
  for (let at = 0; at < file.length; at++) {
    const result = resultOf(flipped(file, at))
    results.set(result, (results.get(result) ?? 0) + 1)
  }
  expect([...results.keys()].toSorted()).toEqual(['malformed', 'not_signed'])
})

test('what its evidence says is refused whatever byte of it is changed, by its own signatures', async () => {
  const { file } = decodeCaseFile((await fileOf('cloned-element')).file)
  const { coins } = file
  if (!coins) throw new Error('it is about coins')
  const { key, keyId } = town.office.office
  const changed = (change: Partial<CoinEvidence>) =>
    resultOf(signCaseFile(key, keyId, { ...file, coins: { ...coins, ...change } }))
  let counted = 0
  for (const part of ['certificates', 'transfers'] as const) {
    for (const [index, bytes] of coins[part].entries()) {
      for (let at = 0; at < bytes.length; at += 7, counted++) {
        const result = changed({ [part]: coins[part].with(index, flipped(bytes, at)) })
        expect([part, index, at, result]).toEqual([part, index, at, 'bad_evidence'])
      }
    }
  }
  console.log(`case file of coins: ${counted} bytes changed`)
})

/** With one bit changed. */
function flipped(bytes: Bytes, at = bytes.length >> 1): Bytes {
  const changed = new Uint8Array(bytes)
  changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
  return changed
}
