import { defineUndoing } from './undoing.ts'

defineUndoing({ card: 'in turn', module: 'each place' })
