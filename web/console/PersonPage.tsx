import { Button } from '@mantine/core'
import { IconCreditCard } from '@tabler/icons-react'
import { useState } from 'react'
import type { Card, Person, Till } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Tag } from '../shared/Tag.tsx'
import { Time } from '../shared/Time.tsx'
import { CardTable } from './cards/CardTable.tsx'
import { Loading } from './Loading.tsx'
import { CASH_ACTS, type CashAct, CashDialog } from './online/CashDialog.tsx'
import { type OnlineActsProps, OnlineSection } from './online/OnlineSection.tsx'
import { PageHead, Section } from './PageHead.tsx'
import { useMay } from './session.tsx'

/** What one call gives at most. */
const CARDS_MAX = 500

export function PersonPage({ id }: { readonly id: string }) {
  const { data, problem, reload } = useResource<{ readonly people: readonly Person[] }>(
    'api/people',
  )
  const cards = useResource<{ readonly cards: readonly Card[] }>('api/cards', {
    holder: id,
    limit: CARDS_MAX,
  })
  const above = { path: '/people', name: 'People' }
  const person = data?.people.find((one) => one.id === id)
  if (!person) {
    return (
      <>
        <PageHead title={`Person ${id}`} above={above} />
        {data ? <Empty title="There is nobody of that number" /> : null}
        {!data && <Loading problem={problem} retry={reload} />}
      </>
    )
  }
  return (
    <>
      <PageHead
        title={person.name}
        above={above}
        facts={
          <>
            {person.disabledAt !== null && <Tag tone="plain">disabled</Tag>}
            <span>
              Person {person.id}, {person.role}, signs in as {person.login}
            </span>
            <span>
              since <Time at={person.madeAt} />
            </span>
          </>
        }
      />
      <OnlineSection person={id} acts={CashActs} />
      <Section title="Cards">
        <ProblemNotice problem={cards.problem} retry={cards.reload} />
        <CardTable
          cards={cards.data?.cards}
          empty={
            <Empty title="No cards" icon={<IconCreditCard size={28} aria-hidden />}>
              Issue one with <code>kontant card issue --holder {person.id}</code>.
            </Empty>
          }
        />
      </Section>
    </>
  )
}

function CashActs({ wallet: { person, balances }, onMoved }: OnlineActsProps) {
  const tills = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const currency = balances[0]?.currency ?? tills.data?.tills[0]?.currency ?? 'EUR'
  const may: Readonly<Record<CashAct, boolean>> = {
    deposits: useMay('POST /api/online/:person/deposits'),
    withdrawals: useMay('POST /api/online/:person/withdrawals') && balances.length > 0,
  }
  const [act, setAct] = useState<CashAct>()
  return (
    <>
      {(['deposits', 'withdrawals'] as const).map(
        (one) =>
          may[one] && (
            <Button key={one} variant="default" onClick={() => setAct(one)}>
              {CASH_ACTS[one].act}…
            </Button>
          ),
      )}
      {act && (
        <CashDialog
          person={person}
          act={act}
          currency={currency}
          onClose={() => setAct(undefined)}
          onMoved={onMoved}
        />
      )}
    </>
  )
}
