import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import { NO_ELEMENT, readCertificate, type Confirmed } from '../certificates.ts'
import { isGoodCoin, type ElementCore, type Refused } from './core.ts'
import { COIN_SW } from '../instructions.ts'
import { HOPS_MAX, namesExactly, valueOf, type ReadCoin, type Transfer } from '../message.ts'
import { coinPlan } from '../plans.ts'
import type { Slot, SlotBody } from './slots.ts'

/** What a coin element looks at before it takes coins: from its bank, and from a vendor that it has paid. */
export class CoinCheck {
  readonly #core: ElementCore
  readonly #own: CoinData

  constructor(core: ElementCore, own: CoinData) {
    this.#core = core
    this.#own = own
  }

  /** Whether its card may spend it, and its bank made it, with a chain that ends with that holder. */
  isGood(
    read: ReadCoin,
    bank: Pick<Confirmed, 'bank' | 'publicKey'> | undefined,
    holder: Bytes,
  ): boolean {
    const { own, currency } = this.#own
    const { identity } = read.coin.content
    const isMine = [NO_ELEMENT, own.partner].some((one) => bytesEqual(one, identity))
    return isMine && isGoodCoin(read, { holder, currency, bank, crypto: this.#core.crypto })
  }

  /** Of what a vendor gives for a payment. In the order of {@link COIN_SW}. */
  refusalOfCoins(
    coins: readonly ReadCoin[],
    given: Transfer,
    { madeAt }: Slot,
    { bank: number, bankKey, ...body }: SlotBody,
  ): Refused | undefined {
    const banks = [this.#own.bank, { bank: number, publicKey: publicKeyFrom(bankKey) }]
    const good = coins.every((read) => {
      const bank = banks.find((known) => known.bank === read.coin.content.bank)
      const isDue = given.kind === 'return' ? wasGivenBy(body, read) : isSpendable(read, madeAt)
      return isDue && this.isGood(read, bank, given.giver)
    })
    if (!good || !namesExactly(given, coins)) return COIN_SW.BAD_COIN
    return valueOf(coins) === dueOf(given, body) ? undefined : COIN_SW.NOT_ENOUGH
  }
}

/** What the bank has written on it. */
export type CoinData = ReturnType<typeof readCoinPlan>

/** @throws {FormatError} if it is no plan of a coin element. */
export function readCoinPlan(bytes: Bytes) {
  const plan = coinPlan.decode(bytes)
  return {
    ...plan,
    root: readCertificate(plan.root),
    bank: readCertificate(plan.bank),
    own: readCertificate(plan.own),
  }
}

/** Whether it is one of the very coins that were paid. */
function wasGivenBy({ transfer: paid }: Pick<SlotBody, 'transfer'>, { held }: ReadCoin): boolean {
  return bytesEqual(held.hops.at(-1) ?? new Uint8Array(), paid)
}

/** Whether change can be paid on: it had not expired when it was asked for, and has a transfer to go. */
function isSpendable({ coin, hops }: ReadCoin, madeAt: number): boolean {
  return coin.content.expires >= madeAt && hops.length + 1 < HOPS_MAX
}

/** What must come back: the change, or everything. Undefined if no vendor gives such a transfer. */
function dueOf(
  { kind }: Transfer,
  { paid, due }: { readonly paid: bigint; readonly due: bigint },
): bigint | undefined {
  if (kind === 'change') return due
  return kind === 'return' ? paid : undefined
}
