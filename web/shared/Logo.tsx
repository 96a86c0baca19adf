import classes from './Logo.module.css'

/** The mark: a K made of a card's edge and two quarter coins. */
export function Mark({ size = 28 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className={classes.mark}>
      <rect width="32" height="32" rx="7" className={classes.ground} />
      <path d="M8 6.5v19" className={classes.edge} />
      <path d="M25 6.5A9.5 9.5 0 0 1 15.5 16H13a12 12 0 0 0 4.5-9.5Z" className={classes.coin} />
      <path d="M25 25.5A9.5 9.5 0 0 0 15.5 16H13a12 12 0 0 1 4.5 9.5Z" className={classes.coin} />
    </svg>
  )
}

/** Mark and name, drawn: it looks the same whatever fonts a machine has. */
export function Logo({ size = 28 }: { readonly size?: number }) {
  return (
    <span className={classes.logo} role="img" aria-label="Kontant">
      <Mark size={size} />
      <svg height={size * 0.72} viewBox="0 0 158 37" aria-hidden="true" className={classes.word}>
        <path d="M3 3v30M17 14 3 24.5M8.5 20.5 18 33" />
        <circle cx="34.5" cy="23.5" r="9.5" />
        <path d="M53 33V14M53 22a8 8 0 0 1 16 0v11" />
        <path d="M80 5v22a6 6 0 0 0 6 6h1M74 14h13" />
        <circle cx="103" cy="23.5" r="9.5" />
        <path d="M112.5 14v19" />
        <path d="M122 33V14M122 22a8 8 0 0 1 16 0v11" />
        <path d="M149 5v22a6 6 0 0 0 6 6h1M143 14h13" />
      </svg>
    </span>
  )
}
