import { afterAll } from 'vitest'
import { defineCampaign } from './random.ts'
import { closeTills } from './till.ts'

afterAll(closeTills)
/** A taste; test/long/ makes a thousand. */
defineCampaign({ customers: 2, vendors: 2, rounds: 10, payments: 60, seed: 1 })
