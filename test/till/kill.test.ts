import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { decodeBatch, NO_BATCH } from '../../src/kernel/batch.ts'
import { pendingBatches } from '../../src/till/batch.ts'
import { listRecords } from '../../src/till/journal.ts'
import { freshFile, storeAt } from './support.ts'

const CHILD = fileURLToPath(new URL('kill-child.ts', import.meta.url))

/** Lets a till sell until it has said `lines` lines, then kills it in the middle of whatever it does. */
async function sellUntilKilled(path: string, from: number, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    said += chunk
    if (said.split('\n').length > lines) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
  // The last line may be cut.
  return said.split('\n').slice(0, -1)
}

test(
  'kill -9 of a till that sells loses nothing that it had promised',
  { timeout: 60_000 },
  async () => {
    const path = freshFile()
    let next = 1
    let promised = 0
    const states = new Map<number, string>()
    const batches = new Set<number>()
    for (let round = 0; round < 6; round += 1) {
      const said = await sellUntilKilled(path, next, 150 + 97 * round)
      promised += said.length
      for (const line of said) {
        const [word = '', number = '0'] = line.split(' ')
        if (word === 'batched') batches.add(Number(number))
        else states.set(Number(number), word)
      }

      const store = storeAt(path)
      const records = listRecords(store, 100_000)
      const found = new Map(records.map(({ sequence, state }) => [sequence, state]))
      for (const [sequence, state] of states) {
        // It may have got further than it had the time to say.
        const expected = state === 'confirmed' ? ['confirmed'] : ['intended', 'confirmed']
        expect(expected, `record ${sequence}`).toContain(found.get(sequence))
      }
      checkBatches(
        pendingBatches(store).map(({ bytes }) => bytes),
        batches,
      )
      next = Math.max(...found.keys()) + 1
      // At most the one in flight was written and not announced.
      expect(found.size - states.size).toBeLessThanOrEqual(round + 1)
      store.close()
    }
    console.log(`kill -9: 6 times, ${promised} promises, none broken`)
  },
)

function checkBatches(made: readonly Uint8Array[], promised: ReadonlySet<number>): void {
  expect(made.length).toBeGreaterThanOrEqual(promised.size)
  let previous: Uint8Array = NO_BATCH
  for (const [index, bytes] of made.entries()) {
    const { batch, digest } = decodeBatch(bytes)
    expect(batch.number).toBe(index + 1)
    expect(batch.previous).toEqual(previous)
    previous = digest
  }
}
