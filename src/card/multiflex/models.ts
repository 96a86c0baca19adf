import { fromHex, type Bytes } from '../../kernel/bytes.ts'

export type ModelName = '3K' | '8K'

export interface Model {
  /** As real ones have it; OpenSC knows it by that. */
  readonly atr: Bytes
  /** Bytes of EEPROM, whole pages. The journal of our memory comes beside. */
  readonly eeprom: number
  /** Bytes free in the master file of a new card. */
  readonly free: number
}

/** That a new 3K has 2832 of 3008 bytes free is documented; of the 8K we take the same 176 away. */
export const MODELS: Readonly<Record<ModelName, Model>> = {
  '3K': { atr: fromHex('3b021450'), eeprom: 3008, free: 2832 },
  '8K': { atr: fromHex('3b3215000680'), eeprom: 8192, free: 8016 },
}
