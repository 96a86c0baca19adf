import { defineUndoing } from '../schemes/block/undoing.ts'

defineUndoing({ breadth: 'all' })
