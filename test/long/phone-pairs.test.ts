import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  agree,
  Loser,
  off,
  pair,
  payEachOther,
  synchronise,
} from '../schemes/wallet/phone-flows.ts'
import { PhoneWorld } from '../schemes/wallet/phone-world.ts'

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
})
afterAll(() => world.close())

test('every pair of messages of a payment from card to card, lost', async () => {
  const [alice, bob] = await pair(world)
  let pairs = 0
  const tryPair = async (first: number, second: number): Promise<boolean> => {
    const [a, b] = [await alice.balance(), await bob.balance()]
    const loser = new Loser(first, second)
    loser.on(alice, bob)
    await payEachOther(alice, bob, 1n)
    off(alice, bob)
    expect([await alice.balance(), await bob.balance()]).toEqual([a - 1n, b + 1n])
    if (loser.lost < 2) return false
    pairs += 1
    if (pairs % 4 === 0) {
      await synchronise(alice, bob)
      await agree(alice, bob)
    }
    return true
  }
  for (let first = 0; ; first++) {
    let second = first + 1
    while (await tryPair(first, second)) second += 1
    if (second === first + 1) break
  }
  await synchronise(alice, bob)
  await agree(alice, bob)
  console.log(`${pairs} pairs of messages lost`)
  expect(pairs).toBeGreaterThan(100)
})
