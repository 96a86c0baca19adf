import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { concat, type Bytes } from '../../src/kernel/bytes.ts'
import { cardIdOf, digestOf } from '../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import type { Party } from '../../src/kernel/party.ts'
import { signToken, TOKEN_SIZE } from '../../src/kernel/token.ts'
import { refundCard, renewCard } from '../../src/office/issue.ts'
import type { Liquidity } from '../../src/office/ledger/liquidity.ts'
import {
  applyAtNotary,
  listForNotary,
  placePayments,
  type NotaryNews,
} from '../../src/office/ledger/payments.ts'
import type { Payment } from '../../src/office/scheme.ts'
import { shownRecord } from '../../src/schemes/wallet/message.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { random } from '../support/mint.ts'
import { SEK, type Made, type WalletCard } from '../support/wallet-mint.ts'
import { createWalletOffice, type WalletOffice } from '../support/wallet-office.ts'

let database: TestDatabase
let town: WalletOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createWalletOffice(database.db)
})
beforeEach(async () => {
  await town.forget()
  await town.setLiquidity(HOLD)
})
afterAll(async () => {
  await town.service.stop()
  await database.drop()
})

const NONE: Bytes = new Uint8Array()
const HOLD: Liquidity = { policy: 'hold', poolMax: 0n }
const LIQUIDITIES: readonly Liquidity[] = [
  HOLD,
  { policy: 'pool', poolMax: 60n },
  { policy: 'provenance', poolMax: 0n },
]

describe('Figure 9: Alice has 200 and pays Bob 80, Bob pays Charlie 50', () => {
  interface Scene {
    readonly cards: Readonly<Record<'Alice' | 'Bob' | 'Charlie', WalletCard>>
    readonly evidence: Readonly<Record<'Alice' | 'Bob' | 'Charlie', readonly Bytes[]>>
    readonly first: Made
  }
  let scene: Scene
  beforeAll(async () => {
    const Alice = await town.addCard()
    const loaded = await town.load(Alice, 200n)
    const Bob = await town.addCard()
    const Charlie = await town.addCard()
    const first = town.mint.buy(Alice, Bob, 80n)
    const received = town.mint.receive(Bob, first)
    const second = town.mint.buy(Bob, Charlie, 50n)
    const last = town.mint.receive(Charlie, second)
    scene = {
      cards: { Alice, Bob, Charlie },
      first,
      evidence: {
        Alice: [loaded.evidence, first.evidence],
        Bob: [received.evidence, second.evidence],
        Charlie: [last.evidence],
      },
    }
  })

  const NAMES = ['Alice', 'Bob', 'Charlie'] as const
  async function synchronise(name: (typeof NAMES)[number]): Promise<void> {
    await town.sync(scene.cards[name], ...scene.evidence[name])
    await town.check()
  }
  async function holdings(): Promise<readonly bigint[]> {
    return Promise.all(NAMES.map((name) => town.shadow(scene.cards[name])))
  }

  test.for(LIQUIDITIES)(
    'all orders and repetitions end alike: $policy $poolMax',
    async (liquidity) => {
      let orders = 0
      for (const order of sequencesOf(NAMES, 4)) {
        if (!NAMES.every((name) => order.includes(name))) continue
        await town.forget()
        await town.setLiquidity(liquidity)
        for (const name of order) await synchronise(name)
        if (NAMES.every((name) => order.includes(name))) {
          expect(await holdings()).toEqual([120n, 30n, 50n])
          expect(await town.payments()).toEqual(['80 settled', '50 settled'])
          expect(await town.balances()).not.toHaveProperty('pool ')
        }
        orders += 1
      }
      expect(await town.cases()).toEqual([])
      expect(await town.rejected()).toEqual([])
      console.log(`Figure 9 under ${liquidity.policy}: ${orders} orders of synchronisation`)
    },
  )

  test('Charlie alone: it waits, or the pool advances it and gets it back', async () => {
    await town.forget()
    await synchronise('Charlie')
    expect(await holdings()).toEqual([200n, 0n, 0n])
    expect(await town.payments()).toEqual(['50 pending'])
    // His receipt shows Bob’s payment too, which Bob has not handed in.
    expect(await town.ledger(scene.cards.Bob)).toMatchObject([
      { kind: 'issue' },
      { kind: 'pay', sequence: 2, amount: 50n, complete: true },
    ])

    // Enough by one too little.
    await town.setLiquidity({ policy: 'pool', poolMax: 49n })
    await synchronise('Charlie')
    expect(await holdings()).toEqual([200n, 0n, 0n])

    await town.setLiquidity({ policy: 'pool', poolMax: 50n })
    const { Charlie } = scene.cards
    await town.sync(Charlie, ...scene.evidence.Charlie, ...scene.evidence.Charlie)
    await town.check()
    expect(await holdings()).toEqual([200n, 0n, 50n])
    expect(await town.balances()).toMatchObject({ 'pool ': '-50' })

    await synchronise('Bob')
    expect(await holdings()).toEqual([120n, 30n, 50n])
    expect(await town.balances()).not.toHaveProperty('pool ')
  })

  test('Charlie alone suffices if his card brings along what was paid before', async () => {
    await town.forget()
    await town.setLiquidity({ policy: 'provenance', poolMax: 0n })
    const { Charlie } = scene.cards
    await town.sync(Charlie, ...scene.evidence.Charlie, scene.first.evidence)
    await town.check()
    expect(await holdings()).toEqual([120n, 30n, 50n])
    // Alice and Bob have nothing to add.
    for (const name of ['Bob', 'Alice'] as const) await synchronise(name)
    expect(await holdings()).toEqual([120n, 30n, 50n])
    expect(await town.cases()).toEqual([])
  })
})

describe('a payment', () => {
  test('to a till is settled once, whether till or card hands it in', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const paid = town.mint.buy(card, till, 120n)
    await town.report(till, paid.evidence)
    await town.sync(card, paid.evidence)
    await town.report(till, paid.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(380n)
    expect(await town.balances()).toMatchObject({ [`merchant ${till.merchant}`]: '120' })
    const [, line] = await town.ledger(card)
    expect(await town.ledger(card)).toHaveLength(1 + 1)
    expect(line).toMatchObject({ kind: 'pay', till: till.number, sequence: 2, complete: true })
  })

  test('that a till only expects moves nothing until the card has signed it', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const paid = town.mint.buy(card, till, 120n)
    await town.report(till, [town.mint.expected(paid), 'unconfirmed'])
    expect(await town.shadow(card)).toBe(500n)
    expect(await town.ledger(card)).toMatchObject([{ sequence: 0 }, { complete: false }])
    // Whatever the till says of it.
    await town.report(till, town.mint.expected(paid))
    expect(await town.shadow(card)).toBe(500n)

    await town.sync(card, paid.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(380n)
    expect(await town.ledger(card)).toMatchObject([{ sequence: 0 }, { complete: true }])
    expect(await town.cases()).toEqual([])
  })

  test('that two expectations of a till name for one position accuse nobody', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const first = town.mint.buy(card, till, 120n, { keep: false })
    const second = town.mint.buy(card, till, 130n)
    await town.report(till, [town.mint.expected(first), 'void'], second.evidence)
    expect(await town.cases()).toEqual([])
    expect(await town.shadow(card)).toBe(370n)
  })

  test('that its card has not signed yet has bought nothing, whatever its till set aside for it', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const { currency, mint } = { currency: SEK.numeric, mint: town.mint }
    const paid = mint.buy(card, till, 10n)
    const body = { product: 1, price: 10n, currency, madeAt: 0, till: till.number }
    const tokens = [signToken(generatePrivateKey(), { ...body, nonce: new Uint8Array(8) })]
    await town.report(till, [mint.expected(paid, tokens), 'void'])
    expect(await town.cases()).toEqual([])
    await town.report(till, mint.evidence(paid.shown, { policyVersion: 1, tokens }))
    expect((await town.cases()).map(({ kind }) => kind)).toEqual(['unknown-token'])
  })

  test('to the card’s own office goes to its holder’s online wallet', async () => {
    const card = await town.addCard(500n)
    const { rows } = await sql<{ id: string }>`
      insert into person (login, name, role, made_at) values ('alice', 'Alice', 'cardholder', 0)
      returning id::text`.execute(town.db)
    const [person] = rows
    await sql`update card set holder = ${person?.id}::bigint where id = ${card.id}`.execute(town.db)
    const back = town.mint.pay(card, town.mint.request(town.mint.office(), 200n, card.id))
    await town.sync(card, back.evidence, back.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(300n)
    expect(await town.balances()).toMatchObject({ [`online ${person?.id}`]: '200' })
  })

  test('that waits in a circle of payments is settled with all of them', async () => {
    const [Alice, Bob] = [await town.addCard(100n), await town.addCard()]
    const till = await town.addTill()
    // Alice pays 80, gets 30 of it back, and spends 50.
    const there = town.mint.buy(Alice, Bob, 80n)
    town.mint.receive(Bob, there)
    const back = town.mint.buy(Bob, Alice, 30n)
    town.mint.receive(Alice, back)
    const last = town.mint.buy(Alice, till, 50n)
    // The last one first: then Alice lacks 30 of the first, and Bob all of his.
    await town.report(till, last.evidence)
    await town.sync(Bob, back.evidence)
    expect([await town.shadow(Alice), await town.shadow(Bob)]).toEqual([50n, 0n])
    await town.sync(Alice, there.evidence)
    await town.check()
    expect([await town.shadow(Alice), await town.shadow(Bob)]).toEqual([0n, 50n])
  })
})

describe('a refund', () => {
  test('gives back in any order, from either side', async () => {
    const [Alice, Bob] = [await town.addCard(200n), await town.addCard(10n)]
    const asked = town.mint.request(Bob, 80n, Alice.id)
    const paid = town.mint.pay(Alice, asked)
    const refused = town.mint.refuse(Bob, asked)
    const refund = town.mint.refund(Alice, refused, paid)
    const items = [paid.evidence, refund.evidence, town.mint.refused(paid, refused)]
    let orders = 0
    for (const order of sequencesOf(items, 3)) {
      if (order.every((item) => item === paid.evidence)) continue
      await town.forget()
      for (const item of order) await town.sync(Alice, item)
      await town.check()
      expect(await town.shadow(Alice)).toBe(200n)
      expect(await town.shadow(Bob)).toBe(10n)
      orders += 1
    }
    expect(await town.cases()).toEqual([])
    expect(await town.rejected()).toEqual([])
    console.log(`refunds: ${orders} orders`)
  })

  test('by a till counts before the card knows of it, and once', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const asked = town.mint.request(till, 120n, card.id)
    const paid = town.mint.pay(card, asked)
    const refused = town.mint.refuse(till, asked)
    await town.report(till, paid.evidence)
    expect(await town.shadow(card)).toBe(380n)
    await town.report(till, town.mint.refused(paid, refused))
    expect(await town.shadow(card)).toBe(500n)
    await town.sync(card, town.mint.refund(card, refused, paid).evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(500n)
    expect(await town.ledger(card)).toMatchObject([
      { kind: 'issue' },
      { kind: 'pay', till: till.number },
      { kind: 'refund', till: till.number },
    ])
  })

  test('of a payment that was expected only, and made after all, gives it back', async () => {
    const till = await town.addTill()
    const card = await town.addCard(500n)
    const asked = town.mint.request(till, 120n, card.id)
    const paid = town.mint.pay(card, asked)
    const refused = town.mint.refuse(till, asked)
    const expected = shownRecord.encode({ ...shownRecord.decode(paid.shown), signature: [] })
    await town.report(till, [
      town.mint.evidence(expected, { refusal: [refused], policyVersion: 1 }),
      'void',
    ])
    await town.sync(card, paid.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(500n)
    expect(await town.balances()).not.toHaveProperty(`merchant ${till.merchant}`)
  })

  test('waits for what its payee has passed on, and the pool advances it', async () => {
    const [Alice, Bob] = [await town.addCard(80n), await town.addCard()]
    const till = await town.addTill()
    const asked = town.mint.request(Bob, 80n, Alice.id)
    const paid = town.mint.pay(Alice, asked)
    await town.sync(Alice, paid.evidence)
    // Bob’s card never took it, but got as much of the office, and spent that.
    const loaded = await town.load(Bob, 80n)
    const spent = town.mint.buy(Bob, till, 80n)
    await town.report(till, spent.evidence)
    await town.sync(Alice, town.mint.refund(Alice, town.mint.refuse(Bob, asked), paid).evidence)
    await town.sync(Bob, loaded.evidence)
    await town.check()
    expect([await town.shadow(Alice), await town.shadow(Bob)]).toEqual([80n, 0n])
  })
})

describe('a card whose key is out', () => {
  test('is proven so by two payments with one sequence; whoever was paid is not blamed', async () => {
    const card = await town.addCard(100n)
    const [one, other] = [await town.addTill(), await town.addTill()]
    const first = town.mint.buy(card, one, 60n, { keep: false })
    const second = town.mint.buy(card, other, 70n)
    await town.report(one, first.evidence)
    expect(await town.cases()).toEqual([])
    await town.report(other, second.evidence)
    await town.check()
    expect(await town.cases()).toMatchObject([
      {
        kind: 'card-key-extracted',
        strength: 'proven',
        suspects: [{ kind: 'card', card: card.id }],
        card: card.id,
        amount: 60n,
      },
    ])
    // The first is paid; the second is not covered.
    expect(await town.payments()).toEqual(expect.arrayContaining(['60 settled', '70 pending']))
    const { rows } = await sql<{ status: string }>`
      select status from card where id = ${card.id}`.execute(town.db)
    expect(rows).toEqual([{ status: 'frozen' }])
  })

  test.for([
    ['accepted', '70 settled', '70', '-70'],
    ['refused', '70 returned', undefined, undefined],
  ] as const)(
    'stays blocked when somebody has looked; what waits is %s',
    async ([decision, line, paid, lost]) => {
      const card = await town.addCard(100n)
      const [one, other] = [await town.addTill(), await town.addTill()]
      const first = town.mint.buy(card, one, 60n, { keep: false })
      const second = town.mint.buy(card, other, 70n)
      await town.report(one, first.evidence)
      await town.report(other, second.evidence)
      const [found] = await town.cases()
      const decisions = [first, second].map(({ content, digest }) => ({
        card: card.id,
        sequence: content.sequence,
        record: digestOf(digest),
        decision,
      }))
      const resolution = { id: found?.id ?? '', card: card.id, reason: 'looked', decisions }
      await town.db.transaction().execute((trx) => town.service.resolve(trx, resolution))
      await town.check()
      expect((await town.payments()).toSorted()).toEqual(['60 settled', line])
      const balances = await town.balances()
      expect(balances[`merchant ${other.merchant}`]).toBe(paid)
      expect(balances['losses ']).toBe(lost)
      expect(await town.shadow(card)).toBe(40n)
      const lines = await town.ledger(card)
      const states = lines.map(({ payment }) => payment?.state)
      expect(states).toEqual(expect.arrayContaining([line.slice(3), 'settled', undefined]))
      const { rows } = await sql<{ status: string }>`
        select status from card where id = ${card.id}`.execute(town.db)
      expect(rows).toEqual([{ status: 'frozen' }])
    },
  )

  test.for([
    ['a record on another history', { previous: new Uint8Array(32) }, 'card-key-extracted'],
    ['a balance that does not follow', { balance: 1_000_000n }, 'wrong-arithmetic'],
  ] as const)('is proven so by %s, in either order', async ([, lie, kind]) => {
    const till = await town.addTill()
    const card = await town.addCard(100n)
    const honest = town.mint.buy(card, till, 10n)
    const lying = town.mint.buy(card, till, 20n, { record: lie })
    const cases = async () =>
      (await town.cases()).map(({ suspects, ...found }) => ({
        kind: found.kind,
        strength: found.strength,
        suspects: suspects.map(({ kind: suspect }) => suspect),
      }))
    const expected = [{ kind, strength: 'proven', suspects: ['card'] }]
    await town.forget()
    await town.report(till, honest.evidence)
    await town.report(till, lying.evidence)
    expect(await cases()).toEqual(expected)
    await town.forget()
    await town.report(till, lying.evidence, honest.evidence)
    expect(await cases()).toEqual(expected)
  })

  test('does not prove anything against whoever hands its records in beside their own', async () => {
    const [till, other] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard(100n)
    const token = random.bytes(10)
    const paid = town.mint.buy(card, till, 10n)
    // A phone that makes up what a till sold, and a till that brings another one’s sale along.
    const lie = town.mint.evidence(paid.shown, {
      policyVersion: 99,
      tokens: [concat(token, new Uint8Array(TOKEN_SIZE - token.length))],
    })
    await town.sync(card, lie)
    await town.report(other, lie)
    expect(await town.cases()).toEqual([])
    await town.report(till, paid.evidence)
    expect(await town.cases()).toEqual([])
    expect(await town.shadow(card)).toBe(90n)
  })
})

describe('a lost card', () => {
  async function heldBy(card: WalletCard, login: string): Promise<string> {
    const { rows } = await sql<{ id: string }>`
      insert into person (login, name, role, made_at) values (${login}, ${login}, 'cardholder', 0)
      returning id::text`.execute(town.db)
    const id = rows[0]?.id ?? ''
    await sql`update card set holder = ${id}::bigint where id = ${card.id}`.execute(town.db)
    return id
  }
  const renew = (card: WalletCard) =>
    town.db.transaction().execute((trx) =>
      renewCard(town.office, trx, {
        card: card.id,
        uid: generatePrivateKey().publicKey.bytes,
        passcode: undefined,
        lost: true,
      }),
    )

  test('leaves its money in its holder’s online wallet; the new one starts with nothing', async () => {
    const [card, other] = [await town.addCard(), await town.addCard(40n)]
    const till = await town.addTill()
    const holder = await heldBy(card, 'bob')
    const loaded = await town.load(card, 100n)
    const paid = town.mint.buy(card, till, 30n)
    // Paid to it, and never on it.
    const coming = town.mint.buy(other, card, 15n)
    await town.sync(card, loaded.evidence, paid.evidence)
    await town.sync(other, coming.evidence)
    const { card: renewed } = await renew(card)
    await town.check()
    expect(await town.shadow(card)).toBe(0n)
    expect(await town.balances()).toMatchObject({ [`online ${holder}`]: '85' })
    expect(await town.balances()).not.toHaveProperty(`shadow ${renewed.id}`)
  })

  test('of which a record is missing is worth what its last one says', async () => {
    const card = await town.addCard()
    const till = await town.addTill()
    const holder = await heldBy(card, 'carol')
    const loaded = await town.load(card, 100n)
    const missing = town.mint.buy(card, till, 30n)
    const known = town.mint.buy(card, till, 5n)
    await town.sync(card, loaded.evidence, known.evidence)
    expect(await town.shadow(card)).toBe(95n)
    await renew(card)
    expect(await town.balances()).toMatchObject({ [`online ${holder}`]: '65' })
    await town.sync(card, missing.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(0n)
  })

  test('that nobody holds is paid out, not renewed', async () => {
    const card = await town.addCard(100n)
    await expect(renew(card)).rejects.toThrow('Nobody holds card')
    const reason = 'found broken'
    await sql`update card set status = 'frozen' where id = ${card.id}`.execute(town.db)
    const paid = await town.db
      .transaction()
      .execute((trx) => refundCard(town.office, trx, { card: card.id, reason }))
    // Nothing shows that a record is missing: what it was given is its holder’s, loaded or not.
    expect(paid).toBe(100n)
    await town.check()
  })
})

describe('between offices', () => {
  const OTHER = 2
  const other: Party = { kind: 'card', office: OTHER, card: cardIdOf(random.bytes(8)) }

  /** A payment between our card and theirs. */
  function between(payer: Party, payee: Party, amount: bigint): Payment {
    return {
      id: digestOf(random.bytes(32)),
      payer,
      payee,
      amount,
      currency: SEK,
      request: digestOf(random.bytes(32)),
      sequence: 1,
      madeAt: town.mint.now(),
      evidence: random.bytes(4),
    }
  }
  const apply = (...news: readonly NotaryNews[]) =>
    town.db.transaction().execute((trx) => applyAtNotary(trx, 1, news, town.office.clock.now()))
  const listed = async () => (await listForNotary(town.db, 10)).map(({ id }) => id)

  test('moves this office’s half when the notary says so, each once', async () => {
    const card = await town.addCard(100n)
    const away = between(card.party, other, 70n)
    const here = between(other, card.party, 20n)
    for (let time = 0; time < 2; time += 1) {
      await apply({ payment: away, outcome: 'settled' }, { payment: here, outcome: 'settled' })
      await town.check()
      expect(await town.shadow(card)).toBe(50n)
      expect(await town.balances()).toMatchObject({ 'reserve ': '50' })
    }
    expect(await listed()).toEqual([])
    // Given back, and then nothing more.
    await apply({ payment: away, outcome: 'returned' })
    await apply({ payment: away, outcome: 'settled' }, { payment: away, outcome: 'returned' })
    await town.check()
    expect(await town.shadow(card)).toBe(120n)
    expect(await town.balances()).toMatchObject({ 'reserve ': '-20' })
  })

  test('has the pool advance what the payer lacks, whatever its limit, and repay it first', async () => {
    const card = await town.addCard(30n)
    await apply({ payment: between(card.party, other, 70n), outcome: 'settled' })
    await town.check()
    expect(await town.shadow(card)).toBe(0n)
    expect(await town.balances()).toMatchObject({ 'pool ': '-40', 'reserve ': '70' })
    const Bob = await town.addCard(60n)
    const paid = town.mint.buy(Bob, card, 55n)
    await town.sync(Bob, paid.evidence)
    await town.check()
    expect(await town.shadow(card)).toBe(15n)
    expect(await town.balances()).not.toHaveProperty('pool ')
  })

  test('tells the notary of a refusal that came before the payment was settled', async () => {
    const card = await town.addCard(100n)
    const away = between(card.party, other, 10n)
    const refund = { payer: card.party, payee: other, request: away.request, evidence: NONE }
    await town.db
      .transaction()
      .execute((trx) => placePayments(trx, { payments: [], refunds: [refund], cards: [] }, [], 0))
    await apply({ payment: away, outcome: 'settled' })
    expect(await listForNotary(town.db, 10)).toMatchObject([{ id: away.id, refund: NONE }])
    expect(await town.shadow(card)).toBe(90n)
    await apply({ payment: away, outcome: 'returned' })
    expect(await listed()).toEqual([])
    await town.check()
    expect(await town.shadow(card)).toBe(100n)
  })

  test('tells the notary what is not settled, and what is refused, page by page', async () => {
    const card = await town.addCard(100n)
    const till = await town.addTill()
    const first = between(card.party, other, 10n)
    await town.db.transaction().execute(async (trx) => {
      const paid = { payments: [first, between(other, till.party, 20n)], refunds: [], cards: [] }
      const shown = paid.payments.map((payment) => ({ ...payment, receipt: undefined }))
      await placePayments(trx, { ...paid, payments: shown }, [], town.office.clock.now())
    })
    const [one] = await listForNotary(town.db, 1)
    expect(one).toMatchObject({ id: first.id, evidence: first.evidence, refund: undefined })
    expect(await listForNotary(town.db, 1, one?.place)).toHaveLength(1)
    expect(await town.shadow(card)).toBe(100n)
    await apply({ payment: first, outcome: 'settled' })
    expect(await listed()).not.toContain(first.id)

    const refund = { payer: card.party, payee: other, request: first.request, evidence: NONE }
    await town.db
      .transaction()
      .execute((trx) => placePayments(trx, { payments: [], refunds: [refund], cards: [] }, [], 0))
    expect(await listForNotary(town.db, 10)).toMatchObject([{ id: first.id, refund: NONE }, {}])
    // Told again that it was settled, it is still to be given back.
    await apply({ payment: first, outcome: 'settled' })
    expect(await listed()).toContain(first.id)
    await apply({ payment: first, outcome: 'returned' })
    expect(await listed()).not.toContain(first.id)
    expect(await town.shadow(card)).toBe(100n)
  })
})

function* sequencesOf<T>(items: readonly T[], length: number): Generator<readonly T[]> {
  if (length === 0) {
    yield []
    return
  }
  for (const rest of sequencesOf(items, length - 1)) for (const item of items) yield [...rest, item]
}
