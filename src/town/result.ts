import type { CurrencyCode } from '../kernel/money.ts'
import type { AccountKind } from '../office/ledger/account-kinds.ts'
import type { NotaryCaseKind } from '../notary/cases.ts'
import type { CaseKind, Strength } from '../office/ledger/findings.ts'
import type { EntryKind } from '../office/scheme.ts'
import type { Verb } from './scenario/step-words.ts'
import type { TraceLine } from './trace/trace.ts'

/**
 * What a played scenario comes to: `kontant play --json` prints exactly this. Cards and tills go by
 * their names in the scenario. docs/scenarios.md says what each field is; fields may be added, and
 * none is renamed or taken away while `version` stays.
 */
export interface PlayResult {
  readonly version: 1
  readonly title: string
  readonly currency: CurrencyCode
  /** Whether every expectation held. */
  readonly ok: boolean
  readonly failures: readonly Failure[]
  readonly ledgers: Readonly<Record<string, readonly LedgerRow[]>>
  readonly accounts: readonly AccountRow[]
  readonly cases: readonly CaseResult[]
  readonly tills: readonly TillRow[]
  readonly pufs: readonly PufRow[]
  readonly steps: readonly StepResult[]
}

/** A decimal number of major units, `95.00`. */
export type Money = string
/** `2020-09-08T12:03:00.000Z`. */
export type Timestamp = string

/** An expectation that did not hold. */
export interface Failure {
  readonly file: string
  readonly line: number
  readonly expected: string
  readonly found: string
}

/** One record of a card's chain that its maker has handed in. */
export interface LedgerRow {
  readonly card: string
  readonly sequence: number
  readonly till: string
  /** Whom a wallet paid, or who paid it; null of all else. */
  readonly counterparty: string | null
  readonly kind: EntryKind
  readonly amount: Money
  readonly balance: Money
  /** By the till's clock. */
  readonly timestamp: Timestamp
  /** Null: the office, which issued the card. */
  readonly previousTill: string | null
  readonly previousBalance: Money
  readonly previousTimestamp: Timestamp | null
  readonly complete: boolean
}

/** At the notary: what an office has not promised to anybody, and what is on its cards. */
export const RESERVE_KINDS = ['free', 'issued'] as const
export type ReserveKind = (typeof RESERVE_KINDS)[number]

export interface AccountRow {
  /** Whose books it is in. */
  readonly office: string
  readonly kind: AccountKind | ReserveKind
  /** A card, a till, a merchant or a person by name, an office at the notary; empty for the office's own. */
  readonly owner: string
  readonly balance: Money
}

export interface CaseResult {
  /** Which office has found it, or the notary. */
  readonly office: string
  readonly kind: CaseKind | NotaryCaseKind
  readonly card: string | null
  /** Most suspect first. */
  readonly suspects: readonly string[]
  readonly strength: Strength
  readonly amount: Money | null
  readonly state: 'open' | 'resolved' | 'withdrawn'
}

export interface TillRow {
  readonly name: string
  /** Records that the office has not acknowledged. */
  readonly queue: number
  /** Number of its newest batch, 0 for none. */
  readonly lastBatch: number
}

/** A chip with a PUF: a card with coins, or the vendor element of a till. */
export interface PufRow {
  /** The card, or the till. */
  readonly name: string
  /** How likely a bit of it is read wrong now. */
  readonly bitErrorRate: number
  /** How often it was read too badly for a key or a coin. */
  readonly failures: number
}

/** What a till's security module counted since its last cash-up. */
export interface CashUpRow {
  readonly till: string
  /** Number of the module's batch. */
  readonly batch: number
  /** Transactions that cards stamped. */
  readonly count: number
  readonly paid: Money
  /** Payments that were taken back. */
  readonly paidBack: Money
  readonly loaded: Money
  readonly loadedBack: Money
}

export const RESULTS = [
  'done',
  'refused',
  'unfinished',
  'acknowledged',
  'unreachable',
  'crashed',
] as const
export type ResultWord = (typeof RESULTS)[number]

export interface StepResult {
  /** From 1. */
  readonly step: number
  readonly line: number
  readonly at: Timestamp
  readonly verb: Verb
  readonly result: ResultWord
  /** Why it was refused: a status of the scheme. */
  readonly status?: string
  /** For people. */
  readonly text: string
  /** Of a step `cashUp`. */
  readonly cashUp?: CashUpRow
  /** With `--trace`: every message that was sent, in order. */
  readonly trace?: readonly TraceLine[]
}
