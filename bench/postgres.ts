import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { openDatabase } from '../src/office/database.ts'

/** As many connections as may be best: each form of each is tried, and the best counts. */
const CLIENTS = [4, 8, 16, 32]
const SECONDS = 3
const CARDS = 1000
const TILLS = 100

/**
 * One payment as an application writes it that has nothing but PostgreSQL: the same rows in the same
 * tables as a settled payment — record, transfer, two balances — in one transaction.
 */
const RECORD = `
  insert into entry (
    card, sequence, digest, kind, maker, generation, made_at, balance, uploaded, amount, outcome,
    previous, previous_maker, previous_balance, previous_at, previous_shown, received_at, batch,
    index, complete, settlement, settlement_step
  )
  select lpad(to_hex(CARD), 16, '0'), n, sha256(n::text::bytea), 'pay', TILL, 1, n, n, true, 1,
    'confirmed', sha256((-n)::text::bytea), TILL, n, n, true, n, 1, 1, true, 'settled', 1
  from (select nextval('bench_payment') as n) as next`
const TRANSFER = `
  insert into transfer (reference, debit, credit, amount, at)
  select 'entry:' || encode(sha256(n::text::bytea), 'base64') || '/1', CARD, ${CARDS} + TILL, 1, n
  from (select currval('bench_payment') as n) as this`
const DEBIT = `update account set balance = balance - 1 where id = CARD`
const CREDIT = `update account set balance = balance + 1 where id = ${CARDS} + TILL`
const PAYMENT = [RECORD, TRANSFER, DEBIT, CREDIT]

/**
 * References as anybody has them who writes row by row: the office looks once a statement, for all of its
 * rows (migrations/0009-references.sql), which pays only from some ten rows on.
 */
const PLAIN_REFERENCES = `
  drop trigger entry_references on entry;
  drop trigger entry_still_references on entry;
  drop trigger transfer_references on transfer;
  drop trigger transfer_still_references on transfer;
  alter table entry
    add foreign key (card) references card (id), add foreign key (batch) references batch (id);
  alter table transfer
    add foreign key (debit) references account (id), add foreign key (credit) references account (id);`

const SETUP = `
  ${PLAIN_REFERENCES}
  create sequence bench_payment;
  insert into card (id, scheme, uid, currency, issued_at)
  select lpad(to_hex(n), 16, '0'), 'block', decode(lpad(to_hex(n), 8, '0'), 'hex'), 'USD', 0
  from generate_series(1, ${CARDS}) as n;
  insert into merchant (name, made_at) values ('bench', 0);
  insert into till (name, merchant, currency, made_at) select 'bench', id, 'USD', 0 from merchant;
  insert into batch (
    till, generation, number, digest, previous, made_at, complete_up_to, received_at, items, bytes
  )
  select number, 1, 1, sha256(''), sha256(''), 0, 0, 0, 0, '' from till;
  insert into account (kind, owner, currency)
  select case when n <= ${CARDS} then 'shadow' else 'merchant' end, n::text, 'USD'
  from generate_series(1, ${CARDS + TILLS}) as n;
  create function bench_pay(bigint, bigint) returns void language sql as $$
    ${PAYMENT.map((statement) => withNames(statement, '$1', '$2')).join(';\n')}
  $$;`

/** The two ways to do it that are measured: whoever compares must say with which. */
const FORMS = {
  /** As usual: each statement goes over the connection by itself. */
  statements: ['begin', ...PAYMENT, 'commit'],
  /** As fast as can be: all of it is one call of a function in the database. */
  call: ['select bench_pay(CARD, TILL)'],
} as const
type Form = keyof typeof FORMS

export interface PlainSpeed {
  /** Transactions a second, with as many clients as were best. */
  readonly perSecond: number
  readonly clients: number
}

export interface PlainSpeeds extends Readonly<Record<Form, PlainSpeed>> {
  /** Who drove it. */
  readonly driver: string
}

/** What plain PostgreSQL does with one transaction a payment, on a server with the office's settings. */
export async function benchPlainPostgres(): Promise<PlainSpeeds> {
  const directory = await mkdtemp(join(tmpdir(), 'kontant-bench-'))
  const database = await openDatabase({ directory })
  try {
    await withClient(database.url, (client) => client.query(SETUP))
    const pgbench = findPgbench()
    const run = pgbench
      ? (form: Form, clients: number) =>
          runPgbench(pgbench, database.url, directory, FORMS[form], clients)
      : (form: Form, clients: number) => runDriver(database.url, FORMS[form], clients)
    return {
      statements: await best((clients) => run('statements', clients)),
      call: await best((clients) => run('call', clients)),
      driver: pgbench ? 'pgbench' : 'node driver (pgbench is not installed)',
    }
  } finally {
    await database.close()
    await rm(directory, { recursive: true, force: true })
  }
}

async function best(run: (clients: number) => Promise<number>): Promise<PlainSpeed> {
  let found: PlainSpeed = { perSecond: 0, clients: 0 }
  for (const clients of CLIENTS) {
    const perSecond = await run(clients)
    if (perSecond > found.perSecond) found = { perSecond, clients }
  }
  return found
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

async function runPgbench(
  pgbench: string,
  url: string,
  directory: string,
  statements: readonly string[],
  clients: number,
): Promise<number> {
  const script = join(directory, 'pay.sql')
  const lines = statements.map((statement) =>
    withNames(statement.replaceAll(/\s+/g, ' ').trim(), ':card::bigint', ':till::bigint'),
  )
  const choose = [`\\set card random(1, ${CARDS})`, `\\set till random(1, ${TILLS})`]
  await writeFile(script, [...choose, ...lines.map((line) => `${line};`)].join('\n'))
  const options = ['-n', '-M', 'prepared', '-c', clients, '-j', 2, '-T', SECONDS, '-f', script, url]
  const report = execFileSync(pgbench, options.map(String), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return Number(/tps = ([\d.]+)/.exec(report)?.[1])
}

async function runDriver(
  url: string,
  statements: readonly string[],
  clients: number,
): Promise<number> {
  const end = performance.now() + SECONDS * 1000
  const counts = await Promise.all(
    Array.from({ length: clients }, (_, client) =>
      withClient(url, async (connection) => {
        let count = 0
        for (; performance.now() < end; count += 1) {
          const card = 1 + ((count * 7 + client) % CARDS)
          const till = 1 + ((count + client) % TILLS)
          for (const [index, statement] of statements.entries()) {
            await connection.query(prepared(String(index), statement, card, till))
          }
        }
        return count
      }),
    ),
  )
  return counts.reduce((sum, count) => sum + count, 0) / SECONDS
}

/** Numbered are only the parameters that a statement has. */
function prepared(name: string, statement: string, card: number, till: number) {
  const hasCard = statement.includes('CARD')
  const hasTill = statement.includes('TILL')
  return {
    name,
    text: withNames(statement, '$1::bigint', hasCard ? '$2::bigint' : '$1::bigint'),
    values: [...(hasCard ? [card] : []), ...(hasTill ? [till] : [])],
  }
}

function withNames(statement: string, card: string, till: string): string {
  return statement.replaceAll('CARD', card).replaceAll('TILL', till)
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
