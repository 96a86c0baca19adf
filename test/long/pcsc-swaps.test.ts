import { defineSwaps } from '../reader/pcsc/swaps.ts'

defineSwaps(Number.POSITIVE_INFINITY)
