import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { done, PhoneWorld } from './phone-world.ts'

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
})
afterAll(() => world.close())

describe('a phone', () => {
  test('loads a card, has it pay another, and empties it again', async () => {
    const [alice, bob] = [await world.person(), await world.person()]
    done(await alice.load(300_00n))
    expect(await world.books(alice)).toEqual([{ online: 700_00n, shadow: 300_00n, card: 300_00n }])
    const asked = done(await bob.ask(80_00n))
    const paid = done(await alice.pay(asked.message))
    done(await bob.receive(paid.message))
    done(await alice.synchronise())
    done(await bob.synchronise())
    done(await alice.unload(20_00n))
    expect(await world.books(alice, bob)).toEqual([
      { online: 720_00n, shadow: 200_00n, card: 200_00n },
      { online: 1000_00n, shadow: 80_00n, card: 80_00n },
    ])
  })
})
