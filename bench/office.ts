import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuBetween, cpuTimes, type CpuTimes } from './cpu.ts'
import { openDatabase, type OpenDatabase } from '../src/office/database.ts'
import type { EvidenceService } from '../src/office/ledger/evidence.ts'
import { poolVerifier } from '../src/office/ledger/verifier-pool.ts'
import { officeSchemes } from '../src/schemes/office.ts'
import { createLedgerOffice } from '../test/support/ledger-office.ts'
import type { Mint, MintCard, MintTill } from '../test/support/mint.ts'

/** Share of the batches that is not measured. */
const WARM_UP = 0.3

export interface OfficeLoad {
  readonly tills: number
  readonly cards: number
  readonly payments: number
  readonly batchItems: number
  /**
   * `in order`: each card pays at one till, so that predecessors are there first. `shuffled`: each pays
   * at another till every time and all tills upload at once, so that half come before their predecessors.
   */
  readonly order: 'in order' | 'shuffled'
}

export interface OfficeResult {
  /** Those that were measured. */
  readonly payments: number
  /** From the first upload to the last payment verified, placed, settled and durable. */
  readonly seconds: number
  readonly perSecond: number
  /** Until the last batch was acknowledged. */
  readonly acknowledgedSeconds: number
  /** Used for the measured payments; undefined where the system does not tell. */
  readonly cpu: CpuTimes | undefined
  /** Resident memory of the process at the end, workers in it. */
  readonly memoryMb: number
}

/** Payments from upload to settled and durable, on a database that reaches the disk. */
export async function benchOffice(load: OfficeLoad): Promise<OfficeResult> {
  const directory = await mkdtemp(join(tmpdir(), 'kontant-bench-'))
  const database = await openDatabase({ directory })
  const worker = new URL('../src/schemes/office-worker.ts', import.meta.url)
  const town = await createLedgerOffice(
    database.db,
    poolVerifier(worker, availableParallelism(), officeSchemes),
  )
  try {
    const tills = await Promise.all(Array.from({ length: load.tills }, () => town.addTill()))
    const cards = []
    for (let n = 0; n < load.cards; n += 1) cards.push(await town.addCard(60_000n))
    const batches = makeBatches(load, town.mint, tills, cards)
    // An office runs for months: what its first seconds spend on compiling is not its speed.
    const warmUp = batches.splice(0, Math.floor(batches.length * WARM_UP))
    await upload(town.evidence, warmUp)
    await town.evidence.settled()
    const measured = batches.reduce((total, { payments }) => total + payments, 0)
    const cpuBefore = cpuTimes(database.cluster)
    const start = performance.now()
    await upload(town.evidence, batches)
    const acknowledged = performance.now()
    await town.evidence.settled()
    const end = performance.now()
    const cpuAfter = cpuTimes(database.cluster)
    const after = await settledCount(database)
    if (after !== load.payments) throw new Error(`only ${after} settled`)
    const seconds = (end - start) / 1000
    return {
      payments: measured,
      seconds,
      perSecond: measured / seconds,
      acknowledgedSeconds: (acknowledged - start) / 1000,
      cpu: cpuBefore && cpuAfter && cpuBetween(cpuBefore, cpuAfter),
      memoryMb: process.memoryUsage().rss / 1024 / 1024,
    }
  } finally {
    await town.evidence.stop()
    await database.close()
    await rm(directory, { recursive: true, force: true })
  }
}

interface Uploaded {
  readonly till: MintTill
  readonly bytes: Uint8Array
  readonly payments: number
}

/** Apart, so that nothing of how they were made is left for the collector to look at. */
function makeBatches(
  load: OfficeLoad,
  mint: Mint,
  tills: readonly MintTill[],
  cards: readonly MintCard[],
): Uploaded[] {
  const queues = new Map(tills.map((till) => [till, [] as ReturnType<Mint['make']>[]]))
  for (let n = 0; n < load.payments; n += 1) {
    const round = load.order === 'shuffled' ? Math.floor(n / load.cards) : 0
    const till = tills[(n * 31 + round * 51) % tills.length]
    const card = cards[(n * 17) % cards.length]
    if (till && card) queues.get(till)?.push(mint.make(till, card, { amount: 1n }))
  }
  const batches: Uploaded[] = []
  for (let part = 0; ; part += 1) {
    const round = tills.flatMap((till) => {
      const items = queues.get(till)?.slice(part * load.batchItems, (part + 1) * load.batchItems)
      const last = items?.at(-1)
      if (!items || !last) return []
      const bytes = mint.batch(till, items, { completeUpTo: last.at })
      return [{ till, bytes, payments: items.length }]
    })
    if (round.length === 0) break
    batches.push(...round)
  }
  return batches
}

/** All tills at once, each as tills do: the next batch when the one before is acknowledged. */
async function upload(
  office: Pick<EvidenceService, 'receive'>,
  batches: readonly Uploaded[],
): Promise<void> {
  const queues = [...Map.groupBy(batches, ({ till }) => till).values()]
  await Promise.all(
    queues.map(async (queue) => {
      for (const { bytes } of queue) await office.receive(bytes)
    }),
  )
}

async function settledCount({ db }: OpenDatabase): Promise<number> {
  const { count } = await db
    .selectFrom('entry')
    .select((eb) => eb.fn.countAll<bigint>().as('count'))
    .where('kind', '=', 'pay')
    .where('settlement', '=', 'settled')
    .executeTakeFirstOrThrow()
  return Number(count)
}
