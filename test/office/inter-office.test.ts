import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { cardIdBytes } from '../../src/kernel/ids.ts'
import { Unreachable, type Transport } from '../../src/kernel/ports.ts'
import { listCases } from '../../src/notary/cases.ts'
import { orderReserve } from '../../src/notary/operator.ts'
import { readReport } from '../../src/notary/reports.ts'
import { notaryTransport } from '../../src/notary/transport.ts'
import { NoAnswer } from '../../src/office/inter-office-client.ts'
import { readAccounts } from '../../src/office/inter-office-store.ts'
import { createInterOffice, type InterOffice } from '../../src/office/inter-office.ts'
import { createOffice, type Office } from '../../src/office/office.ts'
import { replaceSchemeSecrets } from '../../src/office/registry/office-secrets.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { joinNotary, readAuthority } from '../../src/schemes/wallet/office/authority.ts'
import { signMessage } from '../../src/kernel/signed-message.ts'
import { instruction, SCHEME, statement } from '../../src/schemes/wallet/message.ts'
import { walletOffice } from '../../src/schemes/wallet/office.ts'
import { requestCertificate, signRequested } from '../../src/schemes/wallet/root.ts'
import { notarySeatOf } from '../../src/schemes/wallet/office/seat.ts'
import { Chance } from '../fuzz/chance.ts'
import { createWorld, START, type World } from '../notary/world.ts'
import { createTestDatabase } from '../support/database.ts'
import { random } from '../support/mint.ts'
import type { Instructed, Made, WalletCard } from '../support/wallet-mint.ts'
import { createWalletOffice, type WalletOffice, type WalletTill } from '../support/wallet-office.ts'

/** What a network does to one message of an office. */
type Harm =
  'request lost' | 'answer lost' | 'answer of another' | 'answer damaged' | 'office killed'
const HARMS: readonly Harm[] = [
  'request lost',
  'answer lost',
  'answer of another',
  'answer damaged',
  'office killed',
]

/** Each message is harmed in one way or the other; the long campaign harms it in both. */
const ENDS = ['answer lost', 'office killed'] as const
const isWhole = process.env['KONTANT_BREADTH'] === 'all'

class Killed extends Error {}

/** The way from an office to its notary, which remembers what passed, and harms one message. */
class Wire implements Transport {
  readonly passed: Bytes[] = []
  harm: { readonly at: number; readonly how: Harm } | undefined
  #answers: Bytes[] = []
  #count = 0

  readonly #way: () => Transport

  constructor(way: () => Transport) {
    this.#way = way
  }

  reset(harm: Wire['harm']): void {
    this.harm = harm
    this.#count = 0
  }

  async send(request: Parameters<Transport['send']>[0]) {
    this.#count += 1
    const how = this.harm?.at === this.#count ? this.harm.how : undefined
    if (request.body) this.passed.push(request.body)
    if (how === 'request lost') throw new Unreachable('lost')
    const answer = await this.#way().send(request)
    const [before] = this.#answers
    this.#answers.push(answer.body)
    switch (how) {
      case undefined:
        return answer
      case 'answer lost':
        throw new Unreachable('lost')
      case 'office killed':
        throw new Killed()
      case 'answer of another':
        return { status: 200, body: before ?? new Uint8Array() }
      case 'answer damaged': {
        const body = answer.body.slice()
        body[body.length - 1] = (body.at(-1) ?? 0) ^ 1
        return { status: 200, body }
      }
    }
  }
}

interface House {
  readonly town: WalletOffice
  readonly wire: Wire
  interOffice: InterOffice
  start(office: Office): InterOffice
  /** A new process of it: it remembers what is in the database. */
  restart(): void
  drop(): Promise<void>
}

let world: World
let houses: readonly [House, House, House]
let alice: WalletCard
let bob: WalletCard
let charlie: WalletCard
let till: WalletTill
/** Of Alice’s own office. */
let own: WalletTill
let load: Instructed
let toBob: Made
let toCharlie: Made
let evidence: Readonly<Record<'Alice' | 'Bob' | 'Charlie', readonly Bytes[]>>

async function createHouse(number: number): Promise<House> {
  const { db, drop } = await createTestDatabase()
  const dataKey = random.bytes(32)
  const clock = { now: () => START }
  const parts = { db, schemes: officeSchemes, clock, random, dataKey, currency: 'SEK' } as const
  const alone = await createOffice(parts)
  const { key } = readAuthority(alone.secretsOf(SCHEME))
  const subject = {
    role: 'office',
    party: { kind: 'office', office: number },
    generation: 1,
  } as const
  const [notaryKey] = world.notary.keys
  if (!notaryKey?.certificate) throw new Error('a notary has a certificate')
  const membership = {
    office: number,
    root: world.root.certificate.bytes,
    certificate: signRequested(requestCertificate(subject, key), world.root, START),
    notary: notaryKey.certificate.bytes,
  }
  const joined = joinNotary(alone.secretsOf(SCHEME), membership)
  await db
    .transaction()
    .execute((trx) => replaceSchemeSecrets(trx, alone.vault, SCHEME, joined, START))
  const town = await createWalletOffice(db, dataKey)
  const wire = new Wire(() => notaryTransport(world.notary))
  const seat = notarySeatOf(joined, () => START)
  if (!seat) throw new Error('the office has joined')
  const start = (office: Office) =>
    createInterOffice(
      { ...office, clock: world.clock },
      { seat, transport: wire, evidence: town.service },
    )
  const house: House = {
    town,
    wire,
    interOffice: start(town.office),
    start,
    restart() {
      house.interOffice = start(town.office)
    },
    async drop() {
      await town.service.stop()
      await drop()
    },
  }
  await house.interOffice.exchange()
  return house
}

beforeAll(async () => {
  world = await createWorld()
  houses = [await createHouse(1), await createHouse(2), await createHouse(3)]
  const [first, second, third] = houses
  alice = await first.town.addCard()
  const blank = { ...alice }
  await first.town.load(alice, 200n)
  // Her card’s record of it is made again, with the notary’s permit.
  Object.assign(alice, blank)
  load = first.town.mint.instruct(alice, 'load', 200n)
  bob = await second.town.addCard()
  charlie = await third.town.addCard()
  till = await third.town.addTill()
  own = await first.town.addTill()
  await reset()
  const permit = await permitted()
  const loaded = first.town.mint.carryOut(alice, 'load', 200n, load, permit)
  toBob = first.town.mint.buy(alice, bob, 80n)
  const received = second.town.mint.receive(bob, toBob)
  toCharlie = second.town.mint.buy(bob, charlie, 50n)
  const last = third.town.mint.receive(charlie, toCharlie)
  evidence = {
    Alice: [loaded.evidence, toBob.evidence],
    Bob: [received.evidence, toCharlie.evidence],
    Charlie: [last.evidence],
  }
})
beforeEach(reset)
afterAll(async () => {
  for (const house of houses) await house.drop()
  await world.drop()
})

function permitted(): Promise<Bytes | undefined> {
  return houses[0].interOffice.permit({
    card: alice.id,
    number: 1,
    kind: 'load',
    amount: 200n,
    currency: 'SEK',
    instruction: load.bytes,
  })
}

async function deposit(): Promise<void> {
  const more = { office: 1, currency: 'SEK', amount: 200n, reason: 'test' } as const
  const order = { act: 'deposit', ...more, reference: randomUUID() } as const
  expect(await orderReserve(world.opened.db, order, START)).toBe('done')
}

/** The notary’s books as they were when it had permitted Alice’s load. */
async function forgetNotary(): Promise<void> {
  await sql`truncate account, transfer, permit, payment, refund, feed, "case" cascade`.execute(
    world.opened.db,
  )
  await sql`update office set feed = 0`.execute(world.opened.db)
  await deposit()
  expect(await permitted()).toHaveLength(64)
}

/** Back to where Alice has her 200 and nobody has handed anything in. */
async function reset(): Promise<void> {
  for (const { wire } of houses) wire.reset(undefined)
  await forgetNotary()
  for (const { town } of houses) {
    await town.forget()
    await town.setLiquidity({ policy: 'hold', poolMax: 0n })
    await sql`update notary_seat set fed = 0`.execute(town.db)
    for (const table of ['notary_told', 'notary_unread', 'notary_account']) {
      await sql`delete from ${sql.table(table)}`.execute(town.db)
    }
  }
}

const NAMES = ['Alice', 'Bob', 'Charlie'] as const
type Name = (typeof NAMES)[number]

async function synchronise(name: Name): Promise<void> {
  const index = NAMES.indexOf(name)
  const house = houses[index]
  if (!house) throw new Error('each has a house')
  await house.town.sync([alice, bob, charlie][index] ?? alice, ...evidence[name])
}

async function exchangeAll(): Promise<void> {
  // Twice: what the second one tells, the first one hears.
  for (const { interOffice } of [...houses, ...houses]) await interOffice.exchange()
}

async function reserves(): Promise<readonly string[]> {
  const { offices, sums, wrong } = await readReport(world.opened.db)
  expect(sums.every(({ sum }) => sum === 0n)).toBe(true)
  expect(wrong).toEqual([])
  return offices.map(({ office, free, issued }) => `${office}: ${free} ${issued}`)
}

async function expectDone(): Promise<void> {
  expect(await reserves()).toEqual(['1: 0 120', '2: 0 30', '3: 0 50'])
  const shadows = await Promise.all(
    houses.map(({ town }, index) => town.shadow([alice, bob, charlie][index] ?? alice)),
  )
  expect(shadows).toEqual([120n, 30n, 50n])
  const kept = await Promise.all(houses.map(({ town }) => town.balances()))
  expect(kept.map((balances) => balances['reserve '])).toEqual(['80', '-30', '-50'])
  for (const { town } of houses) {
    await town.check()
    expect(await town.cases()).toEqual([])
    expect(await town.rejected()).toEqual([])
  }
  expect((await listCases(world.opened.db)).filter(({ withdrawn }) => !withdrawn)).toEqual([])
}

describe('Figure 9 across three offices: Alice has 200 and pays Bob 80, Bob pays Charlie 50', () => {
  test('all orders of synchronisation end alike, with each office slow or quick', async () => {
    const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
    const chance = new Chance(seed)
    let orders = 0
    for (const policy of ['hold', 'pool'] as const) {
      for (const order of permutationsOf(NAMES)) {
        await reset()
        for (const { town } of houses) await town.setLiquidity({ policy, poolMax: 100n })
        for (const name of order) {
          await synchronise(name)
          for (const { interOffice } of houses) {
            if (chance.below(2) === 0) await interOffice.exchange()
          }
        }
        await exchangeAll()
        await expectDone()
        orders += 1
      }
    }
    console.log(`Figure 9 across three offices, seed ${seed}: ${orders} orders`)
  })

  test('Charlie alone does for his office; Bob’s learns what Bob paid, and waits for Alice’s money', async () => {
    await synchronise('Charlie')
    await exchangeAll()
    expect(await reserves()).toEqual(['1: 0 200'])
    expect(await listCases(world.opened.db)).toMatchObject([
      { kind: 'unbacked-money', strength: 'suspected', office: 2 },
    ])
    await synchronise('Bob')
    await exchangeAll()
    // Bob showed Alice’s payment with his receipt: all is settled, and Alice need not come.
    await expectDone()
    expect(await houses[0].town.ledger(alice)).toMatchObject([
      { kind: 'issue' },
      { kind: 'pay', sequence: 2, amount: 80n },
    ])
    await synchronise('Alice')
    await exchangeAll()
    await expectDone()
  })

  test('a till’s batch does as well as a card, and what was its own sets reserve free', async () => {
    const [first, second, third] = houses
    const office = third.town.mint.authority.certificates[0].bytes
    const sold = first.town.mint.buy({ ...alice }, { ...till, office }, 30n)
    await third.town.report(till, [sold.evidence, 'confirmed'])
    await exchangeAll()
    expect(await reserves()).toEqual(['1: 0 170', '3: 30 0'])
    expect(await third.town.balances()).toMatchObject({ [`merchant ${till.merchant}`]: '30' })
    expect(await readAccounts(third.town.db)).toMatchObject([{ free: 30n, issued: 0n }])
    expect(await second.town.payments()).toEqual([])
  })
})

test('what a payee of another office refuses comes back, and the payer’s office hears why', async () => {
  const [first, second] = houses
  const { mint } = first.town
  const asked = mint.request(bob, 25n, alice.id)
  const paid = mint.pay({ ...alice }, asked)
  await first.town.sync(alice, ...evidence.Alice.slice(0, 1), paid.evidence)
  await exchangeAll()
  expect(await reserves()).toEqual(['1: 0 175', '2: 0 25'])
  await second.town.sync(bob, mint.refused(paid, mint.refuse(bob, asked)))
  await exchangeAll()
  expect(await reserves()).toEqual(['1: 0 200', '2: 0 0'])
  expect(await first.town.shadow(alice)).toBe(200n)
  expect(await second.town.shadow(bob)).toBe(0n)
  const { rows } = await sql`select payer from refund`.execute(first.town.db)
  expect(rows).toEqual([{ payer: alice.id }])
})

describe('what an office settles by itself', () => {
  test('is told the notary, sets reserve free, and is done here once', async () => {
    const [first] = houses
    const card = { ...alice }
    const { mint } = first.town
    const asked = mint.request(own, 30n, alice.id)
    const sold = mint.pay(card, asked)
    const emptied = mint.buy(card, mint.office(), 50n)
    await first.town.sync(alice, ...evidence.Alice.slice(0, 1), sold.evidence, emptied.evidence)
    await exchangeAll()
    expect(await reserves()).toEqual(['1: 80 120'])
    const before = await first.town.balances()
    await exchangeAll()
    expect(await first.town.balances()).toEqual(before)
    expect(before).not.toHaveProperty('reserve ')

    const refused = mint.refused(sold, mint.refuse(own, asked))
    await first.town.report(own, [refused, 'confirmed'])
    await exchangeAll()
    expect(await reserves()).toEqual(['1: 50 150'])
    expect(await first.town.shadow(alice)).toBe(150n)
  })

  test('also while two processes of it exchange at once', async () => {
    for (const name of NAMES) await synchronise(name)
    const [first, second, third] = houses
    await third.interOffice.exchange()
    await second.interOffice.exchange()
    const one = first.interOffice
    first.restart()
    await Promise.all([one.exchange(), first.interOffice.exchange(), one.exchange()])
    await exchangeAll()
    await expectDone()
  })

  test('waits for what it cannot read yet, and loses none of it', async () => {
    for (const name of NAMES) await synchronise(name)
    const [, second, third] = houses
    await third.interOffice.exchange()
    // An office that does not know the root yet.
    const alone = walletOffice.createSecrets(random, START)
    const { office: known } = second.town
    const secretsOf = (scheme: string) => (scheme === SCHEME ? alone : known.secretsOf(scheme))
    const blind = second.start({ ...known, secretsOf })
    await blind.exchange()
    const unread = await sql`select from notary_unread`.execute(second.town.db)
    expect(unread.rows.length).toBeGreaterThan(0)
    await exchangeAll()
    await expectDone()
    expect((await sql`select from notary_unread`.execute(second.town.db)).rows).toEqual([])
  })
})

describe('a permit that no card will use', () => {
  test('is given back when the card has given its number away, whether it was known or not', async () => {
    const [first] = houses
    const { db, mint } = first.town
    await deposit()
    const card = await first.town.addCard()
    const told = (kind: 'load' | 'void', amount: bigint) => {
      const content = {
        kind,
        office: 1,
        card: cardIdBytes(card.id),
        number: 1,
        madeAt: START,
        expires: START + 1000,
        currency: 752,
        amount,
        sequence: 0,
        record: new Uint8Array(32),
        policy: [],
      } as const
      const bytes = signMessage(instruction, content, mint.authority.key)
      return { bytes, digest: sha256(instruction.encode(content)) }
    }
    const [wanted, cancelled] = [told('load', 70n), told('void', 0n)]
    const request = {
      card: card.id,
      number: 1,
      kind: 'load',
      amount: 70n,
      currency: 'SEK',
    } as const
    // The answer is lost: this office believes that it was not permitted.
    first.wire.reset({ at: 1, how: 'answer lost' })
    expect(
      await first.interOffice.permit({ ...request, instruction: wanted.bytes }),
    ).toBeUndefined()
    first.wire.reset(undefined)
    expect(await reserves()).toEqual(['1: 130 270'])
    const said = signMessage(
      statement,
      {
        office: 1,
        card: cardIdBytes(card.id),
        nonce: new Uint8Array(8),
        sequence: 0,
        last: card.last,
        balance: 0n,
        instruction: 1,
        instructionDigest: cancelled.digest,
        acknowledged: 0,
        policyVersion: 1,
      },
      card.key,
    )
    await sql`
      insert into instruction (card, number, kind, amount, digest, bytes, made_at, expires_at,
        void_digest, void_bytes, state, statement)
      values (${card.id}, 1, 'load', 70, ${wanted.digest}, ${wanted.bytes}, 0, 1,
        ${cancelled.digest}, ${cancelled.bytes}, 'void', ${said})`.execute(db)
    for (let time = 0; time < 2; time += 1) {
      await first.interOffice.exchange()
      expect(await reserves()).toEqual(['1: 200 200'])
    }
    const { rows } = await sql`select said from notary_given_back`.execute(db)
    expect(rows).toEqual([{ said: 'given back' }])
  })
})

describe('a message between office and notary', () => {
  /** Everybody has synchronised, and the other offices have said so. */
  async function others(house: House): Promise<void> {
    await reset()
    for (const name of NAMES) await synchronise(name)
    for (const other of houses) if (other !== house) await other.interOffice.exchange()
    house.wire.passed.length = 0
  }

  async function harm(house: House, at: number, how: Harm): Promise<void> {
    await others(house)
    house.wire.reset({ at, how })
    const outcome = await house.interOffice.exchange().then(
      () => 'done',
      (error: unknown) => error,
    )
    expect(outcome).toBeInstanceOf(how === 'office killed' ? Killed : NoAnswer)
    house.wire.reset(undefined)
    house.restart()
    await exchangeAll()
    await expectDone()
  }

  test('harmed in any way, at any place, changes nothing in the end', async () => {
    let harmed = 0
    for (const [index, house] of houses.entries()) {
      await others(house)
      await house.interOffice.exchange()
      const count = house.wire.passed.length
      expect(count).toBeGreaterThanOrEqual(3)
      for (let at = 1; at <= count; at += 1) {
        for (const how of ENDS.filter((_, way) => isWhole || (at + index) % ENDS.length === way)) {
          await harm(house, at, how)
          harmed += 1
        }
      }
    }
    for (const how of HARMS) await harm(houses[1], 2, how)
    console.log(`office and notary: ${harmed} harmed messages, each made good by the next exchange`)
  })

  test('replayed at the end, each one and in any order, has no effect', async () => {
    for (const { wire } of houses) wire.passed.length = 0
    for (const name of ['Charlie', 'Alice', 'Bob'] as const) {
      await synchronise(name)
      await exchangeAll()
    }
    const before = await sql`
      select (select count(*) from transfer) as transfers, (select count(*) from feed) as fed,
        (select count(*) from payment) as payments`.execute(world.opened.db)
    const messages = houses.flatMap(({ wire }) => wire.passed)
    for (const message of [...messages, ...messages.toReversed()]) {
      await world.notary.answer(message)
    }
    const after = await sql`
      select (select count(*) from transfer) as transfers, (select count(*) from feed) as fed,
        (select count(*) from payment) as payments`.execute(world.opened.db)
    expect(after.rows).toEqual(before.rows)
    await expectDone()
    // Later nobody learns from them what became of an office’s payments either.
    world.clock.pass(600_001)
    const [message] = messages
    if (!message) throw new Error('there were messages')
    await expect(world.notary.answer(message.subarray(1))).rejects.toBeInstanceOf(FormatError)
    const [first] = houses
    await first.interOffice.exchange()
    world.clock.instant = START
  })

  test('to a notary that was put back to its beginning is said again, and nothing is done twice', async () => {
    for (const name of NAMES) await synchronise(name)
    await exchangeAll()
    await expectDone()
    await forgetNotary()
    await exchangeAll()
    await expectDone()
    // It has forgotten the permit as well: what it cannot settle does not hold up the rest.
    await forgetNotary()
    await sql`truncate permit, account, transfer`.execute(world.opened.db)
    await exchangeAll()
    expect(await reserves()).toEqual([])
    await deposit()
    expect(await permitted()).toHaveLength(64)
    await exchangeAll()
    await expectDone()
    // What is new is heard all the same.
    await forgetNotary()
    const [first, , third] = houses
    const office = third.town.mint.authority.certificates[0].bytes
    const sold = first.town.mint.buy({ ...alice }, { ...till, office }, 20n)
    await third.town.report(till, [sold.evidence, 'confirmed'])
    await exchangeAll()
    expect(await reserves()).toEqual(['1: 0 100', '2: 0 30', '3: 20 50'])
  })

  test('of an office whose clock is wrong is made again by the notary’s', async () => {
    const [first] = houses
    const office = { ...first.town.office, clock: { now: () => START - 3_600_000 } }
    const seat = notarySeatOf(first.town.office.secretsOf(SCHEME), () => START)
    if (!seat) throw new Error('the office has joined')
    const slow = createInterOffice(office, {
      seat,
      transport: first.wire,
      evidence: first.town.service,
    })
    await slow.exchange()
    expect(await readAccounts(first.town.db)).toMatchObject([{ free: 0n, issued: 200n }])
  })
})

describe('a permit', () => {
  test('is asked for sealed, and not given when nobody answers', async () => {
    const [first] = houses
    first.wire.passed.length = 0
    first.wire.reset({ at: 1, how: 'answer lost' })
    expect(await permitted()).toBeUndefined()
    first.wire.reset(undefined)
    const given = await permitted()
    expect(given).toHaveLength(64)
    expect(await reserves()).toEqual(['1: 0 200'])
    for (const message of first.wire.passed) {
      expect(Buffer.from(message).includes(Buffer.from(load.bytes))).toBe(false)
    }
  })
})

function permutationsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) =>
    permutationsOf(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  )
}
