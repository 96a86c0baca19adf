import { describe, expect, test } from 'vitest'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { INS } from '../../../src/schemes/wallet/message.ts'
import {
  certificateOf,
  contentOf,
  flipped,
  memoryOf,
  NOTHING,
  send,
  sendAfresh,
  showCertificate,
} from './card-bench.ts'
import {
  certificateFor,
  DAY,
  Office,
  PIN,
  refused,
  rootAuthority,
  START,
  taken,
  type Card,
  type Till,
} from './card-world.ts'

const office = new Office(1)
const other = new Office(2)
const card = await office.card(100_00n, { paymentsMax: 16 })
const today = START - (START % DAY)

/** Whether the card knows who signs for that till. */
async function knows(held: Card, till: Till): Promise<boolean> {
  const copy = held.clone()
  const asked = await till.ask(copy, 1n)
  return refused(await copy.tapped((tapped) => tapped.pay(asked))) !== 'unknown_signer'
}

describe('VERIFY CERTIFICATE', () => {
  const till = office.till(7)
  const theirs = other.till(8)
  const stolen = generatePrivateKey()
  const ours = { kind: 'till', office: 1, till: 9 } as const

  const rows: readonly (readonly [string, Bytes, number])[] = [
    ['a till of its office', till.certificate, 0x9000],
    ['another office', other.certificate, 0x9000],
    ['nothing', NOTHING, 0x6700],
    ['no certificate', Uint8Array.of(1, 2, 3), 0x6a80],
    ['a till of an office that was not shown', theirs.certificate, 0x6a88],
    ['a flipped bit of the signature', flipped(250)(till.certificate), 0x6988],
    [
      'a till by a key that is no office’s',
      certificateFor('till', ours, stolen.publicKey, { ...office.authority, key: stolen }),
      0x6988,
    ],
    [
      'an office by another office',
      certificateFor('office', other.party, stolen.publicKey, office.authority),
      0x6988,
    ],
    [
      'an office by a key that is not the root’s',
      certificateFor('office', other.party, stolen.publicKey, { ...rootAuthority, key: stolen }),
      0x6988,
    ],
    [
      'a till of another office, by this one',
      certificateFor(
        'till',
        { kind: 'till', office: 2, till: 9 },
        stolen.publicKey,
        office.authority,
      ),
      0x6a88,
    ],
    [
      'the notary',
      certificateFor('notary', { kind: 'office', office: 0 }, stolen.publicKey, rootAuthority),
      0x9410,
    ],
    ['over since yesterday', office.till(9, { to: today - DAY }).certificate, 0x9404],
    ['over after today', office.till(9, { to: today }).certificate, 0x9000],
    ['not good before tomorrow', office.till(9, { from: today + DAY }).certificate, 0x9000],
  ]
  test.for(rows)('%s', ([, certificate, sw]) => {
    const copy = card.clone()
    const before = contentOf(copy)
    expect(showCertificate(copy, certificate).toString(16)).toBe(sw.toString(16))
    if (sw === 0x9000) expect(contentOf(copy)).not.toEqual(before)
    else expect(contentOf(copy)).toEqual(before)
  })

  test('what is known costs no signature and no write, until it is over', () => {
    const copy = card.clone()
    showCertificate(copy, till.certificate)
    const before = contentOf(copy)
    const writes = copy.nvm.writes
    const ms = copy.field.card.modelledMs
    expect(showCertificate(copy, till.certificate)).toBe(0x9000)
    expect(copy.nvm.writes).toBe(writes)
    expect(copy.field.card.modelledMs - ms).toBeLessThan(50)
    expect(contentOf(copy)).toEqual(before)
    const short = office.till(9, { to: today })
    showCertificate(copy, short.certificate)
    memoryOf(copy).commit({ time: today + DAY })
    expect(showCertificate(copy, short.certificate)).toBe(0x9404)
  })
})

test('at least 8 cards and tills and 4 offices are remembered, and the oldest forgotten first', async () => {
  const copy = card.clone()
  const tills = Array.from({ length: 25 }, (_, index) => office.till(100 + index))
  for (const till of tills) expect(showCertificate(copy, till.certificate)).toBe(0x9000)
  const known = []
  for (const till of tills) known.push(await knows(copy, till))
  expect(known).toEqual([false, ...tills.slice(1).map(() => true)])

  const offices = Array.from({ length: 22 }, (_, index) => new Office(10 + index))
  for (const each of offices) expect(showCertificate(copy, each.certificate)).toBe(0x9000)
  const shown = offices.map((each) => showCertificate(copy, each.till(1).certificate))
  expect(shown).toEqual([0x6a88, ...offices.slice(1).map(() => 0x9000)])
})

test('what a record shows is not forgotten', async () => {
  const copy = card.clone()
  const offices = Array.from({ length: 14 }, (_, index) => new Office(10 + index))
  const payees = offices.map((each) => each.till(1))
  for (const till of payees) taken(await copy.pay(till, 1n))
  for (let count = 0; count < 60; count++) {
    showCertificate(copy, office.till(200 + count).certificate)
    showCertificate(copy, new Office(200 + count).certificate)
  }
  const records = await copy.tapped(async (held) => {
    taken(await held.verifyPin(PIN))
    return taken(await held.readRecords())
  })
  expect(records.map(({ counterparty }) => counterparty)).toEqual(
    payees.map(({ papers }) => papers),
  )
})

test('of two keys of one till the newer counts, in whichever order they are shown', async () => {
  const [old, young] = [office.till(7), office.till(7, { generation: 2 })]
  for (const order of [
    [old, young],
    [young, old],
  ]) {
    const copy = card.clone()
    for (const { certificate } of order) expect(showCertificate(copy, certificate)).toBe(0x9000)
    const asked = await old.ask(copy, 1n)
    expect(await copy.tapped((held) => held.pay(asked))).toMatchObject({ refusal: 'bad_signature' })
    expect(taken(await copy.pay(young, 1n)).content.amount).toBe(1n)
  }
})

test('tills of either key of an office are known once that key is', async () => {
  const turning = new Office(3)
  const copy = await turning.card(10n)
  const before = turning.till(1)
  turning.rotate()
  const after = turning.till(2)
  expect(showCertificate(copy, before.certificate)).toBe(0x9000)
  expect(showCertificate(copy, after.certificate)).toBe(0x6a88)
  expect(showCertificate(copy, turning.certificate)).toBe(0x9000)
  expect(showCertificate(copy, after.certificate)).toBe(0x9000)
  for (const till of [before, after])
    expect(taken(await copy.pay(till, 1n)).content.amount).toBe(1n)
})

test('its own newest office is not forgotten, whatever else is shown', async () => {
  const turning = new Office(3)
  const copy = await turning.card(0n)
  turning.rotate()
  showCertificate(copy, turning.certificate)
  for (let count = 0; count < 30; count++)
    showCertificate(copy, new Office(100 + count).certificate)
  expect(refused(await copy.tell('load', { amount: 1n }))).toBe('done')
})

describe('GET DATA', () => {
  test('shows its own certificate and that of its office, to whoever asks', async () => {
    const [own, itsOffice] = await card.papers()
    expect(certificateOf(card, 'own')).toEqual(own)
    expect(certificateOf(card, 'office')).toEqual(itsOffice)
    expect(itsOffice).toEqual(office.certificate)
  })

  test('shows nothing else', () => {
    expect(sendAfresh(card, INS.GET_DATA).sw).toBe(0x6d00)
  })
})

test('a class or instruction that is none of its', () => {
  sendAfresh(card, 0x00)
  expect(send(card, 0x00).sw).toBe(0x6d00)
  expect(sendAfresh(card, INS.PAY, NOTHING, 1).sw).toBe(0x6b00)
  expect(sendAfresh(card, INS.PAY, NOTHING, 0, 1).sw).toBe(0x6b00)
})
