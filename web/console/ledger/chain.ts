import type { LedgerLine } from '../../shared/api.ts'

/** One line of the picture of a chain: a record, a place where one is missing, or a hole of unknown size. */
export type ChainRow =
  | {
      readonly kind: 'record'
      readonly line: LedgerLine
      readonly lane: number
      /** How it stands on the record before it. */
      readonly link: Link
      /** Others claim the same place. */
      readonly rivals: number
    }
  | {
      readonly kind: 'missing'
      readonly line: LedgerLine
      readonly lane: number
      readonly link: Link
      /** Tills that built on it, and so have shown it. */
      readonly shownBy: readonly number[]
    }
  | {
      readonly kind: 'hole'
      readonly from: number
      readonly to: number
      readonly lane: number
      readonly link: Link
    }

/**
 * `first`: there is nothing before it. `fits`: it stands on the record above that it names.
 * `contested`: so does another, or it stands on one of which that holds.
 * `waits`: what it stands on has not been handed in. `broken`: it names something else than is there.
 */
export type Link = 'first' | 'fits' | 'contested' | 'waits' | 'broken'

/**
 * A ledger as rows from old to new, each in a lane: the branch with the longest future keeps its
 * parent's lane, every other branch gets the next free one.
 */
export function chainRows(lines: readonly LedgerLine[]): readonly ChainRow[] {
  const children = Map.groupBy(
    lines.filter(({ previous }) => previous !== null),
    ({ previous }) => previous?.digest ?? '',
  )
  const byDigest = new Map(lines.map((line) => [line.digest, line]))
  const bySequence = Map.groupBy(lines, ({ sequence }) => sequence)
  const lanes = laneOf(lines, children)
  const rows: ChainRow[] = []
  let expected = 0
  for (const sequence of [...bySequence.keys()].toSorted((a, b) => a - b)) {
    if (sequence > expected) {
      rows.push({ kind: 'hole', from: expected, to: sequence - 1, lane: 0, link: 'waits' })
    }
    const here = (bySequence.get(sequence) ?? []).toSorted(
      (a, b) => (lanes.get(a.digest) ?? 0) - (lanes.get(b.digest) ?? 0),
    )
    for (const line of here) {
      const lane = lanes.get(line.digest) ?? 0
      const link = linkOf(line, byDigest, bySequence)
      const builders = children.get(line.digest) ?? []
      rows.push(
        line.uploaded
          ? { kind: 'record', line, lane, link, rivals: here.length - 1 }
          : { kind: 'missing', line, lane, link, shownBy: builders.map(({ till }) => till) },
      )
    }
    expected = sequence + 1
  }
  return rows
}

function linkOf(
  line: LedgerLine,
  byDigest: ReadonlyMap<string, LedgerLine>,
  bySequence: ReadonlyMap<number, readonly LedgerLine[]>,
): Link {
  if (line.sequence === 0) return 'first'
  if (line.previous === null) return 'waits'
  const parent = byDigest.get(line.previous.digest)
  const before = bySequence.get(line.sequence - 1) ?? []
  if (parent?.uploaded === true) {
    if (parent.balance !== line.previous.balance) return 'broken'
    return line.contested ? 'contested' : 'fits'
  }
  // Something else stands where it says its predecessor does.
  return before.some(({ uploaded }) => uploaded) ? 'broken' : 'waits'
}

/** What really stands before a record whose own account of it is wrong. */
export function trueBefore(line: LedgerLine, lines: readonly LedgerLine[]): LedgerLine | undefined {
  const before = lines.filter(
    ({ sequence, uploaded }) => sequence === line.sequence - 1 && uploaded,
  )
  return before.find(({ till }) => till === line.previous?.till) ?? before[0]
}

function laneOf(
  lines: readonly LedgerLine[],
  children: ReadonlyMap<string, readonly LedgerLine[]>,
): ReadonlyMap<string, number> {
  const depth = new Map<string, number>()
  for (const line of lines.toSorted((a, b) => b.sequence - a.sequence)) {
    const below = (children.get(line.digest) ?? []).map(({ digest }) => depth.get(digest) ?? 0)
    depth.set(line.digest, 1 + Math.max(0, ...below))
  }
  const weight = ({ digest, uploaded, complete }: LedgerLine) =>
    (depth.get(digest) ?? 0) * 4 + (complete ? 2 : 0) + (uploaded ? 1 : 0)
  const lanes = new Map<string, number>()
  const bySequence = Map.groupBy(lines, ({ sequence }) => sequence)
  for (const sequence of [...bySequence.keys()].toSorted((a, b) => a - b)) {
    const here = (bySequence.get(sequence) ?? []).toSorted((a, b) => weight(b) - weight(a))
    const taken = new Set<number>()
    for (const line of here) {
      const wanted = line.previous ? (lanes.get(line.previous.digest) ?? 0) : 0
      let lane = wanted
      while (taken.has(lane)) lane += 1
      taken.add(lane)
      lanes.set(line.digest, lane)
    }
  }
  return lanes
}
