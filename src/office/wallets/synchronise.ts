import { sql, type Kysely, type Transaction } from 'kysely'
import { fromHex, type Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Synchronisation, SynchronisationAnswer } from '../../kernel/synchronisation.ts'
import { OfficeError } from '../errors.ts'
import { post, type AccountName } from '../ledger/accounts.ts'
import type { EvidenceService } from '../ledger/evidence.ts'
import { lockLedger } from '../ledger/lock.ts'
import type { Office } from '../office.ts'
import { recordAct } from '../registry/audit.ts'
import { findCard, lockCard, setCardStatus, type Card } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import { handInNew } from './handing-in.ts'
import type { CardStatement, Holdings } from './holdings.ts'
import {
  adoptInstructions,
  closeInstruction,
  giveInstruction,
  giveUp,
  findInstruction,
  orderUnderWay,
  type AdoptedInstruction,
  type Instruction,
} from './instructions.ts'
import { forgottenRefund, noteRefund, noteRefunds, noticesFor } from './notices.ts'
import { onlineBalances, onlineWallet } from './online.ts'
import type { Permit } from './permit.ts'
import { wantedPolicy } from './policies.ts'
import { giveBack, referenceOf, setAside, shadowOf } from './set-aside.ts'
import { standingOf, type Standing } from './standing.ts'

/** What synchronising stands on. */
export interface WalletOffice {
  readonly office: Office
  readonly evidence: EvidenceService
  /** Undefined: nobody needs to permit what puts money on cards. */
  readonly permit: Permit | undefined
}

/**
 * Takes in what a card says and hands in, through whatever phone, and answers what the card is to do.
 * Any number of times, in any order and years later: what was said before changes nothing.
 *
 * @throws {OfficeError} `not_found`, `bad_signature` or `too_much`.
 * @throws {FormatError} if the statement is none, or of another scheme than the card.
 */
export async function synchronise(
  wallets: WalletOffice,
  received: Synchronisation,
): Promise<SynchronisationAnswer> {
  const { office, evidence, permit } = wallets
  const { card, holdings } = await holdingCard(office, received.card)
  const { items, scheme } = received
  if (scheme !== card.scheme) {
    throw new FormatError('synchronisation.scheme', `expected the card’s: ${card.scheme}`)
  }
  const statement = openStatement(office, holdings, card, received.statement)
  if (items.length > 0) {
    await handInNew(office, evidence, received)
  }
  const said = await office.db.transaction().execute(async (trx) => {
    const told = await hear(office, trx, card.id, holdings, statement, items)
    if (mayInstruct(told)) await answer(office, trx, holdings, told, statement)
    return told
  })
  const { db } = office
  const upTo = await handedInUpTo(db, card.id, statement)
  if (isStopped(said)) return { orders: [], notices: [], upTo }
  const notices = await noticesFor(db, card.id)
  const under = await findInstruction(db, card.id)
  if (under?.state !== 'issued') return { orders: [], notices, upTo }
  const order = await orderUnderWay(office, holdings, card, under, permit)
  return { orders: order ? [order] : [], notices, upTo }
}

/** @throws {OfficeError} `not_found` if there is no such card, or none that takes instructions. */
export async function holdingCard(
  office: Office,
  id: CardId,
): Promise<{ readonly card: Card; readonly holdings: Holdings }> {
  const card = await findCard(office.db, id)
  const holdings = card && office.schemes.get(card.scheme)?.holdings
  if (holdings) return { card, holdings }
  throw new OfficeError('not_found', `There is no card ${id} that can be synchronised.`)
}

/** @throws {OfficeError} `bad_signature`. @throws {FormatError} if it is no statement. */
export function openStatement(
  office: Office,
  holdings: Holdings,
  card: Card,
  bytes: Uint8Array,
): CardStatement {
  const statement = holdings.openStatement(bytes, card, office.secretsOf(card.scheme))
  if (statement) return statement
  throw new OfficeError('bad_signature', 'The statement is not signed by the card that it names.')
}

/** What a card’s statement came to. */
export interface Told {
  /** Locked until the transaction ends. */
  readonly card: Card
  readonly standing: Standing
  /** The instruction that the card has still to carry out. */
  readonly underWay: Instruction | undefined
}

/** Notes what a card says, and what follows of that for the instruction under way. */
export async function hear(
  office: Office,
  trx: Transaction<Tables>,
  id: CardId,
  holdings: Holdings,
  said: CardStatement,
  items: readonly Bytes[] = [],
): Promise<Told> {
  // Before any row of it, so that two never wait for each other.
  await lockLedger(trx)
  const card = await lockCard(trx, id)
  if (!card) throw new OfficeError('not_found', `There is no card ${id}.`)
  const last = await findInstruction(trx, id)
  const standing = standingOf(said, await newestStatement(trx, id), last)
  const at = office.clock.now()
  switch (standing) {
    case 'older':
      break
    case 'strange':
      await contain(trx, card, at)
      break
    case 'office behind': {
      const given = givenIn(items, card, holdings, office.secretsOf(card.scheme))
      await adopt(trx, card, last, said, given, at)
      break
    }
    case 'under way':
    case 'in step':
      break
    case 'carried out':
      if (last) await carriedOut(trx, card, last, said, at)
      break
    case 'voided':
      if (last) await voided(trx, card, last, said, at)
      break
  }
  if (standing !== 'older' && standing !== 'strange') await noteStatement(trx, id, said, at)
  await noteRefunds(
    trx,
    card,
    items.flatMap((item) => holdings.refundIn(item) ?? []),
  )
  await giveBack(trx, card, at)
  const now = await findInstruction(trx, id)
  return { card, standing, underWay: now?.state === 'issued' ? now : undefined }
}

/** It hands in what it has and is told nothing. */
function isStopped({ card, standing }: Told): boolean {
  return card.status !== 'active' || standing === 'strange'
}

function mayInstruct(told: Told): boolean {
  return !isStopped(told) && told.standing !== 'older'
}

/** Sees to it that there is an instruction if there is something to say: one at a time. */
async function answer(
  office: Office,
  trx: Transaction<Tables>,
  holdings: Holdings,
  { card, underWay }: Told,
  said: CardStatement,
): Promise<void> {
  if (underWay) {
    const isOver = underWay.expiresAt < office.clock.now()
    if (isOver) await giveUp(office, trx, holdings, card, underWay)
    return
  }
  const refund = await forgottenRefund(trx, holdings, card, said)
  if (refund) {
    await giveInstruction(office, trx, holdings, card, { kind: 'load', ...refund })
    return
  }
  const { sequence, last: digest, acknowledged } = said
  // All or nothing: what the card forgets must not be missing here.
  if ((await handedInUpTo(trx, card.id, said)) !== sequence) return
  const wanted = await wantedPolicy(trx, card.scheme, card.id, holdings)
  const isNewer = wanted.version > said.policyVersion
  if (sequence === acknowledged && !isNewer) return
  await giveInstruction(office, trx, holdings, card, {
    kind: 'acknowledge',
    record: { sequence, digest },
    policy: isNewer ? wanted.bytes : undefined,
  })
}

/** Its records downwards from the newest that it names, as far as they are in the ledger without a gap. */
function chainBelow(card: CardId, { sequence, last, acknowledged }: CardStatement) {
  return sql`
    with recursive chain (sequence, digest, previous) as (
      select sequence, digest, previous from entry
      where card = ${card} and sequence = ${sequence} and digest = ${fromHex(last)} and uploaded
      union all
      select entry.sequence, entry.digest, entry.previous from chain
      join entry on entry.card = ${card} and entry.sequence = chain.sequence - 1
        and entry.digest = chain.previous and entry.uploaded
      where entry.sequence >= ${acknowledged}
    )`
}

/**
 * Up to which record the office has all that this statement stands on: its newest, or what the card was
 * told to forget already.
 */
export async function handedInUpTo(
  db: Kysely<Tables>,
  card: CardId,
  said: CardStatement,
): Promise<number> {
  const { rows } = await sql<{ lowest: number | null }>`
    ${chainBelow(card, said)} select min(sequence) as lowest from chain`.execute(db)
  return rows[0]?.lowest === said.acknowledged ? said.sequence : said.acknowledged
}

async function newestStatement(db: Kysely<Tables>, card: CardId) {
  const { rows } = await sql<{
    sequence: bigint
    last: Digest
    instruction: bigint
    acknowledged: bigint
  }>`
    select sequence, encode(last, 'hex') as last, instruction, acknowledged from card_statement
    where card = ${card}`.execute(db)
  const [row] = rows
  return (
    row && {
      sequence: Number(row.sequence),
      last: row.last,
      instruction: Number(row.instruction),
      acknowledged: Number(row.acknowledged),
    }
  )
}

async function noteStatement(
  trx: Transaction<Tables>,
  card: CardId,
  said: CardStatement,
  at: Instant,
): Promise<void> {
  await sql`
    insert into card_statement (card, sequence, last, balance, instruction, acknowledged,
      policy_version, bytes, received_at)
    values (${card}, ${said.sequence}, ${fromHex(said.last)}, ${said.balance}, ${said.instruction},
      ${said.acknowledged}, ${said.policyVersion}, ${said.bytes}, ${at}::bigint)
    on conflict (card) do update set sequence = excluded.sequence, last = excluded.last,
      balance = excluded.balance, instruction = excluded.instruction,
      acknowledged = excluded.acknowledged, policy_version = excluded.policy_version,
      bytes = excluded.bytes, received_at = excluded.received_at`.execute(trx)
}

const DISAGREES = 'tells another history than the one that the office knows'

/** Two histories under one number: either this card’s key is out, or its memory is broken. */
async function contain(trx: Transaction<Tables>, card: Card, at: Instant): Promise<void> {
  const result = await setCardStatus(trx, card.id, 'frozen', DISAGREES, at)
  if (result !== 'changed') return
  const act = { person: undefined, act: 'card.freeze', subject: `card:${card.id}` }
  await recordAct(trx, { ...act, detail: { reason: DISAGREES } }, at)
}

async function carriedOut(
  trx: Transaction<Tables>,
  card: Card,
  one: Instruction,
  said: CardStatement,
  at: Instant,
): Promise<void> {
  await closeInstruction(trx, card.id, one, 'carried out', said)
  await recordInstruction(trx, card, one, 'wallet.carried-out', at)
  if (one.refunds !== undefined) await noteRefund(trx, card.id, one.refunds)
  const losses: AccountName = { kind: 'losses', owner: '', currency: card.currency }
  const { number, more } = one
  if (more > 0n) return setAside(trx, card, number, losses, more, at)
  if (more === 0n) return
  const reference = referenceOf(card.id, number)
  await post(trx, [{ reference, debit: shadowOf(card), credit: losses, amount: -more, at }])
}

async function voided(
  trx: Transaction<Tables>,
  card: Card,
  one: Instruction,
  said: CardStatement,
  at: Instant,
): Promise<void> {
  await closeInstruction(trx, card.id, one, 'void', said)
  await recordInstruction(trx, card, one, 'wallet.void', at)
}

async function recordInstruction(
  trx: Transaction<Tables>,
  card: Card,
  { kind, number, amount }: Instruction,
  act: string,
  at: Instant,
): Promise<void> {
  if (kind === 'acknowledge') return
  const detail = { kind, number, amount: String(amount) }
  await recordAct(trx, { person: undefined, act, subject: `card:${card.id}`, detail }, at)
}

function givenIn(
  items: readonly Bytes[],
  { id, holder }: Card,
  holdings: Holdings,
  secrets: Bytes,
): ReadonlyMap<number, AdoptedInstruction> {
  const found = items.flatMap((item) => holdings.instructionIn(item, secrets) ?? [])
  const own = found.filter(({ card }) => card === id)
  return new Map(
    own.map((one) => [one.number, { ...one, payer: one.kind === 'load' ? holder : undefined }]),
  )
}

/**
 * The office was put back to an older state and has forgotten instructions that the card carried out.
 * It takes the card’s word for their numbers, and its own signature, in the card’s records, for the
 * money that it had set aside: from the holder, or from the office if the holder has it no more.
 */
async function adopt(
  trx: Transaction<Tables>,
  card: Card,
  last: Instruction | undefined,
  said: CardStatement,
  given: ReadonlyMap<number, AdoptedInstruction>,
  at: Instant,
): Promise<void> {
  if (last?.state === 'issued') await closeInstruction(trx, card.id, last, 'carried out', said)
  const from = (last?.number ?? 0) + 1
  await adoptInstructions(trx, card.id, from, said, given, at)
  const act = { person: undefined, act: 'wallet.adopt', subject: `card:${card.id}` }
  await recordAct(trx, { ...act, detail: { from, to: said.instruction } }, at)
  for (const { kind, number, amount } of given.values()) {
    const isForgotten = number >= from && number <= said.instruction
    if (kind !== 'load' || !isForgotten) continue
    await setAside(trx, card, number, await payerOf(trx, card, amount), amount, at)
  }
}

async function payerOf(
  trx: Transaction<Tables>,
  { holder, currency }: Card,
  amount: bigint,
): Promise<AccountName> {
  const losses: AccountName = { kind: 'losses', owner: '', currency }
  if (holder === undefined) return losses
  const online = onlineWallet(holder, currency)
  const balances = await onlineBalances(trx, holder)
  const balance = balances.find((one) => one.currency === currency)?.balance ?? 0n
  return balance >= amount ? online : losses
}
