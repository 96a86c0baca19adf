import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import type { NotaryAct } from '../../src/kernel/notary.ts'
import { generatePrivateKey, type PrivateKey } from '../../src/kernel/p256.ts'
import { orderReserve } from '../../src/notary/operator.ts'
import { readReport } from '../../src/notary/reports.ts'
import { bankSubject, certify, NO_ELEMENT } from '../../src/schemes/coin/certificates.ts'
import { bankCertificate } from '../../src/schemes/coin/office/bank.ts'
import { createWorld, START, type Bank, type World } from './world.ts'

const DAY = 24 * 3600 * 1000
const MIDNIGHT = START - (START % DAY)
const VALID = { from: MIDNIGHT, to: MIDNIGHT + 3650 * DAY }
const [NORTH_KEY, SOUTH_KEY, OTHER_KEY] = [1, 2, 3].map(generatePrivateKey) as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
]
const VENDOR = fromHex('00000000000000b2')
const CARD = fromHex('00000000000000a1')

let world: World
let north: Bank
let south: Bank
/** An office, and no bank. */
let west: Bank

beforeAll(async () => {
  world = await createWorld()
  north = await world.office(1)
  south = await world.office(2)
  west = await world.office(3)
  for (const [bank, key] of [
    [north, NORTH_KEY],
    [south, SOUTH_KEY],
  ] as const) {
    expect(await say(bank, { act: 'bank', certificate: ofBank(bank.number, key) })).toBe('known')
  }
})
afterAll(() => world.drop())

function ofBank(number: number, key: PrivateKey, root = world.root.key): Bytes {
  return bankCertificate(number, key.publicKey, root, VALID)
}

function ofElement(element: Bytes, bank: number, key: PrivateKey): Bytes {
  const subject = { role: 'vendor element', bank, element, partner: NO_ELEMENT } as const
  const { publicKey } = OTHER_KEY
  return certify({ subject, publicKey, ...VALID }, { subject: bankSubject(bank), key })
}

/** What the notary says to that act. */
async function say(bank: Bank, act: NotaryAct): Promise<string> {
  const [said] = await bank.send(act)
  if (!said || !('result' in said)) throw new Error('it says something')
  return 'state' in said && said.act === 'decide' ? `${said.result} ${said.state}` : said.result
}

async function feedOf(bank: Bank, after = 0) {
  const [said] = await bank.send({ act: 'coin feed', after })
  if (!said) throw new Error('it says something')
  return said
}

describe('a bank', () => {
  test.each<readonly [what: string, certificate: () => Bytes, said: string]>([
    ['of bytes', () => utf8('a bank'), 'malformed'],
    ['of another office', () => ofBank(2, OTHER_KEY), 'wrong certificate'],
    ['of another root', () => ofBank(3, OTHER_KEY, OTHER_KEY), 'wrong certificate'],
    ['of an element', () => ofElement(CARD, 3, OTHER_KEY), 'wrong certificate'],
  ])('cannot come with a certificate %s', async (_what, certificate, said) => {
    expect(await say(west, { act: 'bank', certificate: certificate() })).toBe(said)
  })

  test('has one key for ever, and is known to the others once', async () => {
    const again = { act: 'bank', certificate: ofBank(1, NORTH_KEY) } as const
    expect(await say(north, again)).toBe('known')
    const other = { act: 'bank', certificate: ofBank(1, OTHER_KEY) } as const
    expect(await say(north, other)).toBe('wrong certificate')
    const { entries } = await feedOf(south)
    expect(entries.filter(({ entry }) => entry.kind === 'bank')).toHaveLength(1)
  })
})

describe('elements', () => {
  const elements = (...certificates: Bytes[]): NotaryAct => ({ act: 'elements', certificates })

  test('are made known all, or none', async () => {
    const good = ofElement(CARD, 1, NORTH_KEY)
    expect(await say(north, elements(good, utf8('bad')))).toBe('malformed')
    expect(await say(west, elements(ofElement(CARD, 3, OTHER_KEY)))).toBe('no bank')
    for (const bad of [ofElement(VENDOR, 1, SOUTH_KEY), ofElement(VENDOR, 2, SOUTH_KEY)]) {
      expect(await say(north, elements(good, bad))).toBe('wrong certificate')
    }
    expect(await say(north, elements(good, ofBank(1, NORTH_KEY)))).toBe('wrong certificate')
    const whoIs = { act: 'who is' as const, elements: [CARD, VENDOR] }
    expect((await south.send(whoIs))[0]?.certificates).toEqual([])
    expect(await say(north, elements(good))).toBe('known')
    expect(await say(north, elements(good))).toBe('known')
    expect((await south.send(whoIs))[0]?.certificates).toEqual([good])
  })

  test('have an id for themselves: nobody is blamed for what another one did', async () => {
    const own = ofElement(VENDOR, 2, SOUTH_KEY)
    expect(await say(south, elements(own))).toBe('known')
    expect(await say(north, elements(ofElement(VENDOR, 1, NORTH_KEY)))).toBe('other element')
    const [said] = await north.send({ act: 'who is', elements: [VENDOR] })
    expect(said?.certificates).toEqual([own])
  })
})

test('evidence is carried between banks, each item once', async () => {
  const show = (to: number): NotaryAct & { act: 'show coins' } => ({
    act: 'show coins',
    to,
    evidence: utf8('what a vendor has signed'),
    certificates: [],
  })
  const { upTo } = await feedOf(north)
  expect(await say(west, show(1))).toBe('no bank')
  expect(await say(south, show(3))).toBe('no bank')
  for (const _ of [1, 2]) expect(await say(south, show(1))).toBe('shown')
  const { entries } = await feedOf(north, upTo)
  expect(entries.map(({ number, entry }) => [number, entry.kind])).toEqual([[upTo + 1, 'evidence']])
})

test('what a bank says of its cards the others hear, once', async () => {
  const card = (element: Bytes): NotaryAct => ({
    act: 'card',
    element,
    number: 4,
    state: 'stopped',
  })
  const { upTo } = await feedOf(south)
  expect(await say(west, card(CARD))).toBe('no bank')
  expect(await say(south, card(CARD))).toBe('not yours')
  expect(await say(north, card(VENDOR))).toBe('not yours')
  expect(await say(north, card(fromHex('00000000000000ff')))).toBe('not yours')
  for (const _ of [1, 2]) expect(await say(north, card(CARD))).toBe('known')
  const { entries } = await feedOf(south, upTo)
  const entry = { kind: 'card', from: 1, element: CARD, number: 4, state: 'stopped' }
  expect(entries).toEqual([{ number: upTo + 1, entry }])
})

describe('what a bank says of a coin', () => {
  type Decide = NotaryAct & { act: 'decide' }
  const owed = (element: Bytes, office: number) => [{ element, office }]
  const decision = (serial: string, change: Partial<Decide> = {}): Decide => ({
    act: 'decide',
    coin: fromHex(`0001${serial}`),
    step: 2,
    verdict: 'accepted',
    creditor: owed(VENDOR, 2),
    currency: 'EUR',
    value: 500n,
    to: [2],
    ...change,
  })
  const NOBODY: Partial<Decide> = { verdict: 'contested', creditor: [] }

  test('stands once it is accepted, and its money goes when there is some', async () => {
    const first = decision('000000000001')
    expect(await say(north, first)).toBe('known waiting')
    const order = { act: 'deposit', office: 1, currency: 'EUR', amount: 600n } as const
    const words = { reason: 'test', reference: 'of the north' }
    expect(await orderReserve(world.opened.db, { ...order, ...words }, START)).toBe('done')
    for (const _ of [1, 2]) expect(await say(north, first)).toBe('known settled')
    const entries = (await feedOf(south)).entries.filter(({ entry }) => entry.kind === 'coin')
    expect(entries).toHaveLength(1)
  })

  test.each<readonly [what: string, who: () => Bank, act: Decide, said: string]>([
    ['an office that is no bank', () => west, decision('000000000001'), 'no bank'],
    ['another bank', () => south, decision('000000000001'), 'not yours'],
    [
      'its own vendor',
      () => north,
      decision('000000000001', { creditor: owed(VENDOR, 1) }),
      'no such bank',
    ],
    [
      'a vendor of no bank',
      () => north,
      decision('000000000001', { creditor: owed(VENDOR, 3) }),
      'no such bank',
    ],
    ['a claim of no bank', () => north, decision('000000000001', { to: [2, 3] }), 'no such bank'],
    ['another value', () => north, decision('000000000001', { value: 501n }), 'other value'],
    ['another currency', () => north, decision('000000000001', { currency: 'SEK' }), 'other value'],
    [
      'somebody else',
      () => north,
      decision('000000000001', { step: 3, creditor: owed(CARD, 2) }),
      'accepted before',
    ],
    ['nobody', () => north, decision('000000000001', { step: 3, ...NOBODY }), 'accepted before'],
    ['an older word', () => north, decision('000000000001', { step: 1 }), 'old'],
    [
      'a newer word of the same',
      () => north,
      decision('000000000001', { step: 3 }),
      'known settled',
    ],
  ])('is refused, or known: %s', async (_what, who, act, said) => {
    expect(await say(who(), act)).toBe(said)
  })

  test.each<readonly [what: string, change: Partial<Decide>]>([
    ['accepted for nobody', { creditor: [] }],
    ['contested, and owed to somebody', { verdict: 'contested' }],
    ['of no value', { value: 0n }],
    ['of less than nothing', { value: -1n }],
  ])('is no word if it is %s', async (_what, change) => {
    const act = decision('000000000003', change)
    await expect(say(north, act)).rejects.toThrow(FormatError)
  })

  test('may change until it is accepted', async () => {
    expect(await say(north, decision('000000000002', NOBODY))).toBe('known settled')
    expect(await say(north, decision('000000000002', { step: 1 }))).toBe('old')
    const change = { step: 3, value: 100n } as const
    expect(await say(north, decision('000000000002', change))).toBe('other value')
    expect(await say(north, decision('000000000002', { step: 3 }))).toBe('known waiting')
  })
})

test('the report sums up what was paid, waits and was refused', async () => {
  const { coins } = await readReport(world.opened.db)
  expect(coins).toEqual([
    { bank: 1, currency: 'EUR', paid: 500n, waiting: 500n, waitingSince: START, refused: 0n },
  ])
})

test('what a bank has said last is remembered, and never goes back', async () => {
  const said = (number: number, shownUpTo: number): NotaryAct => ({
    act: 'said',
    number,
    shownUpTo,
  })
  expect(await say(west, said(1, START))).toBe('no bank')
  expect(await say(south, said(7, START))).toBe('known')
  expect(await say(south, said(6, START - 1))).toBe('known')
  expect(await feedOf(south)).toMatchObject({ said: 7, others: [{ bank: 1, shownUpTo: 0 }] })
  expect(await feedOf(north)).toMatchObject({ said: 0, others: [{ bank: 2, shownUpTo: START }] })
  expect(await feedOf(west)).toMatchObject({ said: 0, upTo: 0, entries: [] })
})
