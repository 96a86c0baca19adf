import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toBase64 } from '../../src/kernel/bytes.ts'
import type { Role } from '../../src/office/roles.ts'
import { COINS_AT_ONCE } from '../../src/office/coins/sale.ts'
import { closeTills } from '../schemes/coin/till.ts'
import { Chip } from '../schemes/coin/world.ts'
import { CoinOffice, reportOf } from '../support/coin-office.ts'
import type { Answer } from '../support/office.ts'

let town: CoinOffice
/** As they were before anything was refused. */
let books: Awaited<ReturnType<CoinOffice['books']>>
/** By the words in braces in the addresses and bodies below. */
const names = new Map<string, string>()

beforeAll(async () => {
  town = await CoinOffice.create('routes')
  const customer = await town.customer(50n, [10n])
  const frozen = await town.customer(50n)
  await town.done('POST', `/api/cards/${frozen.card}/freeze`, { reason: 'lost it' })
  const shop = await town.shop()
  const stopped = await town.shop()
  await town.done('POST', `/api/tills/${stopped.number}/stop`, { reason: 'closed down' })
  const { till: plain } = await town.done<{ till: { number: number } }>('POST', '/api/tills', {
    name: 'without a vendor element',
    merchant: town.office.merchant,
  })
  const { card: block } = await town.done<{ card: { id: string } }>('POST', '/api/cards', {
    scheme: 'block',
    uid: '01020304',
    currency: 'EUR',
    balance: '500',
    passcode: '1234',
  })
  const { coins } = await town.done<{ coins: { id: string }[] }>(
    'GET',
    `/api/cards/${customer.card}/coins`,
  )
  for (const [name, value] of Object.entries({
    card: customer.card,
    frozen: frozen.card,
    block: block.id,
    till: shop.number,
    stopped: stopped.number,
    plain: plain.number,
    coin: coins[0]?.id,
    blankCard: await blank('card'),
    blankVendor: await blank('vendor element'),
  })) {
    names.set(name, String(value))
  }
  books = await town.books()
})
afterAll(async () => {
  expect(await town.books()).toEqual(books)
  closeTills()
  await town.office.close()
})

async function blank(kind: 'card' | 'vendor element'): Promise<string> {
  return toBase64(await reportOf(new Chip(town.world, kind), kind))
}

function named<T>(asked: T): T {
  const filled = (_: string, name: string) => names.get(name) ?? name
  return JSON.parse(JSON.stringify(asked).replaceAll(/\{(\w+)\}/g, filled))
}

const reason = 'because of the test'
/** Its largest is 100.00. */
const MOST = 10_000 * COINS_AT_ONCE

type Refused = readonly [
  what: string,
  /** Of what would be done otherwise; undefined takes it away. */
  change: { readonly role?: Role } & Readonly<Record<string, unknown>>,
  status: number,
  code: string,
  field?: string,
]

interface Act {
  readonly role: Role
  readonly url: string
  readonly body: Readonly<Record<string, unknown>>
  /** In the order of the checks. */
  readonly refused: readonly Refused[]
}

const ACTS: Readonly<Record<string, Act>> = {
  buying: {
    role: 'operator',
    url: '/api/coins',
    body: { card: '{card}', amount: '1' },
    refused: [
      ['neither', { amount: undefined }, 400, 'bad_input', 'body'],
      ['both', { values: ['1'] }, 400, 'bad_input', 'body'],
      ['no values', { amount: undefined, values: [] }, 400, 'bad_input', 'body'],
      ['nothing', { amount: '0' }, 400, 'bad_input', 'body.amount'],
      ['a coin of nothing', { amount: undefined, values: ['0'] }, 400, 'bad_input', 'values.0'],
      ['one too many', { values: ones(COINS_AT_ONCE + 1) }, 400, 'bad_input', 'body.values'],
      ['bound to whom', { bound: 'yes' }, 400, 'bad_input', 'body.bound'],
      ['a merchant', { role: 'merchant' }, 403, 'not_allowed'],
      ['no such card', { card: '00000000000000ff' }, 404, 'not_found', 'body.card'],
      ['somebody else’s card', { role: 'cardholder' }, 404, 'not_found', 'body.card'],
      ['a card without coins', { card: '{block}' }, 404, 'not_found', 'body.card'],
      ['a frozen card', { card: '{frozen}' }, 409, 'conflict'],
      ['in one coin too many', { amount: String(MOST + 1) }, 409, 'conflict'],
      ['what nobody counts out', { amount: '9'.repeat(18) }, 409, 'conflict'],
      [
        'too large a coin',
        { amount: undefined, values: ['4294967296'] },
        400,
        'bad_input',
        'value',
      ],
      ['more than there is', { amount: '41' }, 409, 'conflict', 'body.amount'],
    ],
  },
  'giving back': {
    role: 'operator',
    url: '/api/cards/{card}/coins/refund',
    body: { reason },
    refused: [
      ['without a reason', { reason: ' ' }, 400, 'bad_input', 'body.reason'],
      ['by a merchant', { role: 'merchant' }, 403, 'not_allowed'],
      ['of no card', { card: '00000000000000ff' }, 404, 'not_found', 'params.id'],
      ['of somebody else’s card', { role: 'cardholder' }, 404, 'not_found', 'params.id'],
      ['of a card that can pay', {}, 409, 'conflict'],
      ['of a frozen card', { card: '{frozen}' }, 409, 'conflict'],
    ],
  },
  'a vendor element': {
    role: 'administrator',
    url: '/api/tills/{till}/vendor-element',
    body: { scheme: 'coin', report: '{blankVendor}' },
    refused: [
      ['of no report', { report: '****' }, 400, 'bad_input', 'body.report'],
      ['by an operator', { role: 'operator' }, 403, 'not_allowed'],
      ['for purses', { scheme: 'purse' }, 400, 'bad_input', 'body.scheme'],
      ['for no till', { till: '999' }, 404, 'not_found', 'params.number'],
      ['for a stopped till', { till: '{stopped}' }, 403, 'till_stopped'],
      ['of a report of nothing', { report: 'AAAA' }, 400, 'bad_input', 'chipReport.version'],
      ['of a card', { report: '{blankCard}' }, 400, 'bad_input', 'chipReport.identityKey'],
    ],
  },
  float: {
    role: 'operator',
    url: '/api/tills/{till}/coins',
    body: { amount: '1' },
    refused: [
      ['of nothing', { amount: undefined }, 400, 'bad_input', 'body'],
      ['for one card', { bound: 'bound' }, 400, 'bad_input', 'body'],
      ['by a merchant', { role: 'merchant' }, 403, 'not_allowed'],
      ['for no till', { till: '999' }, 404, 'not_found', 'params.number'],
      ['without a vendor element', { till: '{plain}' }, 404, 'not_found', 'params.number'],
      ['for a stopped till', { till: '{stopped}' }, 403, 'till_stopped'],
      ['that nobody counts out', { amount: '9'.repeat(18) }, 409, 'conflict'],
    ],
  },
  awarding: {
    role: 'operator',
    url: '/api/coins/{coin}/award',
    body: { till: 1, reason },
    refused: [
      ['without a reason', { reason: '' }, 400, 'bad_input', 'body.reason'],
      ['to no till', { till: 0 }, 400, 'bad_input', 'body.till'],
      ['to no element', { vendor: 'pier' }, 400, 'bad_input', 'body.vendor'],
      ['to nobody', { till: undefined }, 400, 'bad_input', 'body'],
      ['to a till and an element', { vendor: '00000000000000ff' }, 400, 'bad_input', 'body'],
      ['by a holder', { role: 'cardholder' }, 403, 'not_allowed'],
      ['no coin', { coin: '00000000000000ff' }, 404, 'not_found', 'params.id'],
      ['a coin that nobody claims', {}, 404, 'not_found', 'params.id'],
    ],
  },
}

function ones(count: number): readonly string[] {
  return Array.from({ length: count }, () => '1')
}

describe.each(Object.entries(ACTS))(
  '%s is refused',
  (_act, { role: usual, url, body, refused }) => {
    test.for(refused)('%s', async ([, { role = usual, ...change }, status, code, field]) => {
      const isPlace = ([name]: readonly [string, unknown]) => url.includes(`{${name}}`)
      const changes = Object.entries(change)
      const place = changes
        .filter(isPlace)
        .reduce((so, [name, value]) => so.replace(`{${name}}`, String(value)), url)
      const asked = { ...body, ...Object.fromEntries(changes.filter((one) => !isPlace(one))) }
      const answer = await town.office.call(role, 'POST', named(place), named(asked))
      check(answer, status, code, field)
    })
  },
)

type Unseen = readonly [
  what: string,
  role: Role,
  url: string,
  status: number,
  code: string,
  field?: string,
]

const UNSEEN: readonly Unseen[] = [
  ['somebody else’s coins', 'cardholder', 'cards/{card}/coins', 404, 'not_found', 'params.id'],
  ['somebody else’s chip', 'cardholder', 'cards/{card}/elements', 404, 'not_found', 'params.id'],
  ['a merchant at a card', 'merchant', 'cards/{card}/coins', 403, 'not_allowed'],
  ['in no list', 'operator', 'cards/{card}/coins?list=lost', 400, 'bad_input', 'list'],
  ['at none', 'operator', 'cards/{card}/coins?limit=0', 400, 'bad_input', 'limit'],
  ['after no coin', 'operator', 'cards/{card}/coins?after=last', 400, 'bad_input', 'after'],
  ['another’s coins', 'merchant', 'tills/{till}/coins', 404, 'not_found', 'params.number'],
  ['another’s takings', 'merchant', 'tills/{till}/takings', 404, 'not_found', 'params.number'],
  ['elements of no till', 'operator', 'tills/999/elements', 404, 'not_found', 'params.number'],
  ['a holder at all coins', 'cardholder', 'coins', 403, 'not_allowed'],
]

test.for(UNSEEN)('looking is refused: %s', async ([, role, url, status, code, field]) => {
  const answer = await town.office.call(role, 'GET', named(`/api/${url}`))
  check(answer, status, code, field)
})

function check(answer: Answer, status: number, code: string, field: string | undefined): void {
  const { error } = answer.json as { error: { code: string; field?: string } }
  expect([answer.status, error.code]).toEqual([status, code])
  // A scheme names its own field, and may say within what.
  const ending = new RegExp(String.raw`(^|\.)${field}$`)
  expect(error.field).toEqual(field === undefined ? undefined : expect.stringMatching(ending))
}
