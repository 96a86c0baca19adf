import { useTillState } from '../state.tsx'
import { Mark } from '../../shared/Logo.tsx'
import classes from './LooseCards.module.css'

/** Virtual cards that lie on the counter: pressing one holds it to the reader. */
export function LooseCards({
  busy,
  onTap,
}: {
  readonly busy: boolean
  readonly onTap: (card: string) => void
}) {
  const { cards } = useTillState()
  if (cards.length === 0) return null
  return (
    <section className={classes.table} aria-label="Cards on the counter">
      <p className={classes.hint}>Press a card on the counter to hold it there</p>
      <ul className={classes.cards}>
        {cards.map(({ id, label }) => (
          <li key={id}>
            <button
              type="button"
              className={classes.card}
              data-hue={hueOf(id)}
              disabled={busy}
              aria-label={`Tap ${label}`}
              onClick={() => onTap(id)}
            >
              <span className={classes.label}>{label}</span>
              <Mark size={22} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** One of six looks, the same for the same card. */
function hueOf(id: string): number {
  let sum = 0
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 997
  return sum % 6
}
