import { READER_PROFILES, type ReaderProfile } from '../../kernel/storage-apdu.ts'

/**
 * What readers can do for MIFARE Classic, by the names that their drivers give them, the more special
 * ones first. Virtual readers are ours and do as ACS's.
 */
const PROFILES: readonly (readonly [name: RegExp, profile: ReaderProfile])[] = [
  [/ACR12(51|52|55|81|83)/i, READER_PROFILES.ACR1255U],
  [/\bACS\b|ACR\d/i, READER_PROFILES.ACR122U],
  [/identiv|\bSCM\b|uTrust|CLOUD ?[34]7\d\d/i, READER_PROFILES.PCSC],
  [/Virtual PCD/i, READER_PROFILES.ACR122U],
]

/**
 * Of readers that nobody has put into the list only what the standard asks of all is expected. That is
 * without value operations; OMNIKEY's are of a kind of their own and not used.
 */
export function profileOf(reader: string): ReaderProfile {
  return PROFILES.find(([name]) => name.test(reader))?.[1] ?? READER_PROFILES.GENERIC
}
