import { defineKills } from '../office/kills.ts'
import { defineLoad } from '../office/load.ts'

defineLoad({ cards: 200, tills: 100, payments: 100 })
defineKills({ cards: 200, tills: 40, payments: 50 }, 60)
