import type { Bytes } from '../kernel/bytes.ts'
import type { Policy } from '../kernel/documents.ts'
import type { CardId, TillNumber } from '../kernel/ids.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import type { Party } from '../kernel/party.ts'
import type { Instant, Transport } from '../kernel/ports.ts'
import type { AccountKind } from '../office/ledger/account-kinds.ts'
import type { CaseKind, Strength } from '../office/ledger/findings.ts'
import type { EntryKind } from '../office/scheme.ts'
import type { Liquidity } from '../office/ledger/liquidity.ts'
import type { WalletPolicy } from '../schemes/wallet/message.ts'
import type { SchemeName } from './scheme-names.ts'
import type { Login, SessionCookie } from './office-client.ts'

/** What a town needs of an office, all of it through the office's own API. */
export interface OfficeClient {
  addMerchant(name: string): Promise<string>
  /** Somebody who holds cards. @returns the office's number for them. */
  addPerson(name: string, login: Login): Promise<string>
  deposit(person: string, money: Money): Promise<void>
  withdraw(person: string, money: Money): Promise<void>
  /** Of whoever is signed in. */
  transfer(toLogin: string, money: Money): Promise<void>
  setLiquidity(liquidity: Liquidity): Promise<void>
  /** @param card undefined: of all wallets. */
  setWalletPolicy(card: CardId | undefined, policy: WalletPolicy): Promise<void>
  /** @returns its number and the code to enrol it with. */
  addTill(till: NewTill): Promise<{ readonly number: TillNumber; readonly code: string }>
  addProduct(product: NewProduct): Promise<number>
  mintTokens(product: number, till: TillNumber, count: number): Promise<void>
  issueCard(card: NewCard): Promise<IssuedCard>
  /** @returns what the issuing desk writes on a security module for that till, or on what reported so. */
  makeModule(till: TillNumber, scheme: SchemeName, report: Bytes | undefined): Promise<Bytes>
  /** By its holder; `bound`: for no other card to spend. @returns what to load on the card. */
  buyCoins(
    card: CardId,
    values: readonly Amount[],
    bound?: 'bound' | 'free',
  ): Promise<readonly Bytes[]>
  /** @returns what to load on the till's vendor element. */
  buyFloat(till: TillNumber, values: readonly Amount[]): Promise<readonly Bytes[]>
  schemeOf(card: CardId): Promise<SchemeName>
  /** Another card takes the place of one that is broken, or lost: that one is blocked. */
  renewCard(card: CardId, chip: NewChip, why: Renewing): Promise<IssuedCard>
  /** Of a card that cannot pay any more. */
  refundCoins(card: CardId): Promise<void>
  ledger(card: CardId): Promise<readonly OfficeRow[]>
  accounts(): Promise<readonly OfficeAccount[]>
  cases(): Promise<readonly OfficeCase[]>
  resolveCase(id: string, resolution: string): Promise<void>
}

export interface Money {
  readonly amount: Amount
  readonly currency: CurrencyCode
}

export interface NewTill {
  readonly name: string
  readonly merchant: string
  readonly policy: Policy
}

export interface NewProduct {
  readonly merchant: string
  readonly name: string
  readonly price: Amount
  readonly currency: CurrencyCode
}

export interface NewCard {
  readonly scheme: SchemeName
  readonly label: string
  readonly uid: Bytes
  readonly balance: Amount
  readonly currency: CurrencyCode
  /** Made up by the office if there is none. */
  readonly passcode?: string
  /** What the blank chip has told the desk, where its number is not enough. */
  readonly report?: Bytes
  /** The office's number for its holder. */
  readonly holder?: string
}

/** The chip of a card that takes the place of another. */
export type NewChip = Pick<NewCard, 'uid' | 'passcode' | 'report'>

export interface Renewing {
  /** Whether somebody else may still hold the old one. */
  readonly lost: boolean
  readonly reason: string
}

export interface IssuedCard {
  readonly id: CardId
  /** What the issuing desk writes on the chip. */
  readonly plan: Bytes
  readonly passcode: string
  /** Undefined if such a card has none. */
  readonly unblocking: string | undefined
}

export interface OfficeRow {
  readonly sequence: number
  readonly kind: EntryKind
  readonly till: TillNumber
  readonly balance: Amount
  readonly at: Instant
  readonly uploaded: boolean
  readonly amount: Amount | undefined
  readonly previous:
    { readonly till: TillNumber; readonly balance: Amount; readonly at: Instant } | undefined
  readonly complete: boolean
  /** Of a payment from or to an account: who is at its other end. */
  readonly counterparty: Party | undefined
}

export interface OfficeAccount {
  readonly kind: AccountKind
  readonly owner: string
  readonly balance: Amount
}

export interface OfficeCase {
  readonly id: string
  readonly kind: CaseKind
  readonly card: CardId | undefined
  readonly strength: Strength
  readonly suspects: readonly (
    | { readonly kind: 'card'; readonly card: CardId }
    | { readonly kind: 'till'; readonly till: TillNumber }
  )[]
  readonly amount: Amount | undefined
  readonly withdrawn: boolean
  readonly resolved: boolean
}

/** The office of a town: it can be stopped, lose its power, and be copied as it stands. */
export interface TownOffice {
  readonly client: OfficeClient
  readonly transport: Transport
  /** What somebody who is signed in does there. */
  clientOf(login: Login, session: SessionCookie): OfficeClient
  /** @returns the cookie of a new session. */
  signIn(login: Login): Promise<string>
  /** When everything that has arrived is in the ledger. */
  settled(): Promise<void>
  /** What an office does now and then: overdue records, coins that have expired. */
  sweep(): Promise<void>
  /** What it makes cards and tills with: for one that cheats. */
  secretsOf(scheme: SchemeName): Bytes
  /** Brings the notary what it has to know, and does what the notary has settled; nothing if that is down. */
  exchange(): Promise<void>
  stop(): Promise<void>
  /** Every connection to its database breaks at once. */
  crash(): Promise<void>
}
