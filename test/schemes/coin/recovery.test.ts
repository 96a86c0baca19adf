import { afterAll } from 'vitest'
import { defineRecovery } from './recovery.ts'
import { closeTills } from './till.ts'

afterAll(closeTills)
/** A taste; test/long/ cuts everywhere, in every way, and a payment twice. */
defineRecovery({ ways: 'each', every: 10 })
