import { defineHonest } from './honest.ts'

defineHonest(3)
