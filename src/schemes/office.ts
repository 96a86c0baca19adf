import type { OfficeScheme } from '../office/scheme.ts'
import { blockOffice } from './block/office.ts'
import { coinOffice } from './coin/office.ts'
import { purseOffice } from './purse/office.ts'
import { walletOffice } from './wallet/office.ts'

/** Every scheme that an office runs. A new scheme is a folder beside this file and a line here. */
export const officeSchemes: readonly OfficeScheme[] = [
  blockOffice,
  purseOffice,
  walletOffice,
  coinOffice,
]
