import { IconReceipt } from '@tabler/icons-react'
import { useState } from 'react'
import { Money } from '../../shared/Money.tsx'
import { Empty, ProblemNotice } from '../../shared/Notice.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { useResource } from '../../shared/resource.ts'
import type { ReceiptList, TillRecord } from '../api.ts'
import { useCurrency } from '../state.tsx'
import { ReceiptDialog } from './ReceiptDialog.tsx'
import classes from './History.module.css'

const WORDS: Readonly<Record<TillRecord['kind'], string>> = {
  pay: 'Payment',
  load: 'Money added',
  passcode: 'New passcode',
  reversal: 'Undone',
  refund: 'Paid back',
}

/** In the place of a card where none was held to the till. */
const NO_CARD = '0000000000000000'

const time = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

export function History() {
  const currency = useCurrency()
  const [open, setOpen] = useState<number>()
  const { data, problem, reload } = useResource<ReceiptList>('api/receipts', { limit: 50 })
  const receipts = data?.receipts
  return (
    <section className={classes.history} aria-labelledby="history-title">
      <h2 id="history-title" className={classes.title}>
        Receipts
      </h2>
      <ProblemNotice problem={problem} retry={reload} />
      {receipts?.length === 0 && (
        <Empty title="No receipts yet" icon={<IconReceipt size={26} aria-hidden="true" />}>
          Every sale leaves one here.
        </Empty>
      )}
      <ul className={classes.list}>
        {receipts?.map((record) => (
          <li key={record.id}>
            {record.card === NO_CARD ? (
              <HandedIn record={record} />
            ) : (
              <button type="button" className={classes.row} onClick={() => setOpen(record.id)}>
                <span className={classes.what}>
                  {WORDS[record.kind]} <RecordState state={record.state} />
                </span>
                {record.kind !== 'passcode' && <Money amount={record.amount} currency={currency} />}
                <span className={classes.when}>
                  {time.format(record.madeAt)}, card …{record.card.slice(-4)}
                </span>
              </button>
            )}
          </li>
        ))}
      </ul>
      <ReceiptDialog id={open} onClose={() => setOpen(undefined)} />
    </section>
  )
}

/** Coins that the vendor element handed in: the bank says what for. */
function HandedIn({ record: { state, madeAt } }: { readonly record: TillRecord }) {
  return (
    <p className={classes.entry}>
      <span className={classes.what}>
        Coins handed in <RecordState state={state} />
      </span>
      <span className={classes.when}>{time.format(madeAt)}</span>
    </p>
  )
}

function RecordState({ state }: Pick<TillRecord, 'state'>) {
  switch (state) {
    case 'confirmed':
      return null
    case 'intended':
      return <Tag tone="wait">not confirmed</Tag>
    case 'void':
      return <Tag tone="plain">void</Tag>
  }
}
