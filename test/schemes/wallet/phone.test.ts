import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { setLiquidity, type LiquidityPolicy } from '../../../src/office/ledger/liquidity.ts'
import { INS } from '../../../src/schemes/wallet/message.ts'
import type { Wire, WireMessage } from '../../../src/schemes/wallet/phone/wire.ts'
import { agree, off, synchronise } from './phone-flows.ts'
import { done, PhoneWorld, PIN, type Holder } from './phone-world.ts'

let world: PhoneWorld
beforeAll(async () => {
  world = await PhoneWorld.create()
})
afterAll(() => world.close())

/** Each message's name, once where it follows itself. */
function namesOf(seen: readonly WireMessage[]): readonly string[] {
  const names = seen.filter(({ way }) => way === 'there').map(({ name }) => name)
  return names.filter((name, index) => name !== names[index - 1])
}

function listen(...holders: readonly Holder[]): WireMessage[] {
  const seen: WireMessage[] = []
  const wire: Wire = async (message) => {
    seen.push(message)
    return message.bytes
  }
  for (const holder of holders) holder.wire = wire
  return seen
}

describe('the numbered steps of the document (e-krona pilot, phase 4)', () => {
  let alice: Holder
  let bob: Holder
  beforeAll(async () => {
    ;[alice, bob] = [await world.person(), await world.person()]
  })

  test('3.4, figure 3: top up', async () => {
    const seen = listen(alice)
    const loaded = done(await alice.load(300_00n))
    const names = namesOf(seen)
    // 2 and 3: amount and PIN at the phone, the card on it; what it did before is handed in first.
    expect(names.slice(0, 2)).toEqual(['SELECT', 'GET DATA'])
    expect(names).toContain('VERIFY PIN')
    // 4: a request that the card signs goes to the office; 5 and 6: which sets the money aside, signs.
    const load = names.indexOf('POST /api/wallet/loads')
    expect(names[load - 1]).toBe('STATEMENT')
    // 7 and 8: the card is told, and holds it.
    expect(names[load + 1]).toBe('EXECUTE')
    expect(loaded.state.balance).toBe(300_00n)
    // And the office hears of it at once, which the document only discusses.
    expect(names.indexOf('POST /api/wallet/sync', load)).toBeGreaterThan(load)
    expect(await agree(alice)).toEqual([{ online: 700_00n, shadow: 300_00n, card: 300_00n }])
  })

  test('3.4, figure 4: reduce', async () => {
    const asked = done(await bob.ask(10_00n))
    done(await bob.receive(done(await alice.pay(asked.message)).message))
    const seen = listen(alice)
    const unloaded = done(await alice.unload(50_00n))
    const names = namesOf(seen)
    const unload = names.indexOf('POST /api/wallet/unloads')
    // Before the card can be emptied, all transactions must be synchronised.
    expect(names.slice(0, unload)).toContain('POST /api/wallet/sync')
    // 3: the one-time code that the card gives is the nonce that its statement signs.
    expect(names.slice(unload - 2, unload)).toEqual(['SELECT', 'STATEMENT'])
    // 4 to 7: the office asks, the card pays with its PIN; 8 to 10: its signature goes to the office.
    const pay = names.indexOf('PAY', unload)
    expect(names.indexOf('POST /api/wallet/sync', pay)).toBeGreaterThan(pay)
    expect(unloaded.state.balance).toBe(240_00n)
    expect(await agree(alice)).toEqual([{ online: 750_00n, shadow: 240_00n, card: 240_00n }])
  })

  test('3.7, figure 8: synchronisation', async () => {
    const asked = done(await bob.ask(40_00n))
    done(await bob.receive(done(await alice.pay(asked.message)).message))
    expect((await alice.state()).paymentsLeft).toBe(4)
    const seen = listen(alice)
    const { handedIn, state } = done(await alice.synchronise())
    // 1 and 2: PIN, records; 3 and 4: to the office, which settles; 5 to 7: the card forgets and counts anew.
    expect(namesOf(seen).filter((name) => name !== 'GET DATA')).toEqual([
      'SELECT',
      'VERIFY PIN',
      'READ RECORD',
      'READ CARRIED',
      'STATEMENT',
      'POST /api/wallet/sync',
      'EXECUTE',
      'POST /api/wallet/sync',
      'SELECT',
    ])
    expect({ handedIn, left: state.paymentsLeft }).toEqual({ handedIn: 1, left: 5 })
    // Settled by whoever comes first; whoever comes second changes nothing.
    const [, settled] = await world.books(alice, bob)
    expect(settled).toMatchObject({ shadow: 50_00n })
    await synchronise(bob, alice, bob)
    expect(await agree(alice, bob)).toMatchObject([{ card: 200_00n }, { card: 50_00n }])
    // What his card has, nobody shows it again.
    const later = listen(bob)
    done(await bob.synchronise())
    expect(namesOf(later)).not.toContain('RECEIVE')
  })
})

/** What a flow asks of the people: docs/protocol/wallet-office.md has the table. */
interface Steps {
  /** Cards held to phones. */
  readonly taps: number
  readonly pins: number
  /** Phones held together. */
  readonly contacts: number
}

const SEALED = 100

function stepsOf(
  taps: readonly (readonly WireMessage[])[],
  between: readonly WireMessage[],
): Steps {
  const hasPin = ({ name, way, bytes }: WireMessage) =>
    way === 'there' &&
    (name === 'VERIFY PIN' ||
      (name === 'PAY' && bytes[1] === INS.PAY && bytes.length > 122 + SEALED))
  return {
    taps: taps.length,
    pins: taps.filter((messages) => messages.some(hasPin)).length,
    contacts: between.filter(({ leg }) => leg === 'phone').length,
  }
}

describe('a payment from card to card (3.6), counted', () => {
  test.each([
    ['two phones', 2, { taps: 3, pins: 1, contacts: 2 }],
    ['one phone', 1, { taps: 3, pins: 1, contacts: 0 }],
  ])('on %s', async (_name, phones, expected) => {
    const [alice, bob] = [await world.person(), await world.person()]
    done(await alice.load(100_00n))
    const taps: (readonly WireMessage[])[] = []
    const between: WireMessage[] = []
    const during = async <T>(into: (seen: WireMessage[]) => void, work: () => Promise<T>) => {
      const seen = listen(alice, bob)
      const result = await work()
      into(seen)
      return result
    }
    const tap = async <T>(work: () => Promise<T>) => during((seen) => void taps.push(seen), work)
    const meet = async (from: Holder, name: string, message: Uint8Array<ArrayBuffer>) => {
      if (phones === 1) return message
      const give = async () => from.phone().handOver(name, message)
      return done(await during((seen) => void between.push(...seen), give)).message
    }
    const phone = phones === 1 ? bob.phone() : undefined
    const asked = done(await tap(async () => bob.ask(30_00n, phone)))
    const ask = await meet(bob, 'ask', asked.message)
    const paid = done(await tap(async () => alice.pay(ask, PIN, phone)))
    const payment = await meet(alice, 'paid', paid.message)
    done(await tap(async () => bob.receive(payment, phone)))
    off(alice, bob)
    expect(stepsOf(taps, between)).toEqual(expected)
    await synchronise(bob, alice)
    expect(await agree(alice, bob)).toMatchObject([{ card: 70_00n }, { card: 30_00n }])
  })
})

describe('figure 9: Alice pays Bob, Bob pays Charlie, and Charlie alone synchronises', () => {
  async function play(policy: LiquidityPolicy, hops: number) {
    const { db } = world.office
    await db.transaction().execute((trx) => setLiquidity(trx, { policy, poolMax: 50_00n }))
    const people = [await world.person(), await world.person(), await world.person()] as const
    const [alice, bob, charlie] = people
    const wallet = {
      paymentsMax: 5,
      balanceMax: '300000',
      paymentMax: '4294967295',
      amountMax: '4294967295',
      daysMax: 0,
      pinFreeMax: '20000',
      receivedMoney: 'at once',
      hops,
    }
    for (const { card } of people) {
      const body = { policy: wallet, reason: 'for the test' }
      const url = `/api/cards/${card}/wallet-policy`
      expect((await world.office.call('administrator', 'POST', url, body)).status).toBe(200)
    }
    await synchronise(...people)
    done(await alice.load(200_00n))
    const pay = async (payer: Holder, payee: Holder, amount: bigint) => {
      const asked = done(await payee.ask(amount))
      done(await payee.receive(done(await payer.pay(asked.message)).message))
    }
    await pay(alice, bob, 80_00n)
    await pay(bob, charlie, 50_00n)
    await synchronise(charlie)
    const [, , early] = await world.books(...people)
    if (early?.shadow === 0n) {
      // He can spend it, but nobody has paid it in yet.
      expect(await charlie.unload(50_00n)).toMatchObject({ refusal: { status: 409 } })
    }
    await synchronise(charlie, bob, alice, bob)
    expect(await agree(...people)).toMatchObject([
      { card: 120_00n },
      { card: 30_00n },
      { card: 50_00n },
    ])
    return early?.shadow
  }

  test.each([
    ['hold', 0, 0n],
    ['pool', 0, 50_00n],
    ['provenance', 2, 50_00n],
  ] as const)('%s', async (policy, hops, expected) => {
    expect(await play(policy, hops)).toBe(expected)
  })
})
