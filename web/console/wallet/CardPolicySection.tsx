import { Button } from '@mantine/core'
import { useState } from 'react'
import type { CurrencyCode } from '../../../src/kernel/money.ts'
import type { CardPolicy } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { Fact, Facts } from '../Facts.tsx'
import { Section } from '../PageHead.tsx'
import { CardPolicyDialog } from './CardPolicyDialog.tsx'
import { AMOUNT_RULES, amountRule, countRule, receivedMoney } from './rules.ts'

/** What a wallet may do without its office. */
export function CardPolicySection({
  title,
  policy,
  path,
  currency,
  mayChange,
  onChanged,
}: {
  readonly title: string
  readonly policy: CardPolicy
  /** Of the call that sets it. */
  readonly path: string
  readonly currency: CurrencyCode
  readonly mayChange: boolean
  readonly onChanged: () => void
}) {
  const [changing, setChanging] = useState(false)
  const days = countRule(policy, 'daysMax')
  const hops = countRule(policy, 'hops')
  return (
    <Section
      title={title}
      aside={
        mayChange ? (
          <Button variant="default" size="xs" onClick={() => setChanging(true)}>
            Change…
          </Button>
        ) : undefined
      }
    >
      <Facts>
        {AMOUNT_RULES.map(([rule, name]) => {
          const amount = amountRule(policy, rule)
          return (
            <Fact key={rule} name={name}>
              {amount === undefined ? 'no limit' : <Money amount={amount} currency={currency} />}
            </Fact>
          )
        })}
        <Fact name="Payments without the office">{countRule(policy, 'paymentsMax')}</Fact>
        <Fact name="Days without the office">{days === 0 ? 'no limit' : days}</Fact>
        <Fact name="What it received can be spent">{receivedMoney(policy)}</Fact>
        <Fact name="Payments that a payment brings along">{hops === 0 ? 'none' : hops}</Fact>
      </Facts>
      {changing && (
        <CardPolicyDialog
          title={title}
          policy={policy}
          path={path}
          currency={currency}
          onClose={() => setChanging(false)}
          onChanged={onChanged}
        />
      )}
    </Section>
  )
}
