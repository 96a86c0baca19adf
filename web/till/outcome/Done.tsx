import { IconCircleCheck } from '@tabler/icons-react'
import { useCallback, useState } from 'react'
import { Money } from '../../shared/Money.tsx'
import type { Answer } from '../api.ts'
import { useKeys } from '../compose/amount-entry.ts'
import { ReceiptDialog } from '../ledge/ReceiptDialog.tsx'
import { PaymentsLeft } from './PaymentsLeft.tsx'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

const HEADLINES = {
  pay: 'Paid',
  load: 'Money added',
  passcode: 'Passcode changed',
  reversal: 'Undone',
  refund: 'Paid back',
} as const

export function Done({
  answer: { record, view, note, handedOver },
  onDone,
}: {
  readonly answer: Extract<Answer, { result: 'done' }>
  readonly onDone: () => void
}) {
  const [receipt, setReceipt] = useState<number>()
  useKeys(
    useCallback(
      (key) => {
        if (key !== 'Enter' && key !== 'Escape') return false
        onDone()
        return true
      },
      [onDone],
    ),
  )
  return (
    <Stage
      tone="good"
      icon={<IconCircleCheck size={72} stroke={1.6} aria-hidden="true" />}
      headline={record ? HEADLINES[record.kind] : HEADLINES.passcode}
      acts={
        <>
          {record && (
            <button type="button" className={classes.act} onClick={() => setReceipt(record.id)}>
              Receipt
            </button>
          )}
          <button type="button" className={classes.act} data-main onClick={onDone}>
            Next
          </button>
        </>
      }
    >
      {record && record.kind !== 'passcode' && (
        <Money amount={record.amount} currency={view.currency} className={classes.amount} />
      )}
      {handedOver && handedOver.change !== '0' && (
        <p className={classes.why}>
          Gave <Money amount={handedOver.given} currency={view.currency} /> in coins, got{' '}
          <Money amount={handedOver.change} currency={view.currency} /> back
        </p>
      )}
      <p className={classes.left}>
        <span className={classes.leftLabel}>Left on the card</span>
        <Money amount={view.balance} currency={view.currency} className={classes.leftAmount} />
        <PaymentsLeft view={view} />
      </p>
      {note !== null && <p className={classes.why}>{note}</p>}
      <ReceiptDialog id={receipt} onClose={() => setReceipt(undefined)} />
    </Stage>
  )
}
