import { expect, test } from 'vitest'
import { TEARS } from '../../../src/card/nvm.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import {
  denominate,
  makeCard,
  makeCoins,
  makeVendor,
} from '../../../src/schemes/coin/office/bank.ts'
import { loadCoins, readChip, writePlan, type ChipKind } from '../../../src/schemes/coin/issuing.ts'
import { coinChip, vendorChip } from '../../../src/schemes/coin/chips.ts'
import { Chip, COINS_EXPIRE, EUR, PASSCODE, World } from './world.ts'

const world = new World('issuing')
const validity = { from: Date.UTC(2026, 0, 1), to: Date.UTC(2030, 0, 1) }

async function reported(chip: Chip, kind: ChipKind = 'card'): Promise<Bytes> {
  const report = await chip.tapped((channel) => readChip(channel, kind, 4))
  if (typeof report === 'string') throw new Error(report)
  return report
}

function cardFor(report: Bytes, ids = [world.nextId(), world.nextId()]) {
  const [identity = new Uint8Array(), element = new Uint8Array()] = ids
  return makeCard(world.bank(), report, {
    identity,
    element,
    currency: EUR,
    pinFreeMax: 0n,
    passcode: PASSCODE,
    unblocking: '12345678',
    ...validity,
  })
}

const write = (chip: Chip, plan: Bytes) => chip.tapped((channel) => writePlan(channel, plan))

test('a chip is written once, with its own plan, and may be written again with that', async () => {
  const [chip, other] = [new Chip(world, 'card'), new Chip(world, 'card')]
  const made = cardFor(await reported(chip))
  const elsewhere = cardFor(await reported(other))
  expect(await write(chip, made.plan)).toBe('written')
  expect(await write(chip, made.plan)).toBe('written')
  expect(await write(chip, elsewhere.plan)).toBe('already_issued')
  expect(await chip.tapped((channel) => readChip(channel, 'card', 1))).toBe('spoilt_chip')
  expect(await chip.tapped((channel) => readChip(channel, 'vendor element', 1))).toBe('wrong_chip')
  const vendor = new Chip(world, 'vendor element')
  expect(await write(vendor, made.plan)).toBe('wrong_chip')
  const plan = makeVendor(world.bank(), await reported(vendor, 'vendor element'), {
    element: world.nextId(),
    till: 7,
    currency: EUR,
    keepMax: 4,
    otherBanks: [],
    office: world.officeKey.publicKey,
    ...validity,
  })
  expect(await write(vendor, plan.plan)).toBe('written')
  expect(await write(chip, plan.plan)).toBe('wrong_chip')
  await expect(write(chip, new Uint8Array(3))).rejects.toThrow(FormatError)
})

test('torn at any page write, it is written when the same is done again', async () => {
  const blank = new Chip(world, 'card')
  const made = cardFor(await reported(blank))
  const { registers } = makeCoins(
    world.bank(),
    made.enrolment,
    { values: [10n, 5n], currency: EUR, expires: COINS_EXPIRE, bound: 'bound', firstSerial: 1 },
    world.random,
  )
  const load = (chip: Chip) => chip.tapped((channel) => loadCoins(channel, 'card', registers))
  const whole = new Chip(world, 'card', blank)
  const before = whole.nvm.writes
  expect([await write(whole, made.plan), await load(whole)]).toEqual(['written', 'written'])
  const writes = whole.nvm.writes - before
  let turn = 0
  for (let atWrite = 1; atWrite <= writes; atWrite++) {
    const chip = new Chip(world, 'card', blank)
    chip.nvm.arm({ atWrite, tear: TEARS[turn++ % TEARS.length] ?? 'half' })
    const first = [await write(chip, made.plan), await load(chip)]
    expect(first).toContain('torn')
    expect([await write(chip, made.plan), await load(chip)]).toEqual(['written', 'written'])
  }
  console.log(`${writes} cuts`)
  expect(writes).toBeGreaterThan(30)
})

test('a bank sells as many coins as it has responses, and each for one element', async () => {
  const chip = new Chip(world, 'card')
  const made = cardFor(await reported(chip))
  const order = { currency: EUR, expires: COINS_EXPIRE, bound: 'free', firstSerial: 1 } as const
  const sell = (values: readonly bigint[], known = made.enrolment) =>
    makeCoins(world.bank(), known, { ...order, values }, world.random)
  expect(() => sell([1n, 1n, 1n, 1n, 1n])).toThrow(FormatError)
  const { left, coins } = sell([1n, 2n, 5n])
  expect(coins.map(({ value }) => value)).toEqual([1n, 2n, 5n])
  expect(left).toMatchObject({ next: 3, responses: { length: 1 } })
  expect(() => sell([1n, 1n], left)).toThrow(FormatError)
  expect(() => sell([0n])).toThrow(FormatError)
  expect(() => cardFor(new Uint8Array(4))).toThrow(FormatError)
})

test.each([
  [88n, [50n, 20n, 10n, 5n, 2n, 1n]],
  [0n, []],
  [3n, [2n, 1n]],
])('%i in coins', (total, values) => {
  expect(denominate(total, [1n, 2n, 5n, 10n, 20n, 50n])).toEqual(values)
})

test('no coins for what cannot be', () => {
  expect(() => denominate(3n, [2n])).toThrow(FormatError)
  expect(() => denominate(-1n, [1n])).toThrow(FormatError)
})

test('the chips answer to reset as processor cards, each by its name', () => {
  const silicon = world.silicon()
  expect(coinChip(silicon).applets).toHaveLength(2)
  expect(vendorChip(silicon).applets).toHaveLength(1)
})
