import { expect, test } from 'vitest'
import { createApi } from '../../src/office/api.ts'
import { localVerifier } from '../../src/office/ledger/verifier.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { Chance } from '../fuzz/chance.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLedgerOffice } from '../support/ledger-office.ts'
import {
  booksOf,
  Connection,
  expectedBooks,
  isAcknowledged,
  playDay,
  shuffledBy,
  type DaySize,
} from './day.ts'

const CONNECTIONS = 32

/** Every batch twice, in no order, by 32 connections at once: no honest chain stays open. */
export function defineLoad(size: DaySize): void {
  test(`${CONNECTIONS} connections upload shuffled, repeated batches of ${size.cards} cards at once`, async () => {
    const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
    const chance = new Chance(seed)
    const database = await createTestDatabase()
    const town = await createLedgerOffice(database.db, localVerifier(officeSchemes))
    const api = await createApi(town.office, {
      evidence: town.evidence,
      fail(error) {
        throw error
      },
    })
    const url = await api.listen({ host: '127.0.0.1', port: 0 })
    const day = await playDay(town, chance, size)

    const queue = shuffledBy(chance, [...day.batches, ...day.batches])
    const sent = queue.length
    const unacknowledged: string[] = []
    const start = performance.now()
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const connection = new Connection()
        for (let batch = queue.pop(); batch; batch = queue.pop()) {
          const answer = await connection.send(url, batch.bytes)
          const isDone = isAcknowledged(town, batch, answer)
          if (!isDone) unacknowledged.push(`${batch.till}:${batch.number}: ${answer?.status}`)
        }
        connection.close()
      }),
    )
    await town.evidence.settled()
    const seconds = (performance.now() - start) / 1000
    console.log(
      `load, seed ${seed}: ${sent} uploads of ${day.batches.length} batches, ${day.payments} payments, ` +
        `${CONNECTIONS} connections: settled in ${seconds.toFixed(1)} s`,
    )
    expect(unacknowledged).toEqual([])
    expect(await booksOf(database.db, town)).toEqual(expectedBooks(day))
    // Once more, all of it: nothing is new.
    for (const { bytes } of shuffledBy(chance, day.batches)) await town.evidence.receive(bytes)
    await town.evidence.settled()
    expect(await booksOf(database.db, town)).toEqual(expectedBooks(day))

    await api.close()
    await town.evidence.stop()
    await database.drop()
  })
}
