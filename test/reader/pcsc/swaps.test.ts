import { defineSwaps } from './swaps.ts'

defineSwaps(16)
