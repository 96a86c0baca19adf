import { afterAll } from 'vitest'
import { defineTearing } from './tearing.ts'
import { closeTills } from './till.ts'

afterAll(closeTills)
/** Every cut in one way; test/long/ makes each in every way. */
defineTearing({ ways: 'each' })
