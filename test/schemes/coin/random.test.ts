import { afterAll } from 'vitest'
import { defineCampaign } from './random.ts'
import { closeTills } from './till.ts'

afterAll(closeTills)
/** A taste; test/long/ makes a thousand. */
defineCampaign({ customers: 4, vendors: 2, rounds: 10, payments: 120, seed: 1 })
