import { expect } from 'vitest'
import type { Amount } from '../../../src/kernel/money.ts'
import type { Result } from '../../../src/schemes/wallet/phone.ts'
import { plainWire, type WireMessage } from '../../../src/schemes/wallet/phone/wire.ts'
import { ASK_LIFE, done, lost, type Books, type Holder, type PhoneWorld } from './phone-world.ts'

/** What people do with phones that lose messages. */
/** Loses messages of the contacts that follow, by their place among them. */
export class Loser {
  readonly #places: readonly number[]
  /** On which leg each message was that came along. */
  readonly legs: WireMessage['leg'][] = []
  lost = 0

  constructor(...places: readonly number[]) {
    this.#places = places
  }

  on(...holders: readonly Holder[]): void {
    for (const holder of holders) {
      holder.wire = async (message) => {
        const isLost = this.#places.includes(this.legs.length)
        this.legs.push(message.leg)
        if (!isLost) return message.bytes
        this.lost += 1
        throw lost(message)
      }
    }
  }
}

export function off(...holders: readonly Holder[]): void {
  for (const holder of holders) holder.wire = plainWire
}

/** Again until it is done, as people do: at most once more than messages are lost. */
export async function until<T>(work: () => Promise<Result<T>>, tries = 3) {
  let result = await work()
  for (let again = 1; again < tries && result.status !== 'done'; again++) result = await work()
  return done(result)
}

/** A payment from card to card, every step repeated until it is done. */
export async function payEachOther(payer: Holder, payee: Holder, amount: Amount): Promise<void> {
  const asked = await until(() => payee.ask(amount))
  const ask = await until(() => payee.phone().handOver('ask', asked.message))
  const paid = await until(() => payer.pay(ask.message))
  const payment = await until(() => payer.phone().handOver('paid', paid.message))
  await until(() => payee.receive(payment.message))
}

/** The same once: whoever loses a message walks away. */
export async function tryToPay(payer: Holder, payee: Holder, amount: Amount): Promise<boolean> {
  const asked = await payee.ask(amount)
  if (asked.status !== 'done') return false
  const ask = await payee.phone().handOver('ask', asked.message)
  if (ask.status !== 'done') return false
  const paid = await payer.pay(ask.message)
  if (paid.status !== 'done') return false
  const payment = await payer.phone().handOver('paid', paid.message)
  if (payment.status !== 'done') return false
  return (await payee.receive(payment.message)).status === 'done'
}

/** Cards and books agree, and nothing was made or lost on the way. */
export async function agree(...holders: readonly Holder[]): Promise<readonly Books[]> {
  const books = await booksOf(...holders)
  expect(books.map(({ shadow }) => shadow)).toEqual(books.map(({ card }) => card))
  return books
}

export async function booksOf(...holders: readonly Holder[]): Promise<readonly Books[]> {
  const [first] = holders
  return first ? first.world.books(...holders) : []
}

export async function synchronise(...holders: readonly Holder[]): Promise<void> {
  off(...holders)
  for (const { world } of holders) world.office.clock.pass(ASK_LIFE)
  for (const holder of holders) done(await holder.synchronise())
}

export function totalOf(books: readonly Books[]): Amount {
  return books.reduce((total, { online, card }) => total + online + card, 0n)
}

export async function pair(world: PhoneWorld): Promise<readonly [Holder, Holder]> {
  const [alice, bob] = [await world.person(), await world.person()]
  done(await alice.load(200_00n))
  return [alice, bob]
}
