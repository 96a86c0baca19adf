import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { Till } from '../../shared/api.ts'
import { type Column, Table } from '../../shared/Table.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Age } from '../../shared/Time.tsx'

const columns: readonly Column<Till>[] = [
  {
    label: 'Till',
    lead: true,
    cell: ({ name, number }) => (
      <>
        <Link href={`/tills/${number}`} data-row-link>
          {name}
        </Link>{' '}
        ({number})
      </>
    ),
  },
  { label: 'Merchant', cell: ({ merchant }) => merchant.name },
  { label: 'State', cell: (till) => <TillState till={till} /> },
  { label: 'Last upload', cell: ({ lastContactAt }) => <Age at={lastContactAt} /> },
  { label: 'Last batch', figures: true, cell: ({ lastBatch }) => lastBatch },
  {
    label: 'Owes records',
    figures: true,
    cell: ({ missing }) => (missing > 0 ? <Tag tone="wait">{missing}</Tag> : 0),
  },
]

export function TillTable({
  tills,
  empty,
}: {
  readonly tills: readonly Till[] | undefined
  readonly empty: ReactNode
}) {
  return (
    <Table
      label="Tills"
      columns={columns}
      rows={tills}
      rowKey={({ number }) => number}
      empty={empty}
    />
  )
}

export function TillState({ till }: { readonly till: Till }) {
  if (till.stoppedAt !== null) {
    return (
      <>
        <Tag tone="bad">stopped</Tag> {till.stopReason}
      </>
    )
  }
  if (till.enrolledAt === null) return <Tag tone="wait">waits for its code</Tag>
  return <Tag tone="good">enrolled</Tag>
}
