import type { Outcome } from '../../kernel/batch.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { EntryKind } from '../scheme.ts'

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
  /** By the maker's clock. */
  readonly madeAt: Instant
  readonly balance: Amount
  /** Handed in by its maker. Otherwise it was only shown, as somebody's predecessor. */
  readonly uploaded: boolean
  /** These five are known once it is uploaded. */
  readonly amount: Amount
  readonly outcome: Outcome
  readonly previous: Digest | undefined
  readonly previousMaker: TillNumber | undefined
  readonly previousBalance: Amount | undefined
  readonly previousShown: boolean
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

export const DECISIONS = ['accepted', 'refused'] as const
export type Decision = (typeof DECISIONS)[number]

export const SETTLEMENTS = ['none', 'held', 'settled'] as const
export type Settlement = (typeof SETTLEMENTS)[number]

/** The records of one card that are at hand, and which positions they are the whole of. */
export class CardChain {
  readonly #positions = new Map<number, Map<Digest, ChainRecord>>()
  readonly #loaded = new Set<number>()
  /** From here on everything is loaded. */
  #tailFrom = Number.POSITIVE_INFINITY

  isLoaded(sequence: number): boolean {
    return sequence < 0 || sequence >= this.#tailFrom || this.#loaded.has(sequence)
  }

  markLoaded(sequence: number): void {
    this.#loaded.add(sequence)
  }

  markTailLoaded(from: number): void {
    this.#tailFrom = Math.min(this.#tailFrom, from)
  }

  put(record: ChainRecord): void {
    const position = this.#positions.get(record.sequence)
    if (position) position.set(record.digest, record)
    else this.#positions.set(record.sequence, new Map([[record.digest, record]]))
  }

  get(sequence: number, digest: Digest): ChainRecord | undefined {
    return this.#positions.get(sequence)?.get(digest)
  }

  at(sequence: number): readonly ChainRecord[] {
    return [...(this.#positions.get(sequence)?.values() ?? [])]
  }

  *records(): Iterable<ChainRecord> {
    for (const position of this.#positions.values()) yield* position.values()
  }
}

/** Whether the card's chain goes through it, or may: it counts. */
export function isEffective({ outcome, taken, uploaded }: ChainRecord): boolean {
  return taken || (uploaded && outcome === 'confirmed')
}

/** Whether it is a good claim to its position. */
export function isLive(record: ChainRecord): boolean {
  if (record.decision !== undefined) return record.uploaded && record.decision === 'accepted'
  return record.uploaded && isEffective(record) && !record.refuted
}

/** The records at a position that stand on one predecessor, by that predecessor. */
export function siblings(
  records: readonly ChainRecord[],
): ReadonlyMap<Digest, readonly ChainRecord[]> {
  const groups = new Map<Digest, ChainRecord[]>()
  for (const record of records) {
    if (record.previous === undefined) continue
    const group = groups.get(record.previous)
    if (group) group.push(record)
    else groups.set(record.previous, [record])
  }
  return groups
}

/** What an evaluation lacks: the rows at these positions, or all from one on. */
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
  while (dirty.size > 0) {
    const sequence = Math.min(...dirty)
    const positions = [sequence - 1, sequence].filter((position) => !chain.isLoaded(position))
    if (positions.length > 0) return { what: 'positions', positions }
    dirty.delete(sequence)
    if (!evaluatePosition(chain, sequence)) continue
    dirty.add(sequence + 1)
    if (!chain.isLoaded(sequence + 1)) return { what: 'tail', from: sequence + 1 }
  }
  return { what: 'nothing' }
}

/** @returns whether a flag changed that records to the right depend on. */
function evaluatePosition(chain: CardChain, sequence: number): boolean {
  const records = chain.at(sequence)
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
