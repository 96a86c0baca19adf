import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Tables } from '../tables.ts'
import type { Holdings } from './holdings.ts'

export interface CardPolicy {
  readonly version: number
  readonly bytes: Bytes
}

/**
 * What that card is to obey: of the policies for it and for all, the newest.
 *
 * @param card undefined: one of which nothing was said.
 */
export async function wantedPolicy(
  db: Kysely<Tables>,
  scheme: string,
  card: CardId | undefined,
  { firstPolicy }: Holdings,
): Promise<CardPolicy> {
  const { rows } = await sql<{ version: bigint; bytes: Buffer }>`
    select version, bytes from card_policy
    where scheme = ${scheme} and (card is null or card = ${card ?? null})
    order by version desc limit 1`.execute(db)
  const [row] = rows
  return row
    ? { version: Number(row.version), bytes: new Uint8Array(row.bytes) }
    : { version: FIRST_VERSION, bytes: firstPolicy }
}

const FIRST_VERSION = 1

/** The policy that a card says it obeys; undefined if this office never made it. */
export async function policyOfVersion(
  db: Kysely<Tables>,
  version: number,
  { firstPolicy }: Holdings,
): Promise<Bytes | undefined> {
  if (version === FIRST_VERSION) return firstPolicy
  const { rows } = await sql<{ bytes: Buffer }>`
    select bytes from card_policy where version = ${version}`.execute(db)
  return rows[0] && new Uint8Array(rows[0].bytes)
}

export interface NewPolicy {
  readonly scheme: string
  /** Undefined: for all cards of the scheme. */
  readonly card: CardId | undefined
  /** What it says, as the scheme has it. */
  readonly policy: unknown
  readonly person: string
}

/** @throws {FormatError} naming the field if it is no policy. */
export async function setCardPolicy(
  trx: Transaction<Tables>,
  holdings: Holdings,
  { scheme, card, policy, person }: NewPolicy,
  at: Instant,
): Promise<CardPolicy> {
  // One at a time: versions only rise.
  await sql`lock table card_policy in exclusive mode`.execute(trx)
  const { rows } = await sql<{ version: bigint }>`
    select coalesce(max(version), ${FIRST_VERSION}) + 1 as version from card_policy`.execute(trx)
  const version = Number(rows[0]?.version ?? FIRST_VERSION + 1)
  const bytes = holdings.encodePolicy(version, policy, 'body.policy')
  await sql`
    insert into card_policy (version, scheme, card, bytes, made_at, person)
    values (${version}, ${scheme}, ${card ?? null}, ${bytes}, ${at}::bigint,
      ${person}::bigint)`.execute(trx)
  return { version, bytes }
}
