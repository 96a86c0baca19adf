import type { Bytes } from '../../../src/kernel/bytes.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { blockTillFor } from '../../../src/schemes/block/till.ts'
import { audit, pay, World } from '../../schemes/block/world.ts'
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

/** Every scheme that is tried over PC/SC: a new one is a function here. */
export const SCHEMES: Readonly<Record<string, () => Scheme>> = { block }

function block(): Scheme {
  const world = new World()
  const till = world.till(7)
  const scheme = blockTillFor(till.options.profile)
  return {
    async sale() {
      const issued = await world.card(1000n)
      const order = pay(AMOUNT)
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
          const { net, balance } = await audit(world, issued)
          const paid = times === 1 ? AMOUNT : 0n
          if ((net.get(order.id) ?? 0n) !== -paid || balance !== 1000n - paid) {
            throw new Error(`paid ${net.get(order.id)}, and the card holds ${balance}`)
          }
        },
      }
    },
    close: () => world.close(),
  }
}
