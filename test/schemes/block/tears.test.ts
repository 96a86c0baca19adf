import { defineTears } from './tears.ts'

defineTears({ breadth: 'in turn' })
