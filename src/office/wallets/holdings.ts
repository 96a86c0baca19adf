import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import type { Amount, Currency } from '../../kernel/money.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'

/**
 * What an office engine asks of a scheme whose cards hold money that their office puts there by
 * instruction, and that speak for themselves: the optional part of `OfficeScheme`. Without state.
 */
export interface Holdings {
  /** What its cards obey as they are issued: version 1. */
  readonly firstPolicy: Bytes
  /** @throws {FormatError} naming the field under `field`, if `wanted` is not what a policy says. */
  encodePolicy(version: number, wanted: unknown, field: string): Bytes
  /** As {@link encodePolicy} takes it, for people: amounts are decimal digits. */
  showPolicy(policy: Bytes): Readonly<Record<string, string | number>>
  /** The most that a card under this policy may hold. */
  balanceMax(policy: Bytes): Amount
  /**
   * What a card says of itself; undefined if that card did not sign it, or says another office’s name.
   *
   * @throws {FormatError} if it is no statement at all.
   */
  openStatement(statement: Uint8Array, card: HoldingCard, secrets: Bytes): CardStatement | undefined
  /** An instruction signed by the office. @throws {FormatError} if its numbers do not fit. */
  instruct(wanted: InstructionDraft, secrets: Bytes): SignedInstruction
  /** As a card takes it. @param permit a notary’s countersignature. */
  orderOf(instruction: Bytes, permit: Bytes | undefined): Bytes
  /** The instruction of this office that a record in this evidence was made by, if it was. */
  instructionIn(evidence: Uint8Array, secrets: Bytes): GivenInstruction | undefined
  /** Which of its payments a card has taken back, if that is what a record of its own says. */
  refundIn(evidence: Uint8Array): TakenRefund | undefined
  /**
   * Until when the card that made the payment in this evidence remembers it once it is told to forget
   * its record, by the office’s clock; undefined if no longer than that.
   */
  remembersUntil(evidence: Uint8Array): Instant | undefined
  /** A request of the office itself that the card pay it back. */
  requestBack(wanted: RequestDraft, secrets: Bytes, random: RandomSource): Bytes
  /** What anybody may have who wants to check what this office and its cards sign. */
  certificates(secrets: Bytes): Certificates
}

export interface HoldingCard {
  readonly id: CardId
  /** The chip’s own number, in hexadecimal. */
  readonly uid: string
}

export interface CardStatement {
  /** Body and signature, as received. */
  readonly bytes: Bytes
  /** Of whoever asked for it. */
  readonly nonce: Bytes
  /** Of the card’s newest record, 0 for none. */
  readonly sequence: number
  /** That record’s digest. */
  readonly last: Digest
  readonly balance: Amount
  /** Number of the last instruction that it carried out, 0 for none. */
  readonly instruction: number
  readonly instructionDigest: Digest
  /** Sequence up to which it was told to forget. */
  readonly acknowledged: number
  readonly policyVersion: number
}

export const INSTRUCTION_KINDS = ['load', 'acknowledge', 'restore', 'void', 'unblock'] as const
export type InstructionKind = (typeof INSTRUCTION_KINDS)[number]

export interface InstructionDraft {
  readonly kind: InstructionKind
  readonly card: CardId
  readonly number: number
  /** By the office’s clock. */
  readonly madeAt: Instant
  readonly expiresAt: Instant
  readonly currency: Currency
  /** load: to add; restore: the balance; else 0. */
  readonly amount: Amount
  /** acknowledge: up to this record; restore: where the card stands; else undefined. */
  readonly record: { readonly sequence: number; readonly digest: Digest } | undefined
  readonly policy: Bytes | undefined
}

export interface SignedInstruction {
  readonly digest: Digest
  readonly bytes: Bytes
}

export interface GivenInstruction extends SignedInstruction {
  readonly kind: InstructionKind
  readonly card: CardId
  readonly number: number
  readonly amount: Amount
  readonly madeAt: Instant
  readonly expiresAt: Instant
}

export interface TakenRefund {
  readonly card: CardId
  /** Digest of the record. */
  readonly record: Digest
  /** Digest of the request that was paid. */
  readonly request: Digest
}

export interface RequestDraft {
  readonly card: CardId
  /** The card’s, which makes the request good for one payment. */
  readonly nonce: Bytes
  readonly currency: Currency
  readonly amount: Amount
  readonly madeAt: Instant
  readonly expiresAt: Instant
}

export interface Certificates {
  readonly root: Bytes
  readonly notary: Bytes | undefined
  /** Of this office, newest first. */
  readonly office: readonly Bytes[]
}
