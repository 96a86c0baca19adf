import type { ChipOperation } from './applet.ts'

/** What a chip is made of, and how long it takes. */
export interface Chip {
  /** Bytes of non-volatile memory that are written in one go. */
  readonly pageSize: number
  readonly pageWriteMs: number
  /** Pages that may change wholly or not at all. */
  readonly commitCapacity: number
  /** Milliseconds; what is missing the chip cannot do. */
  readonly operationMs: Readonly<Partial<Record<ChipOperation, number>>>
}

/**
 * NXP P71 (JCOP4 J3R180, P71D321), the longer time where both were measured: JCAlgTest, commit
 * 76b01cf. There, a write takes 2.4 to 3.3 ms from 16 to 256 bytes, so a page has 256.
 */
export const SECURE_ELEMENT: Chip = {
  pageSize: 256,
  pageWriteMs: 2.5,
  commitCapacity: 8,
  operationMs: {
    /** An assumption: nobody publishes it. */
    command: 2,
    /** An assumption: as AES with its key set, 16 bytes. DES was not measured. */
    des: 10.9,
    /** Key, initialisation and 16 bytes 11.3; 240 bytes more at most 2.1. */
    'aes-cmac': 13.4,
    'sha-256': 8.5,
    random: 1.3,
    /** Initialisation 8.9 and signing 33.1. */
    'ecdsa-sign': 42,
    /** Initialisation 8.9 and verifying 31.3. */
    'ecdsa-verify': 40.2,
    /** Initialisation 7.9 and agreement 21.6. */
    ecdh: 29.5,
    /** An assumption: as two AES-CMACs. It was not measured. */
    'aes-gcm': 26.8,
    'aes-gcm-more': 4.4,
    /** Assumptions: no PUF of a card is published with its times. Erasing is three page writes. */
    puf: 5,
    'puf-enrol': 5,
    'puf-erase': 7.5,
  },
}

/** Motorola SC21 at 5 MHz, the Multiflex 3K's: 4 bytes at a time, 7 ms. The others are assumptions. */
export const EEPROM_CHIP: Chip = {
  pageSize: 4,
  pageWriteMs: 7,
  commitCapacity: 72,
  operationMs: { command: 1, des: 20, random: 20 },
}
