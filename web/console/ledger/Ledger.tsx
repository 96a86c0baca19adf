import { IconCreditCard } from '@tabler/icons-react'
import type { LedgerLine } from '../../shared/api.ts'
import { Empty } from '../../shared/Notice.tsx'
import { type ChainRow, chainRows } from './chain.ts'
import classes from './Ledger.module.css'
import { Gutter, gutterPieces } from './Gutter.tsx'
import { HoleCells, MissingCells, RecordCells } from './LedgerRow.tsx'

/** The columns of Shah et al., Tables II to IV, by their names there. */
export const COLUMNS = [
  'vendor',
  'balance',
  'timestamp',
  'prev vendor',
  'prev balance',
  'prev timestamp',
  'sequence number',
  'complete',
] as const

const FIGURES: ReadonlySet<string> = new Set(['balance', 'prev balance', 'sequence number'])

/** A card's ledger as the document prints it, with the chain drawn beside it. */
export function Ledger({
  lines,
  currency,
}: {
  readonly lines: readonly LedgerLine[]
  readonly currency: string
}) {
  if (lines.length === 0) {
    return (
      <div className={classes.frame}>
        <Empty title="Nothing handed in yet" icon={<IconCreditCard size={28} aria-hidden />}>
          Tills upload what this card did as soon as they have a network.
        </Empty>
      </div>
    )
  }
  const rows = chainRows(lines)
  const pieces = gutterPieces(rows)
  const lanes = 1 + Math.max(...rows.map(({ lane }) => lane))
  return (
    <div className={classes.frame}>
      <table role="table" aria-label="Ledger" className={classes.ledger}>
        <thead role="rowgroup">
          <tr role="row">
            <th role="presentation" aria-hidden="true" />
            {COLUMNS.map((name) => (
              <th
                key={name}
                role="columnheader"
                scope="col"
                className={FIGURES.has(name) ? classes.figures : undefined}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row, index) => (
            <tr
              key={keyOf(row)}
              role="row"
              className={classes[row.kind]}
              data-rival={row.kind === 'record' && row.rivals > 0}
            >
              <td role="presentation" aria-hidden="true" className={classes.gutter}>
                <Gutter pieces={pieces[index] ?? []} lanes={lanes} />
              </td>
              <Cells row={row} lines={lines} currency={currency} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Cells({
  row,
  lines,
  currency,
}: {
  readonly row: ChainRow
  readonly lines: readonly LedgerLine[]
  readonly currency: string
}) {
  switch (row.kind) {
    case 'record':
      return <RecordCells row={row} lines={lines} currency={currency} />
    case 'missing':
      return <MissingCells row={row} currency={currency} />
    case 'hole':
      return <HoleCells row={row} />
  }
}

function keyOf(row: ChainRow): string {
  return row.kind === 'hole' ? `hole ${row.from}` : row.line.digest
}
