import type { Policy } from '../kernel/documents.ts'
import type { CardId } from '../kernel/ids.ts'
import type { Clock, Instant } from '../kernel/ports.ts'
import { cardKey } from './journal.ts'
import type { PasscodeTries } from './scheme.ts'
import type { Store } from './store.ts'

interface TryRow {
  readonly wrong: number
  readonly last_at: Instant
}

/**
 * Wrong passcodes a card, kept in the journal: switching the till off gives nobody new tries. A pause
 * that is over forgets them.
 */
export function passcodeTries(
  store: Store,
  clock: Clock,
  { passcodeTries: most, passcodePause: pause }: Policy,
): PasscodeTries {
  const find = (card: CardId) => {
    const row = store.find(
      'select wrong, last_at from passcode_try where card_key = ?',
      cardKey(store, card),
    ) as TryRow | undefined
    const over = row && row.wrong >= most && clock.now() >= row.last_at + pause
    return over ? undefined : row
  }
  return {
    isPaused: (card) => (find(card)?.wrong ?? 0) >= most,
    wrong(card) {
      const wrong = (find(card)?.wrong ?? 0) + 1
      store.write('wrong-passcode', (trx) =>
        trx.run(
          `insert into passcode_try (card_key, wrong, last_at) values (?, ?, ?)
           on conflict (card_key) do update set wrong = excluded.wrong, last_at = excluded.last_at`,
          cardKey(store, card),
          wrong,
          clock.now(),
        ),
      )
    },
    right(card) {
      // The usual tap: nothing to forget, nothing to write.
      if (!find(card)) return
      store.write('right-passcode', (trx) =>
        trx.run('delete from passcode_try where card_key = ?', cardKey(store, card)),
      )
    },
  }
}
