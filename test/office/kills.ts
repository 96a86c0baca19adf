import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { toHex, type Bytes } from '../../src/kernel/bytes.ts'
import type { Tables } from '../../src/office/tables.ts'
import { Chance } from '../fuzz/chance.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLedgerOffice } from '../support/ledger-office.ts'
import { random } from '../support/mint.ts'
import {
  booksOf,
  Connection,
  expectedBooks,
  isAcknowledged,
  playDay,
  shuffledBy,
  type DayBatch,
  type DaySize,
} from './day.ts'

const CONNECTIONS = 32
const CHILD = new URL('kill-child.ts', import.meta.url).pathname

/**
 * An office in a process of its own is killed while tills upload, again and again. What it had
 * acknowledged is there afterwards, and everything is there once.
 */
export function defineKills(size: DaySize, kills: number): void {
  test(`an office killed ${kills} times under load loses nothing that it acknowledged, and doubles nothing`, async () => {
    const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
    const chance = new Chance(seed)
    const database = await createTestDatabase()
    const dataKey = random.bytes(32)
    // Only its keys are used here: what is placed, the processes place that are killed.
    const town = await createLedgerOffice(database.db, undefined, dataKey)
    const data = dataDirectory(dataKey)
    const day = await playDay(town, chance, size)

    const acknowledged = new Set<DayBatch>()
    const seen = { kills: 0, unanswered: 0, unplacedAtKill: 0, lost: [] as string[] }
    let queue = shuffledBy(chance, day.batches)
    for (let round = 0; queue.length > 0; round += 1) {
      const office = await startChild(data, database.url)
      const share = Math.ceil(day.batches.length / kills)
      const isLast = round >= kills
      // Some repeated ones go along; after so many answers, or a moment, comes the kill.
      const some = shuffledBy(chance, [...queue, ...[...acknowledged].slice(0, share)])
      const answersUntilKill = isLast ? Number.POSITIVE_INFINITY : 1 + chance.below(2 * share)
      await upload(office, some, answersUntilKill, (batch, answer) => {
        if (isAcknowledged(town, batch, answer)) acknowledged.add(batch)
        else seen.unanswered += 1
      })
      if (!isLast) {
        await sleep(chance.below(30))
        seen.kills += 1
      }
      if (isLast) await allPlaced(database.db)
      office.process.kill('SIGKILL')
      await once(office.process, 'exit')
      const held = await heldBatches(database.db)
      seen.unplacedAtKill += held.unplaced
      for (const { till, number } of acknowledged) {
        if (!held.all.has(`${till}:${number}`)) seen.lost.push(`${till}:${number}`)
      }
      queue = day.batches.filter((batch) => !acknowledged.has(batch))
    }
    const last = await startChild(data, database.url)
    await allPlaced(database.db)
    last.process.kill('SIGKILL')
    await once(last.process, 'exit')

    console.log(
      `kills, seed ${seed}: ${seen.kills} of an office under load, ${seen.unanswered} uploads without an ` +
        `answer, ${Math.round(seen.unplacedAtKill / Math.max(1, seen.kills))} batches stored and not yet placed at a kill on average, ` +
        `${acknowledged.size} of ${day.batches.length} batches acknowledged, ${seen.lost.length} lost`,
    )
    expect(seen.lost).toEqual([])
    expect(seen.kills).toBeGreaterThan(0)
    expect(await booksOf(database.db, town)).toEqual(expectedBooks(day))
    rmSync(data, { recursive: true, force: true })
    await town.evidence.stop()
    await database.drop()
  })
}

export interface Office {
  readonly url: string
  readonly process: ChildProcess
}

/** Where such a process finds the key of its database. */
export function dataDirectory(dataKey: Bytes): string {
  const data = mkdtempSync(join(tmpdir(), 'kontant-kill-'))
  writeFileSync(join(data, 'data.key'), `${toHex(dataKey)}\n`, { mode: 0o600 })
  return data
}

/** An office in a process of its own. */
export async function startChild(data: string, database: string): Promise<Office> {
  const child = spawn(process.execPath, [CHILD, data, database], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const [url] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown]
  if (typeof url !== 'string') throw new Error(`the office ended with status ${String(url)}`)
  return { url, process: child }
}

/** Sends from all connections at once, and stops after so many answers. */
async function upload(
  { url, process: child }: Office,
  batches: DayBatch[],
  answersMax: number,
  onAnswer: (batch: DayBatch, answer: Awaited<ReturnType<Connection['send']>>) => void,
): Promise<void> {
  let answers = 0
  const { promise: enough, resolve: stop } = Promise.withResolvers<void>()
  const connections = Array.from({ length: CONNECTIONS }, async () => {
    const connection = new Connection()
    while (answers < answersMax && child.exitCode === null && child.signalCode === null) {
      const batch = batches.pop()
      if (!batch) break
      const answer = await connection.send(url, batch.bytes)
      onAnswer(batch, answer)
      answers += 1
      if (answers >= answersMax) stop()
    }
    connection.close()
  })
  // Requests are under way on the other connections when the first has its answer.
  await Promise.race([enough, Promise.all(connections)])
}

async function heldBatches(db: Kysely<Tables>) {
  const { rows } = await sql<{ till: string; number: string; placed: boolean }>`
    select till::text, number::text, placed from batch`.execute(db)
  return {
    all: new Set(rows.map(({ till, number }) => `${till}:${number}`)),
    unplaced: rows.filter(({ placed }) => !placed).length,
  }
}

/** Until whatever process it is has placed what is stored. */
export async function allPlaced(db: Kysely<Tables>): Promise<void> {
  const deadline = Date.now() + 60_000
  while ((await heldBatches(db)).unplaced > 0) {
    if (Date.now() > deadline) throw new Error('the office does not place what it holds')
    await sleep(20)
  }
}
