import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { COIN_FINDINGS } from '../../src/office/coins/coinage.ts'
import { GRACE, OFFLINE_MAX } from '../../src/office/coins/grace.ts'
import { COIN_LIFE, COINS_AT_ONCE } from '../../src/office/coins/sale.ts'
import { enrolment, makeCoins } from '../../src/schemes/coin/office/bank.ts'
import { loadCoins } from '../../src/schemes/coin/issuing.ts'
import { placeOf } from '../../src/office/coins/elements.ts'
import { Chance } from '../fuzz/chance.ts'
import { closeTills, pay } from '../schemes/coin/till.ts'
import { EUR } from '../schemes/coin/world.ts'
import { CHALLENGES, CoinOffice, type OfficeCustomer, type Shop } from '../support/coin-office.ts'
import {
  forgedBy,
  keepingAll,
  lying,
  movingNothing,
  unsigned,
  type Lie,
} from '../support/coin-lies.ts'

let town: CoinOffice
beforeAll(async () => {
  town = await CoinOffice.create()
})
afterEach(() => town.checkBooks())
afterAll(async () => {
  closeTills()
  await town.office.close()
})

const NOTHING: Bytes = new Uint8Array()

async function newCases(work: () => Promise<void>) {
  await sql`truncate "case"`.execute(town.office.db)
  await work()
  return town.cases()
}

describe('coins from an online wallet to a merchant', () => {
  test('bought, paid, handed in: each account moves once, however often it is said', async () => {
    const [customer, shop] = [await town.customer(100n, [10n, 20n, 5n]), await town.shop()]
    expect(await town.balance('online', customer.person)).toBe(65n)
    expect((await customer.status()).total).toBe(35n)
    await shop.sell(customer, 15n)
    for (let again = 0; again < 3; again++) await shop.report()
    const kept = (await shop.vendor.status()).total
    expect(await town.balance('merchant', shop.merchant)).toBe(15n - kept)
    await shop.surrender()
    expect(await town.balance('merchant', shop.merchant)).toBe(15n)
    expect(await town.cases()).toEqual([])
  })

  test('what did not make the amount is nothing that a till did wrong', async () => {
    const [customer, shop] = [await town.customer(10n, [10n]), await town.shop()]
    expect(await shop.tap(customer, pay(7n))).toMatchObject({ status: 'cannot_pay' })
    await shop.report()
    const { rejected } = await town.done<{ rejected: number }>('GET', '/api/progress')
    await shop.report(shop.records().map((one) => ({ ...one, evidence: NOTHING })))
    const after = await town.done<{ rejected: number }>('GET', '/api/progress')
    expect([rejected, after.rejected]).toEqual([0, 1])
  })

  test('a holder buys with their own session, once for each key, and no more than there is', async () => {
    const customer = await town.customer(50n)
    const { api } = town.office
    const login = await api.inject({
      method: 'POST',
      url: '/api/session',
      payload: { name: await loginOf(customer), password: 'correct horse battery' },
    })
    const cookie = String(login.headers['set-cookie']).split(';', 1)[0] ?? ''
    const buy = async (body: object, key: string, card = customer.card) => {
      const answer = await api.inject({
        method: 'POST',
        url: '/api/coins',
        headers: { cookie, 'idempotency-key': key },
        payload: { card, ...body },
      })
      return { status: answer.statusCode, json: answer.json<{ coins: { register: string }[] }>() }
    }
    const first = await buy({ amount: '38' }, 'the first one')
    expect(first.status).toBe(200)
    expect(await buy({ amount: '38' }, 'the first one')).toEqual(first)
    expect((await buy({ amount: '37' }, 'the first one')).status).toBe(422)
    expect(await town.balance('online', customer.person)).toBe(12n)
    // Over any phone, and again after a tear: a coin that is there already is no second one.
    const registers = first.json.coins.map(({ register }) => register)
    await customer.load(registers)
    await customer.load(registers)
    expect((await customer.status()).total).toBe(38n)
    expect((await buy({ amount: '13' }, 'too much for it')).status).toBe(409)
    expect((await buy({ amount: '1', values: ['1'] }, 'both of them')).status).toBe(400)
    const other = await town.customer(10n)
    expect((await buy({ amount: '1' }, 'somebody else’s', other.card)).status).toBe(404)
    expect(await town.balance('online', customer.person)).toBe(12n)
  })

  test('an element is sold no more coins than it has challenges', async () => {
    const customer = await town.customer(
      1000n,
      Array.from({ length: 40 }, () => 1n),
    )
    const url = '/api/coins'
    const buy = (count: number) =>
      town.office.call('operator', 'POST', url, {
        card: customer.card,
        values: Array.from({ length: count }, () => '1'),
      })
    const left = CHALLENGES - 40
    expect((await buy(Math.min(COINS_AT_ONCE, left) + 1)).status).toBe(
      left < COINS_AT_ONCE ? 409 : 400,
    )
    for (let more = left; more > 0; more -= COINS_AT_ONCE) {
      expect((await buy(Math.min(more, COINS_AT_ONCE))).status).toBe(200)
    }
    expect((await buy(1)).status).toBe(409)
  })

  test('a vendor buys change from what he has earned, and returns it', async () => {
    const shop = await town.shop([5n, 2n, 2n, 1n])
    expect(await town.balance('merchant', shop.merchant)).toBe(-10n)
    const customer = await town.customer(20n, [20n])
    await shop.sell(customer, 13n)
    expect((await customer.status()).total).toBe(7n)
    await shop.surrender()
    expect(await town.balance('merchant', shop.merchant)).toBe(13n)
    // Change is spent again, at a till that has never heard of the first one.
    const elsewhere = await town.shop()
    await elsewhere.sell(customer, 7n)
    await elsewhere.surrender()
    expect(await town.balance('merchant', elsewhere.merchant)).toBe(7n)
  })
})

async function loginOf({ person }: OfficeCustomer): Promise<string> {
  const { rows } = await sql<{ login: string }>`
    select login from person where id = ${person}::bigint`.execute(town.office.db)
  return rows[0]?.login ?? ''
}

test('what is made for one card is of no use to another', async () => {
  const [customer, thief] = [await town.customer(5n), await town.customer(0n)]
  const { coins } = await town.done<{ coins: { register: string }[] }>('POST', '/api/coins', {
    card: customer.card,
    amount: '5',
  })
  const registers = coins.map(({ register }) => new Uint8Array(Buffer.from(register, 'base64')))
  expect(await thief.chip.tapped((channel) => loadCoins(channel, 'card', registers))).toBe(
    'spoilt_chip',
  )
  expect((await thief.status()).total).toBe(0n)
})

test('a dump of the database has nothing that coins are made with', async () => {
  const customer = await town.customer(5n, [5n])
  const { db, vault } = town.office.office
  const { sealed } = await db
    .selectFrom('coin_element')
    .select('sealed')
    .where('id', '=', customer.card)
    .executeTakeFirstOrThrow()
  const known = enrolment.decode(vault.open(placeOf(customer.card), sealed ?? NOTHING))
  const [response = NOTHING] = known.responses
  expect(response.length).toBeGreaterThan(64)
  const places = await sql<{ found: boolean }>`
    select position(${Buffer.from(response.slice(0, 32))}::bytea in sealed) > 0 as found
    from coin_element where id = ${customer.card}
    union all
    select position(${Buffer.from(response.slice(0, 32))}::bytea in register) > 0 from coin
    where element = ${customer.card}`.execute(db)
  expect(places.rows).toEqual([{ found: false }, { found: false }])
})

describe('a coin redeemed twice', () => {
  test('by two vendors, from one element: against it; the coin waits for somebody to decide', async () => {
    const customer = await town.customer(30n, [10n, 20n])
    const [first, second] = [await town.shop(), await town.shop()]
    const copy = customer.clone()
    await first.sell(customer, 10n)
    // The copy has paid something else before: its count has gone on.
    await (await town.shop()).sell(copy, 20n)
    await second.sell(copy, 10n)
    const found = await newCases(async () => {
      await first.surrender()
      expect(await town.balance('merchant', first.merchant)).toBe(10n)
      await second.surrender()
    })
    expect(found).toEqual([
      { kind: 'coin-spent-twice', strength: 'proven', against: [customer.card] },
    ])
    const suspense = await town.balance('suspense', '')
    expect([
      await town.balance('merchant', first.merchant),
      await town.balance('merchant', second.merchant),
      suspense,
    ]).toEqual([0n, 0n, 10n])
    const card = await town.done<{ status: string }>('GET', `/api/cards/${customer.card}`)
    expect(card.status).toBe('frozen')
    await award(second)
    expect(await town.balance('merchant', second.merchant)).toBe(10n)
    expect(await town.balance('suspense', '')).toBe(0n)
    // For good: the same evidence again changes nothing.
    await first.report()
    expect(await town.balance('merchant', second.merchant)).toBe(10n)
  })

  test('by a cloned element: two transfers with one number, not even of one coin', async () => {
    const customer = await town.customer(30n, [10n, 20n])
    const [first, second] = [await town.shop(), await town.shop()]
    const copy = customer.clone()
    await first.sell(customer, 10n)
    await second.sell(copy, 20n)
    const found = await newCases(async () => {
      await first.surrender()
      await second.surrender()
    })
    expect(found).toEqual([
      { kind: 'cloned-element', strength: 'proven', against: [customer.card] },
    ])
    // Each coin was claimed once: both are paid.
    expect(await town.balance('merchant', first.merchant)).toBe(10n)
    expect(await town.balance('merchant', second.merchant)).toBe(20n)
  })

  test('by one vendor, who is paid for what he keeps and surrenders it too: once', async () => {
    const [customer, shop] = [await town.customer(10n, [10n]), await town.shop()]
    await shop.sell(customer, 10n)
    const lie = lying(town, shop, (content) => ({ ...content, kept: [] }))
    const found = await newCases(async () => {
      await shop.report(lie)
      await shop.surrender()
    })
    expect(found).toEqual([
      { kind: 'coin-redeemed-twice', strength: 'proven', against: [shop.number] },
    ])
    expect(await town.balance('merchant', shop.merchant)).toBe(10n)
    const till = await town.done<{ stoppedAt: number | null }>('GET', `/api/tills/${shop.number}`)
    expect(till.stoppedAt).not.toBeNull()
  })

  test('by one vendor, who shows one payment as two', async () => {
    const [customer, shop] = [await town.customer(10n, [10n]), await town.shop()]
    await shop.sell(customer, 10n)
    const found = await newCases(async () => {
      for (const certificates of [true, false]) {
        const one = lying(town, shop, (content) => ({
          ...content,
          kept: [],
          certificates: certificates ? content.certificates : [],
        }))
        await shop.report(one)
      }
    })
    expect(found).toMatchObject([{ kind: 'coin-redeemed-twice', against: [shop.number] }])
    expect(await town.balance('merchant', shop.merchant)).toBe(10n)
  })

  test('by a vendor who was paid for what he gave as change: whoever got it is paid', async () => {
    const shop = await town.shop([2n, 5n])
    const [customer, elsewhere] = [await town.customer(20n, [20n]), await town.shop()]
    const copy = shop.clone()
    await shop.sell(customer, 13n)
    await elsewhere.sell(customer, 2n)
    const found = await newCases(async () => {
      await copy.surrender()
      await elsewhere.surrender()
    })
    expect(found.map(({ kind, against }) => [kind, against])).toContainEqual([
      'cloned-element',
      [shop.number],
    ])
    expect(await town.balance('merchant', elsewhere.merchant)).toBe(2n)
  })
})

async function award(shop: Shop): Promise<void> {
  const { rows } = await sql<{ coin: string }>`
    select coin from coin_spend where creditor is null`.execute(town.office.db)
  expect(rows).toHaveLength(1)
  const url = `/api/coins/${rows[0]?.coin}/award`
  const reason = 'the first one was in it'
  const others = await town.shop()
  const wrong = await town.office.call('operator', 'POST', url, { till: others.number, reason })
  expect(wrong.status).toBe(409)
  await town.done('POST', url, { till: shop.number, reason })
}

describe('what one item of evidence proves', () => {
  const seen = new Set<string>()
  afterAll(() => expect([...seen].toSorted()).toEqual([...COIN_FINDINGS].toSorted()))

  async function found(lieOf: (shop: Shop, payer: OfficeCustomer) => Lie) {
    const [customer, shop] = [await town.customer(10n, [10n]), await town.shop([2n, 5n])]
    await shop.sell(customer, 8n)
    const lie = lying(town, shop, lieOf(shop, customer))
    const cases = await newCases(() => shop.report(lie))
    for (const { kind } of cases) seen.add(kind)
    expect(cases.every(({ strength }) => strength === 'proven')).toBe(true)
    return {
      cases: cases.map(({ kind, against }) => [kind, ...against]),
      till: shop.number,
      card: customer.card,
    }
  }

  test('a forged coin, that its payer signed for', async () => {
    const { cases, card } = await found((_shop, payer) => forgedBy(payer.chip))
    expect(cases).toContainEqual(['forged-coin', card])
  })

  test('a transfer that its giver did not sign', async () => {
    const { cases, till } = await found(() => unsigned)
    expect(cases).toContainEqual(['forged-hop', till])
  })

  test('a coin that the transfer does not move', async () => {
    const { cases, card } = await found((_shop, payer) => movingNothing(payer.chip))
    expect(cases.map(([kind]) => kind)).toContain('broken-chain')
    expect(cases.flat()).not.toContain(card)
  })

  test('change that was not given', async () => {
    const { cases, till } = await found((shop) => keepingAll(shop.vendor.chip))
    expect(cases).toEqual([['wrong-change', till]])
  })

  test('a coin that the bank’s key signed and nobody bought: nothing is paid, nobody accused', async () => {
    const [customer, shop] = [await town.customer(0n), await town.shop()]
    const { db, vault } = town.office.office
    const row = await db
      .selectFrom('coin_element')
      .select('sealed')
      .where('id', '=', customer.card)
      .executeTakeFirstOrThrow()
    const known = enrolment.decode(vault.open(placeOf(customer.card), row.sealed ?? NOTHING))
    const { registers } = makeCoins(
      town.bank,
      known,
      {
        values: [50n],
        currency: EUR,
        expires: town.world.now + COIN_LIFE,
        bound: 'free',
        firstSerial: 0xffff_0000,
      },
      town.world.random,
    )
    await customer.load(registers.map((one) => Buffer.from(one).toString('base64')))
    await shop.sell(customer, 50n)
    const cases = await newCases(() => shop.surrender())
    expect(cases).toEqual([{ kind: 'unissued-coin', strength: 'suspected', against: [] }])
    expect(await town.balance('merchant', shop.merchant)).toBe(0n)
  })
})

test('a coin with another one’s number, that the bank’s key signed for more: nothing is taken for it', async () => {
  const [customer, shop] = [await town.customer(15n, [5n]), await town.shop()]
  const { db, vault } = town.office.office
  const { sealed } = await db
    .selectFrom('coin_element')
    .select('sealed')
    .where('id', '=', customer.card)
    .executeTakeFirstOrThrow()
  const { id } = await db
    .selectFrom('coin')
    .select('id')
    .where('element', '=', customer.card)
    .executeTakeFirstOrThrow()
  const known = enrolment.decode(vault.open(placeOf(customer.card), sealed ?? NOTHING))
  const order = {
    values: [50n],
    currency: EUR,
    expires: town.world.now + COIN_LIFE,
    bound: 'free',
    firstSerial: parseInt(id.slice(4), 16),
  } as const
  const left = { ...known, next: 10, responses: known.responses.slice(10) }
  const { registers } = makeCoins(town.bank, left, order, town.world.random)
  await customer.load(registers.map((one) => Buffer.from(one).toString('base64')))
  await shop.sell(customer, 50n)
  const cases = await newCases(() => shop.surrender())
  expect(cases).toEqual([{ kind: 'unissued-coin', strength: 'suspected', against: [] }])
  expect(await town.balance('merchant', shop.merchant)).toBe(0n)
  // The true one is paid for what it is.
  await shop.sell(customer, 5n)
  await shop.surrender()
  expect(await town.balance('merchant', shop.merchant)).toBe(5n)
})

describe('in whatever order it comes', () => {
  test('the same accounts, spends and cases', async () => {
    await town.forgetUploads()
    const chance = new Chance(7)
    const shops = [await town.shop([5n, 2n, 2n, 1n]), await town.shop([2n, 1n]), await town.shop()]
    const people = await Promise.all([0, 1].map(() => town.customer(100n, [20n, 10n, 5n, 5n, 2n])))
    const copy = people[0]?.clone()
    const [a, b, c] = shops
    const [first, second] = people
    if (!copy || !a || !b || !c || !first || !second) throw new Error('they were made')
    await a.sell(first, 10n)
    await b.sell(copy, 10n)
    await c.sell(copy, 5n)
    await b.sell(second, 5n)
    await a.sell(second, 17n)
    await c.sell(second, 20n)
    const batches = shops.map((shop) => shop.batch(shop.records()))
    for (const shop of shops) {
      await shop.closeDay()
      batches.push(shop.batch(shop.records().slice(-1)))
    }
    let expected: Awaited<ReturnType<CoinOffice['books']>> | undefined
    const orders = 12
    for (let round = 0; round < orders; round++) {
      await town.forgetUploads()
      const again = Array.from({ length: round % 3 }, () => chance.one(batches) ?? NOTHING)
      const order = [...batches, ...again].toSorted(() => chance.below(3) - 1)
      for (const batch of order) await town.upload(batch)
      const books = await town.books()
      expected ??= books
      expect(books).toEqual(expected)
      await town.checkBooks()
    }
    expect(expected?.cases.length).toBeGreaterThan(0)
    console.log(`coins: ${batches.length} batches in ${orders} orders`)
  })
})

test('many payments offline, with change: every coin redeems once, and nobody is accused', async () => {
  await town.forgetUploads()
  const chance = new Chance(3)
  const values = [10n, 5n, 5n, 2n, 2n, 2n, 1n, 1n, 1n, 1n]
  const float = [5n, 5n, 2n, 2n, 2n, 2n, 1n, 1n, 1n, 1n]
  const people: OfficeCustomer[] = []
  const shops: Shop[] = []
  for (let index = 0; index < 6; index++) people.push(await town.customer(30n, values))
  for (let index = 0; index < 3; index++) shops.push(await town.shop(float))
  const before = await town.balance('coin-float', '')
  let paid = 0
  for (let tries = 0; tries < 70; tries++) {
    const [customer, shop] = [chance.one(people), chance.one(shops)]
    if (!customer || !shop) continue
    const { result } = await shop.tap(customer, pay(BigInt(1 + chance.below(6))))
    if (result === 'done') paid++
    if (tries % 20 === 19) await shop.report()
  }
  // Everybody pays what is left, coin by coin.
  for (const shop of shops.toSorted(() => chance.below(3) - 1)) await shop.surrender()
  let held = 0n
  for (const customer of people) held += (await customer.status()).total
  const earned = await Promise.all(shops.map(({ merchant }) => town.balance('merchant', merchant)))
  const spent = BigInt(people.length) * 30n - held
  // What merchants have is what customers have paid: their floats are bought and returned.
  expect(earned.reduce((sum, one) => sum + one, 0n)).toBe(spent)
  expect(await town.balance('coin-float', '')).toBe(before - spent - 3n * 22n)
  expect(await town.cases()).toEqual([])
  expect(paid).toBeGreaterThan(30)
  console.log(`coins: ${paid} payments, ${spent} redeemed`)
})

describe('what nobody spends', () => {
  test('of a lost card goes back to its holder, when every till has reported', async () => {
    const customer = await town.customer(35n, [20n, 10n, 5n])
    const [shop, silent] = [await town.shop(), await town.shop()]
    await shop.sell(customer, 10n)
    await silent.sell(customer, 5n)
    const url = `/api/cards/${customer.card}/coins/refund`
    const body = { reason: 'lost on the bus' }
    const refund = () => town.office.call('operator', 'POST', url, body)
    expect((await refund()).status).toBe(409)
    await sql`update card set status = 'hot' where id = ${customer.card}`.execute(town.office.db)
    await sql`insert into hot_change (version, card, hot, at)
      values (1000000, ${customer.card}, true, ${town.office.clock.now()})`.execute(town.office.db)
    town.world.now = town.office.clock.now() + 1000
    // No till has declared everything handed in since then.
    expect((await refund()).status).toBe(409)
    town.office.clock.pass(OFFLINE_MAX + 1000)
    await town.office.signInAgain()
    await shop.report()
    expect(await refund()).toMatchObject({ status: 200, json: { refunded: '25' } })
    expect(await refund()).toMatchObject({ status: 200, json: { refunded: '0' } })
    expect(await town.balance('online', customer.person)).toBe(25n)
    await shop.surrender()
    expect(await town.balance('merchant', shop.merchant)).toBe(10n)
    // Who comes later than anybody may is paid all the same.
    await silent.surrender()
    expect(await town.balance('merchant', silent.merchant)).toBe(5n)
    expect(await town.balance('losses', '')).toBe(-5n)
  })

  test('goes back when it has expired and nobody can show it any more', async () => {
    town.world.now = town.office.clock.now()
    const customer = await town.customer(30n, [20n, 10n])
    const shop = await town.shop([5n])
    await shop.sell(customer, 10n)
    const { clock, evidence: service } = town.office
    clock.pass(COIN_LIFE + GRACE)
    await service.sweep()
    expect(await town.balance('online', customer.person)).toBe(0n)
    clock.pass(1000)
    await service.sweep()
    await service.sweep()
    // Also what the vendor has kept without telling: whoever bought it gets it, and he nothing.
    expect(await town.balance('online', customer.person)).toBe(30n)
    expect(await town.balance('merchant', shop.merchant)).toBe(0n)
    await shop.surrender()
    expect(await town.balance('merchant', shop.merchant)).toBe(0n)
  })
})
