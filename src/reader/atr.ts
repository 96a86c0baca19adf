import { toHex } from '../kernel/bytes.ts'

/** Registered id of PC/SC storage cards (PC/SC part 3, 3.1.3.2.3): those have no applets. */
const STORAGE_CARD_RID = 'a000000306'
/** Initial character of the direct convention (ISO/IEC 7816-3, 8.1), which readers give contactless cards too. */
const TS_DIRECT = 0x3b

/** Any card with a processor: which applets it has, it must be asked. */
export function isProcessorCard(atr: Uint8Array): boolean {
  return atr[0] === TS_DIRECT && !toHex(atr).includes(STORAGE_CARD_RID)
}
