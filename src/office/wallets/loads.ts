import type { Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId } from '../../kernel/ids.ts'
import { currency, formatAmount, type Amount } from '../../kernel/money.ts'
import { OfficeError } from '../errors.ts'
import { shadowBalances } from '../books.ts'
import { completeBalance } from '../issue.ts'
import type { Office } from '../office.ts'
import { recordAct } from '../registry/audit.ts'
import { lockCard, type Card } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import type { CardStatement, Holdings } from './holdings.ts'
import { giveInstruction, giveUp, findInstruction, orderUnderWay } from './instructions.ts'
import { onlineWallet } from './online.ts'
import { policyOfVersion } from './policies.ts'
import { setAside } from './set-aside.ts'
import {
  handedInUpTo,
  hear,
  holdingCard,
  openStatement,
  type Told,
  type WalletOffice,
} from './synchronise.ts'

export interface LoadOrder {
  readonly card: CardId
  /** Minor units, above 0. */
  readonly amount: Amount
  /** What the card says of itself now. */
  readonly statement: Bytes
  /** Who asks. */
  readonly person: string
}

/**
 * Sets money of the holder’s online wallet aside for a card, and makes the instruction that puts it
 * there. @returns the instruction’s number.
 *
 * @throws {OfficeError} `not_found`, `bad_signature`, or `conflict`: the card is stopped, has another
 *   instruction to carry out first, may not hold so much, or the wallet has less.
 */
export async function loadCard(
  office: Office,
  trx: Transaction<Tables>,
  order: LoadOrder,
): Promise<number> {
  const { holdings, card, said } = await readyCard(office, trx, order)
  await requireRoom(trx, holdings, card, said, order.amount)
  const payer = holderOf(card)
  const { amount, person } = order
  const wanted = { kind: 'load', amount, payer, person } as const
  const number = await giveInstruction(office, trx, holdings, card, wanted)
  const from = onlineWallet(payer, card.currency)
  await setAside(trx, card, number, from, amount, office.clock.now())
  const detail = { amount: String(amount), number }
  const act = { person, act: 'wallet.load', subject: `card:${card.id}`, detail }
  await recordAct(trx, act, office.clock.now())
  return number
}

/** Good as long as it takes to hold a card to a phone again. */
const REQUEST_LIFE = 15 * 60 * 1000

/**
 * A request of the office that the card pay it back: of no use for any other card, or after the card’s
 * next payment. What the card answers comes with its next synchronisation.
 *
 * @throws {OfficeError} as {@link loadCard}; `conflict` also if the card has records to hand in first.
 */
export async function unloadCard(
  office: Office,
  trx: Transaction<Tables>,
  order: LoadOrder,
): Promise<Bytes> {
  const { holdings, card, said } = await readyCard(office, trx, order)
  if ((await handedInUpTo(trx, card.id, said)) !== said.sequence) {
    throw new OfficeError('conflict', 'The card has records to hand in: synchronise it first.')
  }
  const { amount, person } = order
  holderOf(card)
  await requireBalance(trx, card, amount)
  const madeAt = office.clock.now()
  const detail = { amount: String(amount) }
  await recordAct(trx, { person, act: 'wallet.unload', subject: `card:${card.id}`, detail }, madeAt)
  return holdings.requestBack(
    {
      card: card.id,
      nonce: said.nonce,
      currency: currency(card.currency),
      amount,
      madeAt,
      expiresAt: madeAt + REQUEST_LIFE,
    },
    office.secretsOf(card.scheme),
    office.random,
  )
}

export interface RestoreOrder extends LoadOrder {
  readonly reason: string
}

/**
 * Puts a card right that is here and says what it stands at: an operator’s decision. What the card is
 * to hold more than its records say is the office’s loss, less its gain, booked when it has
 * carried it out.
 *
 * @throws {OfficeError} as {@link loadCard}; `conflict` also if the card has records to hand in first.
 */
export async function restoreCard(
  office: Office,
  trx: Transaction<Tables>,
  order: RestoreOrder,
): Promise<number> {
  const { holdings, card, said } = await readyCard(office, trx, order)
  if ((await handedInUpTo(trx, card.id, said)) !== said.sequence) {
    throw new OfficeError('conflict', 'The card has records to hand in: synchronise it first.')
  }
  const { amount, person, reason } = order
  await requireRoom(trx, holdings, card, { ...said, balance: 0n }, amount)
  const record = { sequence: said.sequence, digest: said.last }
  const more = amount - (await completeBalance(trx, card.id))
  const wanted = { kind: 'restore', amount, more, record, person, reason } as const
  const number = await giveInstruction(office, trx, holdings, card, wanted)
  const detail = { amount: String(amount), more: String(more), number, reason }
  const act = { person, act: 'wallet.restore', subject: `card:${card.id}`, detail }
  await recordAct(trx, act, office.clock.now())
  return number
}

/** Gives a card’s PIN its tries back. @throws {OfficeError} as {@link loadCard}. */
export async function unblockCard(
  office: Office,
  trx: Transaction<Tables>,
  order: Omit<RestoreOrder, 'amount'>,
): Promise<number> {
  const { holdings, card } = await readyCard(office, trx, order)
  const { person, reason } = order
  const wanted = { kind: 'unblock', person, reason } as const
  const number = await giveInstruction(office, trx, holdings, card, wanted)
  const detail = { number, reason }
  const act = { person, act: 'wallet.unblock', subject: `card:${card.id}`, detail }
  await recordAct(trx, act, office.clock.now())
  return number
}

/**
 * Gives up what a card has not carried out. What was set aside comes back once the card has given the
 * number away: until then it may still carry out the other.
 *
 * @throws {OfficeError} `not_found`, or `conflict` if nothing is under way.
 */
export async function giveUpInstruction(
  office: Office,
  trx: Transaction<Tables>,
  {
    card: id,
    person,
    reason,
  }: { readonly card: CardId; readonly person: string; readonly reason: string },
): Promise<number> {
  const { card, holdings } = await holdingCard(office, id)
  await lockCard(trx, id)
  const one = await findInstruction(trx, id)
  if (one?.state !== 'issued') {
    throw new OfficeError('conflict', `Card ${id} has no instruction to carry out.`)
  }
  await giveUp(office, trx, holdings, card, one)
  const detail = { number: one.number, reason }
  const act = { person, act: 'wallet.give-up', subject: `card:${id}`, detail }
  await recordAct(trx, act, office.clock.now())
  return one.number
}

/**
 * The order for a card’s instruction, once it is certain.
 *
 * @throws {OfficeError} `conflict` if it was given up, also because who must permit it has not: what was
 *   set aside comes back with the card’s next synchronisation.
 */
export async function orderFor(
  { office, permit }: WalletOffice,
  id: CardId,
  number: number,
): Promise<Bytes> {
  const { card, holdings } = await holdingCard(office, id)
  const one = await findInstruction(office.db, id, number)
  invariant(one, 'an instruction that was given is remembered')
  if (one.voidBytes) throw new OfficeError('conflict', GIVEN_UP)
  const order = await orderUnderWay(office, holdings, card, one, permit)
  if (order) return order
  await office.db.transaction().execute(async (trx) => giveUp(office, trx, holdings, card, one))
  throw new OfficeError(
    'conflict',
    `The notary does not permit it, or does not answer. ${GIVEN_UP}`,
  )
}

const GIVEN_UP = 'This was given up: synchronise the card, and what was set aside comes back.'

interface ReadyCard extends Told {
  readonly holdings: Holdings
  readonly said: CardStatement
}

/** A card that is here, in step, with nothing to carry out, locked. @throws {OfficeError} */
async function readyCard(
  office: Office,
  trx: Transaction<Tables>,
  { card: id, statement }: Pick<LoadOrder, 'card' | 'statement'>,
): Promise<ReadyCard> {
  const { holdings, card } = await holdingCard(office, id)
  const said = openStatement(office, holdings, card, statement)
  const told = await hear(office, trx, id, holdings, said)
  if (told.card.status !== 'active' || told.standing === 'strange') {
    throw new OfficeError('conflict', `Card ${id} is stopped: ${told.card.statusReason}`)
  }
  if (told.standing === 'older') {
    throw new OfficeError(
      'conflict',
      'This is not the newest that the card has said: hold it to the phone again.',
    )
  }
  if (told.underWay) {
    throw new OfficeError(
      'conflict',
      'The card has an instruction to carry out: synchronise it first.',
    )
  }
  return { ...told, holdings, said }
}

/** @throws {OfficeError} `conflict`, with the limit, before any money moves. */
async function requireRoom(
  trx: Transaction<Tables>,
  holdings: Holdings,
  { currency: code }: Card,
  { balance, policyVersion }: Pick<CardStatement, 'balance' | 'policyVersion'>,
  amount: Amount,
): Promise<void> {
  const policy = await policyOfVersion(trx, policyVersion, holdings)
  if (!policy) {
    throw new OfficeError('conflict', `This office never made policy ${policyVersion} of the card.`)
  }
  const max = holdings.balanceMax(policy)
  if (balance + amount <= max) return
  const [has, may] = [balance, max].map((one) => formatAmount(one, currency(code)))
  const message = `The card holds ${has} ${code} and may hold ${may} ${code}.`
  throw new OfficeError('conflict', message, 'body.amount')
}

function holderOf({ id, holder }: Card): string {
  if (holder !== undefined) return holder
  throw new OfficeError('conflict', `Card ${id} has no holder, and so no online wallet.`)
}

/** @throws {OfficeError} `conflict`, with what is there. */
async function requireBalance(
  trx: Transaction<Tables>,
  { id, currency: code }: Card,
  amount: Amount,
): Promise<void> {
  const balances = await shadowBalances(trx, [id])
  const balance = balances.get(id) ?? 0n
  if (balance >= amount) return
  const has = formatAmount(balance, currency(code))
  const message = `Of what the card holds, ${has} ${code} can be paid back: synchronise it first.`
  throw new OfficeError('conflict', message, 'body.amount')
}
