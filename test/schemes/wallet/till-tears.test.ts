import { defineTillTears } from './till-tearing.ts'

defineTillTears({ simple: 'in turn', others: 'each place' })
