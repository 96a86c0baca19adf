import type { Outcome } from '../../kernel/batch.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { EntryKind, OfficeScheme } from '../scheme.ts'

/**
 * The out-of-order ledger of Shah et al. (IV E), made general: one chain a card, a tree where two
 * records claim one position. Whatever order the records come in, the same set of them gives the same
 * flags: each follows from the record, its parent and its siblings alone.
 */
export interface ChainRecord {
  readonly card: CardId
  readonly sequence: number
  readonly digest: Digest
  readonly kind: EntryKind
  readonly maker: TillNumber
  /** Which of the maker's keys signed it. */
  readonly generation: number
  /** By the maker's clock. */
  readonly madeAt: Instant
  readonly balance: Amount
  /** Handed in by its maker. Otherwise it was only shown, as somebody's predecessor. */
  readonly uploaded: boolean
  /** What follows is known once it is uploaded. */
  readonly amount: Amount
  readonly outcome: Outcome
  readonly previous: Digest | undefined
  readonly previousMaker: TillNumber | undefined
  readonly previousBalance: Amount | undefined
  /** By that maker's clock. */
  readonly previousAt: Instant | undefined
  readonly previousShown: boolean
  /** Undefined for what the office made itself. */
  readonly source: Source | undefined
  /** A till has read it from the card: the card did take it. */
  readonly taken: boolean
  /** Proven to be what no honest maker signs: it is not paid. */
  readonly refuted: boolean
  readonly complete: boolean
  /** It, or one before it, stands where another good record stands too. */
  readonly contested: boolean
  readonly settlement: Settlement
  /** What an operator has said of its money: it counts over every rule. */
  readonly decision: Decision | undefined
  /** How often its money has moved: makes each move's reference unique. */
  readonly step: number
}

/** Where a record's evidence lies: the item with that index of that batch. */
export interface Source {
  readonly batch: bigint
  readonly index: number
}

export const DECISIONS = ['accepted', 'refused'] as const
export type Decision = (typeof DECISIONS)[number]

export const SETTLEMENTS = ['none', 'held', 'settled'] as const
export type Settlement = (typeof SETTLEMENTS)[number]

/** The records of one card that are at hand, and which positions they are the whole of. */
export class CardChain {
  /** Where the card signs, a record counts by itself: no flag follows from another record. */
  readonly isSignedByCard: boolean
  /** Mostly one record a position. */
  readonly #positions = new Map<number, readonly ChainRecord[]>()
  /** What the database has, by its digest. */
  readonly #stored = new Map<Digest, ChainRecord>()
  readonly #loaded = new Set<number>()
  /** From here on everything is loaded. */
  #tailFrom = Number.POSITIVE_INFINITY

  constructor(signed: OfficeScheme['recordsAreSigned']) {
    this.isSignedByCard = signed === 'by the card'
  }

  isLoaded(sequence: number): boolean {
    return sequence < 0 || sequence >= this.#tailFrom || this.#loaded.has(sequence)
  }

  markLoaded({ from, to }: { readonly from: number; readonly to: number }): void {
    for (let sequence = from; sequence <= to; sequence += 1) this.#loaded.add(sequence)
  }

  markTailLoaded(from: number): void {
    this.#tailFrom = Math.min(this.#tailFrom, from)
  }

  /** A record of the database: what is at hand of it already is newer. */
  load(record: ChainRecord): void {
    if (this.get(record.sequence, record.digest)) return
    this.put(record)
    this.#stored.set(record.digest, record)
  }

  put(record: ChainRecord): void {
    const position = this.at(record.sequence)
    const index = position.findIndex(({ digest }) => digest === record.digest)
    this.#positions.set(
      record.sequence,
      index < 0 ? [...position, record] : position.with(index, record),
    )
  }

  get(sequence: number, digest: Digest): ChainRecord | undefined {
    return this.at(sequence).find((record) => record.digest === digest)
  }

  at(sequence: number): readonly ChainRecord[] {
    return this.#positions.get(sequence) ?? NOTHING
  }

  records(): readonly ChainRecord[] {
    return [...this.#positions.values()].flat()
  }

  /** That record as the database has it. */
  stored(digest: Digest): ChainRecord | undefined {
    return this.#stored.get(digest)
  }
}

const NOTHING: readonly ChainRecord[] = []

/** Whether the card's chain goes through it, or may: it counts. */
export function isEffective({ outcome, taken, uploaded }: ChainRecord): boolean {
  return taken || (uploaded && outcome === 'confirmed')
}

/** Whether it is a good claim to its position. */
export function isLive(record: ChainRecord): boolean {
  if (record.decision !== undefined) return record.uploaded && record.decision === 'accepted'
  return record.uploaded && isEffective(record) && !record.refuted
}

/** The records at a position that stand on one predecessor, by that predecessor; none for a lone record. */
export function siblings(
  records: readonly ChainRecord[],
): ReadonlyMap<Digest, readonly ChainRecord[]> {
  // The hot path: mostly one claims a position.
  if (records.length < 2) return NO_SIBLINGS
  const groups = new Map<Digest, ChainRecord[]>()
  for (const record of records) {
    if (record.previous === undefined) continue
    const group = groups.get(record.previous)
    if (group) group.push(record)
    else groups.set(record.previous, [record])
  }
  return groups
}

const NO_SIBLINGS: ReadonlyMap<Digest, readonly ChainRecord[]> = new Map()

/** What an evaluation lacks: the rows at these positions, or those from one on, as far as it will reach. */
export type Missing =
  | { readonly what: 'nothing' }
  | { readonly what: 'positions'; readonly positions: readonly number[] }
  | { readonly what: 'tail'; readonly from: number }

/**
 * Brings the flags of a chain up to date after records at the `dirty` positions have changed,
 * rightwards as far as it reaches (the document's step 4). Takes from `dirty` what it has done.
 *
 * @returns what the caller must load before it calls again.
 */
export function evaluate(chain: CardChain, dirty: Set<number>): Missing {
  const order = [...dirty].toSorted((a, b) => a - b)
  for (let next = 0; next < order.length; next += 1) {
    const sequence = order[next] ?? 0
    if (!chain.isLoaded(sequence - 1) || !chain.isLoaded(sequence)) {
      const positions = [sequence - 1, sequence].filter((position) => !chain.isLoaded(position))
      return { what: 'positions', positions }
    }
    dirty.delete(sequence)
    if (!evaluatePosition(chain, sequence)) continue
    dirty.add(sequence + 1)
    if (!chain.isLoaded(sequence + 1)) return { what: 'tail', from: sequence + 1 }
    // Its turn is now: what is behind it in the order lies further to the right, or is the same.
    order[next] = sequence + 1
    next -= 1
  }
  return { what: 'nothing' }
}

/** @returns whether a flag changed that records to the right depend on. */
function evaluatePosition(chain: CardChain, sequence: number): boolean {
  const records = chain.at(sequence)
  if (chain.isSignedByCard) {
    for (const record of records) {
      const complete = record.uploaded && isEffective(record)
      if (complete !== record.complete) chain.put({ ...record, complete })
    }
    return false
  }
  const groups = siblings(records)
  let changed = false
  for (const record of records) {
    const parent = record.previous && chain.get(sequence - 1, record.previous)
    const complete =
      record.uploaded &&
      isEffective(record) &&
      (sequence === 0 || (parent !== undefined && parent.complete))
    const rivals = (record.previous && groups.get(record.previous)?.filter(isLive)) || []
    const contested =
      complete && (parent?.contested === true || (isLive(record) && rivals.length > 1))
    if (complete === record.complete && contested === record.contested) continue
    changed = true
    chain.put({ ...record, complete, contested })
  }
  return changed
}

/** Where a record's money has to be. */
export function settlementOf(record: ChainRecord): Settlement {
  if (record.decision !== undefined) return record.decision === 'accepted' ? 'settled' : 'none'
  if (!record.complete || record.refuted) return 'none'
  return record.contested ? 'held' : 'settled'
}
