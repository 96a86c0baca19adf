import type { Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import { CardChain, isEffective, type ChainRecord } from './chain.ts'
import type { Finding } from './findings.ts'
import type { GroupFacts } from './group-facts.ts'
import { loadSpans, type Span, type Upload } from './placement-store.ts'
import type { Tables } from '../tables.ts'
import type { PositionFindings } from './tracing.ts'

/** What is to be written. */
export interface Changes {
  readonly inserted: readonly ChainRecord[]
  /** Records that were only shown until now, or whose evidence lies elsewhere now. */
  readonly handedIn: readonly ChainRecord[]
  /** Records of which only the flags have changed. */
  readonly updated: readonly ChainRecord[]
}

/** The working copy of the chains that a group of uploads touches. */
export class Group {
  readonly uploads: readonly Upload[]
  readonly chains = new Map<CardId, CardChain>()
  readonly findings: Finding[] = []
  readonly withdrawn: PositionFindings['withdrawn'][number][] = []
  readonly fresh = new Set<Digest>()
  /** Records of which this group shows that their cards took them. */
  readonly taken: ChainRecord[] = []
  readonly dirty = new Map<CardId, Set<number>>()
  /** Positions to trace: those that were looked at and have changed. */
  readonly touched = new Map<CardId, Set<number>>()

  readonly #facts: Pick<GroupFacts, 'schemeOf'>

  constructor(uploads: readonly Upload[], facts: Pick<GroupFacts, 'schemeOf'>) {
    this.uploads = uploads
    this.#facts = facts
    for (const { entry } of uploads) this.chain(entry.card)
  }

  chain(card: CardId): CardChain {
    const known = this.chains.get(card)
    if (known) return known
    const chain = new CardChain(this.#facts.schemeOf(card).recordsAreSigned)
    this.chains.set(card, chain)
    return chain
  }

  load(record: ChainRecord): void {
    this.chain(record.card).load(record)
  }

  /** A record that is new, or was only shown until now. */
  add(record: ChainRecord): void {
    const isLoaded = this.chain(record.card).isLoaded(record.sequence)
    invariant(isLoaded, 'what is there is known before a record is put beside it')
    this.change(record)
  }

  change(record: ChainRecord): void {
    this.chain(record.card).put(record)
    // A record that is only shown is never complete, and nobody's rival.
    if (record.uploaded) touch(this.dirty, record.card, record.sequence)
    touch(this.touched, record.card, record.sequence)
  }

  /** Takes note that its card did take it, if that is news. */
  take(record: ChainRecord): void {
    if (isEffective(record)) return
    const taken = { ...record, taken: true }
    this.change(taken)
    this.taken.push(taken)
  }

  changes(): Changes {
    const inserted: ChainRecord[] = []
    const handedIn: ChainRecord[] = []
    const updated: ChainRecord[] = []
    for (const chain of this.chains.values()) {
      for (const record of chain.records()) {
        const stored = chain.stored(record.digest)
        if (!stored) inserted.push(record)
        else if (record.uploaded !== stored.uploaded || record.source !== stored.source) {
          handedIn.push(record)
        } else if (differs(record, stored)) updated.push(record)
      }
    }
    return { inserted, handedIn, updated }
  }
}

export function touch(positions: Positions, card: CardId, sequence: number): void {
  const known = positions.get(card)
  if (known) known.add(sequence)
  else positions.set(card, new Set([sequence]))
}

function differs(a: ChainRecord, b: ChainRecord): boolean {
  if (a === b) return false
  return (
    a.outcome !== b.outcome ||
    a.complete !== b.complete ||
    a.contested !== b.contested ||
    a.refuted !== b.refuted ||
    a.taken !== b.taken ||
    a.decision !== b.decision ||
    a.settlement !== b.settlement
  )
}

/** Where each upload lies, what is beside it, and where what it shows lies. */
export async function loadNeighbours(trx: Transaction<Tables>, group: Group): Promise<void> {
  const wanted: Positions = new Map()
  for (const { entry } of group.uploads) {
    const { card, sequence, predecessor } = entry
    touch(wanted, card, sequence - 1)
    touch(wanted, card, sequence)
    touch(wanted, card, sequence + 1)
    // Who lies about its own sequence can show a record from anywhere.
    if (predecessor) touch(wanted, card, predecessor.sequence)
  }
  await loadPositions(trx, group, wanted)
}

export async function load(
  trx: Transaction<Tables>,
  group: Group,
  positions: readonly Position[],
): Promise<void> {
  const wanted: Positions = new Map()
  for (const { card, sequence } of positions) touch(wanted, card, sequence)
  await loadPositions(trx, group, wanted)
}

interface Position {
  readonly card: CardId
  readonly sequence: number
}

type Positions = Map<CardId, Set<number>>

async function loadPositions(
  trx: Transaction<Tables>,
  group: Group,
  wanted: Positions,
): Promise<void> {
  const spans = [...wanted].flatMap(([card, sequences]) => {
    const chain = group.chain(card)
    const missing = [...sequences].filter((sequence) => !chain.isLoaded(sequence))
    return spansOf(card, missing)
  })
  await loadWhole(trx, group, spans)
}

/** All that the database has in these spans. */
export async function loadWhole(
  trx: Transaction<Tables>,
  group: Group,
  spans: readonly Span[],
): Promise<void> {
  for (const record of await loadSpans(trx, spans)) group.load(record)
  for (const span of spans) group.chain(span.card).markLoaded(span)
}

/** The positions as runs: uploads of one card mostly lie side by side. */
function spansOf(card: CardId, positions: readonly number[]): Span[] {
  const spans: Span[] = []
  let from: number | undefined
  let to = Number.NEGATIVE_INFINITY
  for (const sequence of positions.toSorted((a, b) => a - b)) {
    if (from !== undefined && sequence > to + 1) {
      spans.push({ card, from, to })
      from = undefined
    }
    from ??= sequence
    to = sequence
  }
  if (from !== undefined) spans.push({ card, from, to })
  return spans
}
