import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { Card } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { Time } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import { CardStatusTag } from '../CardStatusTag.tsx'

const columns: readonly Column<Card>[] = [
  {
    label: 'Card',
    lead: true,
    cell: ({ id, label }) => (
      <Link href={`/cards/${id}`} data-row-link>
        {label ?? <CardName id={id} plain />}
      </Link>
    ),
  },
  { label: 'Number', cell: ({ id }) => <CardName id={id} plain /> },
  { label: 'Status', cell: (card) => <CardStatusTag card={card} /> },
  {
    label: 'Balance',
    figures: true,
    cell: ({ balance, currency }) => <Money amount={balance} currency={currency} />,
  },
  { label: 'Scheme', cell: ({ scheme }) => scheme },
  { label: 'Issued', cell: ({ issuedAt }) => <Time at={issuedAt} /> },
]

export function CardTable({
  cards,
  empty,
}: {
  readonly cards: readonly Card[] | undefined
  readonly empty: ReactNode
}) {
  return (
    <Table label="Cards" columns={columns} rows={cards} rowKey={({ id }) => id} empty={empty} />
  )
}
