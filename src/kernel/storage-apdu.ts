/**
 * The pseudo-APDUs by which a contactless PC/SC reader gives access to a storage card
 * (PC/SC part 3, 3.2.2), and what makers do differently. They end at the reader: the card sees
 * its own commands.
 */

export const PSEUDO_CLA = 0xff

export const PSEUDO_INS = {
  LOAD_KEYS: 0x82,
  GENERAL_AUTHENTICATE: 0x86,
  /** PC/SC 2.01; `block` in P2 and the type of key where Lc would be. */
  AUTHENTICATE_OBSOLETE: 0x88,
  READ_BINARY: 0xb0,
  /** ACS only. */
  READ_VALUE: 0xb1,
  /** PC/SC part 3, amendment 1, 3.2.2.1.10: increment and decrement. */
  CHANGE_VALUE: 0xc2,
  GET_DATA: 0xca,
  UPDATE_BINARY: 0xd6,
  /** ACS only: store, increment, decrement and copy. */
  VALUE_OPERATION: 0xd7,
} as const

/** Key A and key B as General Authenticate names them. */
export const KEY_TYPE_CODE = { A: 0x60, B: 0x61 } as const

/** First data byte of ACS's FF D7. Values follow most significant byte first, unlike on the card. */
export const VALUE_OPERATION = {
  STORE: 0x00,
  INCREMENT: 0x01,
  DECREMENT: 0x02,
  COPY: 0x03,
} as const

/**
 * Tags of FF C2 00 03, of which {@link CHANGE_TAG}.INCREMENT or DECREMENT holds block and value. Values
 * go least significant byte first, as on the card. (Identive CLOUD 47x0 manual, 6.2.9)
 */
export const CHANGE_TAG = { INCREMENT: 0xa0, DECREMENT: 0xa1, BLOCK: 0x80, VALUE: 0x81 } as const
/** P1 and P2 of it. */
export const CHANGE_VALUE_P2 = 0x03
/** Tag of what it answers: one byte 00 and the status word of the card's part, before its own. */
export const STATUS_TAG = 0xc0

/** What a reader can do beyond the standard. */
export interface ReaderProfile {
  readonly name: string
  /** How many 16-byte blocks one FF B0 or FF D6 carries. */
  readonly blocksPerCommand: 1 | 3
  /** `acs`: FF D7 and FF B1 as ACS defines them. `pcsc`: FF C2, which cannot copy. */
  readonly valueOperations: 'acs' | 'pcsc' | 'none'
}

/**
 * ACS API manuals ACR122U v2.04 and ACR1255U-J1 v1.07; `PCSC` has what amendment 1 adds, as Identive's
 * readers do; `GENERIC` is the least that all makers have.
 */
export const READER_PROFILES = {
  ACR122U: { name: 'ACR122U', blocksPerCommand: 1, valueOperations: 'acs' },
  ACR1255U: { name: 'ACR1255U', blocksPerCommand: 3, valueOperations: 'acs' },
  PCSC: { name: 'PC/SC part 3 amendment 1', blocksPerCommand: 1, valueOperations: 'pcsc' },
  GENERIC: { name: 'generic', blocksPerCommand: 1, valueOperations: 'none' },
} as const satisfies Record<string, ReaderProfile>
