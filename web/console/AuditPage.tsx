import { Button } from '@mantine/core'
import { IconHistory } from '@tabler/icons-react'
import { useState } from 'react'
import type { AuditEntry } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { type Column, Table } from '../shared/Table.tsx'
import { Time } from '../shared/Time.tsx'
import { PageHead } from './PageHead.tsx'
import classes from './AuditPage.module.css'
import page from './page.module.css'

const STEP = 100
/** What one call gives at most. */
const MAX = 1000

const columns: readonly Column<AuditEntry>[] = [
  {
    label: 'Act',
    lead: true,
    cell: ({ act, subject }) => (
      <>
        <strong>{act}</strong> {subject}
      </>
    ),
  },
  { label: 'Who', cell: ({ person }) => person ?? 'the office itself' },
  { label: 'When', cell: ({ at }) => <Time at={at} /> },
  { label: 'Detail', cell: ({ detail }) => <Detail detail={detail} /> },
  { label: 'No.', figures: true, cell: ({ id }) => id },
]

export function AuditPage() {
  const [limit, setLimit] = useState(STEP)
  const { data, problem, reload } = useResource<{ readonly entries: readonly AuditEntry[] }>(
    'api/audit',
    { limit },
  )
  return (
    <>
      <PageHead
        title="Audit"
        facts="Every act of a person, each entry sealed with the digest of the one before."
      />
      <ProblemNotice problem={problem} retry={reload} />
      <Table
        label="Audit log"
        columns={columns}
        rows={data?.entries}
        rowKey={({ id }) => id}
        empty={<Empty title="Nothing done yet" icon={<IconHistory size={28} aria-hidden />} />}
      />
      {data?.entries.length === limit && limit < MAX && (
        <div className={page.more}>
          <Button variant="default" onClick={() => setLimit((last) => last + STEP)}>
            Show older
          </Button>
        </div>
      )}
    </>
  )
}

function Detail({ detail }: Pick<AuditEntry, 'detail'>) {
  const facts = Object.entries(detail)
  if (facts.length === 0) return '–'
  return (
    <span className={classes.detail}>
      {facts.map(([name, value]) => (
        <span key={name}>
          <span className={classes.name}>{name}</span> {String(value)}
        </span>
      ))}
    </span>
  )
}
