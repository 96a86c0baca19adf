import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import {
  CBOR_TYPE,
  decodeSynchronisation,
  decodeSynchronisationAnswer,
  encodeSynchronisation,
  SYNC_PATH,
} from '../../src/kernel/synchronisation.ts'
import { handInNew } from '../../src/office/wallets/handing-in.ts'
import { evidence, shownRecord } from '../../src/schemes/wallet/message.ts'
import { plainWire } from '../../src/schemes/wallet/phone/wire.ts'
import { agree } from '../schemes/wallet/phone-flows.ts'
import { done, lost, PhoneWorld, type Holder } from '../schemes/wallet/phone-world.ts'
import { RANDOM } from '../support/office.ts'

/** What one card may have stored a day here: more than its own records, less than a full request. */
const MAX = 20_000
const HOUR = 3600 * 1000

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create({ handInMax: MAX })
})
afterAll(() => world.close())

async function twoPeople(): Promise<readonly [Holder, Holder]> {
  const [alice, bob] = [await world.person(), await world.person()]
  done(await alice.load(10_00n))
  return [alice, bob]
}

async function pay(payer: Holder, payee: Holder, amount: bigint): Promise<void> {
  done(await payer.pay(done(await payee.ask(amount)).message))
}

/** How many requests of that card are stored, and how many items and bytes they have. */
async function stored({ card }: Holder) {
  const { rows } = await sql<{ requests: number; items: number; bytes: number }>`
    select count(*)::integer as requests, coalesce(sum(items), 0)::integer as items,
      coalesce(sum(octet_length(bytes)), 0)::integer as bytes
    from batch where card = ${card}`.execute(world.office.db)
  const [row] = rows
  if (!row) throw new Error('a sum has a row')
  return row
}

/** As anybody does who has a statement of that card. */
async function handIn(holder: Holder, items: readonly Bytes[], statement?: string) {
  const bytes = Buffer.from(statement ?? (await holder.statement()), 'base64')
  const answer = await world.office.api.inject({
    method: 'POST',
    url: SYNC_PATH,
    headers: { 'content-type': CBOR_TYPE },
    payload: Buffer.from(
      encodeSynchronisation({
        scheme: 'wallet',
        card: holder.card,
        statement: new Uint8Array(bytes),
        items,
      }),
    ),
  })
  const { statusCode: status, headers, rawPayload } = answer
  if (status === 200) return { status, ...decodeSynchronisationAnswer(new Uint8Array(rawPayload)) }
  const { error } = answer.json<{ error: { code: string; message: string } }>()
  return { status, ...error, retryAfter: Number(headers['retry-after']) }
}

/** What that phone has handed in with its last request that had anything. */
function lastItems({ sent }: Holder): readonly Bytes[] {
  const all = sent
    .filter(({ path }) => path === SYNC_PATH)
    .map(({ body }) => decodeSynchronisation(body ?? new Uint8Array()).items)
  return all.findLast(({ length }) => length > 0) ?? []
}

/** What that phone would hand in next, and the office does not get. */
async function keptBack(holder: Holder): Promise<readonly Bytes[]> {
  const items: Bytes[] = []
  holder.wire = async (message) => {
    if (message.name !== `POST ${SYNC_PATH}`) return message.bytes
    items.push(...decodeSynchronisation(message.bytes).items)
    throw lost(message)
  }
  await holder.synchronise()
  return items
}

const garbage = (size: number, count: number) =>
  Array.from({ length: count }, () => RANDOM.bytes(size))

/** Uses up what may be stored in the name of that card, but for less than any record. */
async function fill(holder: Holder): Promise<void> {
  const statement = await holder.statement()
  for (let size = MAX; size >= 100;) {
    const { status } = await handIn(holder, garbage(size, 1), statement)
    if (status !== 200) size = Math.floor(size / 2)
  }
}

describe('what a card has handed in before', () => {
  test('is not stored again, whoever brings it with whatever statement', async () => {
    const [alice, bob] = await twoPeople()
    await pay(alice, bob, 1_00n)
    done(await alice.synchronise())
    const items = lastItems(alice)
    const before = await stored(alice)
    expect(before.items).toBeGreaterThan(0)
    for (const again of [items, items, [...items, ...items]]) {
      expect(await handIn(alice, again)).toMatchObject({ status: 200 })
    }
    expect(await stored(alice)).toEqual(before)
    const [one] = garbage(500, 1)
    if (!one) throw new Error('one was asked for')
    expect(await handIn(alice, [...items, one, one])).toMatchObject({ status: 200 })
    const after = await stored(alice)
    expect([after.requests, after.items]).toEqual([before.requests + 1, before.items + 1])
  })

  test('is new again if it was rejected: what it is checked with may have come since', async () => {
    const [alice, items] = [await world.person(0n), garbage(500, 2)]
    for (const handedIn of [2, 4]) {
      expect(await handIn(alice, items)).toMatchObject({ status: 200 })
      expect((await stored(alice)).items).toBe(handedIn)
    }
  })
})

describe('beyond what one card may have stored a day', () => {
  test('what no card has signed is refused, and says when to come again', async () => {
    const alice = await world.person(0n)
    const [statement, half] = [await alice.statement(), garbage(2000, 4)]
    expect(await handIn(alice, half, statement)).toMatchObject({ status: 200 })
    world.office.clock.pass(HOUR)
    await fill(alice)
    const before = await stored(alice)
    expect(before.bytes).toBeLessThanOrEqual(MAX)
    const full = { status: 429, code: 'too_much' }
    expect(await handIn(alice, garbage(2000, 4), statement)).toMatchObject({
      ...full,
      message: expect.stringMatching(/again in 23 h\.$/),
      retryAfter: 23 * 3600,
    })
    expect(await handIn(alice, garbage(2000, 5), statement)).toMatchObject({
      ...full,
      message: expect.stringMatching(/again in 24 h\.$/),
      retryAfter: 24 * 3600,
    })
    expect(await stored(alice)).toEqual(before)
    world.office.clock.pass(23 * HOUR - 1)
    expect(await handIn(alice, garbage(2000, 4), statement)).toMatchObject(full)
    world.office.clock.pass(1)
    expect(await handIn(alice, garbage(2000, 4), statement)).toMatchObject({ status: 200 })
  })

  test('many at once come to no more', async () => {
    const alice = await world.person(0n)
    const { office, evidence: service, db } = world.office
    // Connections that are there already: whoever had to wait for one would come later.
    await Promise.all(Array.from({ length: 6 }, () => sql`select pg_sleep(0.02)`.execute(db)))
    const statement = new Uint8Array()
    const said = { scheme: 'wallet', card: alice.card, statement }
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, () =>
        handInNew(office, service, { ...said, items: garbage(2000, 4) }),
      ),
    )
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    expect((await stored(alice)).bytes).toBeLessThanOrEqual(MAX)
  })

  test('small items count by what they cost beside their bytes', async () => {
    const alice = await world.person(0n)
    const statuses = [await handIn(alice, garbage(4, 60)), await handIn(alice, garbage(4, 60))]
    expect(statuses).toMatchObject([{ status: 200 }, { status: 429 }])
  })

  test('its own records come in all the same, each once, and nobody else is concerned', async () => {
    const [alice, bob] = await twoPeople()
    await fill(alice)
    await pay(alice, bob, 3_00n)
    const items = await keptBack(alice)
    const before = await stored(alice)
    expect(items.length).toBeGreaterThan(0)
    const spoiled = await handIn(alice, [...items, ...garbage(1, 1)])
    expect(spoiled).toMatchObject({ status: 429, code: 'too_much' })
    expect(await stored(alice)).toEqual(before)

    const { office, evidence: service, db } = world.office
    const said = { scheme: 'wallet', card: alice.card, statement: new Uint8Array() }
    await Promise.all(Array.from({ length: 6 }, () => sql`select pg_sleep(0.02)`.execute(db)))
    const inManyWords = (from: number) =>
      items.flatMap((item) => [inOtherWords(item, from), inOtherWords(item, from + 1)])
    await Promise.allSettled(
      [10, 20, 30, 40].map((from) =>
        handInNew(office, service, { ...said, items: inManyWords(from) }),
      ),
    )
    const after = await stored(alice)
    expect(after.items).toBe(before.items + items.length)
    expect(await handIn(alice, inManyWords(50))).toMatchObject({ status: 200 })
    const unsigned = await handIn(alice, items.map(withoutSignature))
    expect(unsigned).toMatchObject({ status: 429, code: 'too_much' })
    expect(await stored(alice)).toEqual(after)

    alice.wire = plainWire
    done(await alice.synchronise())
    expect(await agree(alice)).toMatchObject([{ shadow: 7_00n, card: 7_00n }])
    expect(await handIn(bob, garbage(100, 3))).toMatchObject({ status: 200 })
  })
})

/** The same record, as nobody has to sign it. */
function inOtherWords(item: Bytes, policyVersion: number): Bytes {
  return evidence.encode({ ...evidence.decode(item), policyVersion })
}

/** What a till expects of a card that went away. */
function withoutSignature(item: Bytes): Bytes {
  const content = evidence.decode(item)
  const shown = shownRecord.encode({ ...shownRecord.decode(content.shown), signature: [] })
  return evidence.encode({ ...content, shown })
}
