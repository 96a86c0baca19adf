import { z } from 'zod'
import { amountText } from '../amount-text.ts'
import { productJson, type ProductJson } from '../answers.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  currencyCode,
  idText,
  name,
  numberText,
  type Api,
  type Desk,
} from '../http.ts'
import { recordAct } from '../registry/audit.ts'
import {
  addProduct,
  findProduct,
  listProducts,
  mintTokens,
  type Product,
} from '../registry/products.ts'
import { lockTill } from '../registry/tills.ts'

/** Units that one call makes tokens for: what fits one document with room to spare. */
const COUNT_MAX = 10_000
/** A token has four bytes for its price. */
const PRICE_MAX = 0xffffffffn

export function productRoutes(app: Api, { office }: Desk): void {
  const { db, clock } = office

  app.get(
    '/api/products',
    {
      schema: {
        summary: 'Products',
        response: answers(z.object({ products: z.array(productJson) })),
      },
    },
    async (request) => {
      const products = await listProducts(db, actorOf(request).merchant)
      return { products: products.map(productToJson) }
    },
  )

  app.post(
    '/api/products',
    {
      schema: {
        summary: 'A new product',
        body: z.strictObject({
          merchant: idText,
          name,
          price: amountText.refine(
            (text) => BigInt(text) >= 1n && BigInt(text) <= PRICE_MAX,
            `expected 1 to ${PRICE_MAX}`,
          ),
          currency: currencyCode,
        }),
        response: answers(productJson),
      },
    },
    async (request) => {
      const at = clock.now()
      const { body } = request
      return db.transaction().execute(async (trx) => {
        const product = await addProduct(trx, { ...body, price: BigInt(body.price) }, at)
        const subject = `product:${product.id}`
        const detail = { name: body.name, price: body.price, currency: body.currency }
        await recordAct(
          trx,
          { person: actorOf(request).id, act: 'product.create', subject, detail },
          at,
        )
        return productToJson(product)
      })
    },
  )

  app.post(
    '/api/products/:id/tokens',
    {
      schema: {
        summary: 'Tokens for units of a product at one till: they reach it with its next documents',
        params: z.object({ id: numberText(1, 0xffffffff) }),
        body: z.strictObject({
          till: z.int().min(1).max(0xffffffff),
          count: z.int().min(1).max(COUNT_MAX),
        }),
        response: answers(z.object({ count: z.int() })),
      },
    },
    async (request) => {
      const { till: number, count } = request.body
      const at = clock.now()
      return db.transaction().execute(async (trx) => {
        const product = await findProduct(trx, request.params.id)
        if (!product) {
          throw new OfficeError('not_found', `There is no product ${request.params.id}.`)
        }
        const till = await lockTill(trx, number)
        checkSells(till, product, number)
        await mintTokens(trx, { product, till: number, count }, office.key, office.random, at)
        const detail = { product: product.id, count }
        await recordAct(
          trx,
          { person: actorOf(request).id, act: 'token.make', subject: `till:${number}`, detail },
          at,
        )
        return { count }
      })
    },
  )
}

/** @throws {OfficeError} `bad_input` or `conflict` if that till cannot sell that product. */
function checkSells(
  till: Awaited<ReturnType<typeof lockTill>>,
  product: Product,
  number: number,
): void {
  const wrong = (message: string) => new OfficeError('bad_input', message, 'body.till')
  if (!till) throw wrong(`There is no till ${number}.`)
  if (till.stopped_at !== null) throw new OfficeError('conflict', `Till ${number} was stopped.`)
  if (String(till.merchant) !== product.merchant) {
    throw wrong(`Till ${number} is another merchant’s than ${product.name}.`)
  }
  if (till.currency !== product.currency) {
    throw wrong(
      `Till ${number} sells in ${till.currency}, ${product.name} is in ${product.currency}.`,
    )
  }
  if (product.withdrawnAt !== undefined) {
    throw new OfficeError('conflict', `${product.name} was withdrawn.`)
  }
}

function productToJson(product: Product): ProductJson {
  return {
    ...product,
    price: String(product.price),
    withdrawnAt: product.withdrawnAt ?? null,
  }
}
