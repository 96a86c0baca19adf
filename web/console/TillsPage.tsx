import { IconBuildingStore } from '@tabler/icons-react'
import type { Till } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { PageHead } from './PageHead.tsx'
import { TillTable } from './tills/TillTable.tsx'

export function TillsPage() {
  const { data, problem, reload } = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  return (
    <>
      <PageHead
        title="Tills"
        facts="A till that is silent is selling without a network, or is off."
      />
      <ProblemNotice problem={problem} retry={reload} />
      <TillTable
        tills={data?.tills}
        empty={
          <Empty title="No tills yet" icon={<IconBuildingStore size={28} aria-hidden />}>
            Register one, then enter its enrolment code on it with <code>kontant till</code>.
          </Empty>
        }
      />
    </>
  )
}
