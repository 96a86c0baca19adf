import { defineUndoing } from './undoing.ts'

defineUndoing({ breadth: 'in turn' })
