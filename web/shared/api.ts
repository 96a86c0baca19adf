import type { CaseKind, Strength } from '../../src/office/findings.ts'
import type { AccountKind } from '../../src/office/accounts.ts'
import type { Role } from '../../src/office/roles.ts'
import type { CardStatus } from '../../src/office/registry-tables.ts'

/** PROVISIONAL: becomes the schemas' own types when src/office/routes has them. */
export interface Session {
  readonly person: { readonly id: string; readonly name: string; readonly role: Role }
}

export interface Card {
  readonly id: string
  readonly scheme: string
  readonly label: string | null
  readonly currency: string
  readonly status: CardStatus
  readonly statusReason: string
  readonly balance: string
  readonly issuedAt: number
  readonly successor: string | null
}

export interface LedgerLine {
  readonly sequence: number
  readonly digest: string
  readonly kind: 'issue' | 'pay' | 'load' | 'passcode' | 'reversal'
  readonly till: number
  readonly balance: string
  readonly at: number
  readonly uploaded: boolean
  readonly amount: string | null
  readonly outcome: 'confirmed' | 'unconfirmed' | 'void' | null
  readonly previous: {
    readonly digest: string
    readonly till: number
    readonly balance: string
    readonly at: number
    readonly shown: boolean
  } | null
  readonly complete: boolean
  readonly contested: boolean
  readonly refuted: boolean
  readonly settlement: 'none' | 'held' | 'settled'
}

export interface Till {
  readonly number: number
  readonly name: string
  readonly merchant: { readonly id: string; readonly name: string }
  readonly currency: string
  readonly enrolledAt: number | null
  readonly lastContactAt: number | null
  readonly lastBatch: number
  readonly missing: number
  readonly stoppedAt: number | null
  readonly stopReason: string | null
}

export interface Case {
  readonly id: string
  readonly kind: CaseKind
  readonly strength: Strength
  readonly card: string | null
  readonly suspects: readonly Suspect[]
  readonly amount: string | null
  readonly currency: string | null
  readonly records: readonly string[]
  readonly openedAt: number
  readonly changedAt: number
  readonly withdrawn: boolean
  readonly resolution: { readonly at: number; readonly text: string } | null
}

export type Suspect =
  | { readonly kind: 'card'; readonly card: string; readonly weight: number }
  | { readonly kind: 'till'; readonly till: number; readonly weight: number }

export interface Progress {
  readonly batches: { readonly received: number; readonly toPlace: number }
  readonly records: {
    readonly uploaded: number
    readonly missing: number
    readonly waiting: number
    readonly held: number
    readonly settled: number
    readonly refuted: number
  }
  readonly rejected: number
  readonly openCases: { readonly proven: number; readonly suspected: number }
  readonly sums: readonly { readonly currency: string; readonly sum: string }[]
}

export interface EvidenceRecord extends LedgerLine {
  readonly card: string
}

export interface CaseDetail extends Case {
  readonly evidence: readonly EvidenceRecord[]
}

export interface AccountRef {
  readonly id: string
  readonly kind: AccountKind
  readonly owner: string
  readonly name: string | null
}

export interface Transfer {
  readonly reference: string
  readonly debit: AccountRef
  readonly credit: AccountRef
  readonly amount: string
  readonly at: number
}

export interface AuditEntry {
  readonly id: number
  readonly at: number
  readonly person: string | null
  readonly act: string
  readonly subject: string
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface Account {
  readonly id: string
  readonly name: string | null
  readonly kind: AccountKind
  readonly owner: string
  readonly currency: string
  readonly balance: string
}
