import type { Bytes } from '../../kernel/bytes.ts'
import type { CardId, Digest, TillNumber } from '../../kernel/ids.ts'
import type { Amount, Currency } from '../../kernel/money.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'

/**
 * What the office asks of a scheme whose money is coins. A coin is no card’s balance: it goes from hand to
 * hand, and whoever shows it last, with all its hands, is owed it.
 * docs/decisions/0022-coins-are-claims.md says why this stands beside the chain ledger.
 */
export interface Coinage {
  /** The number of the bank that this office is. */
  bank(secrets: Bytes): number
  /** Makes a vendor element for a till. @throws {FormatError} if the chip has reported no such thing. */
  vendor(order: VendorElementOrder, secrets: Bytes, at: Instant): NewVendorElement
  /** Makes coins for one element. @throws {FormatError} if they cannot be. */
  make(known: Bytes, order: CoinOrder, secrets: Bytes, random: RandomSource): readonly NewCoin[]
  /** How many coins the element can still be sold, of which so many were. */
  left(known: Bytes, sold: number): number
  /** The last day of an element’s certificate, its midnight (UTC). @throws {FormatError} if it is none. */
  goodUntil(certificate: Bytes): Instant
  /** What coins it makes of an amount, smallest first, minor units. Any other value can be asked for. */
  readonly denominations: readonly Amount[]
  /** The fewest coins that are so much. @throws {FormatError} if none are. */
  denominate(amount: Amount): readonly Amount[]
  /** The elements that this evidence names: what {@link Coinage.read} must know of them. Empty if it cannot be read. */
  named(evidence: Uint8Array, secrets: Bytes): readonly ElementId[]
  /**
   * Checks one item of evidence. Pure.
   *
   * @param certificates of elements that it names, as far as known, and of other banks.
   */
  read(evidence: Uint8Array, secrets: Bytes, certificates: readonly Bytes[]): CoinVerdict
  /** What its vendor has signed, as one bank shows it to another. Undefined if nothing of it is there. */
  opened(evidence: Uint8Array, secrets: Bytes): Bytes | undefined
  /** An item of evidence made of what another bank has shown. */
  shown(opened: Bytes): Bytes
  /** Those of these certificates that the root of this bank stands behind. */
  confirm(certificates: readonly Bytes[], secrets: Bytes): Confirmation
  /** As what others know this bank; undefined if it is its own root. */
  membership(secrets: Bytes): BankMembership | undefined
  /** What somebody sees who has no secret of this office. */
  readonly proof: CoinProof
}

/** For case files: from {@link Coinage.opened} evidence and certificates alone. Pure. */
export interface CoinProof {
  /** Certificates of the root and of this bank, in this order. */
  authority(secrets: Bytes): readonly Bytes[]
  /** The elements that opened evidence names. Empty if it cannot be read. */
  named(opened: Uint8Array): readonly ElementId[]
  /** What the till says in an item of evidence beside what is sealed. Undefined if it is no till’s. */
  told(evidence: Uint8Array): TillWords | undefined
  /** The transfer in it with that digest, as its giver signed it. @throws {FormatError} if it cannot be read. */
  transfer(opened: Uint8Array, digest: Digest): Bytes | undefined
  /**
   * @param certificates of the root, then of banks and elements in any order. Undefined if the root, or a
   *   bank under it, has not signed one of them.
   */
  view(certificates: readonly Bytes[]): ProofView | undefined
}

export interface ProofView {
  read(opened: Uint8Array): CoinVerdict
  /** Undefined if it is no transfer, or not signed by its giver. */
  step(transfer: Uint8Array): CoinStep | undefined
  /** What the certificate says of an element; its card, unless it is a vendor’s. Undefined if there is none. */
  bearer(
    element: ElementId,
  ): { readonly role: ElementRole; readonly card: CardId | undefined } | undefined
}

export interface BankMembership {
  readonly bank: number
  /** Of its key, by the root of all. */
  readonly certificate: Bytes
}

export interface Confirmation {
  readonly banks: readonly { readonly number: number; readonly certificate: Bytes }[]
  readonly elements: readonly ForeignElement[]
}

/** An element as others know it. */
export interface ForeignElement {
  readonly id: ElementId
  readonly role: ElementRole
  readonly bank: number
  readonly certificate: Bytes
}

/** An element as 16 hexadecimal digits. A card’s coin element has the id of the card. */
export type ElementId = string
/** A coin likewise. */
export type CoinId = string

export const ELEMENT_ROLES = ['identity element', 'coin element', 'vendor element'] as const
export type ElementRole = (typeof ELEMENT_ROLES)[number]

/** What others must know of an element. */
export interface NewElement {
  readonly id: ElementId
  readonly role: ElementRole
  readonly certificate: Bytes
  /** What its bank makes coins for it with; secret. Undefined if it holds none. */
  readonly known: Bytes | undefined
}

export interface VendorElementOrder {
  readonly element: Bytes
  /** What the blank chip has told the desk. */
  readonly report: Bytes
  readonly till: TillNumber
  readonly currency: Currency
  /** Certificates of other banks whose coins it is to take. */
  readonly otherBanks: readonly Bytes[]
}

export interface NewVendorElement {
  readonly element: NewElement
  /** For the desk that has the chip. */
  readonly plan: Bytes
}

export interface CoinOrder {
  readonly values: readonly Amount[]
  readonly currency: Currency
  readonly expires: Instant
  /** Whether only the identity element of that card may spend them. */
  readonly bound: 'bound' | 'free'
  /** Of the first coin; the others follow. */
  readonly firstSerial: number
  /** How many coins that element was sold before. */
  readonly sold: number
}

export interface NewCoin {
  readonly id: CoinId
  readonly value: Amount
  /** For that element, over any channel: nothing but its chip opens it. */
  readonly register: Bytes
}

/** One change of hands, signed by the giver. */
export interface CoinStep {
  readonly kind: 'pay' | 'change' | 'return' | 'surrender'
  readonly giver: ElementId
  readonly taker: ElementId
  /** Of the giver: an element signs one transfer with a number, and never another. */
  readonly sequence: number
  readonly digest: Digest
}

/** A coin with all of its hands, oldest first. */
export interface HeldCoin {
  readonly coin: CoinId
  readonly bank: number
  /** ISO 4217 number. */
  readonly currency: number
  readonly value: Amount
  readonly expires: Instant
  readonly chain: readonly CoinStep[]
}

/** A coin that a vendor wants to be paid for. */
export interface CoinClaim extends HeldCoin {
  readonly creditor: ElementId
}

/** What the bytes of one item of evidence prove by themselves, each against an element. */
export const COIN_FINDINGS = [
  /** No bank signed the coin. */
  'forged-coin',
  /** A transfer in its chain is not signed by its giver. */
  'forged-hop',
  /** Somebody gave it who did not have it, or it had changed hands too often. */
  'broken-chain',
  /** The vendor kept more than the request says. */
  'wrong-change',
] as const

export interface CoinFinding {
  readonly kind: (typeof COIN_FINDINGS)[number]
  readonly suspect: ElementId
  readonly coin: CoinId | undefined
}

/** What a vendor has asked for and got. */
export interface PaidRequest {
  readonly request: Digest
  /** The vendor element’s. */
  readonly till: TillNumber
  readonly amount: Amount
  /** ISO 4217 number. */
  readonly currency: number
}

/** What a till says of a payment that it has taken: its word alone, signed with its batch. */
export interface TillWords {
  readonly request: Digest
  /** Of what was sold, as they were given. */
  readonly tokens: readonly Bytes[]
  readonly policyVersion: number
  /** Whether its journal knows what was asked for: else it had nothing to do with it but to pass it on. */
  readonly knows: 'the order' | 'the outcome'
}

/** What one item of evidence comes down to. */
export interface CoinEntry {
  /** Of the evidence: the same again is no second claim. */
  readonly digest: Digest
  readonly vendor: ElementId
  /** Undefined if nothing was sold: of a surrender, of coins that went back. */
  readonly paid: PaidRequest | undefined
  readonly claims: readonly CoinClaim[]
  /** Coins that went to somebody who does not claim them: kept as change, given as change, returned. */
  readonly moved: readonly HeldCoin[]
  /** Every change of hands that it shows, with a good signature. */
  readonly steps: readonly CoinStep[]
  readonly findings: readonly CoinFinding[]
  /** Every bank that has a part in it: who made one of the coins, or one of the elements that signed. */
  readonly banks: readonly number[]
}

/** The same, and how it came. */
export interface ShownCoins extends CoinEntry {
  readonly source: { readonly batch: bigint; readonly index: number }
}

export type CoinVerdict = GoodCoins | { readonly ok: false; readonly reason: string }

export interface GoodCoins {
  readonly ok: true
  readonly coins: CoinEntry
  /** Of what a till hands in. */
  readonly told?: TillWords
}

/** A card of this office that has just been issued. */
export interface CoinCard {
  readonly card: CardId
  readonly elements: readonly NewElement[]
}
