import { defineTears } from './tears.ts'

defineTears('each place')
