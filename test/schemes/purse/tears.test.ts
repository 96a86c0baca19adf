import { defineTears } from './tears.ts'

defineTears({ card: 'in turn', module: 'in turn' }, 3)
