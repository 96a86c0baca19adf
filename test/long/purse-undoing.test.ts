import { defineUndoing } from '../schemes/purse/undoing.ts'

defineUndoing({ breadth: 'all' })
