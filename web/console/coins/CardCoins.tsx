import { Button } from '@mantine/core'
import { useCallback, useState } from 'react'
import type { Card, Coin, CoinElement, CoinsSold } from '../../shared/api.ts'
import { useOnce } from '../../shared/action.ts'
import { figures } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { Section } from '../PageHead.tsx'
import { ReasonDialog } from '../ReasonDialog.tsx'
import { useMay, useSession } from '../session.tsx'
import { Bought } from './Bought.tsx'
import { BuyCoinsDialog } from './BuyCoinsDialog.tsx'
import { CoinTable } from './CoinTable.tsx'
import classes from './coins.module.css'
import { ElementTable } from './ElementTable.tsx'

/** A card whose money is coins: those that the office knows of, and the elements that hold them. */
export function CardCoins({
  card,
  onChange,
}: {
  readonly card: Card
  readonly onChange: () => void
}) {
  const path = `api/cards/${card.id}`
  const elements = useResource<{ readonly elements: readonly CoinElement[] }>(`${path}/elements`)
  const [sold, setSold] = useState<CoinsSold>()
  const bought = (coins: CoinsSold) => {
    setSold(coins)
    elements.reload()
    onChange()
  }
  const owner = {
    path,
    isHere: (at: Coin['at']) => at.kind === 'card' && at.card === card.id,
    here: 'this card',
  }
  const isDead = card.status === 'hot' || card.status === 'retired'
  return (
    <>
      <Section
        title="Coins"
        aside={
          <div className={classes.buttons}>
            {isDead ? (
              <GiveBack card={card} onDone={onChange} />
            ) : (
              <Buy card={card} onBought={bought} />
            )}
          </div>
        }
      >
        {sold && (
          <Bought
            sold={sold}
            currency={card.currency}
            chip="the card"
            onClose={() => setSold(undefined)}
          />
        )}
        <HowBack card={card} />
        {/* What was bought is in it at once. */}
        <CoinTable key={`${card.balance} ${card.status}`} owner={owner} />
      </Section>
      <Section title="Elements" aside="the chip’s two sides, each with a key of its own">
        <ProblemNotice problem={elements.problem} retry={elements.reload} />
        <ElementTable elements={elements.data?.elements} />
      </Section>
    </>
  )
}

function Buy({
  card: { id, status, holder, currency },
  onBought,
}: {
  readonly card: Card
  readonly onBought: (sold: CoinsSold) => void
}) {
  const isOwn = useSession().person.id === holder
  const may = useMay('POST /api/coins') && status === 'active' && holder !== null
  const [buying, setBuying] = useState(false)
  if (!may) return null
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setBuying(true)}>
        Buy coins…
      </Button>
      {buying && (
        <BuyCoinsDialog
          purchase={{
            path: 'api/coins',
            body: { card: id },
            currency,
            title: 'Buy coins for this card',
            words: `They are paid from ${isOwn ? 'your' : 'its holder’s'} online wallet, and good for a year. What is not spent then goes back there.`,
            canBind: true,
          }}
          onClose={() => setBuying(false)}
          onBought={(sold) => {
            setBuying(false)
            onBought(sold)
          }}
        />
      )}
    </>
  )
}

/** Of a lost or broken card. */
function GiveBack({ card, onDone }: { readonly card: Card; readonly onDone: () => void }) {
  const may = useMay('POST /api/cards/:id/coins/refund') && card.holder !== null
  const [asking, setAsking] = useState(false)
  const postOnce = useOnce()
  const refund = useCallback(
    async (reason: string) => {
      await postOnce(`api/cards/${card.id}/coins/refund`, { reason })
      onDone()
    },
    [card.id, postOnce, onDone],
  )
  if (!may || card.balance === '0') return null
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setAsking(true)}>
        Give back…
      </Button>
      <ReasonDialog
        title="Give back what was on this card"
        act="Give back"
        opened={asking}
        onClose={() => setAsking(false)}
        submit={refund}
      >
        {figures(card.balance, card.currency)} {card.currency} in coins has not been seen to leave
        it. It goes to the holder’s online wallet as soon as every till has reported since the card
        was stopped, or 30 days later.
      </ReasonDialog>
    </>
  )
}

/** How its holder gets back what is not spent. */
function HowBack({ card: { status, holder } }: { readonly card: Card }) {
  const isOwn = useSession().person.id === holder
  if (!isOwn || (status !== 'active' && status !== 'frozen')) return null
  return (
    <p className={classes.advice}>
      What you do not spend goes back to your online wallet 60 days after it has expired. Is the
      card lost or broken? Freeze it, and have the desk renew it: then it goes back earlier.
    </p>
  )
}
