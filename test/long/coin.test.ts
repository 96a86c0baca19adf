import { afterAll } from 'vitest'
import { defineCampaign } from '../schemes/coin/random.ts'
import { defineRecovery } from '../schemes/coin/recovery.ts'
import { defineTearing } from '../schemes/coin/tearing.ts'
import { closeTills } from '../schemes/coin/till.ts'

afterAll(closeTills)
defineCampaign({ customers: 20, vendors: 5, rounds: 10, payments: 1000, seed: 2 })
defineTearing({ ways: 'all' })
defineRecovery({ ways: 'all', every: 1 })
