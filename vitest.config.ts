import { statfsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

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

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/long/**'],
    pool: 'forks',
    // Half of the time is waiting: for databases, card readers, a browser.
    maxWorkers: '100%',
    // Long enough for a slow machine: cards in real readers wait for a service that looks now and then.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/global-setup.ts'],
  },
})
