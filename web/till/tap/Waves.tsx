import classes from './Waves.module.css'

export function Waves() {
  return (
    <svg viewBox="0 0 96 96" className={classes.waves} aria-hidden="true">
      <rect x="12" y="30" width="36" height="50" rx="5" className={classes.card} />
      <path d="M56 34a18 18 0 0 1 0 26" />
      <path d="M65 26a29 29 0 0 1 0 42" />
      <path d="M74 18a40 40 0 0 1 0 58" />
    </svg>
  )
}
