import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import type { Liquidity } from '../../src/office/ledger/liquidity.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import type { Made, WalletCard } from '../support/wallet-mint.ts'
import { createWalletOffice, type WalletOffice } from '../support/wallet-office.ts'

let database: TestDatabase
let town: WalletOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createWalletOffice(database.db)
})
beforeEach(async () => {
  await town.setLiquidity(HOLD)
})
afterAll(async () => {
  await town.service.stop()
  await database.drop()
})

const HOLD: Liquidity = { policy: 'hold', poolMax: 0n }
const LIQUIDITIES: readonly Liquidity[] = [
  HOLD,
  { policy: 'pool', poolMax: 100_000n },
  { policy: 'pool', poolMax: 60n },
  { policy: 'provenance', poolMax: 0n },
]

describe('Figure 9: Alice has 200 and pays Bob 80, Bob pays Charlie 50', () => {
  interface Scene {
    readonly cards: Readonly<Record<'Alice' | 'Bob' | 'Charlie', WalletCard>>
    readonly evidence: Readonly<Record<'Alice' | 'Bob' | 'Charlie', readonly Bytes[]>>
    readonly first: Made
  }
  let scene: Scene
  beforeAll(async () => {
    const Alice = await town.addCard()
    const loaded = await town.load(Alice, 200n)
    const Bob = await town.addCard()
    const Charlie = await town.addCard()
    const first = town.mint.buy(Alice, Bob, 80n)
    const received = town.mint.receive(Bob, first)
    const second = town.mint.buy(Bob, Charlie, 50n)
    const last = town.mint.receive(Charlie, second)
    scene = {
      cards: { Alice, Bob, Charlie },
      first,
      evidence: {
        Alice: [loaded.evidence, first.evidence],
        Bob: [received.evidence, second.evidence],
        Charlie: [last.evidence],
      },
    }
  })

  const NAMES = ['Alice', 'Bob', 'Charlie'] as const
  async function synchronise(name: (typeof NAMES)[number]): Promise<void> {
    await town.sync(scene.cards[name], ...scene.evidence[name])
    await town.check()
  }
  async function holdings(): Promise<readonly bigint[]> {
    return Promise.all(NAMES.map((name) => town.shadow(scene.cards[name])))
  }

  test.for(LIQUIDITIES)(
    'all orders and repetitions end alike: $policy $poolMax',
    async (liquidity) => {
      let orders = 0
      for (const order of sequencesOf(NAMES, 4)) {
        if (!NAMES.every((name) => order.includes(name))) continue
        await town.forget()
        await town.setLiquidity(liquidity)
        for (const name of order) await synchronise(name)
        if (NAMES.every((name) => order.includes(name))) {
          expect(await holdings()).toEqual([120n, 30n, 50n])
          expect(await town.payments()).toEqual(['80 settled', '50 settled'])
          expect(await town.balances()).not.toHaveProperty('pool ')
        }
        orders += 1
      }
      expect(await town.cases()).toEqual([])
      expect(await town.rejected()).toEqual([])
      console.log(`Figure 9 under ${liquidity.policy}: ${orders} orders of synchronisation`)
    },
  )

  test('Charlie alone: hold waits, and pool advances what is not there', async () => {
    await town.forget()
    await synchronise('Charlie')
    expect(await holdings()).toEqual([200n, 0n, 0n])
    expect(await town.payments()).toEqual(['50 pending'])
    await town.setLiquidity({ policy: 'pool', poolMax: 50n })
    await synchronise('Charlie')
  })
})

function* sequencesOf<T>(items: readonly T[], length: number): Generator<readonly T[]> {
  if (length === 0) {
    yield []
    return
  }
  for (const rest of sequencesOf(items, length - 1)) for (const item of items) yield [...rest, item]
}
