import { currency as currencyOf, formatAmount, isCurrencyCode } from '../../src/kernel/money.ts'
import classes from './Money.module.css'

export interface MoneyProps {
  /** Minor units, decimal. */
  readonly amount: string
  readonly currency: string
  /** Shows a plus sign where there is something to add. */
  readonly signed?: boolean
  readonly className?: string | undefined
}

/** An amount with its currency; figures of one width, so that columns of them line up. */
export function Money({ amount, currency, signed = false, className }: MoneyProps) {
  return (
    <span className={className ? `${classes.money} ${className}` : classes.money}>
      {figures(amount, currency, signed)} <span className={classes.currency}>{currency}</span>
    </span>
  )
}

/** With a real minus sign and groups of three: `−1 234.50`, the spaces narrow and unbreakable. */
export function figures(amount: string, currency: string, signed = false): string {
  const minor = BigInt(amount)
  const plain = isCurrencyCode(currency)
    ? formatAmount(minor < 0n ? -minor : minor, currencyOf(currency))
    : String(minor < 0n ? -minor : minor)
  const [whole = '', fraction] = plain.split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f')
  const sign = minor < 0n ? '\u2212' : signed && minor > 0n ? '+' : ''
  return sign + (fraction === undefined ? grouped : `${grouped}.${fraction}`)
}
