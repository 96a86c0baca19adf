import { Button } from '@mantine/core'
import { useState } from 'react'
import type { Coin, CoinElement, CoinsSold, Takings, TillDetail } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { Stock } from '../../shared/Stock.tsx'
import { Fact, Facts } from '../Facts.tsx'
import { Section } from '../PageHead.tsx'
import { useMay } from '../session.tsx'
import { Bought } from './Bought.tsx'
import { BuyCoinsDialog } from './BuyCoinsDialog.tsx'
import { CoinSum } from './CoinSum.tsx'
import { CoinTable } from './CoinTable.tsx'
import classes from './coins.module.css'
import { ElementTable } from './ElementTable.tsx'
import { VendorElementDialog } from './VendorElementDialog.tsx'

/** A till that takes coins: its vendor elements, its float, what it took and what it is owed. */
export function TillCoins({ till }: { readonly till: TillDetail }) {
  const path = `api/tills/${till.number}`
  const elements = useResource<{ readonly elements: readonly CoinElement[] }>(`${path}/elements`)
  const has = elements.data !== undefined && elements.data.elements.length > 0
  return (
    <>
      {has && <Coins till={till} path={path} onBought={elements.reload} />}
      <Section
        title="Vendor elements"
        aside={<Equip till={till} hasOne={has} onMade={elements.reload} />}
      >
        <ProblemNotice problem={elements.problem} retry={elements.reload} />
        {elements.data && !has ? (
          <p className={classes.nothing}>None: this till does not take coins.</p>
        ) : (
          <ElementTable elements={elements.data?.elements} />
        )}
      </Section>
    </>
  )
}

function Equip({
  till,
  hasOne,
  onMade,
}: {
  readonly till: TillDetail
  readonly hasOne: boolean
  readonly onMade: () => void
}) {
  const may = useMay('POST /api/tills/:number/vendor-element') && till.stoppedAt === null
  const [making, setMaking] = useState(false)
  if (!may) return null
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setMaking(true)}>
        {hasOne ? 'Renew…' : 'Give it one…'}
      </Button>
      {making && (
        <VendorElementDialog till={till} onClose={() => setMaking(false)} onMade={onMade} />
      )}
    </>
  )
}

function Coins({
  till,
  path,
  onBought,
}: {
  readonly till: TillDetail
  readonly path: string
  readonly onBought: () => void
}) {
  const { data, problem, reload } = useResource<Takings>(`${path}/takings`)
  const mayBuy = useMay('POST /api/tills/:number/coins') && till.stoppedAt === null
  const [buying, setBuying] = useState(false)
  const [sold, setSold] = useState<CoinsSold>()
  const { currency } = till
  const owner = {
    path,
    isHere: (at: Coin['at']) => at.kind === 'till' && at.till === till.number,
    here: 'this till',
  }
  return (
    <>
      <Section title="Taken in coins">
        <ProblemNotice problem={problem} retry={reload} />
        {data && <TakingsList takings={data} till={till} />}
      </Section>
      <Section
        title="Float for change"
        aside={
          mayBuy ? (
            <Button variant="default" size="xs" onClick={() => setBuying(true)}>
              Buy float…
            </Button>
          ) : undefined
        }
      >
        {sold && (
          <Bought
            sold={sold}
            currency={currency}
            chip="the till’s vendor element"
            onClose={() => setSold(undefined)}
          />
        )}
        {data && <Stock label="Float" currency={currency} coins={data.float} />}
        {buying && (
          <BuyCoinsDialog
            purchase={{
              path: `${path}/coins`,
              body: {},
              currency,
              title: 'Buy float for this till',
              words: `They are paid from what ${till.merchant.name} has at the office, below zero if need be, and come back when the till surrenders its coins.`,
              canBind: false,
            }}
            onClose={() => setBuying(false)}
            onBought={(coins) => {
              setBuying(false)
              setSold(coins)
              reload()
              onBought()
            }}
          />
        )}
      </Section>
      <Section title="Coins" aside="as far as the office knows">
        <CoinTable key={`${data?.bought.count}`} owner={owner} />
      </Section>
    </>
  )
}

const HEAPS = [
  ['paid', 'Paid to its merchant'],
  ['contested', 'In suspense, claimed by others too'],
  ['awaited', 'Of other banks, not paid yet'],
  ['refused', 'Paid to somebody else, or to nobody'],
  ['bought', 'Float bought, in all'],
] as const

function TakingsList({
  takings,
  till: { currency, merchant },
}: {
  readonly takings: Takings
  readonly till: TillDetail
}) {
  const held = takings.float.reduce(
    (sum, { value, count }) => sum + BigInt(value) * BigInt(count),
    0n,
  )
  const shown = HEAPS.filter(
    ([heap]) => heap === 'paid' || heap === 'bought' || takings[heap].count > 0,
  )
  return (
    <Facts>
      {shown.map(([heap, name]) => (
        <Fact key={heap} name={name}>
          <CoinSum of={takings[heap]} currency={currency} />
        </Fact>
      ))}
      <Fact name="In the vendor element">
        <Money amount={String(held)} currency={currency} />
      </Fact>
      <Fact name={`Owed to ${merchant.name}, of all tills`}>
        <Money amount={takings.merchant} currency={currency} />
      </Fact>
    </Facts>
  )
}
