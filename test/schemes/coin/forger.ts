import { enrol } from '../../../src/card/puf/noisy-puf.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey, openSealed, sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import { openMessage, signMessage, type Signed } from '../../../src/kernel/signed-message.ts'
import { encloseCoin } from '../../../src/schemes/coin/element/coin-reconstructor.ts'
import {
  coin,
  COIN_AID,
  CONTEXT,
  envelope,
  holderOf,
  passedOn,
  presentation,
  readCoin,
  request,
  transfer,
  VENDOR_AID,
  type Coin,
  type HeldCoin,
  type Request,
  type Transfer,
} from '../../../src/schemes/coin/message.ts'
import { COINS_EXPIRE, EUR, type Customer, type Vendor, type World } from './world.ts'

/** Has the keys of the banks, and of whatever element was taken to pieces: makes anything that can be. */
export class Forger {
  readonly #world: World
  /** No element can check what was signed before the last transfer: any key will do. */
  readonly #key = generatePrivateKey()
  #serial = 700_000

  constructor(world: World) {
    this.#world = world
  }

  /** As its bank makes it. */
  coin(change: Partial<Coin> & Pick<Coin, 'holder'>): HeldCoin {
    this.#serial += 1
    const serial = new Uint8Array(8)
    new DataView(serial.buffer).setUint32(4, this.#serial)
    const content = {
      bank: 1,
      serial: serial.slice(2),
      value: 10n,
      currency: EUR.numeric,
      expires: COINS_EXPIRE,
      identity: new Uint8Array(8),
      ...change,
    }
    const body = coin.encode(content)
    return { coin: new Uint8Array([...body, ...sign(this.#bankKey(content.bank), body)]), hops: [] }
  }

  /** Of a bank that nobody knows a key that nobody knows. */
  #bankKey(bank: number): PrivateKey {
    return this.#world.banks.get(bank)?.key ?? this.#key
  }

  /** Passed on to one after the other, each time as it should be, but for what is changed. */
  passed(held: HeldCoin, takers: readonly Bytes[], change: Partial<Transfer> = {}): HeldCoin {
    return takers.reduce((before, taker, index) => {
      const read = readCoin(before)
      const content: Transfer = {
        kind: 'pay',
        giver: holderOf(read),
        taker,
        sequence: index + 1,
        request: new Uint8Array(16),
        coins: [read.digest],
        ...change,
      }
      return passedOn(before, openMessage(transfer, signMessage(transfer, content, this.#key)))
    }, held)
  }

  /** For a PUF of which somebody knows all answers. */
  register(holder: Customer | Vendor, held: HeldCoin, seed: number): Bytes {
    const { silicon } = holder.chip
    const puf = silicon.part(holder.kind === 'card' ? COIN_AID : VENDOR_AID)
    const response = enrol(puf, Uint8Array.of(seed >> 8, seed & 0xff))
    return encloseCoin(held, seed, response, this.#world.random)
  }
}

/** What a vendor element asks, read with the keys of both elements of the card. */
export function requestIn(
  presented: Bytes,
  keys: { readonly identity: PrivateKey; readonly coin: PrivateKey },
): Signed<Request> {
  const { sealed } = presentation.decode(presented)
  const { inner } = envelope.decode(openSealed(keys.identity, sealed, CONTEXT.envelope))
  return openMessage(request, openSealed(keys.coin, inner, CONTEXT.request))
}
