import { Checkbox, SegmentedControl } from '@mantine/core'
import { IconGavel } from '@tabler/icons-react'
import { useState } from 'react'
import type { Case } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { CaseTable } from './cases/CaseTable.tsx'
import { PageHead } from './PageHead.tsx'
import classes from './page.module.css'

const STRENGTHS = [
  { value: 'all', label: 'All' },
  { value: 'proven', label: 'Proven' },
  { value: 'suspected', label: 'Suspected' },
]

export function CasesPage() {
  const [strength, setStrength] = useState('all')
  const [onlyOpen, setOnlyOpen] = useState(true)
  const { data, problem, reload } = useResource<{ readonly cases: readonly Case[] }>('api/cases', {
    open: onlyOpen ? true : undefined,
  })
  const shown = data?.cases.filter((one) => strength === 'all' || one.strength === strength)
  return (
    <>
      <PageHead
        title="Cases"
        facts="Where records contradict each other, and who that speaks against."
      />
      <div className={classes.filters}>
        <SegmentedControl
          aria-label="Strength"
          data={STRENGTHS}
          value={strength}
          onChange={setStrength}
        />
        <Checkbox
          label="Open only"
          checked={onlyOpen}
          onChange={(event) => setOnlyOpen(event.currentTarget.checked)}
        />
      </div>
      <ProblemNotice problem={problem} retry={reload} />
      <CaseTable
        cases={shown}
        empty={
          <Empty
            title={onlyOpen ? 'No open cases' : 'No cases'}
            icon={<IconGavel size={28} aria-hidden />}
          >
            Everything handed in so far fits together. A case opens by itself as soon as a record
            does not.
          </Empty>
        }
      />
    </>
  )
}
