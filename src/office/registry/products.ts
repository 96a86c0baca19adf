import { sql, type Kysely, type Selectable, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { TillNumber } from '../../kernel/ids.ts'
import { currency, type Amount, type CurrencyCode } from '../../kernel/money.ts'
import type { PrivateKey } from '../../kernel/p256.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import { signToken, tokenDigest } from '../../kernel/token.ts'
import type { ProductTable } from '../registry-tables.ts'
import type { Tables } from '../tables.ts'

export interface Product {
  /** From 1. */
  readonly id: number
  readonly merchant: string
  readonly name: string
  /** Of tokens made from now on, above 0. */
  readonly price: Amount
  readonly currency: CurrencyCode
  /** By the office's clock. */
  readonly madeAt: Instant
  readonly withdrawnAt: Instant | undefined
}

export type NewProduct = Pick<Product, 'merchant' | 'name' | 'price' | 'currency'>

/** @throws a unique violation if the merchant has one of that name. */
export async function addProduct(
  db: Kysely<Tables>,
  { merchant, name, price, currency: code }: NewProduct,
  at: Instant,
): Promise<Product> {
  const row = await db
    .insertInto('product')
    .values({ merchant: BigInt(merchant), name, price, currency: code, made_at: at })
    .returningAll()
    .executeTakeFirstOrThrow()
  return productOf(row)
}

export async function findProduct(db: Kysely<Tables>, id: number): Promise<Product | undefined> {
  const row = await db
    .selectFrom('product')
    .selectAll()
    .where('id', '=', BigInt(id))
    .executeTakeFirst()
  return row && productOf(row)
}

/** All products, or one merchant's, by number. */
export async function listProducts(
  db: Kysely<Tables>,
  merchant?: string,
): Promise<readonly Product[]> {
  const rows = await db
    .selectFrom('product')
    .selectAll()
    .$if(merchant !== undefined, (query) => query.where('merchant', '=', BigInt(merchant ?? 0)))
    .orderBy('id')
    .execute()
  return rows.map(productOf)
}

export interface TokenOrder {
  readonly product: Product
  readonly till: TillNumber
  /** How many units; above 0. */
  readonly count: number
}

/**
 * Makes tokens for units of a product: each the right of one till to take the product's price once.
 * They reach the till with its next tokens document. The caller holds the till's row.
 */
export async function mintTokens(
  trx: Transaction<Tables>,
  { product, till, count }: TokenOrder,
  office: PrivateKey,
  random: RandomSource,
  at: Instant,
): Promise<readonly Bytes[]> {
  const { tokens_version: version } = await trx
    .updateTable('till')
    .set((eb) => ({ tokens_version: eb('tokens_version', '+', 1n) }))
    .where('number', '=', BigInt(till))
    .returning('tokens_version')
    .executeTakeFirstOrThrow()
  const tokens = Array.from({ length: count }, () =>
    signToken(office, {
      product: product.id,
      price: product.price,
      currency: currency(product.currency).numeric,
      madeAt: at,
      till,
      nonce: random.bytes(8),
    }),
  )
  await sql`
    insert into token (digest, bytes, product, price, currency, till, made_at, version)
    select digest, bytes, ${product.id}::bigint, ${product.price}::bigint,
      ${product.currency}::text, ${till}::bigint, ${at}::bigint, ${version}::bigint
    from unnest(
      ${tokens.map((token) => Buffer.from(tokenDigest(token)))}::bytea[],
      ${tokens.map((token) => Buffer.from(token))}::bytea[]
    ) as new (digest, bytes)`.execute(trx)
  return tokens
}

/** A till's tokens that are new since that version of its tokens document and not used yet. */
export async function tokensSince(
  db: Kysely<Tables>,
  till: TillNumber,
  version: number,
): Promise<readonly Bytes[]> {
  const rows = await db
    .selectFrom('token')
    .select('bytes')
    .where('till', '=', BigInt(till))
    .where('version', '>', BigInt(version))
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('token_use')
            .select('token_use.token')
            .whereRef('token_use.token', '=', 'token.digest'),
        ),
      ),
    )
    .orderBy('version')
    .orderBy('digest')
    .execute()
  return rows.map((row) => new Uint8Array(row.bytes))
}

function productOf(row: Selectable<ProductTable>): Product {
  return {
    id: Number(row.id),
    merchant: String(row.merchant),
    name: row.name,
    price: row.price,
    currency: row.currency,
    madeAt: Number(row.made_at),
    withdrawnAt: row.withdrawn_at === null ? undefined : Number(row.withdrawn_at),
  }
}
