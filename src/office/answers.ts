import { z } from 'zod'
import { OUTCOMES } from '../kernel/batch.ts'
import { ACCOUNT_KINDS } from './ledger/account-kinds.ts'
import { amountText, signedAmountText } from './amount-text.ts'
import { DECISIONS, SETTLEMENTS } from './ledger/chain.ts'
import { CASE_KINDS } from './ledger/findings.ts'
import { caseCoinsJson } from './coins/answers.ts'
import { digestText } from './digest-text.ts'
import { cardIdText, currencyCode, idText, instantNumber } from './http.ts'
import { CARD_STATUSES } from './registry-tables.ts'
import { ROLES } from './roles.ts'
import { INSTRUCTION_KINDS } from './wallets/holdings.ts'
import { ONLINE_KINDS } from './wallets/online.ts'
import { LIQUIDITY_POLICIES } from './ledger/liquidity.ts'
import { PAYMENT_STATES } from './ledger/payment-store.ts'
import { ENTRY_KINDS } from './scheme.ts'

/** What the office's API answers: the schemas make the OpenAPI document, the types are the console's. */

export const personJson = z
  .object({
    id: idText,
    login: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    merchant: idText.nullable(),
    madeAt: instantNumber,
    disabledAt: instantNumber.nullable(),
  })
  .meta({ id: 'Person' })
export type PersonJson = z.output<typeof personJson>

export const sessionJson = z.object({ person: personJson })
export type SessionJson = z.output<typeof sessionJson>

export const cardJson = z
  .object({
    id: cardIdText,
    scheme: z.string(),
    uid: z.string().meta({ description: 'The chip’s own number, in hexadecimal' }),
    label: z.string().nullable(),
    holder: idText.nullable(),
    currency: currencyCode,
    status: z.enum(CARD_STATUSES),
    statusReason: z.string(),
    balance: signedAmountText.meta({
      description: 'What the card holds as far as the office knows; of coins, those not expired',
    }),
    issuedAt: instantNumber,
    successor: cardIdText.nullable(),
  })
  .meta({ id: 'Card' })
export type CardJson = z.output<typeof cardJson>

export const issuedJson = z.object({
  card: cardJson,
  plan: z.base64().meta({ description: 'What the issuing desk writes on that chip. Secret.' }),
  passcode: z.string().meta({ description: 'For the holder, and nobody else' }),
  unblocking: z
    .string()
    .nullable()
    .meta({ description: 'The same: unblocks the passcode where the card blocks it' }),
})
export type IssuedJson = z.output<typeof issuedJson>

export const refundedJson = z.object({
  card: cardJson,
  paid: amountText.meta({ description: 'To be handed to the holder' }),
})

export const moduleJson = z.object({
  mayLoad: z.boolean().meta({ description: 'By the till’s policy: whether it can add money' }),
  plan: z.base64().meta({ description: 'What the issuing desk writes on the module. Secret.' }),
})

const previousJson = z.object({
  digest: digestText,
  till: z.int(),
  balance: signedAmountText,
  at: instantNumber.meta({ description: 'By the clock of that till' }),
  shown: z.boolean().meta({ description: 'Whether it was shown with its maker’s signature' }),
})

const officeNumber = z.int().min(0).max(0xffff).meta({ description: 'Of an office among several' })
export const partyJson = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('office'), office: officeNumber }),
    z.object({ kind: z.literal('card'), office: officeNumber, card: cardIdText }),
    z.object({ kind: z.literal('till'), office: officeNumber, till: z.int() }),
  ])
  .meta({ id: 'Party' })

export type PartyJson = z.output<typeof partyJson>

export const ledgerLineJson = z
  .object({
    card: cardIdText,
    sequence: z.int(),
    digest: digestText,
    kind: z.enum(ENTRY_KINDS),
    till: z.int().meta({ description: '0 is the office' }),
    balance: signedAmountText,
    at: instantNumber.meta({ description: 'By the clock of the till' }),
    uploaded: z.boolean().meta({ description: 'False: only shown by whoever built on it' }),
    amount: amountText.nullable(),
    outcome: z.enum(OUTCOMES).nullable(),
    previous: previousJson.nullable(),
    complete: z.boolean(),
    contested: z.boolean(),
    refuted: z.boolean(),
    decision: z
      .enum(DECISIONS)
      .nullable()
      .meta({ description: 'What an operator has said of its money' }),
    settlement: z.enum(SETTLEMENTS),
    payment: z
      .object({
        id: digestText.meta({ description: 'Digest of the payer’s record' }),
        state: z.enum(PAYMENT_STATES),
        atNotary: z
          .boolean()
          .meta({ description: 'Another office takes part: the notary settles' }),
        counterparty: partyJson.meta({ description: 'Whom this card paid, or who paid it' }),
      })
      .nullable()
      .meta({ description: 'Of a card that signs: what became of what it paid or received' }),
  })
  .meta({ id: 'LedgerLine' })
export type LedgerLineJson = z.output<typeof ledgerLineJson>

export const merchantJson = z
  .object({ id: idText, name: z.string(), madeAt: instantNumber })
  .meta({ id: 'Merchant' })
export type MerchantJson = z.output<typeof merchantJson>

const makerKeyJson = z.object({
  generation: z.int(),
  publicKey: z.string().meta({ description: 'x ‖ y in hexadecimal' }),
  madeAt: instantNumber,
  revokedFrom: instantNumber.nullable().meta({ description: 'By the clock of the till' }),
})

export const tillJson = z.object({
  number: z.int(),
  name: z.string(),
  merchant: z.object({ id: idText, name: z.string() }),
  currency: currencyCode,
  madeAt: instantNumber,
  enrolledAt: instantNumber.nullable(),
  codeExpiresAt: instantNumber.nullable(),
  lastContactAt: instantNumber.nullable().meta({ description: 'When its last batch came' }),
  lastBatch: z.int().meta({ description: 'The highest number that came; 0 for none' }),
  missing: z.int().meta({ description: 'Records that others showed and it has not handed in' }),
  stoppedAt: instantNumber.nullable(),
  stopReason: z.string().nullable(),
  policyVersion: z.int(),
  software: z.string().nullable(),
})
export type TillJson = z.output<typeof tillJson>

export const tillDetailJson = tillJson.extend({ keys: z.array(makerKeyJson) })
export type TillDetailJson = z.output<typeof tillDetailJson>

export const codeJson = z.object({
  code: z.string().meta({ description: 'Shown once; docs/protocol/enrolment.md' }),
  expiresAt: instantNumber,
  officeFingerprint: z.string().meta({ description: 'To compare by eye, if anybody wants to' }),
})
export type CodeJson = z.output<typeof codeJson>

export const productJson = z
  .object({
    id: z.int(),
    merchant: idText,
    name: z.string(),
    price: amountText,
    currency: currencyCode,
    madeAt: instantNumber,
    withdrawnAt: instantNumber.nullable(),
  })
  .meta({ id: 'Product' })
export type ProductJson = z.output<typeof productJson>

const accountRefJson = z.object({
  id: idText,
  kind: z.enum(ACCOUNT_KINDS),
  owner: z.string().meta({ description: 'A card, a till, a merchant; empty for the office’s own' }),
  name: z.string().nullable().meta({ description: 'How people call the owner' }),
})

export const accountJson = accountRefJson.extend({
  currency: currencyCode,
  balance: signedAmountText,
  owed: amountText.meta({ description: 'What the pool has advanced to it and not got back' }),
})
export type AccountJson = z.output<typeof accountJson>

export const liquidityJson = z
  .object({
    policy: z.enum(LIQUIDITY_POLICIES).meta({
      description: 'What happens to a payment whose payer’s money is not there yet',
    }),
    poolMax: amountText.meta({ description: 'The most that the pool advances, of each currency' }),
  })
  .meta({ id: 'Liquidity' })
export type LiquidityJson = z.output<typeof liquidityJson>

export const transferJson = z
  .object({
    id: idText,
    reference: z.string(),
    debit: accountRefJson,
    credit: accountRefJson,
    amount: amountText,
    at: instantNumber,
  })
  .meta({ id: 'Transfer' })
export type TransferJson = z.output<typeof transferJson>

const suspectJson = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('card'), card: cardIdText, weight: z.int() }),
  z.object({ kind: z.literal('till'), till: z.int(), weight: z.int() }),
])

export const caseJson = z.object({
  id: idText,
  kind: z.enum(CASE_KINDS),
  strength: z.enum(['proven', 'suspected']),
  card: cardIdText.nullable(),
  suspects: z.array(suspectJson).meta({ description: 'Most suspect first' }),
  amount: signedAmountText.nullable(),
  currency: currencyCode.nullable(),
  records: z.array(digestText),
  openedAt: instantNumber,
  changedAt: instantNumber,
  withdrawn: z.boolean().meta({ description: 'Later evidence has explained it' }),
  resolution: z.object({ at: instantNumber, text: z.string() }).nullable(),
})
export type CaseJson = z.output<typeof caseJson>

export const caseDetailJson = caseJson.extend({
  evidence: z.array(ledgerLineJson),
  coins: caseCoinsJson.nullable().meta({ description: 'Null if it is not about coins' }),
})
export type CaseDetailJson = z.output<typeof caseDetailJson>

export const progressJson = z.object({
  batches: z.object({ received: z.int(), toPlace: z.int() }),
  records: z.object({
    uploaded: z.int(),
    missing: z.int(),
    waiting: z.int(),
    held: z.int(),
    settled: z.int(),
    refuted: z.int(),
  }),
  rejected: z.int(),
  openCases: z.object({ proven: z.int(), suspected: z.int() }),
  sums: z
    .array(z.object({ currency: currencyCode, sum: signedAmountText }))
    .meta({ description: 'Of all accounts, a currency: always 0' }),
})
export type ProgressJson = z.output<typeof progressJson>

export const auditJson = z
  .object({
    id: z.int(),
    at: instantNumber,
    person: z.string().nullable().meta({ description: 'Their login; null for the office itself' }),
    act: z.string(),
    subject: z.string(),
    detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  })
  .meta({ id: 'AuditEntry' })
export type AuditJson = z.output<typeof auditJson>

export const onlineBalanceJson = z.object({ currency: currencyCode, balance: amountText })

export const onlineWalletJson = z
  .object({ person: idText, login: z.string(), balances: z.array(onlineBalanceJson) })
  .meta({ id: 'OnlineWallet' })
export type OnlineWalletJson = z.output<typeof onlineWalletJson>

export const onlineLineJson = z
  .object({
    id: idText.meta({ description: 'Of the transfer' }),
    kind: z.enum(ONLINE_KINDS),
    amount: signedAmountText.meta({ description: 'Above 0: it came in' }),
    balance: amountText.meta({ description: 'In the wallet afterwards' }),
    other: z
      .string()
      .nullable()
      .meta({ description: 'A person’s login or a card’s number; null for money outside' }),
    at: instantNumber,
  })
  .meta({ id: 'OnlineLine' })
export type OnlineLineJson = z.output<typeof onlineLineJson>

export const onlineMovedJson = z.object({
  reference: z.string().meta({ description: 'Of the transfer, unique for ever' }),
  balance: amountText.meta({ description: 'In the wallet afterwards' }),
})

export const certificatesJson = z.object({
  scheme: z.string(),
  root: z.base64(),
  notary: z.base64().nullable(),
  offices: z.array(z.base64()).meta({ description: 'Of this office, newest first' }),
})

export const cardPolicyJson = z.object({
  version: z.int(),
  scheme: z.string(),
  card: cardIdText.nullable().meta({ description: 'Null: for all cards of the scheme' }),
  policy: z.record(z.string(), z.union([z.string(), z.int()])),
})
export type CardPolicyJson = z.output<typeof cardPolicyJson>

export const holdingJson = z
  .object({
    said: z
      .object({
        balance: amountText,
        sequence: z.int().meta({ description: 'Of its newest record; 0 for none' }),
        acknowledged: z.int().meta({ description: 'The record up to which it was told to forget' }),
        policyVersion: z.int().meta({ description: 'That it obeys' }),
        at: instantNumber,
      })
      .nullable()
      .meta({ description: 'What the card last said of itself; null before its first contact' }),
    underWay: z
      .object({
        number: z.int(),
        kind: z.enum(INSTRUCTION_KINDS),
        amount: amountText,
        expiresAt: instantNumber,
        givenUp: z.boolean(),
      })
      .nullable()
      .meta({ description: 'The instruction that it has still to carry out' }),
    policy: cardPolicyJson.meta({ description: 'That it is to obey' }),
  })
  .meta({ id: 'Holding' })
export type HoldingJson = z.output<typeof holdingJson>

export const instructionJson = z.object({
  card: cardIdText,
  number: z.int().meta({ description: 'Of the instruction, for that card' }),
})

/** What a phone carries to a card: bytes in base64. */
export const orderJson = z.object({
  number: z.int().meta({ description: 'Of the instruction, for that card' }),
  order: z.base64(),
})

export const unloadJson = z.object({
  request: z.base64().meta({ description: 'Of the office: the card pays it' }),
})
