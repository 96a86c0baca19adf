import { defineUndoing } from './undoing.ts'

defineUndoing({ breadth: 'each place', step: 5 })
