import { defineLost } from './phone-lost.ts'

defineLost({ step: 3 })
