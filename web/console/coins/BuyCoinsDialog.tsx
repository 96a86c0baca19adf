import { NumberInput, SegmentedControl, TextInput } from '@mantine/core'
import { useCallback, useState } from 'react'
import type { CurrencyCode } from '../../../src/kernel/money.ts'
import { useAction, useOnce } from '../../shared/action.ts'
import type { CoinOffer, CoinsSold } from '../../shared/api.ts'
import { amountField, fieldProblem, otherProblem } from '../../shared/field.ts'
import { figures, Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { FormDialog } from '../FormDialog.tsx'
import classes from './coins.module.css'
import { coinsText } from './words.ts'

const WAYS = [
  { value: 'amount', label: 'An amount' },
  { value: 'values', label: 'These coins' },
]
const WHO = [
  { value: 'free', label: 'Whoever has them' },
  { value: 'bound', label: 'Only this card' },
]

type Counts = ReadonlyMap<string, number>

export interface Purchase {
  /** Of the call. */
  readonly path: string
  /** What goes with it besides. */
  readonly body: Readonly<Record<string, string>>
  readonly currency: CurrencyCode
  readonly title: string
  /** Who pays, and what becomes of the money. */
  readonly words: string
  /** Whether they can be for one card alone. */
  readonly canBind: boolean
}

/** Coins for a card or a till: so much in as few as it takes, or just those. */
export function BuyCoinsDialog({
  purchase,
  onClose,
  onBought,
}: {
  readonly purchase: Purchase
  readonly onClose: () => void
  readonly onBought: (sold: CoinsSold) => void
}) {
  const { path, body, currency, title, words, canBind } = purchase
  const offer = useResource<CoinOffer>('api/coins/offer')
  const [way, setWay] = useState('amount')
  const [amount, setAmount] = useState('')
  const [counts, setCounts] = useState<Counts>(new Map())
  const [who, setWho] = useState('free')
  const postOnce = useOnce()
  const { busy, problem, run } = useAction(
    useCallback(
      async (wanted: () => object) => {
        onBought(await postOnce<CoinsSold>(path, { ...body, ...wanted() }))
      },
      [path, postOnce, body, onBought],
    ),
  )
  const chosen = [...counts].filter(([, count]) => count > 0)
  const many = chosen.reduce((sum, [, count]) => sum + count, 0)
  const worth = chosen.reduce((sum, [value, count]) => sum + BigInt(value) * BigInt(count), 0n)
  const most = offer.data?.most ?? 0
  const bound = canBind ? { bound: who } : {}
  const wanted = () =>
    way === 'amount'
      ? { ...bound, amount: amountField(amount, currency, 'amount') }
      : { ...bound, values: chosen.flatMap(([value, count]) => Array<string>(count).fill(value)) }
  return (
    <FormDialog
      title={title}
      act={way === 'values' && many > 0 ? `Buy ${coinsText(many)}` : 'Buy'}
      opened
      busy={busy}
      problem={way === 'amount' ? otherProblem(problem, ['amount']) : problem}
      disabled={way === 'amount' ? amount.trim() === '' : many === 0 || many > most}
      onSubmit={() => run(wanted)}
      onClose={onClose}
    >
      <p>{words}</p>
      <SegmentedControl aria-label="What to buy" data={WAYS} value={way} onChange={setWay} />
      <ProblemNotice problem={offer.problem} retry={offer.reload} />
      {way === 'amount' ? (
        <TextInput
          label="Amount"
          description="In as few coins as it takes"
          inputMode="decimal"
          required
          withAsterisk={false}
          data-autofocus
          rightSection={currency}
          rightSectionWidth={52}
          value={amount}
          error={fieldProblem(problem, 'amount')}
          onChange={(event) => setAmount(event.currentTarget.value)}
        />
      ) : (
        <div className={classes.picker}>
          {offer.data?.denominations.map((value) => (
            <div key={value}>
              <Money amount={value} currency={currency} />
              <NumberInput
                className={classes.pick ?? ''}
                aria-label={`How many of ${figures(value, currency)} ${currency}`}
                hideControls
                size="xs"
                min={0}
                max={most}
                allowDecimal={false}
                value={counts.get(value) ?? 0}
                onChange={(count) => setCounts(new Map(counts).set(value, Number(count)))}
              />
            </div>
          ))}
          <p className={classes.sum} role="status">
            <span>
              {coinsText(many)}
              {many > most && `: at most ${most} at once`}
            </span>
            <Money amount={String(worth)} currency={currency} />
          </p>
        </div>
      )}
      {canBind && (
        <div>
          <p id="who-may-spend">Who may spend them</p>
          <SegmentedControl
            aria-labelledby="who-may-spend"
            fullWidth
            data={WHO}
            value={who}
            onChange={setWho}
          />
        </div>
      )}
    </FormDialog>
  )
}
