import { afterAll, describe, expect, test } from 'vitest'
import type { Applet, AppletHost } from '../../../src/card/applet.ts'
import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm } from '../../../src/card/iso-card.ts'
import { command, encodeCommand, response, SW, type CommandApdu } from '../../../src/kernel/apdu.ts'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import type { Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { bankSubject, certify, readCertificate } from '../../../src/schemes/coin/certificates.ts'
import { coinElement } from '../../../src/schemes/coin/element/coin-element.ts'
import { identityElement } from '../../../src/schemes/coin/element/identity-element.ts'
import { CLA, COIN_SW, INS } from '../../../src/schemes/coin/instructions.ts'
import {
  COIN_AID,
  IDENTITY_AID,
  status as statusLayout,
  VENDOR_AID,
} from '../../../src/schemes/coin/message.ts'
import { makeCard } from '../../../src/schemes/coin/office/bank.ts'
import { cardPlan, chipReport, coinPlan } from '../../../src/schemes/coin/plans.ts'
import { ask, askShort } from '../../../src/schemes/coin/terminal.ts'
import { Chance, mutated } from '../../fuzz/chance.ts'
import { Chip, Counter, EUR, paid, PASSCODE, World } from './world.ts'

const world = new World('applets')
const person = await world.customer({ coins: [10n, 20n, 5n] })
const shop = await world.vendor({ float: [1n, 2n, 2n, 5n] })
const counted = new Map<string, number>()
afterAll(() => console.log([...counted].map(([sw, count]) => `${sw} ${count}`).join(', ')))

function send(chip: Chip, apdu: Bytes): { data: Bytes; sw: number } {
  const answer = chip.field.transmit(apdu)
  const [sw1 = 0, sw2 = 0] = answer.subarray(-2)
  return { data: answer.slice(0, -2), sw: (sw1 << 8) | sw2 }
}

function select(chip: Chip, aid: Bytes) {
  chip.field.powerOn()
  return send(chip, encodeCommand(command(0x00, 0xa4, 0x04, 0x00, aid, 256)))
}

const of = (ins: number, p1 = 0, data: Bytes = new Uint8Array()) =>
  encodeCommand(command(CLA, ins, p1, 0, data, 256))

describe('a vendor talks only to the identity element', () => {
  test.each([
    INS.PAY,
    INS.SETTLE,
    INS.STATUS,
    INS.CLAIM,
    INS.CERTIFICATE,
    INS.PREPARE,
    INS.RELEASE,
  ])('the coin element does not know %i from a reader', (ins) => {
    const { chip } = person.clone()
    expect(select(chip, COIN_AID).sw).toBe(0x9000)
    expect(send(chip, of(ins)).sw).toBe(0x6d00)
  })

  test.each([INS.PAIR, INS.PREPARE, INS.RELEASE, INS.ENROL, INS.LOAD])(
    'the identity element has no %i',
    (ins) => {
      const { chip } = person.clone()
      select(chip, IDENTITY_AID)
      expect(send(chip, of(ins)).sw).toBe(0x6d00)
    },
  )
})

describe('identity element and coin element are joined inside the card', () => {
  const own = generatePrivateKey()
  const shortly = (channel: Channel, ins: number, data?: Bytes) =>
    askShort(channel, command(CLA, ins, 0, 0, data, 256))

  /** An applet of somebody’s own: passes on what comes, and answers its neighbour what it likes. */
  function emulated(aid: Bytes, answer: () => Bytes = () => new Uint8Array()): Applet {
    const passOn = (host: AppletHost, asked: CommandApdu) =>
      host.neighbour(COIN_AID)?.process(asked) ?? response(SW.NOT_FOUND)
    return {
      aid,
      memorySize: 0,
      open: (host) => ({ selected: response(SW.OK), process: (asked) => passOn(host, asked) }),
      serve: () => ({ process: () => response(SW.OK, answer()) }),
    }
  }

  function chipOf(...applets: readonly Applet[]): Channel {
    const design = { applets }
    const field = new Field(new IsoCard(isoCardNvm(design), design, world.random))
    field.powerOn()
    return inProcessChannel(field)
  }

  function selected(channel: Channel, aid: Bytes) {
    return askShort(channel, command(0x00, 0xa4, 0x04, 0x00, aid, 256))
  }

  /** Has its bank write on the genuine one; the other’s certificate is for a key of somebody’s own. */
  async function personalise(channel: Channel, genuine: 'identity' | 'element') {
    await selected(channel, genuine === 'identity' ? IDENTITY_AID : COIN_AID)
    const { data: key } = await shortly(channel, INS.GENERATE)
    const keys = { identity: own.publicKey.bytes, element: own.publicKey.bytes, [genuine]: key }
    const report = { identityKey: [keys.identity], key: keys.element, responses: [] }
    const { plan } = makeCard(world.bank(), chipReport.encode(report), {
      identity: world.nextId(),
      element: world.nextId(),
      currency: EUR,
      pinFreeMax: 0n,
      passcode: '1234',
      unblocking: '12345678',
      from: Date.UTC(2026, 0, 1),
      to: Date.UTC(2030, 0, 1),
    })
    const { identity, element } = cardPlan.decode(plan)
    const [written = element] = genuine === 'identity' ? identity : []
    expect(await ask(channel, INS.PERSONALISE, written)).toMatchObject({ sw: 0x9000 })
    return coinPlan.decode(element)
  }

  /** As the bank’s, signed by somebody else. */
  function forged(bytes: Bytes): Bytes {
    const { publicKey, certificate, ...subject } = readCertificate(bytes)
    const { from, to } = certificate
    return certify({ subject, publicKey, from, to }, { subject: bankSubject(1), key: own })
  }

  const ROWS = [
    ['its own partner', (partner: Bytes) => partner, 0x9000],
    ['one that no bank signed', forged, COIN_SW.UNCONFIRMED],
    ['that of another card', (_: Bytes, another: Bytes) => another, COIN_SW.UNCONFIRMED],
  ] as const

  test.for(ROWS)('as identity element the coin element takes: %s', async ([, shown, sw]) => {
    const channel = chipOf(emulated(IDENTITY_AID), coinElement(world.silicon()))
    const { identity } = await personalise(channel, 'element')
    const [another = identity] = await person.certificates()
    await selected(channel, IDENTITY_AID)
    expect(await shortly(channel, INS.PAIR, shown(identity, another))).toMatchObject({ sw })
    const served = sw === 0x9000 ? 0x9000 : COIN_SW.NOT_NOW
    expect(await shortly(channel, INS.STATUS)).toMatchObject({ sw: served })
  })

  test.for(ROWS)('as coin element the identity element takes: %s', async ([, shown, sw]) => {
    let answer: Bytes = new Uint8Array()
    const partner = emulated(COIN_AID, () => answer)
    const channel = chipOf(identityElement(world.silicon()), partner)
    const { own: element } = await personalise(channel, 'identity')
    const [, another = element] = await person.certificates()
    answer = shown(element, another)
    const activated = await askShort(channel, command(CLA, INS.ACTIVATE, 0, 0))
    expect(activated).toMatchObject({ sw })
    const inUse = sw === 0x9000 ? 0x9000 : COIN_SW.NOT_NOW
    expect(await shortly(channel, INS.CERTIFICATE)).toMatchObject({ sw: inUse })
  })

  test('the coin element serves no other applet of its card', async () => {
    const channel = chipOf(emulated(VENDOR_AID), coinElement(world.silicon()))
    await selected(channel, VENDOR_AID)
    expect(await shortly(channel, INS.STATUS)).toMatchObject({ sw: SW.NOT_FOUND })
  })
})

describe('what is in use is not made again', () => {
  test.each([
    [IDENTITY_AID, INS.GENERATE],
    [IDENTITY_AID, INS.PERSONALISE],
    [COIN_AID, INS.GENERATE],
    [COIN_AID, INS.ENROL],
    [COIN_AID, INS.PERSONALISE],
    [VENDOR_AID, INS.GENERATE],
    [VENDOR_AID, INS.ENROL],
    [VENDOR_AID, INS.PERSONALISE],
  ])('%o: %i', (aid, ins) => {
    const { chip } = aid === VENDOR_AID ? shop.clone() : person.clone()
    const before = chip.nvm.snapshot()
    select(chip, aid)
    expect(
      send(
        chip,
        of(ins, ins === INS.PERSONALISE ? 1 : 0, new Uint8Array(ins === INS.PERSONALISE ? 8 : 0)),
      ).sw,
    ).toBe(0x6985)
    expect(chip.nvm.snapshot()).toEqual(before)
  })
})

test('a blank chip pays nothing and asks for nothing', () => {
  const [card, vendor] = [new Chip(world, 'card'), new Chip(world, 'vendor element')]
  select(card, IDENTITY_AID)
  for (const ins of [INS.STATUS, INS.CERTIFICATE, INS.CLAIM]) {
    expect(send(card, of(ins)).sw).toBe(0x6985)
  }
  expect(send(card, of(INS.PAY, 1)).sw).toBe(0x6985)
  select(vendor, VENDOR_AID)
  expect(send(vendor, of(INS.REQUEST, 1)).sw).toBe(0x6985)
  expect(send(vendor, of(INS.SURRENDER)).sw).toBe(0x6985)
})

test('a PIN is unblocked with its code, and the code is blocked in turn', async () => {
  const customer = person.clone()
  const { chip } = customer
  select(chip, IDENTITY_AID)
  const digits = (text: string) =>
    concat(new TextEncoder().encode(text), new Uint8Array(8 - text.length).fill(0xff))
  const unblock = (code: string, pin: string) =>
    send(chip, of(INS.UNBLOCK_PIN, 0, concat(digits(code), digits(pin)))).sw
  expect(unblock('00000000', '9999')).toBe(0x63c2)
  expect(unblock('12345678', 'abcd')).toBe(0x6a80)
  expect(unblock('12345678', '9999')).toBe(0x9000)
  const counter = new Counter(customer, shop.clone())
  expect(await counter.pay(5n, PASSCODE)).toBe(0x63c2)
  paid(await counter.pay(5n, '9999'))
  select(chip, IDENTITY_AID)
  for (const left of [2, 1, 0]) expect(unblock('00000000', '9999')).toBe(0x63c0 + left)
  expect(unblock('12345678', '1111')).toBe(0x6983)
})

test('a try is counted before the PIN is compared: whoever takes the power away has had one', async () => {
  for (const pin of [PASSCODE, '0000']) {
    const customer = person.clone()
    const counter = new Counter(customer, shop.clone())
    await counter.with(async (card, vendor) => {
      const asked = await counter.ask(card, vendor, 5n, pin)
      customer.chip.silicon.control.arm({ atWrite: 1, tear: 'after' })
      await expect(card.pay(asked.presentation)).rejects.toThrow('went away')
    })
    expect(await counter.pay(5n, '1111')).toBe(0x63c1)
  }
})

test('an older image brings no tries of the PIN back', async () => {
  const customer = person.clone()
  const counter = new Counter(customer, shop.clone())
  const before = customer.chip.nvm.snapshot()
  for (const left of [2, 1]) expect(await counter.pay(5n, '0000')).toBe(0x63c0 + left)
  const after = customer.chip.nvm.snapshot()
  customer.chip.nvm.restore(before)
  expect(select(customer.chip, IDENTITY_AID).sw).toBe(0x6f02)
  expect(send(customer.chip, of(INS.STATUS)).sw).toBe(0x6f02)
  customer.chip.nvm.restore(after)
  expect(await counter.pay(5n, '0000')).toBe(0x63c0)
})

test('nobody sets the codes, the bank or the PIN limit of a card by writing in its memory', () => {
  const journal = 4608
  for (const at of [
    journal,
    journal + 40,
    journal + 300,
    journal + 1024 + 940,
    journal + 1024 + 2000,
  ]) {
    const { chip } = person.clone()
    const image = chip.nvm.snapshot()
    image[at] = (image[at] ?? 0) ^ 1
    chip.nvm.restore(image)
    const selected = select(chip, IDENTITY_AID)
    expect([selected.sw, send(chip, of(INS.CERTIFICATE, 1)).sw]).toContain(0x6f02)
  }
})

test('a blank element answers only what a bank may ask of its PUF', () => {
  for (const [kind, aid] of [
    ['card', COIN_AID],
    ['vendor element', VENDOR_AID],
  ] as const) {
    const chip = new Chip(world, kind)
    select(chip, aid)
    const enrol = (seed: number) =>
      send(chip, encodeCommand(command(CLA, INS.ENROL, seed >> 8, seed & 0xff, undefined, 256))).sw
    expect([0, 255, 2047].map(enrol)).toEqual([0x9000, 0x9000, 0x9000])
    expect([2048, 4095, 0xffff].map(enrol)).toEqual([0x6a83, 0x6a83, 0x6a83])
  }
})

test('an image that somebody has written by hand stops an element, and nothing else', async () => {
  const chance = new Chance(11)
  const seen = new Map<number, number>()
  for (let turn = 0; turn < 150; turn++) {
    const { chip } = person.clone()
    const image = chip.nvm.snapshot()
    // Behind the journal, where a write that is whole would be put again.
    const at = 4608 + chance.below(16_384)
    image.set(chance.bytes(1 + chance.below(64)), at)
    chip.nvm.restore(image)
    select(chip, IDENTITY_AID)
    const { sw, data } = send(chip, of(INS.STATUS))
    seen.set(sw, (seen.get(sw) ?? 0) + 1)
    // It has what it had, or says nothing any more.
    if (sw === 0x9000)
      expect(statusLayout.decode(data)).toMatchObject({ total: 35n, coins: 3, open: [] })
  }
  console.log([...seen].map(([sw, count]) => `${sw.toString(16)} ${count}`).join(', '))
  expect([...seen.keys()].every((sw) => [0x9000, 0x6a80, 0x6985, 0x6f02].includes(sw))).toBe(true)
})

/** Commands as anybody makes them up, and honest ones, mostly spoilt. */
test('random commands move no money', async () => {
  const chance = new Chance(7)
  const honest: Bytes[] = []
  const customer = person.clone()
  const vendor = shop.clone()
  for (const chip of [customer.chip, vendor.chip]) {
    const transmit = chip.field.transmit.bind(chip.field)
    chip.field.transmit = (apdu) => {
      honest.push(apdu)
      return transmit(apdu)
    }
  }
  paid(await new Counter(customer, vendor).pay(13n))
  const wealth = [(await person.status()).total, (await shop.status()).total]
  for (const [holder, aids] of [
    [person.clone(), [IDENTITY_AID, COIN_AID]],
    [shop.clone(), [VENDOR_AID]],
  ] as const) {
    const { chip } = holder
    for (let round = 0; round < 60; round++) {
      select(chip, chance.one(aids))
      for (let n = 0; n < 20; n++) {
        const made =
          chance.below(3) === 0
            ? chance.bytes(chance.below(262))
            : mutated(chance, chance.one(honest))
        const { sw } = send(chip, made)
        const name = sw >> 8 === 0x61 ? '61xx' : sw.toString(16)
        counted.set(name, (counted.get(name) ?? 0) + 1)
      }
    }
    const status = await holder.status()
    // A vendor element may have been told to surrender: that is its till's business, and no loss.
    if (holder instanceof person.constructor) expect(status.total).toBe(wealth[0])
    else expect([wealth[1], 0n]).toContain(status.total)
  }
  expect(counted.size).toBeGreaterThan(8)
})
