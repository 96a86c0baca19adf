import { Skeleton } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './Table.module.css'

export interface Column<T> {
  readonly label: string
  readonly cell: (row: T) => ReactNode
  /** Figures stand to the right, so that they line up. */
  readonly figures?: boolean
  /** What a row is called: on a phone, the heading of its block. */
  readonly lead?: boolean
}

/**
 * Rows under headings; on a phone, one block a row with the headings beside the values.
 * A link in the lead cell with `data-row-link` makes the whole row clickable.
 */
export function Table<T>({
  label,
  columns,
  rows,
  rowKey,
  empty,
}: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  /** Undefined while they are on their way. */
  readonly rows: readonly T[] | undefined
  readonly rowKey: (row: T) => string | number
  readonly empty: ReactNode
}) {
  if (rows?.length === 0) return <div className={classes.frame}>{empty}</div>
  return (
    <div className={classes.frame}>
      {/* The roles are spelled out: as blocks, on a phone, rows and cells would lose them. */}
      <table
        className={classes.table}
        role="table"
        aria-label={label}
        aria-busy={!rows}
        data-columns={columns.length}
      >
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <th
                key={column.label}
                role="columnheader"
                scope="col"
                className={column.figures ? classes.figures : undefined}
              >
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows ? (
            rows.map((row) => <Row key={rowKey(row)} row={row} columns={columns} />)
          ) : (
            <Waiting columns={columns.length} />
          )}
        </tbody>
      </table>
    </div>
  )
}

function Row<T>({ row, columns }: { readonly row: T; readonly columns: readonly Column<T>[] }) {
  return (
    <tr role="row">
      {columns.map((column) => (
        <td
          key={column.label}
          role="cell"
          data-label={column.label}
          data-lead={column.lead}
          className={column.figures ? classes.figures : undefined}
        >
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}

const WAITING_ROWS = [0, 1, 2, 3, 4]

function Waiting({ columns }: { readonly columns: number }) {
  return WAITING_ROWS.map((row) => (
    <tr key={row} role="row">
      <td role="cell" colSpan={columns}>
        <Skeleton height={18} />
      </td>
    </tr>
  ))
}
