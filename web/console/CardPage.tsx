import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import { Link } from 'wouter'
import type { Card, Case, Holding, LedgerLine, Person } from '../shared/api.ts'
import { post } from '../shared/http.ts'
import { Money } from '../shared/Money.tsx'
import { ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Time } from '../shared/Time.tsx'
import { CardName, cardText } from './CardName.tsx'
import { CardStatusTag } from './CardStatusTag.tsx'
import { CaseTable } from './cases/CaseTable.tsx'
import { CardCoins } from './coins/CardCoins.tsx'
import { Ledger } from './ledger/Ledger.tsx'
import { Legend } from './ledger/Legend.tsx'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'
import { ReasonDialog } from './ReasonDialog.tsx'
import { useMay } from './session.tsx'
import { HoldingSections } from './wallet/HoldingSections.tsx'
import classes from './CardPage.module.css'

/** The scheme whose cards hold money by themselves. */
const WALLET = 'wallet'
/** The scheme whose money is coins: its cards have no chain of balances. */
const COIN = 'coin'

export function CardPage({ id }: { readonly id: string }) {
  const card = useResource<Card>(`api/cards/${id}`)
  const ledger = useResource<{ readonly entries: readonly LedgerLine[] }>(`api/cards/${id}/ledger`)
  const maySeeCases = useMay('GET /api/cases')
  const cases = useResource<{ readonly cases: readonly Case[] }>(
    maySeeCases ? 'api/cases' : undefined,
    { card: id },
  )
  const isWallet = card.data?.scheme === WALLET
  const holding = useResource<Holding>(isWallet ? `api/cards/${id}/holding` : undefined)
  const above = maySeeCases
    ? { path: '/cards', name: 'Cards' }
    : { path: '/', name: 'Your money and cards' }
  const reloadAll = () => {
    for (const { reload } of [card, ledger, cases, holding]) reload()
  }
  const isWaiting = (maySeeCases && !cases.data) || (isWallet && !holding.data)
  if (!card.data || !ledger.data || isWaiting) {
    const problem = card.problem ?? ledger.problem ?? cases.problem ?? holding.problem
    return (
      <>
        <PageHead title={`Card ${cardText(id)}`} above={above} />
        <Loading problem={problem} retry={reloadAll} />
      </>
    )
  }
  const one = card.data
  const isCoin = one.scheme === COIN
  return (
    <>
      <PageHead
        title={one.label ?? `Card ${cardText(id)}`}
        above={above}
        facts={
          <>
            <CardName id={id} plain />
            <CardStatusTag card={one} />
            {one.statusReason !== '' && <span>{one.statusReason}</span>}
            <span>
              {one.scheme} card, issued <Time at={one.issuedAt} />
            </span>
            {one.holder !== null && maySeeCases && <Holder id={one.holder} />}
            {one.successor !== null && (
              <span>
                renewed as <CardName id={one.successor} />
              </span>
            )}
          </>
        }
        acts={<CardActs card={one} onChange={card.reload} />}
      />
      <div className={classes.balance}>
        <span className={classes.balanceLabel}>
          {isCoin ? 'In coins, as far as the office knows' : 'Balance known to the office'}
        </span>
        <Money amount={one.balance} currency={one.currency} className={classes.balanceAmount} />
      </div>
      {cases.data && cases.data.cases.length > 0 && (
        <Section title="Cases">
          <CaseTable cases={cases.data.cases} empty={null} />
        </Section>
      )}
      {holding.data && <HoldingSections card={one} holding={holding.data} onChange={reloadAll} />}
      {isCoin ? (
        <CardCoins card={one} onChange={reloadAll} />
      ) : (
        <Section title="Ledger" aside={<Legend />}>
          <ProblemNotice problem={ledger.problem} retry={ledger.reload} />
          <Ledger lines={ledger.data.entries} currency={one.currency} />
        </Section>
      )}
    </>
  )
}

/** Whose card it is, for who works here. */
function Holder({ id }: { readonly id: string }) {
  const { data } = useResource<{ readonly people: readonly Person[] }>('api/people')
  const person = data?.people.find((one) => one.id === id)
  return (
    <span>
      held by <Link href={`/people/${id}`}>{person?.name ?? `person ${id}`}</Link>
    </span>
  )
}

/** Freezing is undone by a release; both ask why. */
function CardActs({ card, onChange }: { readonly card: Card; readonly onChange: () => void }) {
  const [asking, setAsking] = useState(false)
  const frozen = card.status === 'frozen'
  const verb = frozen ? 'release' : 'freeze'
  const mayAct = useMay(`POST /api/cards/:id/${verb}`)
  const act = useCallback(
    async (reason: string) => {
      await post(`api/cards/${card.id}/${verb}`, { reason })
      onChange()
    },
    [card.id, verb, onChange],
  )
  if (!mayAct || (card.status !== 'active' && !frozen)) return null
  return (
    <>
      <Button variant="default" onClick={() => setAsking(true)}>
        {frozen ? 'Release…' : 'Freeze…'}
      </Button>
      <ReasonDialog
        title={frozen ? 'Release this card' : 'Freeze this card'}
        act={frozen ? 'Release' : 'Freeze'}
        dangerous={!frozen}
        opened={asking}
        onClose={() => setAsking(false)}
        submit={act}
      >
        {frozen
          ? 'Tills will take it again as soon as they have heard of it.'
          : 'Tills refuse it as soon as they have heard of it. Its money stays where it is.'}
      </ReasonDialog>
    </>
  )
}
