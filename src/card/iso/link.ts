import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { CARD_TIMES_MS } from '../mifare-classic.ts'

/** ISO/IEC 7816-3 (T=0, T=1) and ISO/IEC 14443-4 (T=CL). */
export type Protocol = 'T=0' | 'T=1' | 'T=CL'

/** How a card is connected. */
export interface Link {
  readonly protocol: Protocol
  /** Interface character TA1, which tells another bit rate than the first one (ISO/IEC 7816-3, 8.3). */
  readonly ta1: number | undefined
  /** How long it takes until the card can be asked something, milliseconds. Size of its ATR in bytes. */
  activationMs(atrSize: number): number
  /** How long a command APDU and its answer travel, milliseconds. Sizes in bytes. */
  exchangeMs(commandSize: number, answerSize: number): number
}

const CARRIER_HZ = 13_560_000
/** Protocol control byte and CRC of an I-block (ISO/IEC 14443-4, 7.1). */
const AIR_BLOCK_OVERHEAD = 3
/** 8 bits and their parity (ISO/IEC 14443-3, 6.2.3). */
const AIR_BITS_PER_BYTE = 9
/** Frame delays of both directions: at least 86 µs each. */
const AIR_TURNAROUND_MS = 0.2

/** RATS, and what ATS has beyond the ATR that a reader makes of it (ISO/IEC 14443-4, 5.1 and 5.2). */
const AIR_ANSWER_TO_SELECT = 4 + 2

/** The bit rates of ISO/IEC 14443: carrier / 128 and its multiples, named in kbit/s. */
const AIR_RATES = { 106: 1, 212: 2, 424: 4, 848: 8 } as const

export function contactless(rate: keyof typeof AIR_RATES): Link {
  const byteMs = (AIR_BITS_PER_BYTE * 128 * 1000) / CARRIER_HZ
  return {
    protocol: 'T=CL',
    ta1: undefined,
    // Selected as any card of ISO/IEC 14443-3; another rate than the lowest is agreed on afterwards.
    activationMs: (atrSize) =>
      CARD_TIMES_MS.select + (atrSize + AIR_ANSWER_TO_SELECT) * byteMs + AIR_TURNAROUND_MS,
    exchangeMs: (commandSize, answerSize) =>
      ((commandSize + answerSize + 2 * AIR_BLOCK_OVERHEAD) * byteMs) / AIR_RATES[rate] +
      AIR_TURNAROUND_MS,
  }
}

/** With a clock of 3.57 MHz: bits a second, and the TA1 that tells it (ISO/IEC 7816-3, tables 7 and 8). */
const CONTACT_RATES = {
  9600: undefined,
  19_200: 0x12,
  38_400: 0x13,
  76_800: 0x14,
  115_200: 0x18,
} as const
/** Of an answer to reset, always. */
const FIRST_RATE = 9600
const FIRST_CHARACTER_BITS = 12

/**
 * Contacts. A character takes 12 bit times with T=0, which adds a procedure byte, and 11 with T=1,
 * which adds prologue and epilogue, 4 bytes a block (ISO/IEC 7816-3, 7.2, 10.3.3 and 11.3).
 */
export function contact(
  protocol: 'T=0' | 'T=1',
  bitsPerSecond: keyof typeof CONTACT_RATES = FIRST_RATE,
): Link {
  const { bits, overhead } =
    protocol === 'T=0' ? { bits: 12, overhead: 1 } : { bits: 11, overhead: 8 }
  const characterMs = (bits * 1000) / bitsPerSecond
  return {
    protocol,
    ta1: CONTACT_RATES[bitsPerSecond],
    activationMs: (atrSize) => (atrSize * FIRST_CHARACTER_BITS * 1000) / FIRST_RATE,
    exchangeMs: (commandSize, answerSize) => (commandSize + answerSize + overhead) * characterMs,
  }
}

const HISTORICAL_MAX = 15

/** Bits of T0: TA1 follows, TD1 follows. */
const HAS_TA1 = 0x10
const HAS_TD1 = 0x80
/** TD1 of T=1; of a contactless card TD1 and TD2 of T=0 and T=1. */
const TD = { 'T=0': [], 'T=1': [0x01], 'T=CL': [0x80, 0x01] } as const

/**
 * Answer to reset: `3B 0n` for T=0, `3B 8n 01` for T=1, TA1 after the second byte if there is one
 * (ISO/IEC 7816-3, 8.2); and for a contactless card what its reader makes of it, `3B 8n 80 01` (PC/SC
 * part 3, 3.1.3.2.3.1).
 */
export function answerToReset({ protocol, ta1 }: Link, historical: Uint8Array): Bytes {
  const size = historical.length
  invariant(size <= HISTORICAL_MAX, `at most ${HISTORICAL_MAX} historical bytes`)
  const td = TD[protocol]
  const t0 = (ta1 === undefined ? 0 : HAS_TA1) | (td.length === 0 ? 0 : HAS_TD1) | size
  const atr = Uint8Array.of(0x3b, t0, ...(ta1 === undefined ? [] : [ta1]), ...td, ...historical)
  return protocol === 'T=0' ? atr : withCheck(atr)
}

/** TCK: exclusive or from T0 on (ISO/IEC 7816-3, 8.2.5). There is none for T=0 alone. */
function withCheck(atr: Bytes): Bytes {
  const check = atr.subarray(1).reduce((sum, byte) => sum ^ byte, 0)
  return concat(atr, Uint8Array.of(check))
}
