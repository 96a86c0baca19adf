/** What the office answers: its own schemas' types. Only the types: no code of the server comes along. */
export type {
  AccountJson as Account,
  AuditJson as AuditEntry,
  CardJson as Card,
  CardPolicyJson as CardPolicy,
  CaseDetailJson as CaseDetail,
  CaseJson as Case,
  CodeJson as EnrolmentCode,
  HoldingJson as Holding,
  LedgerLineJson as LedgerLine,
  LiquidityJson as Liquidity,
  MerchantJson as Merchant,
  OnlineLineJson as OnlineLine,
  OnlineWalletJson as OnlineWallet,
  PartyJson as Party,
  PersonJson as Person,
  ProductJson as Product,
  ProgressJson as Progress,
  SessionJson as Session,
  TillDetailJson as TillDetail,
  TillJson as Till,
  TransferJson as Transfer,
} from '../../src/office/answers.ts'
import type { CaseJson, LedgerLineJson, TransferJson } from '../../src/office/answers.ts'

export type Suspect = CaseJson['suspects'][number]
/** What an operator says of a record's money. */
export type Decision = NonNullable<LedgerLineJson['decision']>
export type AccountRef = TransferJson['debit']

export type {
  CaseCoinsJson as CaseCoins,
  CoinBankJson as CoinBank,
  CoinJson as Coin,
  CoinOfferJson as CoinOffer,
  CoinsSoldJson as CoinsSold,
  ElementJson as CoinElement,
  TakingsJson as Takings,
  VendorElementJson as VendorElementMade,
} from '../../src/office/coins/answers.ts'
