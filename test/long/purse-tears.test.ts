import { defineTears } from '../schemes/purse/tears.ts'

defineTears({ card: 'all', module: 'all' })
