import { Button } from '@mantine/core'
import { IconShoppingBag } from '@tabler/icons-react'
import { useState } from 'react'
import type { Merchant, Product, Till } from '../shared/api.ts'
import { Money } from '../shared/Money.tsx'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { type Column, Table } from '../shared/Table.tsx'
import { Tag } from '../shared/Tag.tsx'
import { PageHead } from './PageHead.tsx'
import { AddProductDialog } from './products/AddProductDialog.tsx'
import { GiveUnitsDialog } from './products/GiveUnitsDialog.tsx'
import { useMay } from './session.tsx'

interface Row {
  readonly product: Product
  readonly merchant: string
  /** Undefined for whoever may not. */
  readonly give: (() => void) | undefined
}

const columns: readonly Column<Row>[] = [
  { label: 'Product', lead: true, cell: ({ product }) => <strong>{product.name}</strong> },
  { label: 'Merchant', cell: ({ merchant }) => merchant },
  {
    label: 'Price',
    figures: true,
    cell: ({ product }) => <Money amount={product.price} currency={product.currency} />,
  },
  {
    label: 'State',
    cell: ({ product }) =>
      product.withdrawnAt === null ? (
        <Tag tone="good">on sale</Tag>
      ) : (
        <Tag tone="plain">withdrawn</Tag>
      ),
  },
  {
    label: 'Units',
    cell: ({ give, product }) =>
      give && product.withdrawnAt === null ? (
        <Button size="xs" variant="default" onClick={give}>
          Give units to a till…
        </Button>
      ) : (
        '–'
      ),
  },
]

export function ProductsPage() {
  const products = useResource<{ readonly products: readonly Product[] }>('api/products')
  const merchants = useResource<{ readonly merchants: readonly Merchant[] }>('api/merchants')
  const tills = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const mayAdd = useMay('POST /api/products')
  const mayGive = useMay('POST /api/products/:id/tokens')
  const [adding, setAdding] = useState(false)
  const [giving, setGiving] = useState<Product>()
  const names = new Map(merchants.data?.merchants.map(({ id, name }) => [id, name]))
  const rows = products.data?.products.map((product) => ({
    product,
    merchant: names.get(product.merchant) ?? '',
    give: mayGive ? () => setGiving(product) : undefined,
  }))
  return (
    <>
      <PageHead
        title="Products"
        above={{ path: '/tills', name: 'Tills' }}
        facts="A till sells as many units as it was given. Each unit is signed, and can be sold once."
        acts={mayAdd && <Button onClick={() => setAdding(true)}>Add a product…</Button>}
      />
      <ProblemNotice problem={products.problem} retry={products.reload} />
      <Table
        label="Products"
        columns={columns}
        rows={rows}
        rowKey={({ product }) => product.id}
        empty={
          <Empty title="No products yet" icon={<IconShoppingBag size={28} aria-hidden />}>
            Add one, then give units of it to a till. A till that may take free amounts sells
            without any.
          </Empty>
        }
      />
      <AddProductDialog
        merchants={merchants.data?.merchants ?? []}
        tills={tills.data?.tills ?? []}
        opened={adding}
        onClose={() => setAdding(false)}
        onAdded={products.reload}
      />
      <GiveUnitsDialog
        product={giving}
        tills={tills.data?.tills ?? []}
        onClose={() => setGiving(undefined)}
      />
    </>
  )
}
