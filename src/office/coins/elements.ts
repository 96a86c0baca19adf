import { sql, type Kysely, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { cardIdOf, type CardId, type TillNumber } from '../../kernel/ids.ts'
import { currency as currencyOf } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { AccountName } from '../ledger/accounts.ts'
import type { Suspect } from '../ledger/findings.ts'
import { schemeOf, type Office } from '../office.ts'
import { packed } from '../packed.ts'
import { lockTill } from '../registry/tills.ts'
import { OfficeError } from '../errors.ts'
import type { Tables } from '../tables.ts'
import type { Coinage, ElementId, ElementRole, NewElement } from './coinage.ts'

/** A card or till of this office that elements are made for. */
export type Possessor = { readonly card: CardId } | { readonly till: TillNumber }

/** Who has an element; neither, if it is of another bank. */
export interface Bearer {
  readonly card: CardId | undefined
  readonly till: TillNumber | undefined
}

/** Whose an element is. */
export interface Owner extends Bearer {
  /** Of that till. */
  readonly merchant: string | undefined
  readonly bank: number
}

/** The scheme that has coins, if this office runs one. */
export function coinSchemeOf({ schemes }: Pick<Office, 'schemes'>) {
  for (const { name, coinage } of schemes.values()) if (coinage) return { name, coinage }
  return undefined
}

/** @throws {FormatError} if this office has no such scheme, or its money is no coins. */
export function coinageOf(office: Office, scheme: string, field = 'scheme'): Coinage {
  const { coinage } = schemeOf(office, scheme, field)
  if (coinage) return coinage
  throw new FormatError(field, 'expected a scheme whose money is coins')
}

/** Where in the vault what coins are made with lies. */
export function placeOf(element: ElementId): string {
  return `coin_element ${element}`
}

/** Remembers elements that this office has made. */
export async function addElements(
  { vault }: Pick<Office, 'vault'>,
  trx: Transaction<Tables>,
  elements: readonly NewElement[],
  owner: Possessor,
  bank: number,
  at: Instant,
): Promise<void> {
  for (const { id, role, certificate, known } of elements) {
    await trx
      .insertInto('coin_element')
      .values({
        id,
        role,
        bank,
        certificate,
        card: 'card' in owner ? owner.card : null,
        till: 'till' in owner ? BigInt(owner.till) : null,
        sealed: known === undefined ? null : vault.seal(placeOf(id), known),
        sold: 0,
        made_at: at,
      })
      .execute()
  }
}

export interface VendorOrder {
  readonly scheme: string
  readonly till: TillNumber
  /** What the blank chip has told the desk. */
  readonly report: Bytes
}

const ELEMENT_SIZE = 8

/**
 * Makes a vendor element for a till. The one before stays good for what it has taken.
 *
 * @throws {OfficeError} `not_found` or `till_stopped`.
 */
export async function makeVendorElement(
  office: Office,
  trx: Transaction<Tables>,
  { scheme, till: number, report }: VendorOrder,
): Promise<{ readonly id: ElementId; readonly plan: Bytes }> {
  const coinage = coinageOf(office, scheme, 'body.scheme')
  const till = await lockTill(trx, number)
  if (!till) throw new OfficeError('not_found', `There is no till ${number}.`, 'params.number')
  if (till.stopped_at !== null) {
    throw new OfficeError('till_stopped', `Till ${number} was stopped: it gets no vendor element.`)
  }
  const secrets = office.secretsOf(scheme)
  const at = office.clock.now()
  const currency = currencyOf(till.currency)
  const id = office.random.bytes(ELEMENT_SIZE)
  const { element, plan } = coinage.vendor(
    { element: id, report, till: number, currency, otherBanks: await otherBanks(trx) },
    secrets,
    at,
  )
  await addElements(office, trx, [element], { till: number }, coinage.bank(secrets), at)
  return { id: cardIdOf(id), plan }
}

/** Certificates of the other banks that this office knows, those that it has known longest first. */
export async function otherBanks(db: Kysely<Tables>): Promise<readonly Bytes[]> {
  const { rows } = await sql<{ certificate: Buffer }>`
    select certificate from coin_bank order by known_since, number`.execute(db)
  return rows.map(({ certificate }) => new Uint8Array(certificate))
}

/** Their certificates, of those that are known. */
export async function certificatesOf(
  db: Kysely<Tables>,
  elements: readonly ElementId[],
): Promise<ReadonlyMap<ElementId, Bytes>> {
  if (elements.length === 0) return new Map()
  const { rows } = await sql<{ id: ElementId; certificate: Buffer }>`
    select id, certificate from coin_element
    where id = any(${packed(elements).text((id) => id)})`.execute(db)
  return new Map(rows.map(({ id, certificate }) => [id, new Uint8Array(certificate)]))
}

/** Whose these elements are. */
export async function ownersOf(
  trx: Transaction<Tables>,
  elements: readonly ElementId[],
): Promise<ReadonlyMap<ElementId, Owner>> {
  if (elements.length === 0) return new Map()
  const { rows } = await sql<{
    id: ElementId
    card: CardId | null
    till: bigint | null
    merchant: bigint | null
    bank: number
  }>`
    select e.id, e.card, e.till, till.merchant, e.bank
    from coin_element e left join till on till.number = e.till
    where e.id = any(${packed(elements).text((id) => id)})`.execute(trx)
  return new Map(
    rows.map(({ id, card, till, merchant, bank }) => [
      id,
      {
        card: card ?? undefined,
        till: till === null ? undefined : Number(till),
        merchant: merchant === null ? undefined : String(merchant),
        bank,
      },
    ]),
  )
}

/** Of another bank’s element nobody can be named here: its own bank sees the same, and can. */
export function suspectsOf(owner: Bearer | undefined): readonly Suspect[] {
  if (owner?.card !== undefined) return [{ kind: 'card', card: owner.card }]
  if (owner?.till !== undefined) return [{ kind: 'till', till: owner.till }]
  return []
}

/** Where what an element is owed goes: to its till’s merchant, or to the bank whose element it is. */
export function creditOf(owner: Owner, currency: AccountName['currency']): AccountName {
  if (owner.merchant !== undefined) return { kind: 'merchant', owner: owner.merchant, currency }
  return bankAccount(owner.bank, currency)
}

/** What another bank has to get for coins of this one, or to pay for its own. */
export function bankAccount(bank: number, currency: AccountName['currency']): AccountName {
  return { kind: 'reserve', owner: `bank ${bank}`, currency }
}

/** Coins that are outside: what this bank owes to whoever shows them. */
export function coinFloat(currency: AccountName['currency']): AccountName {
  return { kind: 'coin-float', owner: '', currency }
}

export interface CoinElement {
  readonly id: ElementId
  readonly role: ElementRole
  readonly sold: number
  /** What coins are made for it with. */
  readonly known: Bytes
}

/** The newest element of a card or till that holds coins, which nobody else sells to meanwhile. */
export async function lockElement(
  { vault }: Pick<Office, 'vault'>,
  trx: Transaction<Tables>,
  owner: Possessor,
): Promise<CoinElement | undefined> {
  const row = await trx
    .selectFrom('coin_element')
    .selectAll()
    .where((eb) =>
      'card' in owner ? eb('card', '=', owner.card) : eb('till', '=', BigInt(owner.till)),
    )
    .where('sealed', 'is not', null)
    .orderBy('made_at', 'desc')
    .limit(1)
    .forUpdate()
    .executeTakeFirst()
  if (!row?.sealed) return undefined
  const { id, role, sold, sealed } = row
  return { id, role, sold, known: vault.open(placeOf(id), sealed) }
}
