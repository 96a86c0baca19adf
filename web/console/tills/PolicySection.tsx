import { Button } from '@mantine/core'
import { useState } from 'react'
import type { PolicyJson } from '../../../src/office/registry/policies.ts'
import type { TillDetail } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { Fact, Facts } from '../Facts.tsx'
import { Section } from '../PageHead.tsx'
import { useMay } from '../session.tsx'
import { PolicyDialog } from './PolicyDialog.tsx'

interface Policies {
  readonly policies: readonly {
    readonly version: number
    readonly madeAt: number
    readonly policy: PolicyJson
  }[]
}

/** What a till may do without asking. */
export function PolicySection({ till }: { readonly till: TillDetail }) {
  const path = `api/tills/${till.number}/policies`
  const { data, problem, reload } = useResource<Policies>(path)
  const mayChange = useMay('PUT /api/tills/:number/policy')
  const [changing, setChanging] = useState(false)
  const current = data?.policies.at(-1)
  return (
    <Section
      title="What it may do"
      aside={
        mayChange && current && till.stoppedAt === null ? (
          <Button variant="default" size="xs" onClick={() => setChanging(true)}>
            Change…
          </Button>
        ) : undefined
      }
    >
      <ProblemNotice problem={problem} retry={reload} />
      {current && (
        <>
          <PolicyList policy={current.policy} />
          <PolicyDialog
            // Begins anew with what holds now.
            key={`${current.version} ${changing}`}
            till={till.number}
            policy={current.policy}
            opened={changing}
            onClose={() => setChanging(false)}
            onChanged={reload}
          />
        </>
      )}
    </Section>
  )
}

const UNITS = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
] as const

/** In the largest unit that says it exactly. */
function timeText(milliseconds: number): string {
  const [name, size] = UNITS.find(([, unit]) => milliseconds % unit === 0) ?? ['seconds', 1000]
  return `${milliseconds / size} ${name}`
}

function PolicyList({ policy }: { readonly policy: PolicyJson }) {
  const { currency } = policy
  const limit = (amount: string | null) =>
    amount === null ? 'no limit' : <Money amount={amount} currency={currency} />
  return (
    <Facts>
      <Fact name="Add money to cards">{policy.mayLoad ? 'yes' : 'no'}</Fact>
      <Fact name="Take amounts without products">{policy.freeAmounts ? 'yes' : 'no'}</Fact>
      <Fact name="Take cards of other offices">{policy.foreignCards === false ? 'no' : 'yes'}</Fact>
      <Fact name="One payment">{limit(policy.paymentMax)}</Fact>
      <Fact name="Most that a card may hold">{limit(policy.balanceMax)}</Fact>
      <Fact name="Payments without the office">{policy.offlinePaymentsMax ?? 'no limit'}</Fact>
      <Fact name="Amount without the office">{limit(policy.offlineAmountMax)}</Fact>
      <Fact name="Time without the office">
        {policy.offlineAgeMax === null ? 'no limit' : timeText(policy.offlineAgeMax)}
      </Fact>
      <Fact name="Wrong passcodes">
        {policy.passcodeTries}, then a pause of {timeText(policy.passcodePause)}
      </Fact>
    </Facts>
  )
}
