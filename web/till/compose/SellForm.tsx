import { SegmentedControl } from '@mantine/core'
import { useLocalStorage } from '@mantine/hooks'
import { IconShoppingBag } from '@tabler/icons-react'
import { Empty } from '../../shared/Notice.tsx'
import type { OrderRequest } from '../api.ts'
import { useTillState } from '../state.tsx'
import { AmountForm } from './AmountForm.tsx'
import { ProductForm } from './ProductForm.tsx'
import classes from './form.module.css'

export type Sale = Omit<Extract<OrderRequest, { kind: 'pay' }>, 'passcode'>

const WAYS = [
  { value: 'products', label: 'Products' },
  { value: 'amount', label: 'Amount' },
]

/** By products where the till has some, by a free amount where its policy lets it. */
export function SellForm({ onReady }: { readonly onReady: (sale: Sale, amount: string) => void }) {
  const { products, policy } = useTillState()
  // As this till sold last, so it sells next.
  const [chosen, setChosen] = useLocalStorage({
    key: 'kontant-sell-by',
    defaultValue: 'products',
    getInitialValueInEffect: false,
  })
  const mayType = policy?.freeAmounts === true
  if (products.length === 0 && !mayType) {
    return (
      <Empty title="Nothing to sell yet" icon={<IconShoppingBag size={30} aria-hidden="true" />}>
        {policy
          ? 'This till sells products, and the office has not given it any. Synchronise it when they are there.'
          : 'This till has no limits from its office yet. Synchronise it once.'}
      </Empty>
    )
  }
  const way = products.length === 0 ? 'amount' : mayType ? chosen : 'products'
  return (
    <>
      {products.length > 0 && mayType && (
        <div className={classes.way}>
          <SegmentedControl
            aria-label="Sell by"
            fullWidth
            data={WAYS}
            value={chosen}
            onChange={setChosen}
          />
        </div>
      )}
      {way === 'products' ? (
        <ProductForm onReady={onReady} />
      ) : (
        <AmountForm
          label="To pay"
          act="Charge"
          onReady={(amount) => onReady({ kind: 'pay', amount }, amount)}
        />
      )}
    </>
  )
}
