import { Link } from 'wouter'
import classes from './CardName.module.css'

/** A card's 16 digits in four groups, as they stand on the card. */
export function CardName({ id, plain = false }: { readonly id: string; readonly plain?: boolean }) {
  const text = cardText(id)
  if (plain) return <span className={classes.id}>{text}</span>
  return (
    <Link href={`/cards/${id}`} className={classes.id}>
      {text}
    </Link>
  )
}

export function cardText(id: string): string {
  return id.replace(/(.{4})(?=.)/g, '$1 ')
}
