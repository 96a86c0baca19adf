import { sql, type Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, TillNumber } from '../../kernel/ids.ts'
import type { PlacingBatch } from './batch-tracing.ts'
import type { CoinVerdict, ShownCoins } from '../coins/coinage.ts'
import { saleIn, type CoinSale } from '../coins/sales.ts'
import type { CardFacts } from './group-facts.ts'
import { packed } from '../packed.ts'
import { paidIn, type Paid } from './payments.ts'
import type { Upload } from './placement-store.ts'
import type { Verdict, VerifiedEntry } from '../scheme.ts'
import type { StoredUpload } from './stored-uploads.ts'
import type { Tables } from '../tables.ts'

/** An upload on its way into the ledger. */
export interface VerifiedUpload extends StoredUpload {
  /** One an item. */
  readonly verdicts: readonly (Verdict | CoinVerdict)[]
}

/** The items of a group, by what is to be done with them. */
export interface Sorted {
  /** Records of cards of this office. */
  readonly uploads: readonly Upload[]
  readonly coins: readonly ShownCoins[]
  /** What tills have sold for those. */
  readonly sold: readonly CoinSale[]
  readonly paid: Paid
  readonly rejected: readonly RejectedItem[]
}

/** Where an item is stored. */
export interface ItemPlace {
  readonly batch: bigint
  readonly index: number
}

export interface RejectedItem extends ItemPlace {
  readonly reason: string
}

type Cards = ReadonlyMap<CardId, CardFacts>

/** The cards that these uploads show records of. */
export function cardsShownIn(group: readonly VerifiedUpload[]): readonly CardId[] {
  const cards = new Set<CardId>()
  for (const { verdicts } of group) {
    for (const verdict of verdicts) for (const { card } of shownBy(verdict)) cards.add(card)
  }
  return [...cards]
}

/**
 * Splits what can stand in the ledger from what cannot.
 *
 * @param cards those of {@link cardsShownIn} that the registry has.
 */
export function sortItems(group: readonly VerifiedUpload[], cards: Cards): Sorted {
  const uploads: Upload[] = []
  const rejected: RejectedItem[] = []
  /** Of records that cards have signed. */
  const signed: VerifiedEntry[] = []
  const coins: ShownCoins[] = []
  const sold: CoinSale[] = []
  for (const { id, batch, items, verdicts } of group) {
    for (const [index, verdict] of verdicts.entries()) {
      const item = items[index]
      invariant(item, 'one verdict an item')
      // Whoever hands it in: its vendor element has signed it.
      if ('coins' in verdict) {
        coins.push({ ...verdict.coins, source: { batch: id, index } })
        const sale = saleIn(verdict, batch?.till)
        if (sale) sold.push(sale)
        continue
      }
      const reason = verdict.ok ? misplaced(verdict.entry, batch?.till, cards) : verdict.reason
      if (!verdict.ok || reason !== undefined) {
        rejected.push({ batch: id, index, reason: reason ?? 'rejected' })
        continue
      }
      if (verdict.entry.isForeign) {
        signed.push(verdict.entry)
        continue
      }
      const { outcome } = item
      const source = { batch: id, index }
      for (const entry of shownBy(verdict)) {
        if (entry !== verdict.entry && misplaced(entry, batch?.till, cards) !== undefined) continue
        if (isSignedByCard(entry, cards)) signed.push(entry)
        uploads.push(
          entry.maker === batch?.till
            ? { entry, outcome, source }
            : { entry: hearsayOf(entry), outcome, source, isHearsay: true },
        )
      }
    }
  }
  return { uploads, rejected, coins, sold, paid: paidIn(signed) }
}

function shownBy(verdict: Verdict | CoinVerdict): readonly VerifiedEntry[] {
  return verdict.ok && 'entry' in verdict ? [verdict.entry, ...(verdict.others ?? [])] : []
}

function isSignedByCard({ card }: VerifiedEntry, cards: Cards): boolean {
  return cards.get(card)?.scheme.recordsAreSigned === 'by the card'
}

/** What is left of an entry when whoever hands it in could have said anything of its till. */
export function hearsayOf(entry: VerifiedEntry): VerifiedEntry {
  return { ...entry, tokens: [], policyVersion: 0, findings: [] }
}

/** Why a record that verified cannot stand in this office's ledger, in the order of the checks. */
function misplaced(
  entry: VerifiedEntry,
  /** Whose batch it came in; undefined if a card handed it in. */
  till: TillNumber | undefined,
  cards: Cards,
): string | undefined {
  if (entry.isForeign) return undefined
  const card = cards.get(entry.card)
  const isHearsay = till !== undefined && entry.maker !== till
  if (isHearsay && !isSignedByCard(entry, cards)) return 'foreign_maker'
  if (!card) return 'unknown_card'
  if (card.scheme.name !== entry.scheme) return 'foreign_scheme'
  if (card.currency !== entry.currency.code) return 'foreign_currency'
  return undefined
}

/** The uploads that tills have made, in the order in which each till made them. */
export function fromTills(group: readonly VerifiedUpload[]): readonly VerifiedBatch[] {
  return group
    .flatMap((upload) => (upload.batch ? [{ ...upload, batch: upload.batch }] : []))
    .toSorted(({ batch: a }, { batch: b }) => a.till - b.till || a.number - b.number)
}

type VerifiedBatch = VerifiedUpload & Pick<PlacingBatch, 'batch'>

/** A batch as its till's history sees it: coins are no records of cards, and each is where its item is. */
export function historyOf(upload: VerifiedBatch): PlacingBatch {
  const verdicts = upload.verdicts.map((verdict) => ('coins' in verdict ? NO_RECORD : verdict))
  return { ...upload, verdicts }
}

const NO_RECORD: Verdict = { ok: false, reason: 'coins' }

export async function insertRejected(
  trx: Transaction<Tables>,
  rejected: readonly RejectedItem[],
): Promise<void> {
  if (rejected.length === 0) return
  const column = packed(rejected)
  await sql`
    insert into rejected_item (batch, index, reason)
    select * from unnest(
      ${column.int8(({ batch }) => batch)},
      ${column.int4(({ index }) => index)},
      ${column.text(({ reason }) => reason)}
    )`.execute(trx)
}

/** Takes these back; those that it returns: no other process has meanwhile. As `batch index`. */
export async function takeRejected(
  trx: Transaction<Tables>,
  places: readonly ItemPlace[],
): Promise<ReadonlySet<string>> {
  const column = packed(places)
  const { rows } = await sql<ItemPlace>`
    delete from rejected_item where (batch, index) in (
      select * from unnest(
        ${column.int8(({ batch }) => batch)},
        ${column.int4(({ index }) => index)}
      )
    ) returning batch, index`.execute(trx)
  return new Set(rows.map(({ batch, index }) => `${batch} ${index}`))
}
