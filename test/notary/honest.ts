import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { listCases } from '../../src/notary/cases.ts'
import { readReport } from '../../src/notary/reports.ts'
import { Chance } from '../fuzz/chance.ts'
import { createWorld, withRefusal, type Bank, type Card, type Paid, type World } from './world.ts'

const STEPS = 60
const RESERVE = 5000n

let world: World

interface Town {
  readonly banks: readonly Bank[]
  readonly cards: readonly Card[]
  /** Everything that anybody can hand in, and whose office would. */
  readonly evidence: { readonly bank: Bank; readonly bytes: Bytes }[]
}

/** Honest cards of three offices that load, pay each other, tills and their offices, and take back. */
async function live(chance: Chance, numbers: readonly number[]): Promise<Town> {
  const banks: Bank[] = []
  for (const number of numbers) banks.push(await world.office(number, RESERVE))
  const cards = banks.flatMap((bank) => [bank.card(), bank.card()])
  const tills = banks.map((bank) => bank.till(1))
  const evidence: Town['evidence'] = []
  const hand = (card: Card, bytes: Bytes) => evidence.push({ bank: card.bank, bytes })
  for (const card of cards) await card.topUp(BigInt(100 + chance.below(300)))
  for (let step = 0; step < STEPS; step += 1) {
    const payer = pick(chance, cards)
    if (payer.balance === 0n) continue
    const amount = BigInt(1 + chance.below(Number(payer.balance)))
    switch (chance.below(4)) {
      case 0: {
        const till = pick(chance, tills)
        const paid = payer.pay(till, amount)
        hand(payer, paid.evidence)
        if (chance.below(3) === 0) giveBack(chance, payer, paid, hand)
        break
      }
      case 1: {
        const { bank } = payer
        hand(
          payer,
          payer.pay({ ...payer.payee, party: bank.party, key: bank.key }, amount).evidence,
        )
        break
      }
      default: {
        const payee = pick(chance, cards)
        if (payee === payer) break
        const paid = payer.pay(payee.payee, amount)
        if (chance.below(5) === 0) {
          giveBack(chance, payer, paid, hand)
          hand(payer, paid.evidence)
        } else {
          hand(payee, payee.receive(payer, paid))
        }
      }
    }
  }
  return { banks, cards, evidence }
}

function giveBack(
  chance: Chance,
  payer: Card,
  paid: Paid,
  hand: (card: Card, bytes: Bytes) => void,
): void {
  const refund = payer.refund(paid)
  hand(payer, chance.below(2) === 0 ? refund : withRefusal(paid))
}

function pick<T>(chance: Chance, items: readonly T[]): T {
  const item = items[chance.below(items.length)]
  if (item === undefined) throw new Error('there is something to pick')
  return item
}

/** Towns of three honest offices each, with evidence that comes in any order, from anybody, and twice. */
export function defineHonest(towns: number): void {
  beforeAll(async () => {
    world = await createWorld()
  })
  afterAll(() => world.drop())

  test(`in ${towns} towns no honest card or office is ever proven guilty, and all is settled, whatever the order`, () =>
    playTowns(towns))
}

async function playTowns(towns: number): Promise<void> {
  const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
  console.log(`honest offices, seed ${seed}`)
  const chance = new Chance(seed)
  let suspicions = 0
  for (let number = 0; number < towns; number += 1) {
    const town = await live(
      chance,
      [1, 2, 3].map((office) => 3 * number + office),
    )
    // In any order, some of it twice, and by any office.
    const left = [...town.evidence, ...town.evidence.filter(() => chance.below(4) === 0)]
    while (left.length > 0) {
      const some = Array.from({ length: 1 + chance.below(4) }, () =>
        left.splice(chance.below(left.length), 1),
      ).flat()
      const by = chance.below(3) === 0 ? pick(chance, town.banks) : (some[0]?.bank ?? town.banks[0])
      await by?.settle(...some.map(({ bytes }) => bytes))
      const found = await listCases(world.opened.db)
      expect(found.filter(({ strength }) => strength === 'proven')).toEqual([])
      suspicions += found.filter(({ withdrawn }) => !withdrawn).length
    }
    for (const bank of town.banks) {
      const [free, issued] = await bank.accounts()
      const held = town.cards
        .filter((card) => card.bank === bank)
        .reduce((total, { balance }) => total + balance, 0n)
      expect(issued).toBe(held)
      expect(free).toBeGreaterThanOrEqual(0n)
    }
    const { offices, sums, wrong } = await readReport(world.opened.db)
    expect(wrong).toEqual([])
    expect(sums).toEqual([{ currency: 'SEK', sum: 0n }])
    const reserves = offices.reduce((total, { free, issued }) => total + free + issued, 0n)
    expect(reserves).toBe(RESERVE * BigInt(3 * (number + 1)))
    expect(offices.every(({ waiting }) => waiting === 0n)).toBe(true)
  }
  expect((await listCases(world.opened.db)).filter(({ withdrawn }) => !withdrawn)).toEqual([])
  // A few towns may come in such an order that nobody is ever suspected; many cannot.
  if (towns > 10) expect(suspicions).toBeGreaterThan(0)
  console.log(
    `${towns} towns, ${suspicions} suspicions on the way, nobody proven guilty, all settled`,
  )
}
