import { defineTears } from '../schemes/purse/tears.ts'

defineTears({ breadth: 'all' })
