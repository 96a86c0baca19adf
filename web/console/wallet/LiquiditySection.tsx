import { Button, Select, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import {
  currency as currencyOf,
  type CurrencyCode,
  formatAmount,
} from '../../../src/kernel/money.ts'
import { useAction } from '../../shared/action.ts'
import type { Liquidity } from '../../shared/api.ts'
import { amountField, fieldProblem, otherProblem } from '../../shared/field.ts'
import { put } from '../../shared/http.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { Fact, Facts } from '../Facts.tsx'
import { FormDialog } from '../FormDialog.tsx'
import { Section } from '../PageHead.tsx'
import { isReason, ReasonField } from '../ReasonField.tsx'
import { useMay } from '../session.tsx'
import { LIQUIDITY_WORDS } from './words.ts'

const POLICIES = ['hold', 'pool', 'provenance'] as const

/** What happens to payments whose payer’s money the office has not got yet. */
export function LiquiditySection({ currency }: { readonly currency: CurrencyCode }) {
  const { data, problem, reload } = useResource<Liquidity>('api/liquidity')
  const mayChange = useMay('PUT /api/liquidity')
  const [changing, setChanging] = useState(false)
  return (
    <Section
      title="A payment whose money is not there yet"
      aside={
        mayChange && data ? (
          <Button variant="default" size="xs" onClick={() => setChanging(true)}>
            Change…
          </Button>
        ) : undefined
      }
    >
      <ProblemNotice problem={problem} retry={reload} />
      {data && (
        <Facts>
          <Fact name="What happens to it">{LIQUIDITY_WORDS[data.policy].title}</Fact>
          <Fact name="Most that the pool advances">
            {data.policy === 'pool' ? (
              <Money amount={data.poolMax} currency={currency} />
            ) : (
              'nothing'
            )}
          </Fact>
        </Facts>
      )}
      {data && changing && (
        <LiquidityDialog
          liquidity={data}
          currency={currency}
          onClose={() => setChanging(false)}
          onChanged={reload}
        />
      )}
    </Section>
  )
}

function LiquidityDialog({
  liquidity,
  currency,
  onClose,
  onChanged,
}: {
  readonly liquidity: Liquidity
  readonly currency: CurrencyCode
  readonly onClose: () => void
  readonly onChanged: () => void
}) {
  const [policy, setPolicy] = useState(liquidity.policy)
  const [pool, setPool] = useState(() =>
    formatAmount(BigInt(liquidity.poolMax), currencyOf(currency)),
  )
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useAction(
    useCallback(
      async (wanted: Liquidity['policy'], most: string, why: string) => {
        const poolMax = amountField(most, currency, 'poolMax')
        await put('api/liquidity', { policy: wanted, poolMax, reason: why })
        onClose()
        onChanged()
      },
      [currency, onClose, onChanged],
    ),
  )
  return (
    <FormDialog
      title="A payment whose money is not there yet"
      act="Change"
      opened
      busy={busy}
      problem={otherProblem(problem, ['poolMax'])}
      disabled={!isReason(reason)}
      onSubmit={() => run(policy, pool, reason.trim())}
      onClose={onClose}
    >
      <Select
        label="What happens to it"
        description={LIQUIDITY_WORDS[policy].meaning}
        allowDeselect={false}
        data={POLICIES.map((one) => ({ value: one, label: LIQUIDITY_WORDS[one].title }))}
        value={policy}
        onChange={(value) => {
          const chosen = POLICIES.find((one) => one === value)
          if (chosen) setPolicy(chosen)
        }}
      />
      {policy === 'pool' && (
        <TextInput
          label="Most that the pool advances"
          description="In all, of each currency"
          inputMode="decimal"
          rightSection={currency}
          rightSectionWidth={52}
          value={pool}
          error={fieldProblem(problem, 'poolMax')}
          onChange={(event) => setPool(event.currentTarget.value)}
        />
      )}
      <ReasonField reason={reason} onChange={setReason} />
    </FormDialog>
  )
}
