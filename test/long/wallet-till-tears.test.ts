import { defineTillTears } from '../schemes/wallet/till-tearing.ts'

defineTillTears({ simple: 'all', others: 'all' })
