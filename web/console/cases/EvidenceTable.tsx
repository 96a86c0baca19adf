import type { ReactNode } from 'react'
import type { LedgerLine } from '../../shared/api.ts'
import { Digest } from '../../shared/Digest.tsx'
import { Money } from '../../shared/Money.tsx'
import { TillName, useTillName } from '../../shared/names.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'

type Row = LedgerLine & { readonly currency: string }

const columns: readonly Column<Row>[] = [
  {
    label: 'Record',
    lead: true,
    cell: ({ till, sequence, kind }) => (
      <>
        <TillName till={till} />, number {sequence} ({kind})
      </>
    ),
  },
  {
    label: 'Balance',
    figures: true,
    cell: ({ balance, currency }) => <Money amount={balance} currency={currency} />,
  },
  { label: 'Timestamp', cell: (record) => <MakersTime record={record} /> },
  { label: 'Previous, as it says', cell: (record) => <Previous record={record} /> },
  {
    label: 'Handed in',
    cell: ({ uploaded }) =>
      uploaded ? 'by its maker' : <Tag tone="wait">shown by another till</Tag>,
  },
  { label: 'SHA-256', cell: ({ digest }) => <Digest digest={digest} /> },
]

/** The records that show it, each with the digest by which it can be asked for and compared. */
export function EvidenceTable({
  evidence,
  currency,
  empty,
}: {
  readonly evidence: readonly LedgerLine[]
  readonly currency: string | null
  readonly empty: ReactNode
}) {
  return (
    <Table
      label="Evidence"
      columns={columns}
      rows={evidence.map((record) => ({ ...record, currency: currency ?? '' }))}
      rowKey={({ digest }) => digest}
      empty={empty}
    />
  )
}

function MakersTime({ record }: { readonly record: Row }) {
  const tillName = useTillName()
  return <Time at={record.at} clock={tillName(record.till)} />
}

function Previous({ record: { previous, currency } }: { readonly record: Row }) {
  const tillName = useTillName()
  if (!previous) return '–'
  return (
    <>
      {tillName(previous.till)}, <Money amount={previous.balance} currency={currency} />{' '}
      {!previous.shown && <Tag tone="bad">not shown</Tag>}
    </>
  )
}
