import type { Account } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { ACCOUNT_WORDS } from '../accounts/words.ts'
import classes from './MoneyMap.module.css'

/** The accounts of each kind together, one column a currency. */
export function MoneyMap({ accounts }: { readonly accounts: readonly Account[] }) {
  const totals = new Map<string, bigint>()
  for (const { kind, currency, balance } of accounts) {
    const key = `${kind} ${currency}`
    totals.set(key, (totals.get(key) ?? 0n) + BigInt(balance))
  }
  const currencies = [...new Set(accounts.map(({ currency }) => currency))].toSorted()
  const kinds = [...new Set(accounts.map(({ kind }) => kind))]
  return (
    <dl className={classes.map}>
      {kinds.map((kind) => (
        <div key={kind} className={classes.kind}>
          <dt>
            <strong>{ACCOUNT_WORDS[kind].title}</strong>
            <span className={classes.meaning}>{ACCOUNT_WORDS[kind].meaning}</span>
          </dt>
          {currencies.map((currency) => (
            <dd key={currency}>
              <Money amount={String(totals.get(`${kind} ${currency}`) ?? 0n)} currency={currency} />
            </dd>
          ))}
        </div>
      ))}
    </dl>
  )
}
