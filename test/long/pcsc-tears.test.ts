import { defineTears } from '../reader/pcsc/tears.ts'

defineTears('all')
