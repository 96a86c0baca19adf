/** Of a bare dump, as nfc-mfclassic has it; files with a header that names their kind have the others. */
export const DUMP = '.mfd'
/** Of cards, and of security modules, which are not held to a till's reader. */
export const CARD = '.card'
export const MODULE = '.sam'
export const ENDINGS = [DUMP, CARD, MODULE] as const
export type Ending = (typeof ENDINGS)[number]

export function isModuleFile(ending: Ending): boolean {
  return ending === MODULE
}
