import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { seal, unseal } from '../kernel/aes.ts'
import { concat, utf8, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { hmacSha256 } from '../kernel/hash.ts'
import type { RandomSource } from '../kernel/ports.ts'
import { PowerLost, type Cut, type Fuse } from './fuse.ts'
import { MIGRATIONS } from './tables.ts'

export interface StoreOptions {
  /** Of the database file; made if it does not exist. */
  readonly path: string
  /** 32 bytes. Without them the file says nothing but how much there is of what. */
  readonly storageKey: Bytes
  readonly random: RandomSource
  readonly fuse?: Fuse
}

export const STORAGE_KEY_SIZE = 32

/** Another process has this till's file open. Nothing changed. */
export class StoreBusy extends Error {
  override readonly name = 'StoreBusy'
}

/** This till's file was made by a newer program, or with another storage key. Nothing changed. */
export class StoreUnreadable extends Error {
  override readonly name = 'StoreUnreadable'
}

/** Leave to change rows. Exists only inside {@link Store.write}. */
export interface Transaction {
  run(sql: string, ...values: readonly SQLInputValue[]): number
}

/** A till's file: durable, sealed, and open in one process only. */
export interface Store {
  /** The first row, or undefined: the caller knows its columns. */
  find(sql: string, ...values: readonly SQLInputValue[]): unknown
  list(sql: string, ...values: readonly SQLInputValue[]): readonly unknown[]
  /**
   * One transaction, on the disk when it returns. `name` is for the fuse.
   *
   * @throws {PowerLost} from the fuse, and from then on always.
   */
  write<T>(name: string, work: (trx: Transaction) => T): T
  /** @param place table and row: sealed bytes open nowhere else. */
  seal(place: string, plaintext: Bytes): Bytes
  unseal(place: string, sealed: Uint8Array): Bytes
  /** Stands for a value that is looked up and must not be read. `purpose` keeps two tables apart. */
  blind(purpose: string, value: string | Uint8Array): Bytes
  close(): void
}

/**
 * Write-ahead log with full synchronous writes: one flush a commit, of one file, appended. A rollback
 * journal is as durable and flushes three times, which a memory card feels; `off` and `NORMAL` lose the
 * last payments. The lock is exclusive: two programs on one journal would sign one position twice.
 */
const PRAGMAS = `
  pragma locking_mode = exclusive;
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma wal_autocheckpoint = 1000;
  pragma trusted_schema = off;
  pragma recursive_triggers = on;
`

/** @throws {StoreBusy | StoreUnreadable} */
export function openStore({ path, storageKey, random, fuse }: StoreOptions): Store {
  invariant(storageKey.length === STORAGE_KEY_SIZE, 'a storage key has 32 bytes')
  const sealKey = hmacSha256(storageKey, utf8('kontant till seal'))
  const blindKey = hmacSha256(storageKey, utf8('kontant till blind'))
  const db = openDatabase(path)
  const statements = new Map<string, StatementSync>()
  let dead: PowerLost | undefined

  const statement = (sql: string): StatementSync => {
    if (dead) throw dead
    const known = statements.get(sql)
    if (known) return known
    const prepared = db.prepare(sql)
    statements.set(sql, prepared)
    return prepared
  }

  const cut = (when: Cut, write: string): void => {
    try {
      fuse?.(when, write)
    } catch (error) {
      dead = error instanceof PowerLost ? error : new PowerLost(String(error))
      db.close()
      throw dead
    }
  }

  const transaction: Transaction = {
    run: (sql, ...values) => Number(statement(sql).run(...values).changes),
  }

  const store: Store = {
    find: (sql, ...values) => statement(sql).get(...values),
    list: (sql, ...values) => statement(sql).all(...values),
    write(name, work) {
      if (dead) throw dead
      invariant(!db.isTransaction, 'a write does not begin inside another')
      db.exec('begin immediate')
      try {
        const result = work(transaction)
        cut('before', name)
        db.exec('commit')
        cut('after', name)
        return result
      } catch (error) {
        if (!dead && db.isTransaction) db.exec('rollback')
        throw error
      }
    },
    seal: (place, plaintext) => seal(sealKey, plaintext, utf8(place), random),
    unseal: (place, sealed) => unseal(sealKey, sealed, utf8(place)),
    blind: (purpose, value) =>
      hmacSha256(
        blindKey,
        concat(utf8(`${purpose}\0`), typeof value === 'string' ? utf8(value) : value),
      ),
    close: () => {
      if (!dead) db.close()
      dead ??= new PowerLost('the till was closed')
    },
  }
  checkKey(store, db)
  return store
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    db.exec(PRAGMAS)
    // A migration may put another table in the place of one that others refer to.
    db.exec('pragma foreign_keys = off')
    migrate(db)
    db.exec('pragma foreign_keys = on')
    return db
  } catch (error) {
    db.close()
    if (error instanceof Error && error.message.includes('locked')) {
      throw new StoreBusy(`${path} is open in another process: stop that one first`)
    }
    if (error instanceof Error && error.message.includes('not a database')) {
      throw new StoreUnreadable(`${path} is not a till's file`)
    }
    throw error
  }
}

function migrate(db: DatabaseSync): void {
  db.exec('begin exclusive')
  const version = Number(db.prepare('pragma user_version').get()?.['user_version'] ?? 0)
  if (version > MIGRATIONS.length) {
    throw new StoreUnreadable(`the till's file has version ${version}: use a newer program`)
  }
  for (const migration of MIGRATIONS.slice(version)) db.exec(migration)
  db.exec(`pragma user_version = ${MIGRATIONS.length}`)
  db.exec('commit')
}

/** A wrong storage key shows at once and not at the first customer. */
function checkKey(store: Store, db: DatabaseSync): void {
  const marker = findState(store, 'marker')
  if (marker instanceof Error) {
    db.close()
    throw new StoreUnreadable('the storage key does not open this file')
  }
  if (marker === undefined) {
    const sealed = store.seal('state marker', utf8('kontant till'))
    db.prepare(PUT_STATE).run('marker', sealed)
  }
}

function findState(store: Store, name: string): Bytes | Error | undefined {
  try {
    return readState(store, name)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const PUT_STATE =
  'insert into state (name, sealed) values (?, ?) on conflict (name) do update set sealed = excluded.sealed'

/** One of the till's single values, or undefined if it was never written. */
export function readState(store: Store, name: string): Bytes | undefined {
  const row = store.find('select sealed from state where name = ?', name) as
    { sealed: Bytes } | undefined
  return row && store.unseal(`state ${name}`, row.sealed)
}

export function writeState(store: Store, trx: Transaction, name: string, value: Bytes): void {
  trx.run(PUT_STATE, name, store.seal(`state ${name}`, value))
}
