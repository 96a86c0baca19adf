import { defineConfig } from 'vitest/config'
import { EVERY } from './vitest.config.ts'

/** Whole campaigns, for a machine that has time: `npm run test:long`. One after the other. */
export default defineConfig({
  test: {
    ...EVERY,
    include: ['test/long/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 300_000,
  },
})
