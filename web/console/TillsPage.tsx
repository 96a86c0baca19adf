import { Button } from '@mantine/core'
import { IconBuildingStore } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Till } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { PageHead } from './PageHead.tsx'
import { useMay } from './session.tsx'
import { AddTillDialog } from './tills/AddTillDialog.tsx'
import { TillTable } from './tills/TillTable.tsx'

export function TillsPage() {
  const { data, problem, reload } = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const mayAdd = useMay('POST /api/tills')
  const [adding, setAdding] = useState(false)
  return (
    <>
      <PageHead
        title="Tills"
        facts="A till that is silent is selling without a network, or is off."
        acts={
          <>
            <Button component={Link} href="/products" variant="default">
              Products
            </Button>
            {mayAdd && <Button onClick={() => setAdding(true)}>Add a till…</Button>}
          </>
        }
      />
      <ProblemNotice problem={problem} retry={reload} />
      <TillTable
        tills={data?.tills}
        empty={
          <Empty title="No tills yet" icon={<IconBuildingStore size={28} aria-hidden />}>
            Add one here, then enter the code that you get on it.
          </Empty>
        }
      />
      <AddTillDialog opened={adding} onClose={() => setAdding(false)} onAdded={reload} />
    </>
  )
}
