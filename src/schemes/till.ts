import type { TillScheme } from '../till/scheme.ts'
import { blockTill } from './block/till.ts'
import { coinTill } from './coin/till.ts'
import { purseTill } from './purse/till.ts'
import { walletTill } from './wallet/till.ts'

/** Every scheme that a till serves. A new scheme is a folder beside this file and a line here. */
export const tillSchemes: readonly TillScheme[] = [blockTill, purseTill, walletTill, coinTill]
