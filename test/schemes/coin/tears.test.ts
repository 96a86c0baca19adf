import { afterAll } from 'vitest'
import { defineTearing } from './tearing.ts'
import { closeTills } from './till.ts'

afterAll(closeTills)
/** Every place is cut once; test/long/ cuts each in every way, and does both after it. */
defineTearing({ ways: 'each' })
