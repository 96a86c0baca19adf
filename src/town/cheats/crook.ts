import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type {
  Desk,
  Journal,
  JournalRecord,
  NewRecord,
  Order,
  SpendableToken,
  TillScheme,
} from '../../till/scheme.ts'
import type { Books } from './books.ts'
import {
  invent,
  withAmount,
  withOwnBalance,
  withPreviousBalance,
  type Invention,
  type Told,
} from './block.ts'
import { withTokens } from './tokens.ts'

/** What a vendor does at one tap, amounts in minor units. */
export interface Cheating {
  readonly alterPreviousBalance?: Amount
  readonly alterOwnBalance?: Amount
  readonly signTwice?: Amount
  readonly overcharge?: Amount
  readonly tokenTwice?: true
  readonly withhold?: true
  readonly deny?: true
  readonly loadWithoutRight?: true
  readonly loadBeyondCash?: Amount
}

/** The crook has not got what he needs for that. */
export class CannotCheat extends Error {
  override readonly name = 'CannotCheat'
}

interface Job {
  /** What the customer was told. */
  readonly honest: Order
  readonly cheating: Cheating
}

/**
 * A vendor who runs the real till engine with his own key and keeps two books: the engine's journal is
 * what he did to the cards, {@link Books} is what he tells the office. Neither the till nor the scheme
 * knows of it; all he has is what any till has.
 */
export class Crook {
  readonly books: Books
  readonly #seen = new Map<CardId, Told>()
  readonly #spent: SpendableToken[] = []
  #job: Job | undefined
  #desk: Desk | undefined

  constructor(books: Books) {
    this.books = books
  }

  /** What he enters into his till when a customer is to be cheated so. */
  plan(honest: Order, cheating: Cheating): Order {
    this.#job = { honest, cheating }
    if (honest.kind !== 'pay') return honest
    const { alterPreviousBalance = 0n, alterOwnBalance = 0n, signTwice = 0n } = cheating
    const { overcharge = 0n, tokenTwice } = cheating
    const taken = honest.amount - alterPreviousBalance - alterOwnBalance - signTwice + overcharge
    // The engine checks prices against tokens: he enters a free amount and adds the tokens later.
    const products = overcharge !== 0n || tokenTwice ? [] : honest.products
    return { ...honest, amount: taken, products }
  }

  scheme(scheme: TillScheme): TillScheme {
    return {
      ...scheme,
      perform: (channel, order, desk) => scheme.perform(channel, order, this.#crooked(desk)),
    }
  }

  /** @throws {CannotCheat} if he never saw that card. */
  invent(card: CardId, amount: Amount, passcode: Invention): void {
    const seen = this.#seen.get(card)
    const desk = this.#desk
    if (!seen || !desk) throw new CannotCheat('this till has never seen that card')
    const told = invent({ seen, amount, passcode, madeAt: desk.journal.stamp(), desk })
    this.books.add(told, 'confirmed')
  }

  #crooked(desk: Desk): Desk {
    this.#desk = desk
    const { cheating } = this.#currentJob()
    const mayLoad = desk.policy.mayLoad || cheating.loadWithoutRight === true
    return {
      ...desk,
      // He set the limits of his own till aside.
      policy: { ...desk.policy, mayLoad, freeAmounts: true },
      stoppedBy: () => undefined,
      journal: this.#twoBooks(desk),
    }
  }

  #twoBooks(desk: Desk): Journal {
    const { journal } = desk
    const decided = (record: JournalRecord, evidence?: Bytes): JournalRecord => {
      this.books.decide(record.id, record.state === 'void' ? 'void' : 'confirmed', evidence)
      return record
    }
    return {
      ...journal,
      intend: (record) => this.#intend(record, desk),
      confirm: (id, evidence) => decided(journal.confirm(id, evidence), evidence),
      void: (id) => decided(journal.void(id)),
    }
  }

  #intend(record: NewRecord, desk: Desk): JournalRecord {
    const { honest, cheating } = this.#currentJob()
    if (record.orderId !== honest.id || record.kind !== honest.kind) {
      return this.#keep(desk.journal.intend(record), record)
    }
    const tokens = this.#tokens(record, desk)
    const isReused = tokens.some((token) => this.#spent.includes(token))
    const shown = tokens === record.tokens ? record : withTokens(record, tokens)
    const { evidence } = shown
    const kept = desk.journal.intend({ ...record, evidence, tokens: isReused ? [] : tokens })
    this.#spent.push(...tokens.filter((token) => !this.#spent.includes(token)))
    const told = tell(shown, honest, cheating, desk)
    return this.#keep(kept, told, cheating)
  }

  #keep(kept: JournalRecord, told: Told, cheating: Cheating = {}): JournalRecord {
    const { withhold, deny, loadBeyondCash: cashShort = 0n } = cheating
    // What he saw on the card is what he builds on later, whatever he says of it.
    this.#seen.set(kept.card, kept)
    if (deny) return kept
    const withheld = withhold === true
    this.books.add(told, 'unconfirmed', {
      record: kept.id,
      withheld,
      cashShort: told.kind === 'load' ? cashShort : 0n,
    })
    return kept
  }

  /** The tokens that he shows: honest ones, unless he has used ones of the same products. */
  #tokens(record: NewRecord, desk: Desk): readonly SpendableToken[] {
    const { honest, cheating } = this.#currentJob()
    if (honest.kind !== 'pay' || honest.products.length === 0) return record.tokens
    const { overcharge = 0n, tokenTwice } = cheating
    if (!tokenTwice && overcharge === 0n) return record.tokens
    const used = tokenTwice ? this.#usedTokens(honest) : undefined
    const tokens = used ?? desk.journal.tokensFor(honest.products)
    if (!tokens) throw new CannotCheat('this till has no tokens of these products left')
    return tokens
  }

  #usedTokens({ products }: Extract<Order, { kind: 'pay' }>) {
    const found = products.map(({ product, quantity }) =>
      this.#spent.filter(({ token }) => token.product === product).slice(0, quantity),
    )
    const wanted = products.reduce((sum, { quantity }) => sum + quantity, 0)
    return found.flat().length === wanted ? found.flat() : undefined
  }

  #currentJob(): Job {
    invariant(this.#job, 'a crook taps with a plan')
    return this.#job
  }
}

/** What the office gets to see of a record. */
function tell(record: Told, honest: Order, cheating: Cheating, desk: Desk): Told {
  if (honest.kind !== 'pay') return record
  const { alterPreviousBalance = 0n, alterOwnBalance = 0n, signTwice = 0n } = cheating
  let told = record
  if (alterPreviousBalance !== 0n) told = withPreviousBalance(told, alterPreviousBalance, desk)
  if (signTwice !== 0n) told = withOwnBalance(told, -signTwice, desk)
  const hidden = alterPreviousBalance + alterOwnBalance + signTwice
  return hidden === 0n ? told : withAmount(told, told.amount + hidden)
}
