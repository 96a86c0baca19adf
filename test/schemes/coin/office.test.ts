import { afterAll, describe, expect, test } from 'vitest'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey, sign } from '../../../src/kernel/p256.ts'
import { COIN_CASES } from '../../../src/office/coins/rules.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  payment,
  settlement,
  tillRecord,
  transfer,
  type Evidence,
} from '../../../src/schemes/coin/message.ts'
import { COIN_FINDINGS } from '../../../src/office/coins/coinage.ts'
import {
  COIN_REJECTIONS,
  elementIdOf,
  verifyCoins,
  type CoinContext,
} from '../../../src/schemes/coin/office/redemption.ts'
import type { JournalRecord } from '../../../src/till/scheme.ts'
import {
  altered as alteredBy,
  forgedBy,
  keepingAll,
  unsigned,
  withPayment,
  type Lie,
} from '../../support/coin-lies.ts'
import { closeTills, directoryOf, pay, Redemption, Till } from './till.ts'
import { openEvidence, World, type Customer, type Vendor } from './world.ts'

const world = new World('office')
afterAll(closeTills)
const NOTHING: Bytes = new Uint8Array()
const person = await world.customer({ coins: [10n, 20n, 5n] })
const shops = [
  await world.vendor({ till: 7, float: [1n, 2n, 2n, 5n], keepMax: 0 }),
  await world.vendor({ till: 8, float: [1n, 2n, 2n, 5n], keepMax: 0 }),
  await world.vendor({ till: 9, float: [1n, 2n, 2n, 5n], keepMax: 4 }),
] as const
const context = await directoryOf(world, [person, ...shops])

/** A payment at a till, with what the till shows the office of it. */
async function sale(customer: Customer, vendor: Vendor, amount: bigint) {
  const till = new Till(world, vendor)
  expect(await till.tap(customer, pay(amount))).toMatchObject({ result: 'done' })
  return till.records()
}

function placed(records: Parameters<Redemption['take']>[0]) {
  const office = new Redemption(context)
  office.take(records)
  return office
}

describe('a coin redeemed twice', () => {
  const seen = new Set<string>()
  afterAll(() => expect([...seen].toSorted()).toEqual([...COIN_CASES].toSorted()))

  function casesOf(office: Redemption) {
    for (const { kind } of office.cases) seen.add(kind)
    return office.cases
  }

  test('by two vendors, from one element: whoever has its key spent it twice', async () => {
    const [first, second] = [person.clone(), person.clone()]
    const one = await sale(first, shops[0].clone(), 10n)
    // The second one has paid something else before: its count has gone on.
    const two = await sale(second, shops[1].clone(), 5n)
    const three = await sale(second, shops[1].clone(), 10n)
    const office = placed([...one])
    office.take(three)
    // Neither vendor is to blame: it waits for somebody to decide.
    expect(office.credits).toEqual([])
    expect(casesOf(office)).toMatchObject([
      { kind: 'coin-spent-twice', suspect: elementIdOf(person.id) },
    ])
    expect(two).toHaveLength(1)
  })

  test('by a cloned element: two transfers with one number', async () => {
    const [first, second] = [person.clone(), person.clone()]
    const one = await sale(first, shops[0].clone(), 10n)
    const two = await sale(second, shops[1].clone(), 20n)
    const office = placed(one)
    office.take(two)
    // Not even the same coin.
    expect(casesOf(office)).toMatchObject([
      { kind: 'cloned-element', suspect: elementIdOf(person.id), coin: undefined },
    ])
    expect(office.total).toBe(30n)
    const three = await sale(person.clone(), shops[1].clone(), 10n)
    const other = placed(one)
    other.take(three)
    expect(casesOf(other)).toMatchObject([
      { kind: 'cloned-element', suspect: elementIdOf(person.id) },
    ])
    expect(other.credits).toEqual([])
  })

  test('by one vendor, who shows the same payment again as another one', async () => {
    const vendor = shops[0].clone()
    const records = await sale(person.clone(), vendor, 10n)
    const again = altered(records, vendor, (content) => ({ ...content, certificates: [] }))
    const office = placed(records)
    office.take(again)
    expect(office.credits).toHaveLength(1)
    expect(casesOf(office)).toMatchObject([
      { kind: 'coin-redeemed-twice', suspect: elementIdOf(vendor.id) },
    ])
  })

  test('by one vendor, who was paid for what he kept, and surrenders it too', async () => {
    const vendor = shops[2].clone()
    const till = new Till(world, vendor)
    expect(await till.tap(person.clone(), pay(10n))).toMatchObject({ result: 'done' })
    const lie = altered(till.records(), vendor, (content) => ({ ...content, kept: [] }))
    await till.closeDay()
    const office = placed(lie)
    office.take(till.records().slice(1))
    expect(casesOf(office)).toMatchObject([
      { kind: 'coin-redeemed-twice', suspect: elementIdOf(vendor.id) },
    ])
    expect(office.total).toBe(10n + 10n)
  })

  test('by a vendor who was paid for a coin that he has given away as change', async () => {
    const vendor = shops[0].clone()
    const customer = person.clone()
    // A copy of the vendor element surrenders the float; the other one has given it as change.
    const [copy, till] = [new Till(world, vendor.clone()), new Till(world, vendor)]
    expect(await till.tap(customer, pay(13n))).toMatchObject({ result: 'done' })
    await copy.closeDay()
    const elsewhere = await sale(customer, shops[1].clone(), 2n)
    const redeemed = placed(copy.records())
    redeemed.take(elsewhere)
    expect(casesOf(redeemed).map(({ kind, suspect }) => [kind, suspect])).toContainEqual([
      'cloned-element',
      elementIdOf(vendor.id),
    ])
  })

  test('the same evidence again is no second claim', async () => {
    const records = await sale(person.clone(), shops[0].clone(), 13n)
    const office = placed([...records, ...records])
    expect(casesOf(office)).toEqual([])
    expect(office.total).toBe(15n)
  })
})

function altered(records: Parameters<Redemption['take']>[0], { chip }: Vendor, lie: Lie) {
  const { officeKey: office, random } = world
  return alteredBy(records, { vendor: chip, office, random }, lie)
}

describe('what evidence proves by itself', () => {
  const seen = new Set<string>()
  afterAll(() => expect([...seen].toSorted()).toEqual([...COIN_FINDINGS].toSorted()))

  async function findings(change: (honest: Evidence, vendor: Vendor) => Evidence, amount = 10n) {
    const vendor = shops[0].clone()
    const records = await sale(person.clone(), vendor, amount)
    const [record] = altered(records, vendor, (content) => change(content, vendor))
    const verdict = verifyCoins(record?.evidence ?? NOTHING, context)
    if (!verdict.ok) throw new Error(verdict.reason)
    for (const { kind } of verdict.entry.findings) seen.add(kind)
    return verdict.entry
  }

  test('a coin that no bank made', async () => {
    // The customer’s element signs for it: it would never have let it in.
    const entry = await findings(forgedBy(person.chip))
    expect(entry.findings).toContainEqual({
      kind: 'forged-coin',
      suspect: elementIdOf(person.id),
      coin: entry.findings[0]?.coin,
    })
    expect(entry.claims).toEqual([])
  })

  test('a vendor cannot lay a coin of his own making at his customer’s door', async () => {
    const entry = await findings((content, vendor) => {
      const key = generatePrivateKey()
      expect(vendor.till).toBe(7)
      return withPayment(content, (honest) => ({
        ...honest,
        coins: honest.coins.map(({ coin, hops }) => {
          const body = coin.slice(0, -64)
          body[12] = (body[12] ?? 0) + 1
          return { coin: concat(body, sign(key, body)), hops }
        }),
      }))
    })
    const suspects = entry.findings.map(({ suspect }) => suspect)
    expect(suspects.length).toBeGreaterThan(0)
    expect(new Set(suspects)).toEqual(new Set([elementIdOf(shops[0].id)]))
  })

  test('a transfer that its giver did not sign, or that moves something else', async () => {
    const forged = await findings(unsigned)
    expect(forged.findings).toMatchObject([
      { kind: 'forged-hop', suspect: elementIdOf(shops[0].id) },
    ])
    const other = await findings((content) =>
      withPayment(content, (honest) => ({ ...honest, coins: honest.coins.toReversed() })),
    )
    expect(other.findings).toEqual([])
  })

  test('a vendor who asked for less than he kept', async () => {
    const entry = await findings(keepingAll(shops[0].chip), 13n)
    expect(entry.findings).toContainEqual({
      kind: 'wrong-change',
      suspect: elementIdOf(shops[0].id),
      coin: undefined,
    })
  })

  test('an answer to another request', async () => {
    const elsewhere = shops[0].clone()
    const others = await sale(person.clone(), elsewhere, 20n)
    const shown = tillRecord.decode(others[0]?.evidence ?? NOTHING).outcome[0]
    const { content: told } = openEvidence(world, shown?.sealed ?? NOTHING)
    const [bytes = NOTHING] = told.payment
    const { request } = payment.decode(bytes)
    const entry = await findings((content) =>
      withPayment(content, (honest) => ({ ...honest, request })),
    )
    expect(entry.findings).toContainEqual({
      kind: 'broken-chain',
      suspect: elementIdOf(shops[0].id),
      coin: undefined,
    })
  })
})

describe('what a vendor claims that was never his', () => {
  /** The office’s reading of what `liar` signs, made of what somebody else’s till has shown. */
  function read(
    records: readonly JournalRecord[],
    liar: Vendor,
    change: (c: Evidence) => Evidence,
  ) {
    const [record] = altered(records, liar, (content) => change({ ...content, vendor: liar.id }))
    const verdict = verifyCoins(record?.evidence ?? NOTHING, context)
    if (!verdict.ok) throw new Error(verdict.reason)
    const { claims, moved, findings } = verdict.entry
    return { claims, moved, findings }
  }
  const against = (vendor: Vendor) => ({
    claims: [],
    moved: [],
    findings: [{ kind: 'broken-chain', suspect: elementIdOf(vendor.id), coin: undefined }],
  })
  const surrendered = (content: Evidence, given: Bytes): Evidence => ({
    ...content,
    kind: 'surrender',
    payment: [],
    settlement: given,
    kept: [],
  })

  test('a payment to another vendor', async () => {
    const records = await sale(person.clone(), shops[0].clone(), 13n)
    expect(read(records, shops[1], (content) => content)).toEqual(against(shops[1]))
  })

  test('a payment to another vendor, as a surrender', async () => {
    const records = await sale(person.clone(), shops[0].clone(), 13n)
    const lie = read(records, shops[1], (content) => {
      const { transfer: given, coins } = payment.decode(content.payment[0] ?? NOTHING)
      return surrendered(content, settlement.encode({ transfer: given, coins: [...coins] }))
    })
    expect(lie).toEqual(against(shops[1]))
  })

  test('change that he gave, as a surrender: whoever spends it is not to blame', async () => {
    const records = await sale(person.clone(), shops[0].clone(), 13n)
    const lie = read(records, shops[0], (content) => surrendered(content, content.settlement))
    expect(lie).toEqual(against(shops[0]))
  })

  test('a payment without what he said to it, or with what another one said', async () => {
    const [one, other] = [shops[0].clone(), shops[1].clone()]
    const records = await sale(person.clone(), one, 13n)
    const elsewhere = await sale(person.clone(), other, 13n)
    const said = (till: readonly JournalRecord[]) => {
      const [shown] = tillRecord.decode(till[0]?.evidence ?? NOTHING).outcome
      return openEvidence(world, shown?.sealed ?? NOTHING).content.settlement
    }
    const foreign = said(elsewhere)
    const { transfer: given } = settlement.decode(said(records))
    const forged = signMessage(transfer, openMessage(transfer, given).content, generatePrivateKey())
    const bare = settlement.encode({ ...settlement.decode(said(records)), transfer: forged })
    const hidden = settlement.encode({ transfer: given, coins: [] })
    for (const lie of [foreign, bare, hidden]) {
      expect(read(records, one, (content) => ({ ...content, settlement: lie }))).toEqual(
        against(one),
      )
    }
    expect(read(records, one, (content) => ({ ...content, kind: 'surrender' }))).toEqual(
      against(one),
    )
  })

  test('two receipts without change with one number: there are two of that vendor element', async () => {
    const stranger = await world.customer({ coins: [10n] })
    const office = new Redemption(await directoryOf(world, [person, stranger, ...shops]))
    for (const customer of [person.clone(), stranger]) {
      office.take(await sale(customer, shops[0].clone(), 10n))
    }
    expect(office.cases).toEqual([
      { kind: 'cloned-element', suspect: elementIdOf(shops[0].id), coin: undefined },
    ])
    expect(office.total).toBe(20n)
  })
})

describe('evidence that says nothing', () => {
  const seen = new Set<string>()
  afterAll(() => expect([...seen].toSorted()).toEqual([...COIN_REJECTIONS].toSorted()))

  function reasonOf(bytes: Bytes, by: CoinContext = context): string {
    const verdict = verifyCoins(bytes, by)
    const reason = verdict.ok ? 'accepted' : verdict.reason
    seen.add(reason)
    return reason
  }

  test('each of the list, in its order', async () => {
    const vendor = shops[0].clone()
    const records = await sale(person.clone(), vendor, 10n)
    const [record] = records
    const bytes = record?.evidence ?? NOTHING
    const whole = tillRecord.decode(bytes)
    expect(verifyCoins(bytes, context)).toMatchObject({
      ok: true,
      entry: { paid: { amount: 10n } },
    })
    expect(reasonOf(bytes.slice(1))).toBe('malformed')
    expect(reasonOf(tillRecord.encode({ ...whole, outcome: [] }))).toBe('no_outcome')
    expect(reasonOf(bytes, { ...context, officeKey: generatePrivateKey() })).toBe(
      'not_for_this_office',
    )
    expect(reasonOf(bytes, { ...context, element: () => undefined })).toBe('unknown_vendor')
    const forged = altered(records, shops[1].clone(), (content) => content)
    expect(reasonOf(forged[0]?.evidence ?? NOTHING)).toBe('bad_signature')
    expect(reasonOf(bytes, { ...context, bank: () => undefined })).toBe('unknown_element')
  })

  test('of another bank’s customer: his certificates are shown, and his bank is known', async () => {
    const foreigner = await world.customer({ bank: 2, coins: [10n] })
    const shop = await world.vendor({ till: 23, otherBanks: [2], keepMax: 0 })
    const records = await sale(foreigner, shop, 10n)
    const directory = await directoryOf(world, [shop])
    const verdict = verifyCoins(records[0]?.evidence ?? NOTHING, directory)
    expect(verdict).toMatchObject({ ok: true, entry: { claims: [{ bank: 2, value: 10n }] } })
  })
})

test('two banks: coins of each are taken by the other’s vendors, and each owes for its own', async () => {
  const [one, two] = [
    await world.customer({ bank: 1, coins: [10n, 5n] }),
    await world.customer({ bank: 2, coins: [10n, 5n] }),
  ]
  const shop = await world.vendor({ bank: 2, till: 20, otherBanks: [1], float: [2n], keepMax: 0 })
  const till = new Till(world, shop)
  for (const customer of [one, two]) {
    expect(await till.tap(customer, pay(10n))).toMatchObject({ result: 'done' })
  }
  // Change of the vendor’s bank for a customer of the other one, spent at a shop of his own bank.
  expect(await till.tap(one, pay(3n))).toMatchObject({ result: 'done', view: { balance: 2n } })
  const home = await world.vendor({ bank: 1, till: 21, otherBanks: [2], keepMax: 0 })
  const homeTill = new Till(world, home)
  expect(await homeTill.tap(one, pay(2n))).toMatchObject({ result: 'done', view: { balance: 0n } })
  const office = new Redemption(await directoryOf(world, [one, two, shop, home]))
  office.take([...till.records(), ...homeTill.records()])
  const owed = (bank: number) =>
    office.credits
      .filter((credit) => credit.bank === bank)
      .reduce((sum, { value }) => sum + value, 0n)
  expect([owed(1), owed(2)]).toEqual([15n, 10n + 2n])
  expect(office.cases).toEqual([])
  // A vendor that has not heard of the bank of a customer’s coins takes them: the card shows its bank.
  const alone = await world.vendor({ bank: 1, till: 22 })
  expect(await new Till(world, alone).tap(two, pay(5n))).toMatchObject({ result: 'done' })
})
