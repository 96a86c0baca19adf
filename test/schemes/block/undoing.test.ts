import { defineUndoing } from './undoing.ts'

defineUndoing({ breadth: 'in turn', step: 5 })
