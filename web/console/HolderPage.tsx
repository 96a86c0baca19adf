import { Button } from '@mantine/core'
import { IconCreditCard } from '@tabler/icons-react'
import { useState } from 'react'
import type { Card } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { CardTable } from './cards/CardTable.tsx'
import { GiveDialog } from './online/GiveDialog.tsx'
import { type OnlineActsProps, OnlineSection } from './online/OnlineSection.tsx'
import { PageHead, Section } from './PageHead.tsx'

/** What one call gives at most. */
const CARDS_MAX = 500

export function HolderPage() {
  const { data, problem, reload } = useResource<{ readonly cards: readonly Card[] }>('api/cards', {
    limit: CARDS_MAX,
  })
  return (
    <>
      <PageHead title="Your money and cards" />
      <OnlineSection person="me" acts={GiveAct} />
      <Section title="Cards" aside="as far as the office knows">
        <ProblemNotice problem={problem} retry={reload} />
        <CardTable
          cards={data?.cards}
          empty={<Empty title="No cards" icon={<IconCreditCard size={28} aria-hidden />} />}
        />
      </Section>
    </>
  )
}

function GiveAct({ wallet: { balances }, onMoved }: OnlineActsProps) {
  const [giving, setGiving] = useState(false)
  const filled = balances.filter(({ balance }) => balance !== '0')
  if (filled.length === 0) return null
  return (
    <>
      <Button variant="default" onClick={() => setGiving(true)}>
        Give to somebody…
      </Button>
      {giving && (
        <GiveDialog
          currencies={filled.map(({ currency }) => currency)}
          onClose={() => setGiving(false)}
          onMoved={onMoved}
        />
      )}
    </>
  )
}
