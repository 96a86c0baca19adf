import { SegmentedControl } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../../shared/action.ts'
import type { CaseDetail, Decision, LedgerLine } from '../../shared/api.ts'
import { fieldProblem, otherProblem } from '../../shared/field.ts'
import { post } from '../../shared/http.ts'
import { Money } from '../../shared/Money.tsx'
import { TillName } from '../../shared/names.tsx'
import { FormDialog } from '../FormDialog.tsx'
import { isReason, ReasonField } from '../ReasonField.tsx'
import classes from './ResolveDialog.module.css'

const CHOICES = [
  { value: 'leave', label: 'Leave it' },
  { value: 'accepted', label: 'Pay it' },
  { value: 'refused', label: 'Do not pay' },
]

type Decisions = ReadonlyMap<string, Decision>

/** Closes a case: what was found, and for each record that shows it whether its money is paid. */
export function ResolveDialog({
  one,
  opened,
  onClose,
  onResolved,
}: {
  readonly one: CaseDetail
  readonly opened: boolean
  readonly onClose: () => void
  readonly onResolved: () => void
}) {
  const [reason, setReason] = useState('')
  const [decisions, setDecisions] = useState<Decisions>(new Map())
  const { busy, problem, run, forget } = useAction(
    useCallback(
      async (said: string, chosen: Decisions) => {
        await post(`api/cases/${one.id}/resolve`, {
          reason: said,
          decisions: [...chosen].map(([record, decision]) => ({ record, decision })),
        })
        onClose()
        onResolved()
      },
      [one.id, onClose, onResolved],
    ),
  )
  const decide = (record: string, choice: string) =>
    setDecisions((last) => {
      const next = new Map(last)
      if (choice === 'accepted' || choice === 'refused') next.set(record, choice)
      else next.delete(record)
      return next
    })
  const payable = one.evidence.filter(({ uploaded, amount }) => uploaded && amount !== null)
  return (
    <FormDialog
      title="Resolve this case"
      act="Resolve"
      opened={opened}
      busy={busy}
      problem={otherProblem(problem, ['reason'])}
      disabled={!isReason(reason)}
      onSubmit={() => run(reason.trim(), decisions)}
      onClose={() => {
        forget()
        onClose()
      }}
    >
      <ReasonField
        label="What was found, and what was done"
        description="Kept in the audit log for good"
        rows={3}
        data-autofocus
        reason={reason}
        error={fieldProblem(problem, 'reason')}
        onChange={setReason}
      />
      {payable.length > 0 && (
        <div className={classes.records}>
          <p>Whose money is paid?</p>
          {payable.map((record) => (
            <Record
              key={record.digest}
              record={record}
              currency={one.currency ?? ''}
              choice={decisions.get(record.digest) ?? 'leave'}
              onChoose={(choice) => decide(record.digest, choice)}
            />
          ))}
        </div>
      )}
    </FormDialog>
  )
}

function Record({
  record,
  currency,
  choice,
  onChoose,
}: {
  readonly record: LedgerLine
  readonly currency: string
  readonly choice: string
  readonly onChoose: (choice: string) => void
}) {
  const { till, sequence, amount, digest } = record
  return (
    <div className={classes.record}>
      <span className={classes.name} id={`record-${digest}`}>
        <span>
          <TillName till={till} />, number {sequence}
        </span>
        <Money amount={amount ?? '0'} currency={currency} />
      </span>
      <SegmentedControl
        fullWidth
        aria-labelledby={`record-${digest}`}
        data={CHOICES}
        value={choice}
        onChange={onChoose}
      />
    </div>
  )
}
