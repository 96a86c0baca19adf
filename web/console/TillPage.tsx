import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction } from '../shared/action.ts'
import type { EnrolmentCode, TillDetail } from '../shared/api.ts'
import { post } from '../shared/http.ts'
import { ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Age, Time } from '../shared/Time.tsx'
import { TillCoins } from './coins/TillCoins.tsx'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'
import { ReasonDialog } from './ReasonDialog.tsx'
import { useMay } from './session.tsx'
import { CodeDialog } from './tills/CodeDialog.tsx'
import { KeyTable } from './tills/KeyTable.tsx'
import { PolicySection } from './tills/PolicySection.tsx'
import { TillState } from './tills/TillTable.tsx'

export function TillPage({ number }: { readonly number: string }) {
  const { data: till, problem, reload } = useResource<TillDetail>(`api/tills/${number}`)
  const above = { path: '/tills', name: 'Tills' }
  if (!till) {
    return (
      <>
        <PageHead title={`Till ${number}`} above={above} />
        <Loading problem={problem} retry={reload} />
      </>
    )
  }
  return (
    <>
      <PageHead
        title={till.name}
        above={above}
        facts={
          <>
            <TillState till={till} />
            <span>
              Till {till.number} of {till.merchant.name}, sells in {till.currency}
            </span>
            <span>
              Last upload: <Age at={till.lastContactAt} />, batch {till.lastBatch}
            </span>
            {till.enrolledAt !== null && (
              <span>
                enrolled <Time at={till.enrolledAt} />
              </span>
            )}
          </>
        }
        acts={<TillActs till={till} onChange={reload} />}
      />
      <PolicySection till={till} />
      <TillCoins till={till} />
      <Section title="Keys" aside="what it signs with, and how long each counts">
        <KeyTable keys={till.keys} />
      </Section>
    </>
  )
}

function TillActs({
  till,
  onChange,
}: {
  readonly till: TillDetail
  readonly onChange: () => void
}) {
  const mayStop = useMay('POST /api/tills/:number/stop')
  const mayCode = useMay('POST /api/tills/:number/code')
  const [stopping, setStopping] = useState(false)
  const [code, setCode] = useState<EnrolmentCode>()
  const renew = useAction(
    useCallback(async () => {
      setCode(await post<EnrolmentCode>(`api/tills/${till.number}/code`))
    }, [till.number]),
  )
  const stop = useCallback(
    async (reason: string) => {
      await post(`api/tills/${till.number}/stop`, { reason })
      onChange()
    },
    [till.number, onChange],
  )
  if (till.stoppedAt !== null) return null
  return (
    <>
      {mayCode && (
        <Button variant="default" loading={renew.busy} onClick={() => renew.run()}>
          New code
        </Button>
      )}
      {mayStop && (
        <Button variant="default" onClick={() => setStopping(true)}>
          Stop…
        </Button>
      )}
      <ProblemNotice problem={renew.problem} />
      <CodeDialog code={code} onClose={() => setCode(undefined)} />
      <ReasonDialog
        title="Stop this till"
        act="Stop"
        dangerous
        opened={stopping}
        onClose={() => setStopping(false)}
        submit={stop}
      >
        It gets no documents any more, so it soon cannot sell. What it sold still counts and can
        still be handed in. This cannot be undone.
      </ReasonDialog>
    </>
  )
}
