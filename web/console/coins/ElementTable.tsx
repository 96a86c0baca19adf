import type { CoinElement } from '../../shared/api.ts'
import { Empty } from '../../shared/Notice.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'
import classes from './coins.module.css'
import { ELEMENT_WORDS } from './words.ts'

const columns: readonly Column<CoinElement>[] = [
  {
    label: 'Element',
    lead: true,
    cell: ({ role }) => ELEMENT_WORDS[role],
  },
  { label: 'Number', cell: ({ id }) => <span className={classes.number}>{id}</span> },
  { label: 'Bank', figures: true, cell: ({ bank }) => bank },
  {
    label: 'Coins made for it',
    figures: true,
    cell: ({ coins }) => (coins === null ? 'holds none' : <Sold {...coins} />),
  },
  { label: 'Since', cell: ({ madeAt }) => <Time at={madeAt} /> },
  {
    label: 'Certificate',
    cell: ({ id, certificate, goodUntil }) => (
      <>
        <a
          href={`data:application/octet-stream;base64,${encodeURIComponent(certificate)}`}
          download={`${id}.cvcert`}
        >
          Save
        </a>
        , good until <Time at={goodUntil} />
      </>
    ),
  },
]

/** What a card or till has of elements, and what vouches for each. */
export function ElementTable({
  elements,
}: {
  readonly elements: readonly CoinElement[] | undefined
}) {
  return (
    <Table
      label="Elements"
      columns={columns}
      rows={elements}
      rowKey={({ id }) => id}
      empty={<Empty title="No element yet" />}
    />
  )
}

function Sold({ sold, left }: { readonly sold: number; readonly left: number }) {
  if (left === 0) return <Tag tone="bad">used up: renew it</Tag>
  return `${sold} of ${sold + left}`
}
