import { ActionIcon } from '@mantine/core'
import { IconMinus } from '@tabler/icons-react'
import { useState } from 'react'
import { figures, Money } from '../../shared/Money.tsx'
import type { Product } from '../api.ts'
import { useCurrency, useTillState } from '../state.tsx'
import { MainButton } from './MainButton.tsx'
import type { Sale } from './SellForm.tsx'
import classes from './ProductForm.module.css'

type Basket = ReadonlyMap<number, number>

export function ProductForm({
  onReady,
}: {
  readonly onReady: (sale: Sale, amount: string) => void
}) {
  const { products } = useTillState()
  const currency = useCurrency()
  const [basket, setBasket] = useState<Basket>(new Map())
  const change = (product: number, by: number) =>
    setBasket((last) => new Map(last).set(product, Math.max(0, (last.get(product) ?? 0) + by)))
  const lines = products.flatMap((product) => {
    const quantity = Math.min(basket.get(product.id) ?? 0, product.stock)
    return quantity > 0 ? [{ product, quantity }] : []
  })
  const amount = String(
    lines.reduce(
      (sum, { product, quantity }) => sum + BigInt(product.price) * BigInt(quantity),
      0n,
    ),
  )
  const ready = () =>
    onReady(
      {
        kind: 'pay',
        products: lines.map(({ product, quantity }) => ({ product: product.id, quantity })),
      },
      amount,
    )
  return (
    <div className={classes.form}>
      <ul className={classes.grid} aria-label="Products">
        {products.map((product) => (
          <ProductTile
            key={product.id}
            product={product}
            quantity={Math.min(basket.get(product.id) ?? 0, product.stock)}
            change={(by) => change(product.id, by)}
          />
        ))}
      </ul>
      <div className={classes.foot}>
        <p className={classes.total} aria-live="polite">
          {lines.length === 0
            ? 'Nothing chosen'
            : lines.map(({ product, quantity }) => `${quantity} × ${product.name}`).join(', ')}
        </p>
        <MainButton disabled={lines.length === 0} onClick={ready}>
          {lines.length === 0
            ? 'Choose products'
            : `Charge ${figures(amount, currency)} ${currency}`}
        </MainButton>
      </div>
    </div>
  )
}

function ProductTile({
  product: { name, price, stock },
  quantity,
  change,
}: {
  readonly product: Product
  readonly quantity: number
  readonly change: (by: number) => void
}) {
  const currency = useCurrency()
  const left = stock - quantity
  return (
    <li className={classes.tile} data-chosen={quantity > 0}>
      <button type="button" className={classes.add} disabled={left <= 0} onClick={() => change(1)}>
        <span className={classes.name}>{name}</span>
        <Money amount={price} currency={currency} className={classes.price} />
        <span className={classes.stock} data-out={left <= 0}>
          {stock === 0 ? 'sold out' : `${left} left`}
        </span>
      </button>
      {quantity > 0 && (
        <span className={classes.quantity}>
          <ActionIcon
            variant="default"
            size={44}
            radius="xl"
            aria-label={`One ${name} less`}
            onClick={() => change(-1)}
          >
            <IconMinus size={20} />
          </ActionIcon>
          <span className={classes.number}>{quantity}</span>
        </span>
      )}
    </li>
  )
}
