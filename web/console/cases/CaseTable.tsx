import type { ReactNode } from 'react'
import { Link } from 'wouter'
import type { Case, Suspect } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { useTillName } from '../../shared/names.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { Age } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import { CaseState, StrengthTag } from './CaseTags.tsx'
import { CASE_WORDS } from '../../../src/office/ledger/case-words.ts'

const columns: readonly Column<Case>[] = [
  {
    label: 'Case',
    lead: true,
    cell: ({ id, kind }) => (
      <Link href={`/cases/${id}`} data-row-link>
        {CASE_WORDS[kind].title}
      </Link>
    ),
  },
  { label: 'Strength', cell: ({ strength }) => <StrengthTag strength={strength} /> },
  { label: 'Most suspect', cell: ({ suspects }) => <FirstSuspect suspects={suspects} /> },
  {
    label: 'Card',
    cell: ({ card }) => (card === null ? '–' : <CardName id={card} />),
  },
  {
    label: 'At stake',
    figures: true,
    cell: ({ amount, currency }) =>
      amount === null || currency === null ? '–' : <Money amount={amount} currency={currency} />,
  },
  { label: 'State', cell: (one) => <CaseState of={one} /> },
  { label: 'Opened', cell: ({ openedAt }) => <Age at={openedAt} /> },
]

export function CaseTable({
  cases,
  empty,
}: {
  readonly cases: readonly Case[] | undefined
  readonly empty: ReactNode
}) {
  return (
    <Table label="Cases" columns={columns} rows={cases} rowKey={({ id }) => id} empty={empty} />
  )
}

function FirstSuspect({ suspects }: { readonly suspects: readonly Suspect[] }) {
  const [first, ...others] = suspects
  if (!first) return '–'
  return (
    <span>
      <SuspectName suspect={first} />
      {others.length > 0 && ` and ${others.length} more`}
    </span>
  )
}

export function SuspectName({ suspect }: { readonly suspect: Suspect }) {
  const tillName = useTillName()
  if (suspect.kind === 'till') return tillName(suspect.till)
  return (
    <>
      card <CardName id={suspect.card} plain />
    </>
  )
}
