import { Button, SegmentedControl } from '@mantine/core'
import { IconWallet } from '@tabler/icons-react'
import { type ComponentType, useState } from 'react'
import type { OnlineLine, OnlineWallet } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { Empty, ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { type Column, Table } from '../../shared/Table.tsx'
import { Time } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import { Loading } from '../Loading.tsx'
import page from '../page.module.css'
import { Section } from '../PageHead.tsx'
import classes from './OnlineSection.module.css'
import { ONLINE_WORDS } from './words.ts'

const STEP = 20
/** What one call gives at most. */
const MAX = 500

/** For what can be done with an online wallet. */
export interface OnlineActsProps {
  readonly wallet: OnlineWallet
  readonly onMoved: () => void
}

/** Somebody’s money at the office: what there is, and how it came and went. */
export function OnlineSection({
  person,
  acts: Acts,
}: {
  /** Their number, or `me`. */
  readonly person: string
  readonly acts: ComponentType<OnlineActsProps>
}) {
  const { data, problem, reload } = useResource<OnlineWallet>(`api/online/${person}`)
  const [chosen, setChosen] = useState<string>()
  const [moves, setMoves] = useState(0)
  if (!data) {
    return (
      <Section title="Online wallet">
        <Loading problem={problem} retry={reload} />
      </Section>
    )
  }
  const currencies = data.balances.map(({ currency }) => currency)
  const currency = currencies.find((one) => one === chosen) ?? currencies[0]
  const moved = () => {
    setMoves((last) => last + 1)
    reload()
  }
  return (
    <Section title="Online wallet" aside="at the office, on no card">
      <ProblemNotice problem={problem} retry={reload} />
      <div className={classes.head}>
        <ul className={classes.balances} aria-label="Balances">
          {data.balances.map(({ currency: code, balance }) => (
            <li key={code}>
              <Money amount={balance} currency={code} className={classes.balance} />
            </li>
          ))}
          {data.balances.length === 0 && <li className={classes.none}>Nothing yet</li>}
        </ul>
        <div className={classes.acts}>
          <Acts wallet={data} onMoved={moved} />
        </div>
      </div>
      {currencies.length > 1 && currency !== undefined && (
        <SegmentedControl
          aria-label="Currency of the statement"
          data={currencies}
          value={currency}
          onChange={setChosen}
          mb={10}
        />
      )}
      {currency !== undefined && (
        <Statement key={`${currency} ${moves}`} person={person} currency={currency} />
      )}
    </Section>
  )
}

type Row = OnlineLine & { readonly currency: string }

const columns: readonly Column<Row>[] = [
  { label: 'What', lead: true, cell: (line) => <What line={line} /> },
  { label: 'When', cell: ({ at }) => <Time at={at} /> },
  {
    label: 'Amount',
    figures: true,
    cell: ({ amount, currency }) => <Money amount={amount} currency={currency} signed />,
  },
  {
    label: 'Afterwards',
    figures: true,
    cell: ({ balance, currency }) => <Money amount={balance} currency={currency} />,
  },
]

function Statement({ person, currency }: { readonly person: string; readonly currency: string }) {
  const [limit, setLimit] = useState(STEP)
  const { data, problem, reload } = useResource<{ readonly lines: readonly OnlineLine[] }>(
    `api/online/${person}/statement`,
    { currency, limit },
  )
  return (
    <>
      <ProblemNotice problem={problem} retry={reload} />
      <Table
        label="Statement"
        columns={columns}
        rows={data?.lines.map((line) => ({ ...line, currency }))}
        rowKey={({ id }) => id}
        empty={<Empty title="Nothing has moved yet" icon={<IconWallet size={28} aria-hidden />} />}
      />
      {data?.lines.length === limit && limit < MAX && (
        <div className={page.more}>
          <Button variant="default" onClick={() => setLimit(MAX)}>
            Show older
          </Button>
        </div>
      )}
    </>
  )
}

const CARD_ID = /^[0-9a-f]{16}$/

function What({ line: { kind, amount, other } }: { readonly line: OnlineLine }) {
  const words = ONLINE_WORDS[kind][amount.startsWith('-') ? 'out' : 'in']
  if (other === null) return words
  const isCard = kind !== 'transfer' && CARD_ID.test(other)
  return (
    <>
      {words} {isCard ? <CardName id={other} /> : other}
    </>
  )
}
