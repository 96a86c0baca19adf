import { sql } from 'kysely'
import { bytesEqual, toHex, type Bytes } from '../kernel/bytes.ts'
import { unlessMalformed } from '../kernel/errors.ts'
import { cardIdOf, type CardId } from '../kernel/ids.ts'
import { currencyByNumber, type Amount, type CurrencyCode } from '../kernel/money.ts'
import {
  permitContext,
  type GiveBackResult,
  type NotaryAct,
  type PermitResult,
  type ResultOf,
} from '../kernel/notary.ts'
import { openSealed, sign, verify, type PublicKey } from '../kernel/p256.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import type { Instant } from '../kernel/ports.ts'
import { isSignedBy, openMessage, type Signed } from '../kernel/signed-message.ts'
import { instruction, type Instruction } from '../schemes/wallet/message.ts'
import { accountKey, post, readBalances, type AccountName } from './books.ts'
import { recordFindings, withdrawCase } from './cases.ts'
import { changeBooks, type NotaryDb, type NotaryTransaction } from './database.ts'
import { verifyLoad } from './evidence.ts'
import type { NotaryKey } from './keys.ts'
import { settleWhatFits } from './settlement.ts'
import type { Trust } from './trust.ts'

type Act<A extends NotaryAct['act']> = Extract<NotaryAct, { readonly act: A }>

/** Whoever asks, and with which keys it signs. */
export interface Asking {
  readonly office: OfficeNumber
  /** Every key that it has joined with. */
  readonly keys: readonly PublicKey[]
  /** Of the notary, the one that the office and its cards know; undefined if it never had that. */
  readonly notaryKey: NotaryKey | undefined
}

/** Countersigns what puts money on a card, and moves as much from free to issued. */
export async function permit(
  db: NotaryDb,
  trust: Trust,
  asking: Asking,
  act: Act<'permit'>,
  at: Instant,
): Promise<ResultOf<'permit'>> {
  const { office, notaryKey } = asking
  if (!notaryKey) return refusedPermit('malformed')
  const { key, generation } = notaryKey
  const signed = unlessMalformed(() => openSealed(key, act.order, permitContext(office)))
  if (!signed) return refusedPermit('malformed')
  const told = readOwn(signed, asking)
  if (typeof told === 'string') return refusedPermit(told)
  const wanted = wantedBy(told, trust, act.statement)
  if (typeof wanted === 'string') return refusedPermit(wanted)
  const signature = sign(key, signed)
  const given = await changeBooks(db, (trx) =>
    keepPermit(trx, { ...wanted, office, told, signature, generation }, at),
  )
  return typeof given === 'string'
    ? refusedPermit(given)
    : { act: 'permit', result: 'permitted', permit: [given] }
}

function refusedPermit(result: Exclude<PermitResult, 'permitted'>): ResultOf<'permit'> {
  return { act: 'permit', result, permit: [] }
}

/** An instruction of the office that asks, signed by it. */
function readOwn(
  signed: Bytes,
  { office, keys }: Asking,
): Signed<Instruction> | 'malformed' | 'not yours' | 'bad signature' {
  const told = unlessMalformed(() => openMessage(instruction, signed))
  if (!told) return 'malformed'
  if (told.content.office !== office) return 'not yours'
  return keys.some((key) => isSignedBy(told, key)) ? told : 'bad signature'
}

interface Wanted {
  readonly currency: CurrencyCode
  /** How much more the card may hold. */
  readonly amount: Amount
}

function wantedBy(
  { content }: Signed<Instruction>,
  trust: Trust,
  shown: readonly Bytes[],
): Wanted | 'malformed' | 'nothing to permit' | 'no statement' {
  const code = unlessMalformed(() => currencyByNumber(content.currency).code)
  if (!code) return 'malformed'
  switch (content.kind) {
    case 'load':
      return content.amount > 0n ? { currency: code, amount: content.amount } : 'nothing to permit'
    case 'restore': {
      const said = trust.statement(shown)?.content
      const isState =
        said !== undefined &&
        said.office === content.office &&
        bytesEqual(said.card, content.card) &&
        said.sequence === content.sequence &&
        bytesEqual(said.last, content.record)
      if (!isState) return 'no statement'
      const more = content.amount - said.balance
      return { currency: code, amount: more > 0n ? more : 0n }
    }
    case 'acknowledge':
    case 'void':
    case 'unblock':
      return 'nothing to permit'
  }
}

interface NewPermit extends Wanted {
  readonly office: OfficeNumber
  readonly told: Signed<Instruction>
  readonly signature: Bytes
  readonly generation: number
}

/** @returns the permit that was given first, whatever was signed since, or why there is none. */
async function keepPermit(
  trx: NotaryTransaction,
  { office, told, currency, amount, signature, generation }: NewPermit,
  at: Instant,
): Promise<Bytes | 'other instruction' | 'given back' | 'no reserve'> {
  const { card, number, kind } = told.content
  const id = cardIdOf(card)
  const known = await findPermit(trx, office, id, number)
  if (known) {
    if (!bytesEqual(known.digest, told.digest)) return 'other instruction'
    if (known.given_back) return 'given back'
    if (known.generation === generation) return new Uint8Array(known.signature)
    return signature
  }
  const free: AccountName = { kind: 'free', office, currency }
  const balances = await readBalances(trx)
  if ((balances.get(accountKey(free)) ?? 0n) < amount) return 'no reserve'
  await sql`
    insert into permit (
      office, card, number, digest, kind, currency, amount, signature, generation, at
    ) values (
      ${office}, ${id}, ${number}, ${told.digest}, ${kind}, ${currency}, ${String(amount)}::bigint,
      ${signature}, ${generation}, ${at}::bigint
    )`.execute(trx)
  if (amount > 0n) {
    const to: AccountName = { kind: 'issued', office, currency }
    const reference = `permit ${office} ${id} ${number}`
    await post(trx, [{ reference, from: free, to, amount }], at)
    await settleWhatFits(trx, [], at)
  }
  return signature
}

interface PermitRow {
  readonly digest: Buffer
  readonly currency: CurrencyCode
  readonly amount: bigint
  readonly signature: Buffer
  readonly generation: number
  readonly given_back: boolean
}

async function findPermit(
  db: NotaryDb,
  office: OfficeNumber,
  card: CardId,
  number: number,
): Promise<PermitRow | undefined> {
  const { rows } = await sql<PermitRow>`
    select digest, currency, amount, signature, generation, given_back from permit
    where office = ${office} and card = ${card} and number = ${number}`.execute(db)
  return rows[0]
}

/**
 * Takes back what a card will never hold: it has carried out the void of the same number instead, and
 * says so itself.
 */
export async function giveBack(
  db: NotaryDb,
  trust: Trust,
  asking: Asking,
  act: Act<'give back'>,
  at: Instant,
): Promise<ResultOf<'give back'>> {
  const answer = (result: GiveBackResult): ResultOf<'give back'> => ({ act: 'give back', result })
  const told = readOwn(act.void, asking)
  if (typeof told === 'string') return answer(told)
  const { kind, card, number } = told.content
  const said = trust.statement([act.statement, ...act.certificates])?.content
  const isCarriedOut =
    kind === 'void' &&
    said !== undefined &&
    said.office === asking.office &&
    bytesEqual(said.card, card) &&
    bytesEqual(said.instructionDigest, told.digest)
  if (!isCarriedOut) return answer('not carried out')
  return answer(
    await changeBooks(db, (trx) => returnPermit(trx, asking.office, cardIdOf(card), number, at)),
  )
}

async function returnPermit(
  trx: NotaryTransaction,
  office: OfficeNumber,
  card: CardId,
  number: number,
  at: Instant,
): Promise<'not permitted' | 'no reserve' | 'given back'> {
  const known = await findPermit(trx, office, card, number)
  if (!known) return 'not permitted'
  if (known.given_back) return 'given back'
  const { currency, amount } = known
  const from: AccountName = { kind: 'issued', office, currency }
  // Only if its cards have paid with it in spite of what this one says.
  if (((await readBalances(trx)).get(accountKey(from)) ?? 0n) < amount) return 'no reserve'
  await sql`
    update permit set given_back = true
    where office = ${office} and card = ${card} and number = ${number}`.execute(trx)
  if (amount > 0n) {
    const to: AccountName = { kind: 'free', office, currency }
    await post(trx, [{ reference: `give back ${office} ${card} ${number}`, from, to, amount }], at)
  }
  return 'given back'
}

/**
 * Whether what a card says it was loaded with was permitted. If not, the case is proven: nobody but the
 * office can have signed the instruction, and an honest one gives it to nobody before it is permitted.
 */
export async function show(
  db: NotaryDb,
  trust: Trust,
  notaryKeys: readonly PublicKey[],
  evidence: Bytes,
  at: Instant,
): Promise<ResultOf<'show'>> {
  const load = verifyLoad(evidence, trust)
  if ('refused' in load) {
    const result = load.refused === 'not a payment' ? 'not a load' : load.refused
    return { act: 'show', result: result === 'conflict' ? 'malformed' : result }
  }
  const { office, card, instruction: told, permit: signature } = load
  const isCountersigned =
    signature !== undefined && notaryKeys.some((key) => verify(key, told.bytes, signature))
  // Whoever carried the order can have taken the permit off: the books say whether there was one.
  const known = await findPermit(db, office, card, told.content.number)
  const isKnown = known !== undefined && bytesEqual(known.digest, told.digest)
  const about = `instruction ${toHex(told.digest)}`
  if (isCountersigned || isKnown) {
    // Books restored from a backup forget permits, never their signatures.
    if (isCountersigned) {
      await changeBooks(db, (trx) => withdrawCase(trx, 'unbacked-money', about, at))
    }
    return { act: 'show', result: 'permitted' }
  }
  await changeBooks(db, (trx) =>
    recordFindings(
      trx,
      [
        {
          kind: 'unbacked-money',
          about,
          office,
          card,
          strength: 'proven',
          amount: told.content.amount,
          evidence: [load.evidence],
        },
      ],
      at,
    ),
  )
  return { act: 'show', result: 'not permitted' }
}
