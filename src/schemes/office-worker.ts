import { threadTasks } from '../office/ledger/verifier-pool.ts'
import { officeSchemes } from './office.ts'

/** What a verification thread runs: src/office/ledger/verifier-pool.ts starts it. */
export const { verify, nameElements, readCoins } = threadTasks(officeSchemes)
