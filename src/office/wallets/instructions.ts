import { sql, type Kysely, type Transaction } from 'kysely'
import { fromHex, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import { currency, type Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Office } from '../office.ts'
import type { Card } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import type { CardStatement, GivenInstruction, Holdings, InstructionKind } from './holdings.ts'
import { needsPermit, type Permit } from './permit.ts'
import type { LastInstruction } from './standing.ts'

/** How long an instruction is good, in ms: after that the office gives it up by itself. */
const LIFE: Readonly<Record<InstructionKind, number>> = {
  load: 24 * 3600 * 1000,
  restore: 24 * 3600 * 1000,
  unblock: 24 * 3600 * 1000,
  acknowledge: 30 * 24 * 3600 * 1000,
  void: 365 * 24 * 3600 * 1000,
}

/** An instruction as the office remembers it. */
export interface Instruction extends LastInstruction {
  readonly kind: InstructionKind
  readonly amount: Amount
  /** load: the request whose refund it is. */
  readonly refunds: Digest | undefined
  /** restore: by how much the card is to hold more than its records say; below 0: less. */
  readonly more: Amount
  readonly bytes: Bytes
  readonly permit: Bytes | undefined
  readonly expiresAt: Instant
  readonly voidBytes: Bytes | undefined
}

interface InstructionRow {
  readonly number: bigint
  readonly kind: InstructionKind
  readonly amount: bigint
  readonly more: bigint
  readonly refunds: Digest | null
  readonly digest: Digest
  readonly bytes: Buffer
  readonly permit: Buffer | null
  readonly expires_at: bigint
  readonly void_digest: Digest | null
  readonly void_bytes: Buffer | null
  readonly state: Instruction['state']
  readonly before: Digest | null
}

/** The last one that the office gave this card, or that of a number. */
export async function findInstruction(
  db: Kysely<Tables>,
  card: CardId,
  number?: number,
): Promise<Instruction | undefined> {
  const { rows } = await sql<InstructionRow>`
    select one.number, one.kind, one.amount, one.more,
      encode(one.refunds, 'hex') as refunds, encode(one.digest, 'hex') as digest, one.bytes,
      one.permit, one.expires_at, encode(one.void_digest, 'hex') as void_digest, one.void_bytes,
      one.state,
      encode(case before.state when 'void' then before.void_digest else before.digest end, 'hex')
        as before
    from instruction one
    left join instruction before on before.card = one.card and before.number = one.before
    where one.card = ${card} and one.number = coalesce(${number ?? null}::bigint, one.number)
    order by one.number desc limit 1`.execute(db)
  const [row] = rows
  return (
    row && {
      number: Number(row.number),
      kind: row.kind,
      amount: row.amount,
      more: row.more,
      refunds: row.refunds ?? undefined,
      digest: row.digest,
      bytes: new Uint8Array(row.bytes),
      permit: row.permit === null ? undefined : new Uint8Array(row.permit),
      expiresAt: Number(row.expires_at),
      voidDigest: row.void_digest ?? undefined,
      voidBytes: row.void_bytes === null ? undefined : new Uint8Array(row.void_bytes),
      state: row.state,
      before: row.before ?? undefined,
    }
  )
}

export interface NewInstruction {
  readonly kind: Exclude<InstructionKind, 'void'>
  readonly amount?: Amount
  /** load: the person whose online wallet it comes from. */
  readonly payer?: string
  /** load: digest of the request whose refund it is. */
  readonly refunds?: Digest
  readonly more?: Amount
  readonly record?: { readonly sequence: number; readonly digest: Digest }
  readonly policy?: Bytes | undefined
  /** Who wants it, and why; nobody for what the office does by itself. */
  readonly person?: string
  readonly reason?: string
}

/** Makes the next instruction for a card. The caller holds the card, and none is under way. */
export async function giveInstruction(
  office: Office,
  trx: Transaction<Tables>,
  holdings: Holdings,
  card: Card,
  {
    kind,
    amount = 0n,
    payer,
    refunds,
    more = 0n,
    record,
    policy,
    person,
    reason = '',
  }: NewInstruction,
): Promise<number> {
  const last = await findInstruction(trx, card.id)
  invariant(last?.state !== 'issued', 'one instruction at a time is under way')
  const number = (last?.number ?? 0) + 1
  const madeAt = office.clock.now()
  const expiresAt = madeAt + LIFE[kind]
  const draft = { kind, card: card.id, number, madeAt, expiresAt, amount, record, policy }
  const signed = holdings.instruct(
    { ...draft, currency: currency(card.currency) },
    office.secretsOf(card.scheme),
  )
  await sql`
    insert into instruction (card, number, kind, amount, payer, refunds, more, digest, bytes, made_at, expires_at,
      person, reason)
    values (${card.id}, ${number}, ${kind}, ${amount}, ${payer ?? null}::bigint,
      ${refunds === undefined ? null : fromHex(refunds)},
      ${more}, ${fromHex(signed.digest)}, ${signed.bytes},
      ${madeAt}, ${expiresAt}, ${person ?? null}::bigint, ${reason})`.execute(trx)
  return number
}

/** Makes what takes the number of the instruction under way in its place, if there is none yet. */
export async function giveUp(
  office: Office,
  trx: Transaction<Tables>,
  holdings: Holdings,
  card: Card,
  { number, voidBytes }: Instruction,
): Promise<void> {
  if (voidBytes) return
  const madeAt = office.clock.now()
  const signed = holdings.instruct(
    {
      kind: 'void',
      card: card.id,
      number,
      madeAt,
      expiresAt: madeAt + LIFE.void,
      currency: currency(card.currency),
      amount: 0n,
      record: undefined,
      policy: undefined,
    },
    office.secretsOf(card.scheme),
  )
  await sql`
    update instruction set void_digest = ${fromHex(signed.digest)}, void_bytes = ${signed.bytes}
    where card = ${card.id} and number = ${number} and void_bytes is null`.execute(trx)
}

/** Notes what became of it, with the card’s own word for that. */
export async function closeInstruction(
  trx: Transaction<Tables>,
  card: CardId,
  { number }: Instruction,
  state: 'carried out' | 'void',
  { bytes }: CardStatement,
): Promise<void> {
  await sql`
    update instruction set state = ${state}, statement = ${bytes}
    where card = ${card} and number = ${number}`.execute(trx)
}

/** What an office that was put back learns of itself: of which instructions it hears from the card. */
export async function adoptInstructions(
  trx: Transaction<Tables>,
  card: CardId,
  from: number,
  said: CardStatement,
  given: ReadonlyMap<number, AdoptedInstruction>,
  at: Instant,
): Promise<void> {
  for (let number = from; number <= said.instruction; number++) {
    const one = given.get(number)
    const digest = number === said.instruction ? said.instructionDigest : one?.digest
    await sql`
      insert into instruction (card, number, kind, amount, payer, digest, bytes, made_at, expires_at,
        state, statement, reason)
      values (${card}, ${number}, ${one?.kind ?? 'acknowledge'}, ${one?.amount ?? 0n},
        ${one?.payer ?? null}::bigint,
        ${digest === undefined ? new Uint8Array(DIGEST_SIZE) : fromHex(digest)},
        ${one?.bytes ?? new Uint8Array()}, ${one?.madeAt ?? at}, ${one?.expiresAt ?? at},
        'carried out', ${said.bytes}, 'learnt from the card')`.execute(trx)
  }
}

export interface AdoptedInstruction extends GivenInstruction {
  readonly payer: string | undefined
}

/**
 * What goes to the card for the instruction under way: the same bytes until the card shows what became
 * of it. Undefined while who must permit it has not.
 */
export async function orderUnderWay(
  { db }: Office,
  holdings: Holdings,
  card: Card,
  one: Instruction,
  permit: Permit | undefined,
): Promise<Bytes | undefined> {
  if (one.voidBytes) return holdings.orderOf(one.voidBytes, undefined)
  if (!needsPermit(one.kind) || !permit) return holdings.orderOf(one.bytes, undefined)
  if (one.permit) return holdings.orderOf(one.bytes, one.permit)
  const { number, kind, amount, bytes: instruction } = one
  const about = { card: card.id, number, kind, amount, currency: card.currency, instruction }
  const permitted = await permit(about)
  if (!permitted) return undefined
  await sql`
    update instruction set permit = ${permitted}
    where card = ${card.id} and number = ${number} and state = 'issued'
      and permit is null`.execute(db)
  return holdings.orderOf(instruction, permitted)
}
