import { Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import type { LedgerLine } from '../../shared/api.ts'
import { Digest } from '../../shared/Digest.tsx'
import { figures, Money } from '../../shared/Money.tsx'
import { useTillName } from '../../shared/names.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import { useMay } from '../session.tsx'
import { type ChainRow, trueBefore } from './chain.ts'
import classes from './Ledger.module.css'

type RowOf<K extends ChainRow['kind']> = Extract<ChainRow, { kind: K }>

export function RecordCells({
  row: { line, link, rivals },
  lines,
  currency,
}: {
  readonly row: RowOf<'record'>
  readonly lines: readonly LedgerLine[]
  readonly currency: string
}) {
  const tillName = useTillName()
  const truth = link === 'broken' ? trueBefore(line, lines) : undefined
  return (
    <>
      <Cell name="vendor">
        <span className={classes.vendor}>
          <Other line={line} />
        </span>
        <span className={classes.sub}>
          <Deed line={line} currency={currency} />
        </span>
      </Cell>
      <Cell name="balance" figures>
        <Money amount={line.balance} currency={currency} />
      </Cell>
      <Cell name="timestamp">
        <Time at={line.at} clock={tillName(line.till)} />
        <span className={classes.sub}>
          <Digest digest={line.digest} />
        </span>
      </Cell>
      <PreviousCells line={line} currency={currency} truth={truth} />
      <Cell name="sequence number" figures>
        {line.sequence}
        {rivals > 0 && (
          <span className={classes.sub}>
            <Tag tone="bad">1 of {rivals + 1} claims</Tag>
          </span>
        )}
      </Cell>
      <Cell name="complete">
        {line.complete ? 'yes' : 'no'}
        <span className={classes.sub}>
          <Settlement line={line} />
        </span>
      </Cell>
    </>
  )
}

/** With whom: whoever made the record, or whom the card itself says that it paid or was paid by. */
function Other({ line: { till, kind, payment } }: { readonly line: LedgerLine }) {
  const tillName = useTillName()
  const maySeeAll = useMay('GET /api/people')
  if (!payment) return kind === 'refund' ? 'the card itself' : tillName(till)
  const { counterparty, atNotary } = payment
  const where = atNotary ? ` of office ${counterparty.office}` : ''
  switch (counterparty.kind) {
    case 'card':
      return (
        <>
          card <CardName id={counterparty.card} plain={atNotary || !maySeeAll} />
          {where}
        </>
      )
    case 'till':
      return atNotary ? `till ${counterparty.till}${where}` : tillName(counterparty.till)
    case 'office':
      return atNotary ? `office ${counterparty.office}` : 'office'
  }
}

/** What the record says of the one before it; beside it, what is really there. */
function PreviousCells({
  line,
  currency,
  truth,
}: {
  readonly line: LedgerLine
  readonly currency: string
  readonly truth: LedgerLine | undefined
}) {
  const tillName = useTillName()
  const { previous } = line
  if (!previous) {
    return (
      <>
        <Cell name="prev vendor">–</Cell>
        <Cell name="prev balance" figures>
          –
        </Cell>
        <Cell name="prev timestamp">–</Cell>
      </>
    )
  }
  // As in the document, a card's first transaction has nobody before it.
  const isFirst = previous.till === 0 && line.sequence === 1
  return (
    <>
      <Cell name="prev vendor" wrong={truth !== undefined && truth.till !== previous.till}>
        {isFirst ? '–' : tillName(previous.till)}
        {!previous.shown && (
          <span className={classes.sub}>
            <Tooltip label="The uploader could not show that record with its maker’s signature">
              <span tabIndex={0}>
                <Tag tone="bad">not shown</Tag>
              </span>
            </Tooltip>
          </span>
        )}
      </Cell>
      <Cell
        name="prev balance"
        figures
        wrong={truth !== undefined && truth.balance !== previous.balance}
      >
        <Money amount={previous.balance} currency={currency} />
        {truth && truth.balance !== previous.balance && (
          <span className={classes.sub}>really {figures(truth.balance, currency)}</span>
        )}
      </Cell>
      <Cell name="prev timestamp" wrong={truth !== undefined && truth.at !== previous.at}>
        {isFirst ? '–' : <Time at={previous.at} clock={tillName(previous.till)} />}
      </Cell>
    </>
  )
}

export function MissingCells({
  row: { line, shownBy },
  currency,
}: {
  readonly row: RowOf<'missing'>
  readonly currency: string
}) {
  const tillName = useTillName()
  return (
    <>
      <Cell name="vendor">
        <span className={classes.vendor}>{tillName(line.till)}</span>
      </Cell>
      <Cell name="balance" figures>
        <Money amount={line.balance} currency={currency} />
      </Cell>
      <Cell name="timestamp">
        <Time at={line.at} clock={tillName(line.till)} />
      </Cell>
      <td role="cell" colSpan={3} className={classes.remark}>
        Sequence {line.sequence}: not uploaded
        {shownBy.length > 0 && <>, shown by {shownBy.map(tillName).join(' and ')}</>}
      </td>
      <Cell name="sequence number" figures>
        {line.sequence}
      </Cell>
      <Cell name="complete">no</Cell>
    </>
  )
}

export function HoleCells({ row: { from, to } }: { readonly row: RowOf<'hole'> }) {
  return (
    <>
      <td role="cell" colSpan={6} className={classes.remark}>
        {from === to
          ? `Sequence ${from}: not uploaded, and nobody has shown it`
          : `Sequence ${from} to ${to}: not uploaded, and nobody has shown them`}
      </td>
      <Cell name="sequence number" figures>
        {from === to ? from : `${from}–${to}`}
      </Cell>
      <Cell name="complete">no</Cell>
    </>
  )
}

function Cell({
  name,
  figures: isFigures = false,
  wrong = false,
  children,
}: {
  readonly name: string
  readonly figures?: boolean
  readonly wrong?: boolean
  readonly children: ReactNode
}) {
  return (
    <td
      role="cell"
      data-label={name}
      data-wrong={wrong || undefined}
      className={isFigures ? classes.figures : undefined}
    >
      <div>{children}</div>
    </td>
  )
}

const DEEDS: Readonly<Record<LedgerLine['kind'], string>> = {
  issue: 'issued',
  pay: 'paid',
  load: 'loaded',
  passcode: 'new passcode',
  reversal: 'undone',
  receive: 'received',
  refund: 'taken back',
  unload: 'paid to its office',
  restore: 'put right',
}

/** What was done, with its amount as it changed the balance. */
function Deed({ line, currency }: { readonly line: LedgerLine; readonly currency: string }) {
  const word = DEEDS[line.kind]
  if (line.amount === null || line.kind === 'passcode' || line.kind === 'issue') return word
  const before = line.previous?.balance
  const change = before === undefined ? line.amount : String(BigInt(line.balance) - BigInt(before))
  return (
    <>
      {word} {figures(change, currency, true)}
    </>
  )
}

function Settlement({ line }: { readonly line: LedgerLine }) {
  if (line.payment) return <PaymentTag line={line} payment={line.payment} />
  if (line.decision === 'accepted') return <Tag tone="good">paid by decision</Tag>
  if (line.decision === 'refused') return <Tag tone="plain">not paid by decision</Tag>
  if (line.refuted) return <Tag tone="bad">refuted, not paid</Tag>
  if (line.outcome === 'void') return <Tag tone="plain">not taken</Tag>
  if (line.outcome === 'unconfirmed') return <Tag tone="wait">unconfirmed</Tag>
  switch (line.settlement) {
    case 'settled':
      return <Tag tone="good">settled</Tag>
    case 'held':
      return <Tag tone="wait">held</Tag>
    case 'none':
      return line.complete ? null : <Tag tone="wait">waiting</Tag>
  }
}

function PaymentTag({
  line: { decision },
  payment,
}: {
  readonly line: LedgerLine
  readonly payment: NonNullable<LedgerLine['payment']>
}) {
  switch (payment.state) {
    case 'pending':
      return <Tag tone="wait">{payment.atNotary ? 'at the notary' : 'waits for cover'}</Tag>
    case 'settled':
      return <Tag tone="good">{decision === 'accepted' ? 'paid by decision' : 'settled'}</Tag>
    case 'returning':
      return <Tag tone="wait">to be given back</Tag>
    case 'returned':
      return (
        <Tag tone="plain">{decision === 'refused' ? 'not paid by decision' : 'given back'}</Tag>
      )
  }
}
