import { Button } from '@mantine/core'
import { IconUsers } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Person } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { type Column, Table } from '../shared/Table.tsx'
import { Tag } from '../shared/Tag.tsx'
import { Time } from '../shared/Time.tsx'
import { PageHead } from './PageHead.tsx'
import { AddHolderDialog } from './people/AddHolderDialog.tsx'
import { useMay } from './session.tsx'

const columns: readonly Column<Person>[] = [
  {
    label: 'Person',
    lead: true,
    cell: ({ id, name }) => (
      <Link href={`/people/${id}`} data-row-link>
        {name}
      </Link>
    ),
  },
  { label: 'Signs in as', cell: ({ login }) => login },
  { label: 'Role', cell: ({ role }) => role },
  {
    label: 'State',
    cell: ({ disabledAt }) =>
      disabledAt === null ? <Tag tone="good">active</Tag> : <Tag tone="plain">disabled</Tag>,
  },
  { label: 'Since', cell: ({ madeAt }) => <Time at={madeAt} /> },
]

export function PeoplePage() {
  const { data, problem, reload } = useResource<{ readonly people: readonly Person[] }>(
    'api/people',
  )
  const mayAdd = useMay('POST /api/people')
  const [adding, setAdding] = useState(false)
  return (
    <>
      <PageHead
        title="People"
        above={{ path: '/cards', name: 'Cards' }}
        facts="Cardholders have an online wallet here, and sign in at this address to see what is theirs."
        acts={mayAdd && <Button onClick={() => setAdding(true)}>Add a cardholder…</Button>}
      />
      <ProblemNotice problem={problem} retry={reload} />
      <Table
        label="People"
        columns={columns}
        rows={data?.people}
        rowKey={({ id }) => id}
        empty={<Empty title="Nobody yet" icon={<IconUsers size={28} aria-hidden />} />}
      />
      <AddHolderDialog
        key={String(adding)}
        opened={adding}
        onClose={() => setAdding(false)}
        onAdded={reload}
      />
    </>
  )
}
