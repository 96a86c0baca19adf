import { Button, Radio, Stack } from '@mantine/core'
import { useCallback, useState } from 'react'
import { Link } from 'wouter'
import { useAction } from '../../shared/action.ts'
import type { CaseCoins as Coins, CaseDetail } from '../../shared/api.ts'
import { Digest } from '../../shared/Digest.tsx'
import { post } from '../../shared/http.ts'
import { Money } from '../../shared/Money.tsx'
import { useTillName } from '../../shared/names.tsx'
import { Tag, type Tone } from '../../shared/Tag.tsx'
import { Time } from '../../shared/Time.tsx'
import { CardName } from '../CardName.tsx'
import { FormDialog } from '../FormDialog.tsx'
import { Section } from '../PageHead.tsx'
import { isReason, ReasonField } from '../ReasonField.tsx'
import { useMay } from '../session.tsx'
import classes from './CaseCoins.module.css'
import { forkOf, type Hand } from './hands.ts'

type Coin = Coins['coins'][number]
type Element = Coins['elements'][number]
type Elements = ReadonlyMap<string, Element>

/** In the place of a taker: the giver’s bank. */
const BANK = '0'.repeat(16)

/** The coins that a case is about, each with everybody’s claim to it and the hands that it went through. */
export function CaseCoins({
  one,
  coins: { coins, elements },
  onChange,
}: {
  readonly one: CaseDetail
  readonly coins: Coins
  readonly onChange: () => void
}) {
  const known: Elements = new Map(elements.map((element) => [element.id, element]))
  return coins.map((coin) => (
    <OneCoin key={coin.coin} one={one} coin={coin} elements={known} onChange={onChange} />
  ))
}

const STATES: Readonly<Record<NonNullable<Coin['state']>, { tone: Tone; title: string }>> = {
  outside: { tone: 'good', title: 'outside' },
  redeemed: { tone: 'plain', title: 'paid out once' },
  contested: { tone: 'bad', title: 'in suspense' },
  refunded: { tone: 'plain', title: 'given back to who bought it' },
}

function OneCoin({
  one,
  coin,
  elements,
  onChange,
}: {
  readonly one: CaseDetail
  readonly coin: Coin
  readonly elements: Elements
  readonly onChange: () => void
}) {
  const mayAward = useMay('POST /api/coins/:id/award')
  const [awarding, setAwarding] = useState(false)
  const state = coin.state === null ? undefined : STATES[coin.state]
  const fork = forkOf(coin.claims.map(({ hands }) => hands))
  const wrong = new Set(one.kind === 'cloned-element' ? one.records : [])
  const isWrong = (hand: Hand, index: number) =>
    wrong.size > 0 ? wrong.has(hand.digest) : fork !== undefined && index === fork
  return (
    <Section
      title={`Chain of hands of coin ${coin.coin}`}
      aside={
        coin.state === 'contested' && mayAward ? (
          <Button variant="default" size="xs" onClick={() => setAwarding(true)}>
            Say whose it is…
          </Button>
        ) : undefined
      }
    >
      <p className={classes.facts}>
        <Money amount={coin.value} currency={coin.currency} className={classes.value} />
        {state && <Tag tone={state.tone}>{state.title}</Tag>}
        <span>of bank {coin.bank}</span>
        {coin.madeFor !== null && (
          <span>
            made for <Party id={coin.madeFor} elements={elements} />
          </span>
        )}
        {coin.creditor !== null && (
          <span>
            paid to <Party id={coin.creditor} elements={elements} />
          </span>
        )}
      </p>
      <div className={classes.claims}>
        {coin.claims.map(({ evidence, creditor, receivedAt, hands }) => (
          <section key={evidence} className={classes.claim} aria-label="Claim">
            <p className={classes.head}>
              <strong>
                <Party id={creditor} elements={elements} /> claims it
              </strong>
              <span className={classes.sub}>
                <Time at={receivedAt} />, evidence <Digest digest={evidence} />
              </span>
            </p>
            <ol className={classes.hands}>
              {hands.map((hand, index) => (
                <Step
                  key={hand.digest}
                  hand={hand}
                  elements={elements}
                  wrong={isWrong(hand, index)}
                />
              ))}
            </ol>
          </section>
        ))}
      </div>
      {awarding && (
        <AwardDialog
          coin={coin}
          elements={elements}
          onClose={() => setAwarding(false)}
          onAwarded={onChange}
        />
      )}
    </Section>
  )
}

const VERBS: Readonly<Record<Hand['kind'], string>> = {
  pay: 'paid it to',
  change: 'gave it as change to',
  return: 'gave it back to',
  surrender: 'surrendered it to',
}

function Step({
  hand: { kind, giver, taker, sequence, digest },
  elements,
  wrong,
}: {
  readonly hand: Hand
  readonly elements: Elements
  readonly wrong: boolean
}) {
  return (
    <li className={classes.hand} data-wrong={wrong}>
      <span>
        <Party id={giver} elements={elements} /> {VERBS[kind]}{' '}
        {taker === BANK ? 'its bank' : <Party id={taker} elements={elements} />}
      </span>
      <span className={classes.sub}>
        number {sequence} of the giver, <Digest digest={digest} />
      </span>
      {wrong && <span className={classes.wrong}>here the chains part</span>}
    </li>
  )
}

function Party({ id, elements }: { readonly id: string; readonly elements: Elements }) {
  const tillName = useTillName()
  const element = elements.get(id)
  if (element?.till != null)
    return <Link href={`/tills/${element.till}`}>{tillName(element.till)}</Link>
  if (element?.card != null) {
    return (
      <>
        card <CardName id={element.card} />
      </>
    )
  }
  return <span className={classes.element}>{partyText(id, element)}</span>
}

function partyText(id: string, element: Element | undefined): string {
  if (id === BANK) return 'the bank'
  return element ? `${element.role} ${id} of bank ${element.bank}` : `unknown element ${id}`
}

function AwardDialog({
  coin: { coin, value, currency, claims },
  elements,
  onClose,
  onAwarded,
}: {
  readonly coin: Coin
  readonly elements: Elements
  readonly onClose: () => void
  readonly onAwarded: () => void
}) {
  const tillName = useTillName()
  const creditors = [...new Set(claims.map(({ creditor }) => creditor))]
  const nameOf = (creditor: string) => {
    const element = elements.get(creditor)
    return element?.till == null ? partyText(creditor, element) : tillName(element.till)
  }
  const [vendor, setVendor] = useState('')
  const [reason, setReason] = useState('')
  const { busy, problem, run } = useAction(
    useCallback(
      async (chosen: string, why: string) => {
        await post(`api/coins/${coin}/award`, { vendor: chosen, reason: why })
        onClose()
        onAwarded()
      },
      [coin, onClose, onAwarded],
    ),
  )
  return (
    <FormDialog
      title="Say whose this coin is"
      act="It is theirs"
      opened
      busy={busy}
      problem={problem}
      disabled={vendor === '' || !isReason(reason)}
      onSubmit={() => run(vendor, reason.trim())}
      onClose={onClose}
    >
      <p>
        <Money amount={value} currency={currency} /> lies in suspense. It goes to one of those who
        claim it, for good, whatever comes in later.
      </p>
      <Radio.Group label="It belongs to" value={vendor} onChange={setVendor}>
        <Stack gap="xs" mt={6}>
          {creditors.map((one) => (
            <Radio key={one} value={one} label={nameOf(one)} />
          ))}
        </Stack>
      </Radio.Group>
      <ReasonField reason={reason} onChange={setReason} />
    </FormDialog>
  )
}
