import { defineTears } from '../schemes/block/tears.ts'

defineTears({ breadth: 'all' })
