import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconCreditCard, IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Card } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { CardTable } from './cards/CardTable.tsx'
import { PageHead } from './PageHead.tsx'
import classes from './page.module.css'

const STEP = 100
/** What one call gives at most: then searching finds more than scrolling. */
const MAX = 500

const STATUSES = [
  { value: '', label: 'All' },
  { value: 'active', label: 'Active' },
  { value: 'frozen', label: 'Frozen' },
  { value: 'hot', label: 'Hot' },
  { value: 'retired', label: 'Retired' },
]

export function CardsPage() {
  const [text, setText] = useState('')
  const [search] = useDebouncedValue(text.trim(), 200)
  const [status, setStatus] = useState('')
  const [limit, setLimit] = useState(STEP)
  const { data, problem, reload } = useResource<{ readonly cards: readonly Card[] }>('api/cards', {
    search,
    status,
    limit,
  })
  const filtered = search !== '' || status !== ''
  return (
    <>
      <PageHead
        title="Cards"
        facts="Balances are what the office knows: what tills have not handed in yet is not in them."
        acts={
          <>
            <Button component={Link} href="/people" variant="default">
              People
            </Button>
            <Button component={Link} href="/rules" variant="default">
              Wallet rules
            </Button>
          </>
        }
      />
      <div className={classes.filters}>
        <TextInput
          className={classes.search ?? ''}
          aria-label="Search cards by label or number"
          placeholder="Label or number"
          type="search"
          leftSection={<IconSearch size={17} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <SegmentedControl aria-label="Status" data={STATUSES} value={status} onChange={setStatus} />
      </div>
      <ProblemNotice problem={problem} retry={reload} />
      <CardTable
        cards={data?.cards}
        empty={
          <Empty
            title={filtered ? 'No card matches' : 'No cards yet'}
            icon={<IconCreditCard size={28} aria-hidden />}
          >
            {filtered ? (
              'Search for part of a label, or for the beginning of a card’s number.'
            ) : (
              <>
                Issue the first with <code>kontant card issue</code>.
              </>
            )}
          </Empty>
        }
      />
      {data?.cards.length === limit && limit < MAX && (
        <div className={classes.more}>
          <Button variant="default" onClick={() => setLimit((last) => last + STEP)}>
            Show more
          </Button>
        </div>
      )}
    </>
  )
}
