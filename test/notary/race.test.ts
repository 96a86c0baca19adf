import { defineRace } from './race.ts'

defineRace(2000, 2)
