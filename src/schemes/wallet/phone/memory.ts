import type { Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import type { CardId } from '../../../kernel/ids.ts'
import {
  amount as amountField,
  choice,
  constant,
  message,
  varOctets,
  type ValueOf,
} from '../../../kernel/message.ts'
import type { Amount } from '../../../kernel/money.ts'

/** What a phone keeps from one contact to the next: what it has begun. It may lose it. */
export interface PhoneMemory {
  read(name: string): Promise<Bytes | undefined>
  write(name: string, bytes: Bytes | undefined): Promise<void>
}

/** What a phone remembers of what it has begun. */
const begun = message('begun', {
  version: constant(1),
  state: choice(['asked', 'paid']),
  amount: amountField(8),
  thing: varOctets({ max: 255 }, 'load: key of the wish; unload: request'),
})
export type Begun = ValueOf<typeof begun>

/** Of a card, one at a time. */
export type Undertaking = 'load' | 'unload'

/** What a phone has begun with cards and may not have come to its end. */
export class Undertakings {
  readonly #memory: PhoneMemory

  constructor(memory: PhoneMemory) {
    this.#memory = memory
  }

  /** Undefined if nothing of that amount is begun. */
  async find(card: CardId, what: Undertaking, amount: Amount): Promise<Begun | undefined> {
    const bytes = await this.#memory.read(`${what} ${card}`)
    const found = bytes && unlessMalformed(() => begun.decode(bytes))
    return found?.amount === amount ? found : undefined
  }

  async note(card: CardId, what: Undertaking, done: Begun): Promise<void> {
    await this.#memory.write(`${what} ${card}`, begun.encode(done))
  }

  async forget(card: CardId, what: Undertaking): Promise<void> {
    await this.#memory.write(`${what} ${card}`, undefined)
  }
}
