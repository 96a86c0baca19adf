import { existsSync, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files in memory where there is room: journals and databases are the real ones, and waiting for a
 * disk, which no test can cut off, is most of their time.
 */
const MEMORY = '/dev/shm'
const ROOM = 2 ** 31

function roomIn(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    return 0
  }
}

if (roomIn(MEMORY) > ROOM) process.env['TMPDIR'] ??= MEMORY

// Each file has a process of its own, and most load the same libraries.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/node')

/**
 * Files that take longest, which begin first: whichever began last would be waited for alone. Those
 * that wait for card readers or a browser stand between those that compute.
 */
const LONGEST = [
  'town/scenarios',
  'web/console',
  'web/till',
  'office/inter-office',
  'office/coins',
  'reader/pcsc/tears',
  'office/load',
  'office/order',
  'schemes/wallet/phone-lost',
  'reader/pcsc/slot',
  'docs',
  'cli/up',
  'town/orders',
  'web/holders',
  'schemes/purse/tears',
  'schemes/coin/tears',
  'office/payments',
  'reader/pcsc/swaps',
  'schemes/wallet/till-tears',
  'reader/pcsc/phone',
  'reader/pcsc/till',
  'town/docs',
  'fuzz/bad-input',
  'schemes/block/undoing',
  'schemes/purse/undoing',
  'schemes/block/tears',
  'town/steps',
  'reader/pcsc/module',
]

const LONGEST_FILES = LONGEST.map((name) => join(import.meta.dirname, `test/${name}.test.ts`))
const moved = LONGEST_FILES.find((file) => !existsSync(file))
if (moved !== undefined) throw new Error(`vitest.config.ts names ${moved}, which is not there`)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST_FILES.indexOf(moduleId)
      return place < 0 ? LONGEST.length : place
    }
    const sorted = await super.sort(files)
    return sorted.toSorted((one, other) => rank(one) - rank(other))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**'],
    pool: 'forks',
    // One for each core and one more: a third of the time is waiting, for databases, readers, a browser.
    maxWorkers: availableParallelism() + 1,
    // Long enough for a slow machine: cards in real readers wait for a service that looks now and then.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
  },
})
