import type { Bytes } from '../kernel/bytes.ts'
import type { CardId, Digest, TillNumber } from '../kernel/ids.ts'
import type { Amount, Currency } from '../kernel/money.ts'
import type { PrivateKey, PublicKey } from '../kernel/p256.ts'
import type { Party } from '../kernel/party.ts'
import type { Clock, Instant, RandomSource } from '../kernel/ports.ts'
import type { Coinage, NewElement } from './coins/coinage.ts'
import type { Finding } from './ledger/findings.ts'
import type { Holdings } from './wallets/holdings.ts'

/** What an office engine asks of a scheme, and nothing more. One object a scheme, without state. */
export interface OfficeScheme {
  readonly name: string
  /**
   * Whether the card itself signs its records. If not, two records on one predecessor prove nothing:
   * whoever has seen the predecessor could have made one without the card.
   */
  readonly cardSigns: boolean
  /**
   * Who signs a record. Where its maker does, it counts when the card is known to have taken it and the
   * record before it counts. Where the card does, it counts as soon as it is there; whoever hands it in
   * is no party to it, and two at one position prove that somebody else has the card's key.
   */
  readonly recordsAreSigned: 'by their maker' | 'by the card'
  /**
   * Makes the secrets that all of the scheme's cards and tills stem from. Once an office.
   *
   * @param at by the office's clock.
   */
  createSecrets(random: RandomSource, at: Instant): Bytes
  /**
   * What one till gets of them, at enrolment and again with every document `secrets`: so what ends, as
   * certificates do, is renewed in time.
   */
  tillSecrets(secrets: Bytes, till: TillToEquip): Bytes
  /**
   * What the issuing desk writes on a security module for one till: keys that the till itself must not
   * have. Only of schemes whose tills need one.
   */
  module?(request: ModuleRequest, secrets: Bytes): Bytes
  /**
   * Makes a card: its first record, signed by the office, and what the issuing desk writes on the chip.
   *
   * @throws {FormatError} if the chip or the amount cannot be.
   */
  issue(request: IssueRequest, office: IssuingOffice): Issue
  /** Only of schemes whose cards their holders load from online wallets and synchronise themselves. */
  readonly holdings?: Holdings
  /** Only of schemes whose money is coins: then what tills hand in goes there, and not to `verify`. */
  readonly coinage?: Coinage
  /**
   * Any number that is the same for all evidence of one card, whatever the bytes: what is verified in
   * one thread then finds there what was verified before it.
   */
  route(evidence: Uint8Array): number
  /** Checks one item of evidence. Pure: it runs in worker threads. */
  verify(evidence: Bytes, context: VerifyContext): Verdict
  /**
   * What a stranger must have besides public keys to read these items: it goes into case files and
   * takes the place of the secrets in {@link VerifyContext}. It must open nothing but the cards of the
   * items, and nothing can be signed with it. Without it strangers have no bytes, and `verify` says
   * with no bytes what anyone can say.
   *
   * @throws {FormatError} if `secrets` are not the office's: reading keys give no reading keys.
   */
  readingKeys?(secrets: Bytes, evidence: readonly Bytes[]): Bytes
  /**
   * What only the office can tell of an entry, with what it knows of the card: findings beyond those
   * of the bytes alone. Pure. Called again whenever `known` has grown.
   */
  judge(entry: VerifiedEntry, known: readonly Bytes[]): readonly Finding[]
}

export interface TillToEquip {
  readonly number: TillNumber
  /** Its newest key. */
  readonly publicKey: PublicKey
  readonly generation: number
  readonly currency: Currency
  /** By the office’s clock. */
  readonly now: Instant
}

export interface ModuleRequest {
  readonly till: TillNumber
  readonly currency: Currency
  /** Whether it is for a load terminal: any other must not be able to add money. */
  readonly mayLoad: boolean
}

export interface IssueRequest {
  readonly card: CardId
  /** The chip's own number. */
  readonly uid: Bytes
  readonly currency: Currency
  readonly balance: Amount
  /** The holder's first passcode; made up if there is none. */
  readonly passcode?: string
  /** What the blank chip has told the desk; only of schemes whose chips do. */
  readonly report?: Bytes
}

export interface IssuingOffice {
  readonly key: PrivateKey
  readonly generation: number
  readonly secrets: Bytes
  readonly clock: Clock
  readonly random: RandomSource
}

export interface Issue {
  /** For the office's own ledger: passes {@link OfficeScheme.verify}. */
  readonly evidence: Bytes
  /** For the issuing desk: everything to write on this chip. Secret, of use for this chip only. */
  readonly plan: Bytes
  /** To hand to the holder, and nobody else. */
  readonly passcode: string
  /** The same; only where a card blocks its passcode and this code unblocks it. */
  readonly unblocking?: string
  /** What the office must remember of the card for {@link OfficeScheme.judge}; kept sealed. */
  readonly known: Bytes
  /** Who on that card holds coins or vouches for its holder; only of schemes whose money is coins. */
  readonly elements?: readonly NewElement[]
}

export interface VerifyContext {
  /** The office's own, or what {@link OfficeScheme.readingKeys} gave of them; empty for a stranger without. */
  readonly secrets: Bytes
  /** Any key that a maker ever had, revoked or not. */
  keyOf(maker: TillNumber, generation: number): PublicKey | undefined
}

export type Verdict =
  | {
      readonly ok: true
      readonly entry: VerifiedEntry
      /** What the same evidence shows of other cards of this office. */
      readonly others?: readonly VerifiedEntry[]
    }
  | {
      readonly ok: false
      /** One of the scheme's closed, ordered list. */
      readonly reason: string
    }

export const ENTRY_KINDS = [
  'issue',
  'pay',
  'load',
  'passcode',
  'reversal',
  /** From another card. */
  'receive',
  /** A payment that the payee would not have. */
  'refund',
  /** Paid to the card's own office. */
  'unload',
  /** Put right by an instruction of the office. */
  'restore',
] as const
export type EntryKind = (typeof ENTRY_KINDS)[number]

/** One transaction of one card as its evidence shows it: what every scheme's evidence comes down to. */
export interface VerifiedEntry {
  readonly scheme: string
  readonly card: CardId
  /** 0 for the record a card is issued with. */
  readonly sequence: number
  readonly kind: EntryKind
  readonly currency: Currency
  /** Paid, loaded or given back; never negative. */
  readonly amount: Amount
  /** On the card afterwards. */
  readonly balance: Amount
  readonly maker: TillNumber
  readonly generation: number
  /** By the maker's clock. */
  readonly madeAt: Instant
  readonly digest: Digest
  readonly predecessor: Predecessor | undefined
  readonly tokens: readonly UsedToken[]
  readonly policyVersion: number
  /** For {@link OfficeScheme.judge}: opaque to the engine. */
  readonly proof: Bytes
  /**
   * Whether the card itself says that it took the record. Without, it counts when somebody has read it
   * from the card, and a till's word alone does not. Undefined where cards cannot say anything.
   */
  readonly isAttested?: boolean
  /** A secret that this entry tells the office of its card, sealed to the office; empty if none. */
  readonly disclosure: Bytes
  /** What these bytes prove by themselves. */
  readonly findings: readonly Finding[]
  /**
   * Of a card of another office: it has no chain in this ledger, and nothing of it counts but what it
   * pays to a party of this office.
   */
  readonly isForeign?: true
  /** Where payer and payee each have an account: what this entry shows to have been paid. */
  readonly payment?: Payment
  /** What its payee has refused. */
  readonly refundOf?: Refund
}

/** What one party paid another, seen from either side. */
export interface Payment {
  /** Digest of the payer's record. */
  readonly id: Digest
  readonly payer: Party
  readonly payee: Party
  readonly amount: Amount
  readonly currency: Currency
  /** Digest of what the payee asked for: a card pays a request once. */
  readonly request: Digest
  /** The place of the payment in its payer's chain. */
  readonly sequence: number
  /** By the payee's clock. */
  readonly madeAt: Instant
  /** What shows it to another office, or to the notary. */
  readonly evidence: Bytes
}

/** A payment that its payee will not have, whether it was made or not: a refusal knows the request only. */
export interface Refund {
  readonly payer: Party
  readonly payee: Party
  readonly request: Digest
  /** What shows it to another office, or to the notary. */
  readonly evidence: Bytes
}

/** The record that an entry claims to stand on. */
export interface Predecessor {
  readonly digest: Digest
  readonly sequence: number
  readonly maker: TillNumber
  readonly generation: number
  readonly balance: Amount
  /** By the clock of `maker`. */
  readonly madeAt: Instant
  readonly kind: EntryKind
  /** Whether the evidence shows it with its maker's own signature: otherwise it is only said. */
  readonly shown: boolean
}

export interface UsedToken {
  readonly digest: Digest
  readonly bytes: Bytes
  readonly product: number
  readonly price: Amount
  readonly till: TillNumber
}
