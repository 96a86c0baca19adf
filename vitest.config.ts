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

// Processes come and go, and most load the same libraries.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/node')

/**
 * What takes longest begins first: whatever began last would be waited for alone. Those of readers, which
 * wait more than they compute, come one after the other beside the first two.
 */
const LONGEST = [
  'town/scenarios',
  'web/console',
  'reader/pcsc/tears',
  'reader/pcsc/slot',
  'reader/pcsc/swaps',
  'reader/pcsc/phone',
  'reader/pcsc/till',
  'reader/pcsc/module',
  'web/till',
  'office/inter-office',
  'office/coins',
  'office/load',
  'office/order',
  'office/coin-banks',
  'schemes/wallet/phone-lost',
  'docs',
  'cli/up',
  'town/orders',
  'web/holders',
  'schemes/purse/tears',
  'schemes/coin/tears',
  'office/payments',
  'schemes/wallet/till-tears',
  'town/docs',
  'fuzz/bad-input',
  'schemes/block/undoing',
  'schemes/purse/undoing',
  'schemes/block/tears',
  'town/steps',
  'office/payment-order',
  'office/embedded',
  'town/honest',
  'cli/offices',
  'cli/certificate',
  'schemes/wallet/card-tears',
  'schemes/wallet/till-statuses',
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

/** These set up a card service, which a process finds once, by its environment. */
const WITH_SERVICE = ['test/reader/pcsc/**/*.test.ts', 'test/card/iso-opensc.test.ts']
const ALL = ['test/**/*.test.ts']
const LONG = ['test/long/**']

/** What is true of every test, the long campaigns' too. */
export const EVERY = {
  pool: 'forks',
  runner: 'test/support/runner.ts',
  // As Node loads what users run: types are stripped, nothing is rewritten.
  experimental: { viteModuleRunner: false, nodeLoader: false },
  // Long enough for a slow machine: cards in real readers wait for a service that looks now and then.
  testTimeout: 180_000,
  hookTimeout: 60_000,
} as const

export default defineConfig({
  test: {
    // One for each core and one more: a third of the time is waiting, for databases, readers, a browser.
    maxWorkers: availableParallelism() + 1,
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...EVERY,
          name: 'shared',
          include: ALL,
          exclude: [...LONG, ...WITH_SERVICE],
          isolate: false,
        },
      },
      { test: { ...EVERY, name: 'alone', include: WITH_SERVICE } },
    ],
  },
})
