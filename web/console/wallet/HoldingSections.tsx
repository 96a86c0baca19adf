import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import type { Card, Holding } from '../../shared/api.ts'
import { post } from '../../shared/http.ts'
import { figures, Money } from '../../shared/Money.tsx'
import { Age, Time } from '../../shared/Time.tsx'
import { Fact, Facts } from '../Facts.tsx'
import { Section } from '../PageHead.tsx'
import { ReasonDialog } from '../ReasonDialog.tsx'
import { useMay } from '../session.tsx'
import { CardPolicySection } from './CardPolicySection.tsx'
import classes from './HoldingSections.module.css'
import { INSTRUCTION_WORDS } from './words.ts'

/** A card that holds money by itself: what it last said, what it is to do, and what it may. */
export function HoldingSections({
  card,
  holding,
  onChange,
}: {
  readonly card: Card
  readonly holding: Holding
  readonly onChange: () => void
}) {
  const mayChange = useMay('POST /api/cards/:id/wallet-policy')
  const { policy } = holding
  const isAlive = card.status === 'active' || card.status === 'frozen'
  return (
    <>
      {holding.underWay && <UnderWay card={card} one={holding.underWay} onChange={onChange} />}
      <Section title="What the card last said">
        <LastSaid card={card} holding={holding} />
      </Section>
      <CardPolicySection
        title="What it may do without the office"
        policy={policy}
        path={`api/cards/${card.id}/wallet-policy`}
        currency={card.currency}
        mayChange={mayChange && isAlive}
        onChanged={onChange}
      />
    </>
  )
}

function LastSaid({
  card: { currency },
  holding: { said, policy },
}: {
  readonly card: Card
  readonly holding: Holding
}) {
  if (!said) {
    return (
      <p className={classes.nothing}>
        Nothing yet: it has not been synchronised. A phone does that, also one that is not the
        holder’s.
      </p>
    )
  }
  const waiting = said.sequence - said.acknowledged
  const isOld = said.policyVersion < policy.version
  return (
    <Facts>
      <Fact name="Balance">
        <Money amount={said.balance} currency={currency} />
      </Fact>
      <Fact name="When">
        <Age at={said.at} />
      </Fact>
      <Fact name="Records made">{said.sequence}</Fact>
      <Fact name="Acknowledged up to">
        {said.acknowledged}
        {waiting > 0 && `, ${waiting} since`}
      </Fact>
      <Fact name="Obeys policy">{said.policyVersion}</Fact>
      <Fact name="Is to obey policy">
        {policy.version}
        {policy.card !== null && ', of its own'}
        {isOld && ', with its next synchronisation'}
      </Fact>
    </Facts>
  )
}

function UnderWay({
  card,
  one: { number, kind, amount, expiresAt, givenUp },
  onChange,
}: {
  readonly card: Card
  readonly one: NonNullable<Holding['underWay']>
  readonly onChange: () => void
}) {
  const mayGiveUp = useMay('POST /api/cards/:id/give-up') && !givenUp
  const [asking, setAsking] = useState(false)
  const giveUp = useCallback(
    async (reason: string) => {
      await post(`api/cards/${card.id}/give-up`, { reason })
      onChange()
    },
    [card.id, onChange],
  )
  const money = amount === '0' ? '' : ` of ${figures(amount, card.currency)} ${card.currency}`
  return (
    <Section title="Instruction under way">
      <div className={classes.order}>
        <p>
          The card is to {INSTRUCTION_WORDS[kind]}
          {money}: instruction {number}.{' '}
          {givenUp ? (
            'It was given up. Once the card has been synchronised it is certain what became of it, and what was set aside for it comes back.'
          ) : (
            <>
              It takes it up with its next synchronisation, until <Time at={expiresAt} />.
            </>
          )}
        </p>
        {mayGiveUp && (
          <Button variant="default" onClick={() => setAsking(true)}>
            Give up…
          </Button>
        )}
      </div>
      <ReasonDialog
        title="Give up this instruction"
        act="Give up"
        dangerous
        opened={asking}
        onClose={() => setAsking(false)}
        submit={giveUp}
      >
        The card is told to leave it out. Until it says that it has, it may still carry it out, so
        what was set aside comes back only then.
      </ReasonDialog>
    </Section>
  )
}
