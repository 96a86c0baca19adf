import type { CardId, TillNumber } from '../kernel/ids.ts'

/** What has just happened, for whoever watches: the console, the ledger's worker. */
export type OfficeEvent =
  /** Batches were stored; they may not be placed yet. */
  | { readonly type: 'batch'; readonly till?: TillNumber }
  /** A card's chain has changed. */
  | { readonly type: 'entry'; readonly card: CardId }
  | { readonly type: 'case'; readonly id: string }
  /** A card was issued, or its status has changed. */
  | { readonly type: 'card'; readonly card: CardId }
  /** A till has a new vendor element, or coins were bought or decided for it. */
  | { readonly type: 'till'; readonly till: TillNumber }
  /** What was stored is in the ledger. */
  | { readonly type: 'placed' }

/**
 * Within one process. Nobody may rely on being told: an event says that it is worth looking, and the
 * database is what there is to see.
 */
export class Events {
  readonly #listeners = new Set<(event: OfficeEvent) => void>()

  /** @returns how to stop listening. A listener must not throw. */
  subscribe(listener: (event: OfficeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  emit(event: OfficeEvent): void {
    for (const listener of this.#listeners) listener(event)
  }
}
