import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Digest } from '../../src/kernel/ids.ts'
import { CBOR_TYPE, encodeSynchronisation, SYNC_PATH } from '../../src/kernel/synchronisation.ts'
import type { PermitRequest } from '../../src/office/wallets/permit.ts'
import {
  STANDINGS,
  standingOf,
  type LastInstruction,
  type Standing,
} from '../../src/office/wallets/standing.ts'
import { agree, synchronise } from '../schemes/wallet/phone-flows.ts'
import { done, PhoneWorld, type Holder } from '../schemes/wallet/phone-world.ts'

const digest = (name: string) => name as Digest
/** A card that has carried out instruction 3 and made 7 records; 5 are acknowledged. */
const SAID = {
  sequence: 7,
  last: digest('record 7'),
  instruction: 3,
  instructionDigest: digest('order 3'),
  acknowledged: 5,
}
const DONE: LastInstruction = {
  number: 3,
  state: 'carried out',
  digest: digest('order 3'),
  voidDigest: undefined,
  before: digest('order 2'),
}
const NEXT: LastInstruction = {
  ...DONE,
  number: 4,
  state: 'issued',
  digest: digest('order 4'),
  before: digest('order 3'),
}
const GIVEN_UP: LastInstruction = { ...NEXT, voidDigest: digest('void 4') }
const ON: typeof SAID = { ...SAID, instruction: 4, instructionDigest: digest('order 4') }
const VOID: typeof SAID = { ...SAID, instruction: 4, instructionDigest: digest('void 4') }

/** Every pair of counters, and by which message it is mended: docs/protocol/wallet-office.md. */
const PAIRS: readonly (readonly [
  string,
  typeof SAID,
  Parameters<typeof standingOf>[1],
  LastInstruction | undefined,
  Standing,
])[] = [
  ['both at the same', SAID, SAID, DONE, 'in step'],
  ['both at the same, and the first contact', SAID, undefined, DONE, 'in step'],
  ['neither has anything', { ...SAID, instruction: 0 }, undefined, undefined, 'in step'],
  ['card ahead by records', { ...SAID, sequence: 9 }, SAID, DONE, 'in step'],
  ['card behind by records: said before', { ...SAID, sequence: 6 }, SAID, DONE, 'older'],
  ['card behind by forgetting: said before', { ...SAID, acknowledged: 4 }, SAID, DONE, 'older'],
  ['office ahead by the order under way', SAID, SAID, NEXT, 'under way'],
  ['office ahead by an order given up', SAID, SAID, GIVEN_UP, 'under way'],
  ['office ahead by more: said before', { ...SAID, instruction: 2 }, undefined, NEXT, 'older'],
  ['office ahead by what was done', SAID, undefined, { ...NEXT, state: 'carried out' }, 'older'],
  ['order carried out', ON, SAID, NEXT, 'carried out'],
  ['order carried out and given up', ON, SAID, GIVEN_UP, 'carried out'],
  ['order voided', VOID, SAID, GIVEN_UP, 'voided'],
  ['order done, said again', ON, ON, { ...NEXT, state: 'carried out' }, 'in step'],
  ['order voided, said again', VOID, VOID, { ...GIVEN_UP, state: 'void' }, 'in step'],
  ['office put back', ON, SAID, DONE, 'office behind'],
  ['office put back to its start', ON, undefined, undefined, 'office behind'],
  ['another record at that place', { ...SAID, last: digest('other') }, SAID, DONE, 'strange'],
  ['another order before', { ...SAID, instructionDigest: digest('x') }, SAID, NEXT, 'strange'],
  [
    'another order at that number',
    { ...ON, instructionDigest: digest('x') },
    SAID,
    NEXT,
    'strange',
  ],
  ['void that was never made', VOID, SAID, NEXT, 'strange'],
  ['order after its void', ON, SAID, { ...GIVEN_UP, state: 'void' }, 'strange'],
  ['void after its order', VOID, SAID, { ...GIVEN_UP, state: 'carried out' }, 'strange'],
]

describe('how a card and its office stand', () => {
  test.each(PAIRS)('%s', (_name, said, known, last, expected) => {
    expect(standingOf(said, known, last)).toBe(expected)
  })

  test('in every way that there is', () => {
    expect(new Set(PAIRS.map(([, , , , standing]) => standing))).toEqual(new Set(STANDINGS))
  })
})

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
})
afterAll(() => world.close())

async function instructions(holder: Holder) {
  const { rows } = await sql<{ kind: string; state: string; number: bigint }>`
    select kind, state, number from instruction where card = ${holder.card} order by number`.execute(
    world.office.db,
  )
  return rows.map(({ kind, state }) => `${kind} ${state}`)
}

/** A call of the holder’s own session. */
async function own(
  holder: Holder,
  method: 'GET' | 'POST',
  url: string,
  body?: object,
  key?: string,
) {
  const answer = await world.office.api.inject({
    method,
    url,
    headers: { ...holder.line.headers, ...(key !== undefined && { 'idempotency-key': key }) },
    ...(body && { payload: body }),
  })
  return { status: answer.statusCode, json: answer.json<Record<string, unknown>>() }
}

const SEK = { currency: 'SEK' }
const REASON = { reason: 'for the test' }
const KEY = 'a key of the test'

describe('online wallets', () => {
  test('deposit, withdraw and transfer; the statement runs back from the balance', async () => {
    const [alice, bob] = [await world.person(0n), await world.person(0n)]
    const { office } = world
    const url = `/api/online/${alice.person}`
    const move = async (path: string, amount: string) =>
      office.call('operator', 'POST', `${url}/${path}`, { ...SEK, amount, ...REASON })
    expect((await move('deposits', '5000')).status).toBe(200)
    expect((await move('withdrawals', '1200')).status).toBe(200)
    const transfer = { ...SEK, amount: '800', to: bob.login }
    const given = await own(alice, 'POST', '/api/online/me/transfers', transfer)
    expect(given).toMatchObject({ status: 200, json: { balance: '3000' } })
    const lines = async (query: string) => {
      const { json } = await own(alice, 'GET', `/api/online/me/statement?currency=SEK${query}`)
      return json['lines'] as { id: string; kind: string; amount: string; balance: string }[]
    }
    const all = await lines('')
    expect(all.map(({ kind, amount, balance }) => [kind, amount, balance])).toEqual([
      ['transfer', '-800', '3000'],
      ['withdrawal', '-1200', '3800'],
      ['deposit', '5000', '5000'],
    ])
    expect(await lines(`&limit=1&before=${all[0]?.id}`)).toEqual([all[1]])
  })

  test.each([
    ['more than there is', 'transfers', { amount: '999999', to: 'holder1' }, 409],
    ['to nobody', 'transfers', { amount: '1', to: 'nobody at all' }, 400],
    ['nothing', 'transfers', { amount: '0', to: 'holder1' }, 400],
    ['a deposit by its holder', 'deposits', { amount: '1', ...REASON }, 403],
    ['a withdrawal by its holder', 'withdrawals', { amount: '1', ...REASON }, 403],
  ])('do not move %s', async (_what, path, body, status) => {
    const carol = await world.person(10n)
    const answer = await own(carol, 'POST', `/api/online/me/${path}`, { ...SEK, ...body })
    expect(answer.status).toBe(status)
    expect(await world.books(carol)).toMatchObject([{ online: 10n }])
  })

  test('move money once a key, and refuse it for something else', async () => {
    const [alice, bob] = [await world.person(100n), await world.person(0n)]
    const url = '/api/online/me/transfers'
    const body = { ...SEK, amount: '30', to: bob.login }
    const first = await own(alice, 'POST', url, body, KEY)
    expect(await own(alice, 'POST', url, body, KEY)).toEqual(first)
    const other = { ...body, amount: '31' }
    expect((await own(alice, 'POST', url, other, KEY)).status).toBe(422)
    expect(await world.books(alice, bob)).toMatchObject([{ online: 70n }, { online: 30n }])
  })

  test('two at once cannot both have the last of it', async () => {
    const [alice, bob] = [await world.person(100n), await world.person(0n)]
    const body = { ...SEK, amount: '60', to: bob.login }
    const both = await Promise.all(
      [1, 2].map(async () => own(alice, 'POST', '/api/online/me/transfers', body)),
    )
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    expect(await world.books(alice, bob)).toMatchObject([{ online: 40n }, { online: 60n }])
  })

  test('of others are nobody’s business', async () => {
    const [alice, bob] = [await world.person(100n), await world.person(0n)]
    expect((await own(bob, 'GET', `/api/online/${alice.person}`)).status).toBe(404)
    const support = await world.office.call('support', 'GET', `/api/online/${alice.person}`)
    expect(support.json).toMatchObject({ balances: [{ ...SEK, balance: '100' }] })
    const away = { ...SEK, amount: '50', to: bob.login }
    const url = `/api/online/${alice.person}/transfers`
    expect((await world.office.call('root', 'POST', url, away)).status).toBe(403)
  })
})

describe('a load', () => {
  test.each([
    ['more than the wallet has', 1000_01n, 'There is not so much in the online wallet.'],
    ['more than the card may hold', 3000_01n, 'The card holds 0.00 SEK and may hold 3000.00 SEK'],
  ])('of %s is refused before any money moves', async (_what, amount, message) => {
    const alice = await world.person()
    const result = await alice.load(amount)
    expect(result).toMatchObject({ status: 'office_refused', refusal: { status: 409 } })
    expect(JSON.stringify(result)).toContain(message)
    expect(await world.books(alice)).toEqual([{ online: 1000_00n, shadow: 0n, card: 0n }])
    expect(alice.memory.size).toBe(0)
  })

  test('waits for the instruction before it', async () => {
    const alice = await world.person()
    const [statement, amount] = [await alice.statement(), '100']
    const ask = async (key: string) =>
      own(alice, 'POST', '/api/wallet/loads', { card: alice.card, amount, statement }, key)
    const first = await ask('the first key')
    expect(first.status).toBe(200)
    expect(await ask('the first key')).toEqual(first)
    expect((await ask('the second key')).status).toBe(409)
    expect(await instructions(alice)).toEqual(['load issued'])
    await synchronise(alice)
    expect(await instructions(alice)).toEqual(['load carried out', 'acknowledge carried out'])
    // Long after: the same bytes, and of no effect.
    expect(await ask('the first key')).toEqual(first)
    expect(await agree(alice)).toMatchObject([{ online: 999_00n, card: 1_00n }])
  })

  test('for a card that somebody else holds is not found', async () => {
    const [alice, eve] = [await world.person(), await world.person()]
    const body = { card: alice.card, amount: '100', statement: await alice.statement() }
    expect((await own(eve, 'POST', '/api/wallet/loads', body)).status).toBe(404)
  })

  test('with another card’s statement, or one that nobody signed, is refused', async () => {
    const [alice, eve] = [await world.person(), await world.person()]
    const spoilt = Buffer.from(await alice.statement(), 'base64')
    spoilt[30] = (spoilt[30] ?? 0) ^ 1
    for (const statement of [await eve.statement(), spoilt.toString('base64')]) {
      const body = { card: alice.card, amount: '100', statement }
      expect((await own(alice, 'POST', '/api/wallet/loads', body)).status).toBe(401)
    }
    expect(await instructions(alice)).toEqual([])
  })

  test('given up comes back once the card has given its number away, and not before', async () => {
    const alice = await world.person()
    const old = await alice.statement()
    const body = { card: alice.card, amount: '100', statement: old }
    expect((await own(alice, 'POST', '/api/wallet/loads', body, KEY)).status).toBe(200)
    expect((await own(alice, 'POST', `/api/cards/${alice.card}/give-up`, REASON)).status).toBe(200)
    expect(await world.books(alice)).toMatchObject([{ online: 999_00n, shadow: 100n }])
    await synchronise(alice)
    expect(await instructions(alice)).toEqual(['load void'])
    expect(await agree(alice)).toMatchObject([{ online: 1000_00n, card: 0n }])
    // What the card said before has no effect any more.
    const late = await own(
      alice,
      'POST',
      '/api/wallet/loads',
      { ...body, amount: '200' },
      `${KEY} 2`,
    )
    expect(late.status).toBe(409)
  })

  test('that is never fetched is given up when it is too old', async () => {
    const alice = await world.person()
    const body = { card: alice.card, amount: '100', statement: await alice.statement() }
    expect((await own(alice, 'POST', '/api/wallet/loads', body)).status).toBe(200)
    world.office.clock.pass(25 * 3600 * 1000)
    await synchronise(alice)
    expect(await instructions(alice)).toEqual(['load void'])
    expect(await agree(alice)).toMatchObject([{ online: 1000_00n, card: 0n }])
    world.office.clock.pass(-25 * 3600 * 1000)
  })

  test('that the card refuses is given up in the same contact', async () => {
    const [alice, bob] = [await world.person(3000_00n), await world.person()]
    // An open request counts as if it were paid, and the office cannot know of it.
    const asked = done(await alice.ask(2000_00n))
    expect(await alice.load(1500_00n)).toEqual({
      status: 'card_refused',
      refusal: 'balance_too_high',
    })
    expect(await agree(alice)).toMatchObject([{ online: 3000_00n, card: 0n }])
    done(await alice.refuse(asked.request.bytes))
    done(await alice.load(1500_00n))
    expect(await agree(alice, bob)).toMatchObject([{ card: 1500_00n }, { card: 0n }])
  })
})

describe('an operator', () => {
  test('restores what a card holds: the office bears the difference', async () => {
    const alice = await world.person()
    done(await alice.load(100_00n))
    for (const amount of ['12000', '4000']) {
      const body = { amount, statement: await alice.statement(), ...REASON }
      const url = `/api/cards/${alice.card}/restore`
      expect((await world.office.call('operator', 'POST', url, body)).status).toBe(200)
      await synchronise(alice)
      expect(await agree(alice)).toMatchObject([{ online: 900_00n, card: BigInt(amount) }])
    }
  })

  test('unblocks a PIN', async () => {
    const alice = await world.person()
    for (let tries = 2; tries >= 0; tries--) {
      const wrong = await alice.tap((phone, channel) => phone.synchronise(channel, '0000'))
      expect(wrong).toEqual({ status: 'wrong_pin', triesLeft: tries })
    }
    expect(await alice.synchronise()).toEqual({ status: 'card_refused', refusal: 'blocked' })
    const body = { statement: await alice.statement(), ...REASON }
    const url = `/api/cards/${alice.card}/unblock`
    expect((await world.office.call('support', 'POST', url, body)).status).toBe(200)
    // Its PIN cannot be shown: the order goes to the card without reading it.
    done(await alice.tap((phone, channel) => phone.synchronise(channel)))
    expect((await alice.state()).pinTries).toBe(3)
    done(await alice.synchronise())
  })

  test('changes what cards may do, over the air: one, and all', async () => {
    const [alice, bob] = [await world.person(), await world.person()]
    const policy = {
      paymentsMax: 1,
      balanceMax: '50000',
      paymentMax: '10000',
      amountMax: '20000',
      daysMax: 0,
      pinFreeMax: '0',
      receivedMoney: 'at once',
      hops: 0,
    }
    const { office } = world
    const one = await office.call(
      'administrator',
      'POST',
      `/api/cards/${alice.card}/wallet-policy`,
      {
        policy,
        ...REASON,
      },
    )
    expect(one).toMatchObject({ status: 200, json: { card: alice.card, policy: { version: 2 } } })
    await synchronise(alice, bob)
    expect((await alice.state()).paymentsLeft).toBe(1)
    expect((await bob.state()).paymentsLeft).toBe(5)
    expect(JSON.stringify(await alice.load(600_00n))).toContain('may hold 500.00 SEK')
    const all = { scheme: 'wallet', policy: { ...policy, paymentsMax: 2 }, ...REASON }
    expect((await office.call('administrator', 'POST', '/api/wallet-policy', all)).status).toBe(200)
    await synchronise(alice, bob)
    expect((await alice.state()).paymentsLeft).toBe(2)
    expect((await bob.state()).paymentsLeft).toBe(2)
    expect(await instructions(bob)).toEqual(['acknowledge carried out'])
  })

  test.each([
    ['paymentsMax', 17],
    ['balanceMax', '-1'],
    ['receivedMoney', 'never'],
    ['hops', 5],
    ['unknown', 1],
  ])('cannot make a policy with a wrong %s', async (field, value) => {
    const policy = { paymentsMax: 1, balanceMax: '1', paymentMax: '1', amountMax: '1', daysMax: 0 }
    const rest = { pinFreeMax: '0', receivedMoney: 'at once', hops: 0, [field]: value }
    const body = { scheme: 'wallet', policy: { ...policy, ...rest }, ...REASON }
    const answer = await world.office.call('administrator', 'POST', '/api/wallet-policy', body)
    expect(answer.status).toBe(400)
  })
})

describe('an office that was put back', () => {
  /** To a backup of before that instruction. */
  async function putBack(holder: Holder, number: number): Promise<void> {
    const { db } = world.office
    const reference = `instruction:${holder.card}:${number}`
    await db.transaction().execute(async (trx) => {
      await sql`alter table instruction disable trigger user`.execute(trx)
      await sql`
        delete from instruction where card = ${holder.card} and number >= ${number}`.execute(trx)
      await sql`alter table instruction enable trigger user`.execute(trx)
      await sql`
        with gone as (
          delete from transfer where reference = ${reference} returning debit, credit, amount
        )
        update account set balance = balance
          + case when account.id = gone.debit then gone.amount else -gone.amount end
        from gone where account.id in (gone.debit, gone.credit)`.execute(trx)
    })
  }

  test.each([
    ['from the holder', 1000_00n, 850_00n],
    ['from the office, if the holder has it no more', 120_00n, 10_00n],
  ])('takes the card’s word, and its own signature for the money: %s', async (_who, had, left) => {
    const alice = await world.person(had)
    done(await alice.load(100_00n))
    const before = await instructions(alice)
    const amount = had === 120_00n ? 2000n : 5000n
    const body = { card: alice.card, amount: String(amount), statement: await alice.statement() }
    const { json } = await own(alice, 'POST', '/api/wallet/loads', body, KEY)
    expect(await alice.execute(new Uint8Array(Buffer.from(String(json['order']), 'base64')))).toBe(
      true,
    )
    await putBack(alice, before.length + 1)
    if (had === 120_00n) {
      const away = { ...SEK, amount: '1000', ...REASON }
      const url = `/api/online/${alice.person}/withdrawals`
      expect((await world.office.call('operator', 'POST', url, away)).status).toBe(200)
    }
    await synchronise(alice)
    const after = [...before, 'load carried out', 'acknowledge carried out']
    expect(await instructions(alice)).toEqual(after)
    expect(await agree(alice)).toMatchObject([{ online: left, card: 100_00n + amount }])
  })
})

describe('the tables', () => {
  test('hold one instruction under way, the next after the last, for good', async () => {
    const alice = await world.person()
    done(await alice.load(10_00n))
    const { db } = world.office
    const insert = async (number: number, state = 'issued') =>
      sql`
      insert into instruction (card, number, kind, amount, digest, bytes, made_at, expires_at, state)
      values (${alice.card}, ${number}, 'unblock', 0, ${new Uint8Array(32)}, '', 0, 0, ${state})`.execute(
        db,
      )
    const last = (await instructions(alice)).length
    await expect(insert(last)).rejects.toThrow('instruction_pkey')
    await expect(insert(last + 2)).rejects.toThrow('foreign key')
    await insert(last + 1)
    await expect(insert(last + 2)).rejects.toThrow('instruction_under_way')
    await expect(
      sql`delete from instruction where card = ${alice.card}`.execute(db),
    ).rejects.toThrow('stays as it was given')
    await expect(
      sql`update instruction set amount = 1 where card = ${alice.card} and number = 1`.execute(db),
    ).rejects.toThrow('stays as it was given')
    await expect(
      sql`update account set balance = -1 where kind = 'online' and owner = ${alice.person}`.execute(
        db,
      ),
    ).rejects.toThrow('account_online_covered')
  })
})

test('a card that is stopped hands in what it has, and is told nothing until it is released', async () => {
  const [alice, bob] = [await world.person(), await world.person()]
  done(await alice.load(10_00n))
  const body = { card: alice.card, amount: '100', statement: await alice.statement() }
  expect((await own(alice, 'POST', '/api/wallet/loads', body)).status).toBe(200)
  done(await alice.pay(done(await bob.ask(1_00n)).message))
  const change = async (verb: string) =>
    world.office.call('operator', 'POST', `/api/cards/${alice.card}/${verb}`, REASON)
  expect((await change('freeze')).status).toBe(200)
  expect(done(await alice.synchronise())).toMatchObject({ handedIn: 1, state: { balance: 9_00n } })
  expect(await world.books(alice)).toMatchObject([{ shadow: 10_00n }])
  expect(await instructions(alice)).toContain('load issued')
  expect((await change('release')).status).toBe(200)
  done(await alice.synchronise())
  expect(await agree(alice)).toMatchObject([{ online: 989_00n, card: 10_00n }])
})

test('a synchronisation in the name of another scheme is refused', async () => {
  const alice = await world.person()
  const statement = new Uint8Array(Buffer.from(await alice.statement(), 'base64'))
  const sent = { scheme: 'purse', card: alice.card, statement, items: [] }
  const answer = await world.office.api.inject({
    method: 'POST',
    url: SYNC_PATH,
    headers: { 'content-type': CBOR_TYPE },
    payload: Buffer.from(encodeSynchronisation(sent)),
  })
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ error: { field: 'synchronisation.scheme' } })
})

describe('a card that tells another history', () => {
  async function status({ card }: Holder) {
    const { rows } = await sql<{ status: string }>`
      select status from card where id = ${card}`.execute(world.office.db)
    return rows[0]?.status
  }

  /** Hears what its office has to say, and hands in nothing. */
  async function only(holder: Holder) {
    return done(await holder.tap((phone, channel) => phone.synchronise(channel)))
  }

  test.each([
    ['under one place, by its statement alone', only],
    ['and shows it', async (holder: Holder) => done(await holder.synchronise())],
  ])('%s, is stopped', async (_what, say) => {
    const [alice, bob] = [await world.person(), await world.person()]
    done(await alice.load(10_00n))
    const image = alice.nvm.snapshot()
    done(await alice.pay(done(await bob.ask(1_00n)).message))
    await say(alice)
    expect(await status(alice)).toBe('active')
    alice.nvm.restore(image)
    done(await alice.pay(done(await bob.ask(2_00n)).message))
    await say(alice)
    expect(await status(alice)).toBe('frozen')
  })
})

describe('an office under a notary', () => {
  let under: PhoneWorld
  let answers: (Uint8Array<ArrayBuffer> | undefined)[] = []
  const asked: PermitRequest[] = []
  beforeAll(async () => {
    under = await PhoneWorld.create({
      async permit(request) {
        asked.push(request)
        return answers.shift()
      },
    })
  })
  afterAll(() => under.close())

  const permit = new Uint8Array(64).fill(7)

  test('lets no order out that is not permitted, and asks for each once', async () => {
    const alice = await under.person()
    answers = [permit]
    done(await alice.load(10_00n))
    expect(asked).toMatchObject([{ card: alice.card, kind: 'load', amount: 10_00n }])
    const [order] = await ordersOf(under, alice)
    expect(order).toEqual(Buffer.from(permit))
    expect(await agree(alice)).toMatchObject([{ online: 990_00n, card: 10_00n }])
  })

  test('gives up what is refused: the money comes back in the same contact', async () => {
    const alice = await under.person()
    answers = [undefined]
    expect(await alice.load(10_00n)).toMatchObject({
      status: 'office_refused',
      refusal: { status: 409 },
    })
    await synchronise(alice)
    expect(await agree(alice)).toMatchObject([{ online: 1000_00n, card: 0n }])
    answers = [permit]
    done(await alice.load(10_00n))
    expect(await agree(alice)).toMatchObject([{ online: 990_00n, card: 10_00n }])
  })

  test('waits with a restore until it is permitted', async () => {
    const alice = await under.person()
    const body = { amount: '500', statement: await alice.statement(), ...REASON }
    const url = `/api/cards/${alice.card}/restore`
    expect((await under.office.call('operator', 'POST', url, body)).status).toBe(200)
    answers = [undefined, permit]
    await synchronise(alice)
    expect((await alice.state()).balance).toBe(0n)
    await synchronise(alice)
    expect(await agree(alice)).toMatchObject([{ card: 500n }])
  })
})

async function ordersOf({ office }: PhoneWorld, { card }: Holder) {
  const { rows } = await sql<{ permit: Buffer | null }>`
    select permit from instruction where card = ${card} order by number`.execute(office.db)
  return rows.map(({ permit }) => permit)
}
