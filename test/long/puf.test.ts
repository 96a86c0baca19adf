import { defineReliability } from '../card/puf/reliability.ts'

/** A million readings each. */
defineReliability({ 1: 1_000_000, 3: 1_000_000 })
