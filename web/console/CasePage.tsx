import { Button } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import type { CaseDetail } from '../shared/api.ts'
import { useTillName } from '../shared/names.tsx'
import { Empty } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Time } from '../shared/Time.tsx'
import { cardText } from './CardName.tsx'
import { AtStake } from './cases/AtStake.tsx'
import { CaseCoins } from './cases/CaseCoins.tsx'
import { CaseState, StrengthTag } from './cases/CaseTags.tsx'
import { EvidenceTable } from './cases/EvidenceTable.tsx'
import { ResolveDialog } from './cases/ResolveDialog.tsx'
import { Suspects } from './cases/Suspects.tsx'
import { ForOthers } from './cases/ForOthers.tsx'
import { caseWords } from '../../src/office/ledger/case-words.ts'
import { CardName } from './CardName.tsx'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'
import { useMay } from './session.tsx'
import classes from './CasePage.module.css'

export function CasePage({ id }: { readonly id: string }) {
  const { data, problem, reload } = useResource<CaseDetail>(`api/cases/${id}`)
  if (!data) {
    return (
      <>
        <PageHead title={`Case ${id}`} above={{ path: '/cases', name: 'Cases' }} />
        <Loading problem={problem} retry={reload} />
      </>
    )
  }
  return <OneCase one={data} onChange={reload} />
}

function suspectsTitle({ strength, suspects }: CaseDetail): string {
  if (strength === 'proven') return 'Proven against'
  return suspects.length === 0 ? 'Suspects' : 'Suspects, most suspect first'
}

function OneCase({ one, onChange }: { readonly one: CaseDetail; readonly onChange: () => void }) {
  const words = caseWords(one)
  const tillName = useTillName()
  const mayAct = useMay('POST /api/cases/:id/resolve')
  const [asking, setAsking] = useState(false)
  const [first] = one.suspects
  const till = one.suspects.find((suspect) => suspect.kind === 'till')
  const who = till ? tillName(till.till) : first?.kind === 'card' ? 'The card' : 'Somebody'
  const card = one.card === null ? 'the card' : `card ${cardText(one.card)}`
  const isOpen = !one.resolution && !one.withdrawn
  return (
    <>
      <PageHead
        title={words.title}
        above={{ path: '/cases', name: 'Cases' }}
        facts={
          <>
            <StrengthTag strength={one.strength} />
            <CaseState of={one} />
            <span>
              Case {one.id}, opened <Time at={one.openedAt} />
            </span>
          </>
        }
        acts={
          mayAct && isOpen ? <Button onClick={() => setAsking(true)}>Resolve…</Button> : undefined
        }
      />
      <div className={classes.story} data-strength={one.strength}>
        <p className={classes.happened}>{words.happened(who, card)}</p>
        <dl className={classes.facts}>
          <div>
            <dt>At stake</dt>
            <dd>
              <AtStake of={one} />
            </dd>
          </div>
          {one.card !== null && (
            <div>
              <dt>Card</dt>
              <dd>
                <CardName id={one.card} />
              </dd>
            </div>
          )}
        </dl>
        {one.resolution && (
          <p className={classes.resolution}>
            Resolved <Time at={one.resolution.at} />: {one.resolution.text}
          </p>
        )}
      </div>
      <Section title={suspectsTitle(one)}>
        {one.suspects.length === 0 ? (
          <p>Nobody: what is known accuses no party of this office.</p>
        ) : (
          <Suspects suspects={one.suspects} strength={one.strength} kind={one.kind} />
        )}
      </Section>
      <Section title="What to do">
        <ol className={classes.advice}>
          {words.advice.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ol>
      </Section>
      {one.coins && one.coins.coins.length > 0 ? (
        <CaseCoins one={one} coins={one.coins} onChange={onChange} />
      ) : (
        <Section
          title="Evidence"
          aside={one.card !== null && <Link href={`/cards/${one.card}`}>in the card’s ledger</Link>}
        >
          <EvidenceTable
            evidence={one.evidence}
            currency={one.currency}
            empty={
              <Empty title="No single record">
                {one.coins
                  ? 'What the till handed in shows this; it is kept as it was received.'
                  : 'The till’s own batches show this; they are kept as they were received.'}
              </Empty>
            }
          />
        </Section>
      )}
      {one.strength === 'proven' && !one.withdrawn && <ForOthers id={one.id} />}
      <ResolveDialog
        one={one}
        opened={asking}
        onClose={() => setAsking(false)}
        onResolved={onChange}
      />
    </>
  )
}
