import { defineRace } from './race.ts'

defineRace(1000, 2)
