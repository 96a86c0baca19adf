import { defineRace } from './race.ts'

defineRace(500, 2)
