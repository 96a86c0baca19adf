import { defineKills } from './kills.ts'
import { defineLoad } from './load.ts'

defineLoad({ cards: 200, tills: 40, payments: 6 })
defineKills({ cards: 60, tills: 12, payments: 20 }, 4)
