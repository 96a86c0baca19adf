import { defineRace } from '../notary/race.ts'

defineRace(10_000, 20)
