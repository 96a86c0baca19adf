import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Processor time, user and system, in µs. Unlike wall-clock time, other processes hardly change it. */
export interface CpuTimes {
  /** The thread that takes batches in and places records. */
  readonly main: number
  /** The threads that verify. */
  readonly workers: number
  /** The compiler, the collector and whatever else of the process has no thread of its own here. */
  readonly helpers: number
  /** The database's server with all its backends. */
  readonly database: number
}

/** `/proc` counts in hundredths of a second, whatever the kernel's own clock (proc(5), USER_HZ). */
const TICK_US = 10_000

/**
 * What each part has used so far.
 *
 * @param cluster where the database's server keeps its data.
 * @returns undefined where there is no `/proc`.
 */
export function cpuTimes(cluster: string | undefined): CpuTimes | undefined {
  const tasks = '/proc/self/task'
  const threads = entriesOf(tasks)
  if (threads.length === 0 || cluster === undefined) return undefined
  const main = usedBy(join(tasks, String(process.pid)))
  const workers = sum(
    threads
      .filter((thread) => nameOf(join(tasks, thread)).startsWith('WorkerThread'))
      .map((thread) => usedBy(join(tasks, thread))),
  )
  return {
    main,
    workers,
    helpers: usedBy('/proc/self') - main - workers,
    database: usedByServer(cluster),
  }
}

export function cpuBetween(before: CpuTimes, after: CpuTimes): CpuTimes {
  return {
    main: after.main - before.main,
    workers: after.workers - before.workers,
    helpers: after.helpers - before.helpers,
    database: after.database - before.database,
  }
}

/** The server, and its children: those that ended while it watched are in its own account. */
function usedByServer(cluster: string): number {
  const [server = ''] = readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')
  const family = entriesOf('/proc').filter(
    (pid) => pid === server || statOf(join('/proc', pid))?.parent === server,
  )
  return sum(family.map((pid) => usedBy(join('/proc', pid)))) + endedBelow(server)
}

function endedBelow(server: string): number {
  return statOf(join('/proc', server))?.children ?? 0
}

function usedBy(directory: string): number {
  return statOf(directory)?.own ?? 0
}

/** proc(5), `/proc/pid/stat`; undefined if it has just ended. */
function statOf(directory: string) {
  const text = readIfThere(join(directory, 'stat'))
  if (text === undefined) return undefined
  // The name, in parentheses, may have blanks in it; the state behind it is field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = (field: number) => Number(fields[field - 3] ?? 0) * TICK_US
  return { parent: fields[1], own: ticks(14) + ticks(15), children: ticks(16) + ticks(17) }
}

function nameOf(directory: string): string {
  return readIfThere(join(directory, 'comm')) ?? ''
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
