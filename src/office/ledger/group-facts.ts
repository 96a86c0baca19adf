import { sql, type Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, TillNumber } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Upload } from './placement-store.ts'
import type { OfficeScheme, VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import type { Allowed } from './tracing.ts'

/** What the office has learnt of its cards, sealed at rest. */
export interface CardSecrets {
  /** Opens what entries disclose and remembers it, each once. What does not open tells nothing. */
  learn(trx: Transaction<Tables>, entries: readonly VerifiedEntry[]): Promise<void>
  of(
    trx: Transaction<Tables>,
    cards: readonly CardId[],
  ): Promise<ReadonlyMap<CardId, readonly Bytes[]>>
}

/** The entries of these cards that are in the ledger, verified anew from their raw evidence. */
export type Reopen = (
  trx: Transaction<Tables>,
  cards: readonly CardId[],
) => Promise<readonly VerifiedEntry[]>

/** What placement asks of the registry, for one group. That of the uploads' cards is loaded beforehand. */
export interface GroupFacts {
  /** Loads what it lacks of these cards. */
  prepare(cards: readonly CardId[]): Promise<void>
  schemeOf(card: CardId): OfficeScheme
  currencyOf(card: CardId): CurrencyCode
  merchantOf(till: number): string
  allowed(till: number, policyVersion: number): Allowed
  /** Everything the office knows of the card's holder's secrets. */
  known(card: CardId): readonly Bytes[]
  /** Earlier entries of cards of which the office has learnt something since: to be judged again. */
  readonly reopened: readonly VerifiedEntry[]
}

/** As much of it as tracing asks for. */
export type TracingFacts = Pick<GroupFacts, 'schemeOf' | 'allowed' | 'known'>

/** What the registry has of a card. */
export interface CardFacts {
  readonly scheme: OfficeScheme
  readonly currency: CurrencyCode
}

const NOTHING: Allowed = { mayLoad: false, freeAmounts: false }

/**
 * Reads from the registry what placing these uploads takes: a statement a kind, not one an upload.
 *
 * @param uploaded the uploads' cards.
 * @param sold what is no record of a card.
 */
export async function loadGroupFacts(
  trx: Transaction<Tables>,
  uploads: readonly Upload[],
  uploaded: ReadonlyMap<CardId, CardFacts>,
  sold: readonly Obeying[],
  schemes: readonly OfficeScheme[],
  secrets: CardSecrets,
  reopen: Reopen,
): Promise<GroupFacts> {
  const cards = new Map(uploaded)
  const prepare = async (wanted: readonly CardId[]) => {
    const unknown = [...new Set(wanted)].filter((card) => !cards.has(card))
    for (const [card, facts] of await loadCards(trx, unknown, schemes)) cards.set(card, facts)
  }
  const disclosures = uploads.flatMap(({ entry }) => (entry.disclosure.length > 0 ? entry : []))
  await secrets.learn(trx, disclosures)
  const known = await secrets.of(trx, [...uploaded.keys()])
  const merchants = await loadMerchants(trx)
  const policies = await loadPolicies(trx, [...uploads.map(({ entry }) => entry), ...sold])
  const factsOf = (card: CardId) => {
    const facts = cards.get(card)
    invariant(facts, `card ${card} was loaded`)
    return facts
  }
  return {
    prepare,
    schemeOf: (card) => factsOf(card).scheme,
    currencyOf: (card) => factsOf(card).currency,
    merchantOf: (till) => merchants.get(till) ?? '',
    // No honest till obeys a policy that the office never made.
    allowed: (till, version) => policies.get(`${till}:${version}`) ?? NOTHING,
    known: (card) => known.get(card) ?? [],
    reopened: await reopen(trx, [...new Set(disclosures.map(({ card }) => card))]),
  }
}

/** Those of these cards that the registry has. */
export async function loadCards(
  trx: Transaction<Tables>,
  cards: readonly CardId[],
  schemes: readonly OfficeScheme[],
): Promise<ReadonlyMap<CardId, CardFacts>> {
  if (cards.length === 0) return new Map()
  const { rows } = await sql<{ id: CardId; scheme: string; currency: CurrencyCode }>`
    select id, scheme, currency from card where id = any(${[...cards]}::text[])`.execute(trx)
  return new Map(
    rows.map(({ id, scheme: name, currency }) => {
      const scheme = schemes.find((candidate) => candidate.name === name)
      invariant(scheme, `the office runs the scheme ${name} of card ${id}`)
      return [id, { scheme, currency }] as const
    }),
  )
}

async function loadMerchants(trx: Transaction<Tables>): Promise<ReadonlyMap<TillNumber, string>> {
  const { rows } = await sql<{ number: string; merchant: string }>`
    select number::text, merchant::text from till`.execute(trx)
  return new Map(rows.map(({ number, merchant }) => [Number(number), merchant]))
}

/** Which policy a till says that it obeyed. */
type Obeying = Pick<VerifiedEntry, 'maker' | 'policyVersion'>

/** What these tills were allowed by the policies that they say they obeyed, by `till:version`. */
export async function loadPolicies(
  trx: Transaction<Tables>,
  obeying: readonly Obeying[],
): Promise<ReadonlyMap<string, Allowed>> {
  const wanted = [
    ...new Map(
      obeying.map(({ maker, policyVersion }) => [
        `${maker}:${policyVersion}`,
        { maker, policyVersion },
      ]),
    ).values(),
  ]
  const { rows } = await sql<{ till: string; version: string } & Allowed>`
    select p.till::text, p.version::text, (p.policy->>'mayLoad')::boolean as "mayLoad",
      (p.policy->>'freeAmounts')::boolean as "freeAmounts"
    from unnest(
      ${wanted.map(({ maker }) => maker)}::bigint[],
      ${wanted.map(({ policyVersion }) => policyVersion)}::bigint[]
    ) as wanted (till, version)
    join policy p on p.till = wanted.till and p.version = wanted.version`.execute(trx)
  return new Map(rows.map(({ till, version, ...allowed }) => [`${till}:${version}`, allowed]))
}
