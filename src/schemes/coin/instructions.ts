/** Instructions, class 80. */
export const INS = {
  /** Blank: fixes the key, answers the public one. */
  GENERATE: 0x46,
  /** Blank: answers the response to challenge P1 ‖ P2. */
  ENROL: 0x48,
  PERSONALISE: 0xe2,
  LOAD: 0xe4,
  ACTIVATE: 0xe6,
  CERTIFICATE: 0xca,
  STATUS: 0x5c,
  PAY: 0x54,
  SETTLE: 0x56,
  CLAIM: 0x5a,
  UNBLOCK_PIN: 0x2c,
  REQUEST: 0x60,
  ACCEPT: 0x62,
  OUTCOME: 0x64,
  CONFIRM: 0x66,
  SURRENDER: 0x68,
  /** Inside a card only. */
  PAIR: 0x70,
  PREPARE: 0x72,
  RELEASE: 0x74,
} as const
export const CLA = 0x80
/** P1 of a command whose data are longer than one APDU. */
export const MORE = 0x00
export const LAST = 0x01
export const CHUNK_SIZE = 255

/**
 * Status words, beside 9000 and 63Cx (wrong PIN, x tries left). Before them come 6E00, 6D00 and 6B00.
 * The order is the order of the checks.
 */
export const COIN_SW = {
  WRONG_LENGTH: 0x6700,
  /** Blank and to be used, or in use and to be made; or not the command’s turn. */
  NOT_NOW: 0x6985,
  MALFORMED: 0x6a80,
  /** The PIN, or its unblocking code, is blocked. */
  BLOCKED: 0x6983,
  /** The PUF was read too badly: once in 10¹³ times at 5 % wrong bits. Again. */
  PUF_FAILED: 0x6f01,
  /** The record of what the PUF has erased was put there from outside. */
  TAMPERED: 0x6f02,
  /** Sealed for another element, or changed on its way. */
  NOT_FOR_ME: 0x6988,
  /** No bank signed that public key, or not for such an element. */
  UNCONFIRMED: 0x9481,
  BAD_SIGNATURE: 0x9482,
  /** A request of another session: it was not paid, and never will be. */
  STALE: 0x9483,
  WRONG_CURRENCY: 0x9484,
  PIN_NEEDED: 0x6982,
  /** Too many payments are open. */
  FULL: 0x9485,
  /** With 4 bytes: how much less could be paid; and 4: how much more, 0 if nothing could. */
  CANNOT_PAY: 0x9401,
  TOO_OLD: 0x9489,
  /** The vendor element has decided about that request already. */
  DECIDED: 0x9488,
  /** Its seed is erased, or its PUF has no such response. */
  DEAD_REGISTER: 0x948c,
  /** A coin that no bank made, not this giver’s, expired, or passed on too often. */
  BAD_COIN: 0x948a,
  NOT_ENOUGH: 0x948b,
  NO_ROOM: 0x6a84,
  NOT_FOUND: 0x6a83,
} as const
