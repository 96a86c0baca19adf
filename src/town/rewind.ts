import { Client } from 'pg'
import { invariant } from '../kernel/errors.ts'

const KEPT = 'kontant_kept'

/**
 * Puts a database back to what it was, again and again: a hundred times faster than copying it anew.
 * For a copy that nobody needs afterwards.
 */
export class Rewind {
  readonly #client: Client
  /** A table after all that it refers to. */
  readonly #tables: readonly Table[]

  private constructor(client: Client, tables: readonly Table[]) {
    this.#client = client
    this.#tables = tables
  }

  /** Remembers every row of every table. */
  static async keep(url: string): Promise<Rewind> {
    const client = new Client({ connectionString: url })
    await client.connect()
    const tables = await tablesInOrder(client)
    const copies = tables.map(
      ({ name, columns }) =>
        `create table ${KEPT}.${name} as select ${columns} from public.${name}`,
    )
    await client.query([`create schema ${KEPT}`, ...copies].join(';'))
    return new Rewind(client, tables)
  }

  /** In one transaction, as several statements in one query are. */
  async restore(): Promise<void> {
    const each = (statement: (table: Table) => string) => this.#tables.map(statement)
    await this.#client.query(
      [
        // What is append-only stays so for everybody else.
        ...each(({ name }) => `alter table public.${name} disable trigger user`),
        ...each(({ name }) => `delete from public.${name}`).toReversed(),
        ...each(
          ({ name, columns }) =>
            `insert into public.${name} (${columns}) overriding system value
             select ${columns} from ${KEPT}.${name}`,
        ),
        ...each(({ name }) => `alter table public.${name} enable trigger user`),
      ].join(';'),
    )
  }

  async end(): Promise<void> {
    await this.#client.end()
  }
}

interface Table {
  /** Quoted, as are the columns: those that can be written. */
  readonly name: string
  readonly columns: string
}

async function tablesInOrder(client: Client): Promise<readonly Table[]> {
  const tables = await client.query<Table & { readonly table: string }>(
    `select relname as table, quote_ident(relname) as name, (
       select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
       where attrelid = pg_class.oid and attnum > 0 and not attisdropped and attgenerated = ''
     ) as columns
     from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname`,
  )
  const references = await client.query<{ from: string; to: string }>(
    `select a.relname as from, b.relname as to from pg_constraint
     join pg_class a on a.oid = conrelid join pg_class b on b.oid = confrelid
     where contype = 'f' and conrelid <> confrelid`,
  )
  const waiting = new Map(tables.rows.map((table) => [table.table, table]))
  const ordered: Table[] = []
  while (waiting.size > 0) {
    const blocked = new Set(
      references.rows.flatMap(({ from, to }) => (waiting.has(to) ? from : [])),
    )
    const next = [...waiting.values()].find(({ table }) => !blocked.has(table))
    invariant(next, 'no tables refer to each other in a circle')
    waiting.delete(next.table)
    ordered.push(next)
  }
  return ordered
}
