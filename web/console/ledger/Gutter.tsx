import type { ChainRow, Link } from './chain.ts'
import classes from './Gutter.module.css'

/** What is drawn beside one row, in the lanes of the chain. */
export type Piece =
  | {
      readonly kind: 'dot'
      readonly lane: number
      readonly look: 'full' | 'held' | 'empty' | 'none' | 'bad'
    }
  | {
      readonly kind: 'line'
      readonly lane: number
      readonly half: 'above' | 'below' | 'both'
      readonly link: Link
    }
  | { readonly kind: 'bend'; readonly from: number; readonly to: number; readonly link: Link }

/** From the rows of a chain to what the gutter shows beside each: edges run from parent to child. */
export function gutterPieces(rows: readonly ChainRow[]): readonly (readonly Piece[])[] {
  const pieces: Piece[][] = rows.map((row) => [{ kind: 'dot', lane: row.lane, look: lookOf(row) }])
  const at = new Map<string, number>()
  for (const [index, row] of rows.entries()) {
    if (row.kind !== 'hole') at.set(row.line.digest, index)
    if (row.link === 'first') continue
    const parent = parentOf(rows, index, at)
    if (parent === undefined) continue
    const lane = row.lane
    const parentLane = rows[parent]?.lane ?? 0
    const { link } = row
    pieces[parent]?.push(
      parentLane === lane
        ? { kind: 'line', lane, half: 'below', link }
        : { kind: 'bend', from: parentLane, to: lane, link },
    )
    for (let between = parent + 1; between < index; between += 1) {
      pieces[between]?.push({ kind: 'line', lane, half: 'both', link })
    }
    pieces[index]?.push({ kind: 'line', lane, half: 'above', link })
  }
  return pieces
}

/** The row that a row's line comes from: its own parent, or else whatever stands before it. */
function parentOf(
  rows: readonly ChainRow[],
  index: number,
  at: ReadonlyMap<string, number>,
): number | undefined {
  const row = rows[index]
  if (row && row.kind !== 'hole' && row.line.previous) {
    const parent = at.get(row.line.previous.digest)
    if (parent !== undefined && parent < index) return parent
  }
  const sequence = row?.kind === 'hole' ? row.from : row?.line.sequence
  return rows.findLastIndex((earlier, position) => {
    if (position >= index || sequence === undefined) return false
    return (earlier.kind === 'hole' ? earlier.to : earlier.line.sequence) < sequence
  })
}

function lookOf(row: ChainRow) {
  if (row.kind === 'hole') return 'none'
  if (row.kind === 'missing') return 'empty'
  if (row.line.refuted || row.link === 'broken') return 'bad'
  if (row.link === 'contested') return 'held'
  return row.line.complete ? 'full' : 'empty'
}

const LANE = 16
const X0 = 11

/** Fills the height of its row, whatever that is. */
export function Gutter({
  pieces,
  lanes,
}: {
  readonly pieces: readonly Piece[]
  readonly lanes: number
}) {
  const x = (lane: number) => X0 + lane * LANE
  const width = X0 * 2 + (lanes - 1) * LANE
  const lines = pieces.filter((piece) => piece.kind !== 'dot')
  const dots = pieces.filter((piece) => piece.kind === 'dot')
  return (
    <span className={classes.gutter} style={{ width }}>
      {lines.map((piece) =>
        piece.kind === 'bend' ? (
          <span
            key={`bend ${piece.from} ${piece.to}`}
            className={classes.bend}
            data-link={piece.link}
            style={{ left: x(piece.from), width: x(piece.to) - x(piece.from) }}
          />
        ) : (
          <span
            key={`line ${piece.lane} ${piece.half} ${piece.link}`}
            className={classes.line}
            data-half={piece.half}
            data-link={piece.link}
            style={{ left: x(piece.lane) }}
          />
        ),
      )}
      {dots.map(
        (dot) =>
          dot.look !== 'none' && (
            <span
              key={`dot ${dot.lane}`}
              className={classes.dot}
              data-look={dot.look}
              style={{ left: x(dot.lane) }}
            />
          ),
      )}
    </span>
  )
}
