import { IconBuildingStore, IconCircleCheck } from '@tabler/icons-react'
import { Link } from 'wouter'
import type { Account, Case, Progress, Till } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Balanced } from './accounts/Balanced.tsx'
import { CaseTable } from './cases/CaseTable.tsx'
import { Flow } from './overview/Flow.tsx'
import { MoneyMap } from './overview/MoneyMap.tsx'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'
import { TillTable } from './tills/TillTable.tsx'

const CASES_SHOWN = 5
/** What one call gives at most. */
const ACCOUNTS_MAX = 1000

export function OverviewPage() {
  const progress = useResource<Progress>('api/progress')
  const accounts = useResource<{ readonly accounts: readonly Account[] }>('api/accounts', {
    limit: ACCOUNTS_MAX,
  })
  const cases = useResource<{ readonly cases: readonly Case[] }>('api/cases', { open: true })
  const tills = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const problem = progress.problem ?? accounts.problem ?? cases.problem ?? tills.problem
  if (!progress.data || !accounts.data || !cases.data || !tills.data) {
    return (
      <>
        <PageHead title="Overview" />
        <Loading problem={problem} retry={progress.reload} />
      </>
    )
  }
  const open = cases.data.cases
  return (
    <>
      <PageHead title="Overview" acts={<Balanced sums={progress.data.sums} />} />
      <ProblemNotice problem={problem} retry={progress.reload} />
      <Flow progress={progress.data} />
      <Section
        title="Open cases"
        aside={open.length > CASES_SHOWN ? <Link href="/cases">all {open.length}</Link> : undefined}
      >
        <CaseTable
          cases={open.slice(0, CASES_SHOWN)}
          empty={
            <Empty title="No open cases" icon={<IconCircleCheck size={28} aria-hidden />}>
              Everything handed in so far fits together.
            </Empty>
          }
        />
      </Section>
      <Section title="Tills">
        <TillTable
          tills={tills.data.tills}
          empty={
            <Empty title="No tills yet" icon={<IconBuildingStore size={28} aria-hidden />}>
              Add one under <Link href="/tills">Tills</Link>, then enter the code that you get on
              it.
            </Empty>
          }
        />
      </Section>
      {accounts.data.accounts.length < ACCOUNTS_MAX && (
        <Section title="Where the money is">
          <MoneyMap accounts={accounts.data.accounts} />
        </Section>
      )}
    </>
  )
}
