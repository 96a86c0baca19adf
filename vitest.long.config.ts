import { defineConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** Whole campaigns, for a machine that has time: `npm run test:long`. One after the other. */
export default defineConfig({
  test: {
    ...base.test,
    include: ['test/long/**/*.test.ts'],
    exclude: [],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 300_000,
  },
})
