import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { openDatabase } from '../src/office/database.ts'

const CLIENTS = 8
const SECONDS = 5
const CARDS = 500
const TILLS = 50

/** The same rows as a settled payment, in one transaction a payment and nothing else, as one call. */
const SETUP = `
  create table bench_entry (like entry including all);
  create table bench_transfer (like transfer including all);
  create table bench_account (like account including all);
  create sequence bench_sequence;
  insert into bench_account (kind, owner, currency)
  select case when n <= ${CARDS} then 'shadow' else 'merchant' end, n::text, 'USD'
  from generate_series(1, ${CARDS + TILLS}) as n;
  create function bench_pay(card bigint, till bigint) returns void language sql as $$
    with numbered as (select nextval('bench_sequence') as n), entered as (
      insert into bench_entry (
        card, sequence, digest, kind, maker, generation, made_at, balance, uploaded, amount, outcome,
        previous, previous_maker, previous_balance, previous_at, previous_shown, received_at, batch,
        index, complete, settlement, settlement_step
      )
      select lpad(card::text, 16, '0'), n, sha256(n::text::bytea), 'pay', till, 1, n, n, true, 1,
        'confirmed', sha256(card::text::bytea), till, n, n, true, n, 1, 1, true, 'settled', 1
      from numbered
    ), posted as (
      insert into bench_transfer (reference, debit, credit, amount, at)
      select 'entry:' || encode(sha256(n::text::bytea), 'base64') || ':1', card, ${CARDS} + till, 1, n
      from numbered
    )
    update bench_account set balance = balance + case when id = card then -1 else 1 end
    where id in (card, ${CARDS} + till)
  $$;`

export interface PlainSpeed {
  readonly perSecond: number
  /** Who drove it. */
  readonly driver: string
}

/** What plain PostgreSQL does with one transaction a payment, ${CLIENTS} clients at once. */
export async function benchPlainPostgres(): Promise<PlainSpeed> {
  const directory = await mkdtemp(join(tmpdir(), 'kontant-bench-'))
  const database = await openDatabase({ directory })
  try {
    await withClient(database.url, (client) => client.query(SETUP))
    const pgbench = findPgbench()
    const perSecond = pgbench
      ? await runPgbench(pgbench, database.url, directory)
      : await runDriver(database.url)
    return { perSecond, driver: pgbench ? 'pgbench' : 'node driver (pgbench is not installed)' }
  } finally {
    await database.close()
    await rm(directory, { recursive: true, force: true })
  }
}

function findPgbench(): string | undefined {
  try {
    const found = execFileSync('sh', [
      '-c',
      'command -v pgbench || ls -d /usr/lib/postgresql/*/bin/pgbench | tail -1',
    ])
    return found.toString().trim() || undefined
  } catch {
    return undefined
  }
}

async function runPgbench(pgbench: string, url: string, directory: string): Promise<number> {
  const script = join(directory, 'pay.sql')
  await writeFile(
    script,
    `\\set card random(1, ${CARDS})\n\\set till random(1, ${TILLS})\nselect bench_pay(:card, :till);\n`,
  )
  const options = ['-n', '-M', 'prepared', '-c', CLIENTS, '-j', 2, '-T', SECONDS, '-f', script, url]
  const report = execFileSync(pgbench, options.map(String), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return Number(/tps = ([\d.]+)/.exec(report)?.[1])
}

async function runDriver(url: string): Promise<number> {
  const end = performance.now() + SECONDS * 1000
  const counts = await Promise.all(
    Array.from({ length: CLIENTS }, (_, client) =>
      withClient(url, async (connection) => {
        let count = 0
        for (; performance.now() < end; count += 1) {
          const values = [1 + ((count * 7 + client) % CARDS), 1 + ((count + client) % TILLS)]
          await connection.query({ name: 'pay', text: 'select bench_pay($1, $2)', values })
        }
        return count
      }),
    ),
  )
  return counts.reduce((sum, count) => sum + count, 0) / SECONDS
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
