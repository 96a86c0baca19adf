import type { CommandApdu, ResponseApdu } from '../kernel/apdu.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { RandomSource } from '../kernel/ports.ts'

/**
 * An application of a card, found by its AID (ISO/IEC 7816-4, 8.2.1.2): the card's side of a scheme.
 * Without state: what lasts is in its memory, what does not in the session.
 */
export interface Applet {
  /** 5 to 16 bytes. */
  readonly aid: Bytes
  /** Bytes of the card's memory that it takes. They are 00 on a new card. */
  readonly memorySize: number
  /** Called when it is selected; a reset, or the selection of another, ends the session. */
  open(host: AppletHost): AppletSession
  /**
   * What it answers another applet of its card, whose AID is `client`: an interface that no reader gets
   * to, as Java Card's shareable ones. Undefined: nothing, to that one.
   */
  serve?(host: AppletHost, client: Bytes): CommandHandler | undefined
}

/** Answers one command after the other. @throws {PowerLost} if a fuse blows in its memory. */
export interface CommandHandler {
  process(command: CommandApdu): ResponseApdu
}

export interface AppletSession {
  /** The answer to SELECT by AID: file control information and a status word. */
  readonly selected: ResponseApdu
  /**
   * Answers any other command, but SELECT and what fetches a long answer: those are the card's.
   *
   * @throws {FormatError} if its data cannot be read, and nothing has changed: the card answers 6A80.
   * @throws {PowerLost} if a fuse blows in its memory.
   */
  process(command: CommandApdu): ResponseApdu
}

/** What a card hands an applet. */
export interface AppletHost {
  readonly memory: AtomicMemory
  readonly random: RandomSource
  /** Says what the chip does, so that its time is counted. Memory counts its own. */
  spend(operation: ChipOperation): void
  /**
   * Another applet of the same card, for as long as the session that asked. Commands to it may be
   * longer than on a link. Undefined if there is none of that AID, or it has nothing for this one.
   */
  neighbour(aid: Bytes): CommandHandler | undefined
}

/** An applet's part of the non-volatile memory, from offset 0 on. */
export interface AtomicMemory {
  readonly size: number
  read(offset: number, size: number): Bytes
  /**
   * Writes all of the parts or none of them, wherever the power fails. Durable when it returns.
   * A counter of tries is written by itself, before what it guards is compared: nothing rolls it back.
   */
  write(...parts: readonly MemoryPart[]): void
}

export interface MemoryPart {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** What a chip takes time for beside its memory; `card/chip-times.ts` has the milliseconds. */
export const CHIP_OPERATIONS = [
  /** Any command: dispatch and checks. The card counts it. */
  'command',
  /** DES of 8 bytes. */
  'des',
  /** AES-CMAC over at most 256 bytes, with its key set. */
  'aes-cmac',
  /** SHA-256 of at most 256 bytes. */
  'sha-256',
  /** 8 to 32 random bytes. */
  'random',
  'ecdsa-sign',
  'ecdsa-verify',
  /** Agreement on a key, or making a pair of keys for it. */
  'ecdh',
  /** AES-GCM over at most 256 bytes, with its key set. */
  'aes-gcm',
  /** The same over 256 bytes more. */
  'aes-gcm-more',
  /** One reading of a PUF, with the correction of its errors. */
  'puf',
  /** Several readings of a PUF, for a response to rely on. */
  'puf-enrol',
  /** Using up challenges of an erasable PUF, in its own memory. */
  'puf-erase',
] as const
export type ChipOperation = (typeof CHIP_OPERATIONS)[number]
