import { Button, SegmentedControl } from '@mantine/core'
import { IconCoins } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Coin } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { Empty, ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { type Column, Table } from '../../shared/Table.tsx'
import { Tag } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import page from '../page.module.css'
import { useMay } from '../session.tsx'
import classes from './coins.module.css'
import { coinWords } from './words.ts'

const STEP = 25
/** What one call gives at most. */
const MAX = 1000

const LISTS = [
  { value: 'held', label: 'There now' },
  { value: 'made', label: 'Bought for it' },
]

/** Whose coins they are: then a coin that is there needs no name. */
export interface CoinOwner {
  /** Of the calls that are about it. */
  readonly path: string
  readonly isHere: (at: Coin['at']) => boolean
  readonly here: string
}

type Row = Coin & { readonly owner: CoinOwner; readonly now: number }

const columns: readonly Column<Row>[] = [
  {
    label: 'Coin',
    lead: true,
    cell: ({ value, currency }) => <Money amount={value} currency={currency} />,
  },
  { label: 'Where', cell: ({ at, owner }) => <Place at={at} owner={owner} /> },
  { label: 'State', cell: (coin) => <State coin={coin} /> },
  {
    label: 'Who may spend it',
    cell: ({ bound }) => (bound ? 'only that card' : 'whoever has it'),
  },
  { label: 'Changed hands', figures: true, cell: ({ hops }) => hops },
  { label: 'Good until', cell: ({ expires }) => <Time at={expires} /> },
  { label: 'Number', cell: ({ id }) => <span className={classes.number}>{id}</span> },
]

/** Coins of a card or a till, as the office knows them. */
export function CoinTable({ owner }: { readonly owner: CoinOwner }) {
  const [list, setList] = useState('held')
  const [limit, setLimit] = useState(STEP)
  const { data, problem, reload } = useResource<{ readonly coins: readonly Coin[] }>(
    `${owner.path}/coins`,
    { list, limit },
  )
  const [now] = useState(() => Date.now())
  return (
    <>
      <SegmentedControl
        aria-label="Which coins"
        data={LISTS}
        value={list}
        onChange={(chosen) => {
          setList(chosen)
          setLimit(STEP)
        }}
        mb={10}
      />
      <ProblemNotice problem={problem} retry={reload} />
      <Table
        label="Coins"
        columns={columns}
        rows={data?.coins.map((coin) => ({ ...coin, owner, now }))}
        rowKey={({ id }) => id}
        empty={
          <Empty
            title={list === 'held' ? 'No coins there now' : 'No coins bought yet'}
            icon={<IconCoins size={28} aria-hidden />}
          />
        }
      />
      {data?.coins.length === limit && limit < MAX && (
        <div className={page.more}>
          <Button
            variant="default"
            onClick={() => setLimit((last) => Math.min(MAX, last + 4 * STEP))}
          >
            Show older
          </Button>
        </div>
      )}
    </>
  )
}

function Place({ at, owner }: { readonly at: Coin['at']; readonly owner: CoinOwner }) {
  const maySeeTills = useMay('GET /api/tills')
  if (owner.isHere(at)) return owner.here
  if (at.kind === 'card') return <CardName id={at.card} />
  if (at.kind === 'elsewhere') return 'elsewhere'
  return maySeeTills ? <Link href={`/tills/${at.till}`}>{at.name}</Link> : at.name
}

function State({ coin }: { readonly coin: Row }) {
  const { tone, title, until } = coinWords(coin, coin.now)
  return (
    <>
      <Tag tone={tone}>{title}</Tag>
      {until !== undefined && (
        <>
          {' '}
          goes back <Time at={until} />
        </>
      )}
    </>
  )
}
