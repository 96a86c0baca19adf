import { expect, test } from 'vitest'
import { Field, LINK_CUTS } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm } from '../../../src/card/iso-card.ts'
import { TEARS } from '../../../src/card/nvm.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { purseChip } from '../../../src/schemes/purse/chips.ts'
import { chipKey, writeCardPlan } from '../../../src/schemes/wallet/issuing.ts'
import { cardPlan, INS, personalisation } from '../../../src/schemes/wallet/message.ts'
import { WalletCard } from '../../../src/schemes/wallet/terminal.ts'
import { sendAfresh } from './card-bench.ts'
import { Card, certificateFor, Office, PIN, random, refused, rootAuthority } from './card-world.ts'

/** A blank chip becomes a card. */
const office = new Office(1)
const other = new Office(2)
const { id } = await office.card(0n)
const { id: otherId } = await office.card(0n)

function blank(): Card {
  return new Card(office, id)
}

test('once, and again with the same plan', async () => {
  const card = blank()
  expect(await card.state()).toMatchObject({ phase: 'blank', office: 0, card: new Uint8Array(8) })
  const plan = office.plan(id, await card.publicKey())
  expect(await card.write(plan)).toBe('written')
  expect(await card.write(plan)).toBe('written')
  expect(await card.write(office.plan(id, await blank().publicKey()))).toBe('already_issued')
  expect(await card.state()).toMatchObject({ phase: 'in use', balance: 0n, sequence: 0 })
  expect(refused(await card.tapped((held) => held.verifyPin(PIN)))).toBe('done')
})

test('the chip that the plan is for, and no other', async () => {
  const plan = office.plan(id, await blank().publicKey())
  expect(await blank().write(plan)).toBe('wrong_chip')
  const purse = new Field(new IsoCard(isoCardNvm(purseChip), purseChip, random))
  purse.powerOn()
  expect(await writeCardPlan(inProcessChannel(purse), plan)).toBe('wrong_chip')
  expect(await chipKey(inProcessChannel(purse))).toBeUndefined()
  expect(await WalletCard.connect(inProcessChannel(purse), random)).toBeUndefined()
})

test('a key of its own, the same until it is in use, and then no more', async () => {
  const card = blank()
  const key = await card.publicKey()
  expect(key).toHaveLength(64)
  expect(await card.publicKey()).toEqual(key)
  expect(await blank().publicKey()).not.toEqual(key)
  expect(await card.write(office.plan(id, key))).toBe('written')
  expect(sendAfresh(card, INS.GENERATE).sw).toBe(0x6985)
})

const spoilt: readonly (readonly [string, (key: Bytes) => Bytes])[] = [
  ['an office that the root has not certified', (key) => changed(key, { office: uncertified() })],
  ['another office than the card is of', (key) => changed(key, { office: other.certificate })],
  ['a card that its office has not certified', (key) => changed(key, { certificate: forged(key) })],
  ['the certificate of another card', (key) => changed(key, { certificate: someone(key) })],
  ['the certificate of another chip', (key) => changed(key, { certificate: elsewhere() })],
  ['no certificate', (key) => changed(key, { certificate: Uint8Array.of(1) })],
  ['a root that is no key', (key) => changed(key, { personalisation: without(key, 'root') })],
  ['a notary that is no key', (key) => changed(key, { personalisation: without(key, 'notary') })],
]
test.for(spoilt)('does not take %s', async ([, make]) => {
  const card = blank()
  expect(await card.write(make(await card.publicKey()))).toBe('spoilt_chip')
  expect((await card.state()).phase).toBe('blank')
})

function changed(key: Bytes, part: Partial<ReturnType<typeof cardPlan.decode>>): Bytes {
  return cardPlan.encode({ ...cardPlan.decode(office.plan(id, key)), ...part })
}

function uncertified(): Bytes {
  return certificateFor('office', office.party, office.key.publicKey, {
    ...rootAuthority,
    key: generatePrivateKey(),
  })
}

function forged(key: Bytes): Bytes {
  const certificate = cardPlan.decode(office.plan(id, key)).certificate.slice()
  certificate[certificate.length - 1] = (certificate.at(-1) ?? 0) ^ 1
  return certificate
}

function someone(key: Bytes): Bytes {
  return cardPlan.decode(office.plan(otherId, key)).certificate
}

function elsewhere(): Bytes {
  const { publicKey } = generatePrivateKey()
  return cardPlan.decode(office.plan(id, publicKey.bytes)).certificate
}

function without(key: Bytes, whose: 'root' | 'notary'): Bytes {
  const content = personalisation.decode(cardPlan.decode(office.plan(id, key)).personalisation)
  const none = new Uint8Array(64)
  return personalisation.encode({ ...content, [whose]: whose === 'root' ? none : [none] })
}

test('steps out of their order are not taken', async () => {
  const card = blank()
  const plan = cardPlan.decode(office.plan(id, await blank().publicKey()))
  const parts = [plan.personalisation, plan.office, plan.certificate]
  const said = () => parts.map((data, p1) => sendAfresh(card, INS.PERSONALISE, data, p1).sw)
  expect(said()).toEqual([0x6985, 0x6985, 0x6985])
  for (const ins of [INS.PAY, INS.STATEMENT, INS.VERIFY_PIN, INS.READ_RECORD]) {
    const size = { [INS.PAY]: 122, [INS.STATEMENT]: 8, [INS.VERIFY_PIN]: 100 }[ins as number] ?? 0
    expect(sendAfresh(card, ins, new Uint8Array(size)).sw).toBe(0x6985)
  }
})

test('in use it is made no more', async () => {
  const card = blank()
  const plan = office.plan(id, await card.publicKey())
  expect(await card.write(plan)).toBe('written')
  const { personalisation: first, office: second, certificate: third } = cardPlan.decode(plan)
  const said = [first, second, third].map(
    (data, p1) => sendAfresh(card, INS.PERSONALISE, data, p1).sw,
  )
  expect(said).toEqual([0x6985, 0x6985, 0x6985])
})

test('torn anywhere, it is written by writing again', async () => {
  const first = blank()
  const plan = office.plan(id, await first.publicKey())
  const image = first.nvm.snapshot()
  const copy = () => new Card(office, id, image)
  const counted = copy()
  const before = counted.nvm.writes
  const sent = counted.field.traffic.apdus
  expect(await counted.write(plan)).toBe('written')
  const writes = counted.nvm.writes - before
  const apdus = counted.field.traffic.apdus - sent
  let cuts = 0
  for (let at = 1; at <= writes; at++) {
    for (const tear of TEARS) {
      const card = copy()
      card.nvm.arm({ atWrite: at, tear })
      expect(await card.write(plan)).toBe('torn')
      expect(await card.write(plan)).toBe('written')
      cuts++
    }
  }
  for (let at = 1; at <= apdus; at++) {
    for (const cut of LINK_CUTS) {
      const card = copy()
      card.field.arm({ atApdu: at, cut })
      expect(['torn', 'wrong_chip', 'spoilt_chip']).toContain(await card.write(plan))
      expect(await card.write(plan)).toBe('written')
      cuts++
    }
  }
  console.log(`${cuts} tears of personalisation, ${writes} page writes and ${apdus} APDUs`)
})
