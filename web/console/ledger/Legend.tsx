import classes from './Legend.module.css'

export function Legend() {
  return (
    <ul className={classes.legend} aria-label="How to read the chain">
      <li data-look="complete">complete</li>
      <li data-look="contested">contested</li>
      <li data-look="waits">waits for a predecessor</li>
      <li data-look="broken">does not fit</li>
    </ul>
  )
}
