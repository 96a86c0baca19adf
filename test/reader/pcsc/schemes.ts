import type { Bytes } from '../../../src/kernel/bytes.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { blockTillFor } from '../../../src/schemes/block/till.ts'
import * as blocks from '../../schemes/block/world.ts'
import * as purses from '../../schemes/purse/world.ts'
import type { MakeOptions } from './cards.ts'

/** One payment of one card at one till. */
export interface Sale {
  /** What the card is called where it is kept. */
  readonly card: string
  readonly memory: Bytes
  readonly options: MakeOptions
  /** `done`, `unfinished`, `refused`, or `torn` if the card went before anything changed. */
  tap(channel: Channel): Promise<string>
  /** What all tills signed and what the card holds now agree, and the payment was made so often. */
  settled(memory: Bytes, times: 0 | 1): Promise<void>
}

/** An office with a till; each sale has a new card. */
export interface Scheme {
  sale(): Promise<Sale>
  close(): void
}

const AMOUNT = 300n
const BALANCE = 1000n

/** Every scheme that is tried over PC/SC: a new one is a function here. */
export const SCHEMES: Readonly<Record<string, () => Scheme>> = { block, purse }

function block(): Scheme {
  const world = new blocks.World()
  const till = world.till(7)
  const scheme = blockTillFor(till.options.profile)
  return {
    async sale() {
      const issued = await world.card(BALANCE)
      const order = blocks.pay(AMOUNT)
      return {
        card: `block ${issued.card}`,
        memory: issued.chip.nvm.snapshot(),
        options: { kind: 'mifare-classic-1k', profile: 'ACR1255U' },
        async tap(channel) {
          world.now += 1000
          try {
            return (await scheme.perform(channel, order, till.desk)).result
          } catch (error) {
            if (error instanceof CardTorn) return 'torn'
            throw error
          }
        },
        async settled(memory, times) {
          issued.chip.nvm.restore(memory)
          checkPaid(await blocks.audit(world, issued), order, times)
        },
      }
    },
    close: () => world.close(),
  }
}

/** Each sale at a till of its own: its security module knows one card at a time. */
function purse(): Scheme {
  const world = new purses.World()
  let tills = 0
  return {
    async sale() {
      tills += 1
      const till = await world.till(tills)
      const issued = await world.card(BALANCE)
      const order = purses.pay(AMOUNT)
      return {
        card: `purse ${issued.card}`,
        memory: issued.chip.nvm.snapshot(),
        options: { kind: 'purse-card' },
        tap: async (channel) => (await till.tapAt(channel, order)).result,
        async settled(memory, times) {
          issued.chip.nvm.restore(memory)
          checkPaid(await purses.audit(world, issued), order, times)
          const { count, paid } = await till.cashUp()
          if (count !== times || paid !== BigInt(times) * AMOUNT) {
            throw new Error(`the module counted ${count} payments of ${paid} in all`)
          }
        },
      }
    },
    close: () => world.close(),
  }
}

/** What the chain of a card says of one order, and of the card. */
function checkPaid(
  { net, balance }: { readonly net: ReadonlyMap<string, bigint>; readonly balance: bigint },
  { id }: { readonly id: string },
  times: 0 | 1,
): void {
  const paid = BigInt(times) * AMOUNT
  if ((net.get(id) ?? 0n) !== -paid || balance !== BALANCE - paid) {
    throw new Error(`paid ${net.get(id)}, and the card holds ${balance}`)
  }
}
