import { defineUndoing } from '../schemes/purse/undoing.ts'

defineUndoing({ card: 'all', module: 'all' })
