import { z } from 'zod'
import { fromHex, type Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../../../kernel/hash.ts'
import { cardIdBytes, cardIdOf, digestOf } from '../../../kernel/ids.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import type { Instant, RandomSource } from '../../../kernel/ports.ts'
import { parseWith } from '../../../kernel/schema.ts'
import type {
  CardStatement,
  GivenInstruction,
  HoldingCard,
  Holdings,
  InstructionDraft,
  RequestDraft,
  SignedInstruction,
  TakenRefund,
} from '../../../office/wallets/holdings.ts'
import { readAuthority, readRoot } from './authority.ts'
import { isSignedBy, openMessage, signMessage } from '../../../kernel/signed-message.ts'
import {
  DEFAULT_POLICY,
  evidence,
  instruction,
  LOG_SIZE,
  NONCE_SIZE,
  order,
  policy,
  RECEIVED_MONEY,
  record,
  refusal,
  request,
  shownRecord,
  statement,
  VALUE_MAX,
  type PaymentRequest,
  type WalletPolicy,
} from '../message.ts'

/** How an office holds money for wallet cards: statements in, instructions and requests out. */
export const walletHoldings: Holdings = {
  firstPolicy: policy.encode(DEFAULT_POLICY),
  encodePolicy(version, wanted, field) {
    return policy.encode({ ...parseWith(policyJson, wanted, field), version })
  },
  showPolicy: (bytes) => showPolicy(policy.decode(bytes)),
  balanceMax: (bytes) => policy.decode(bytes).balanceMax,
  openStatement,
  instruct,
  orderOf: (signed, permit) =>
    order.encode({ instruction: signed, permit: permit ? [permit] : [] }),
  instructionIn,
  refundIn,
  remembersUntil,
  requestBack,
  certificates(secrets) {
    const { root, notary, certificates } = readAuthority(secrets)
    return {
      root: root.bytes,
      notary: notary?.bytes,
      office: certificates.map(({ bytes }) => bytes),
    }
  },
}

const minorUnits = z
  .string()
  .regex(/^(0|[1-9]\d{0,9})$/, 'expected minor units in decimal digits')
  .transform((text) => BigInt(text))
  .pipe(z.bigint().max(VALUE_MAX))

const policyJson = z.strictObject({
  paymentsMax: z.int().min(0).max(LOG_SIZE),
  balanceMax: minorUnits,
  paymentMax: minorUnits,
  amountMax: minorUnits,
  daysMax: z.int().min(0).max(0xffff),
  pinFreeMax: minorUnits,
  receivedMoney: z.enum(RECEIVED_MONEY),
  hops: z.int().min(0).max(4),
})

function showPolicy({ balanceMax, paymentMax, amountMax, pinFreeMax, ...rest }: WalletPolicy) {
  return {
    ...rest,
    balanceMax: String(balanceMax),
    paymentMax: String(paymentMax),
    amountMax: String(amountMax),
    pinFreeMax: String(pinFreeMax),
  }
}

function openStatement(
  bytes: Uint8Array,
  { id, uid }: HoldingCard,
  secrets: Bytes,
): CardStatement | undefined {
  const opened = openMessage(statement, bytes)
  const { content } = opened
  const isOurs = content.office === readRoot(secrets).office && cardIdOf(content.card) === id
  // The chip’s own number is its public key.
  if (!isOurs || !isSignedBy(opened, publicKeyFrom(fromHex(uid)))) return undefined
  return {
    bytes: opened.bytes,
    nonce: content.nonce,
    sequence: content.sequence,
    last: digestOf(content.last),
    balance: content.balance,
    instruction: content.instruction,
    instructionDigest: digestOf(content.instructionDigest),
    acknowledged: content.acknowledged,
    policyVersion: content.policyVersion,
  }
}

const NO_DIGEST: Bytes = new Uint8Array(DIGEST_SIZE)

function instruct(wanted: InstructionDraft, secrets: Bytes): SignedInstruction {
  const { office, key } = readAuthority(secrets)
  const { kind, card, number, madeAt, expiresAt, currency, amount, record: named } = wanted
  // A card without records has none to forget, and was never told of its start.
  const isNamed = named && !(kind === 'acknowledge' && named.sequence === 0)
  const content = {
    kind,
    office,
    card: cardIdBytes(card),
    number,
    madeAt,
    expires: expiresAt,
    currency: currency.numeric,
    amount,
    sequence: named?.sequence ?? 0,
    record: isNamed ? fromHex(named.digest) : NO_DIGEST,
    policy: wanted.policy ? [wanted.policy] : [],
  }
  const bytes = signMessage(instruction, content, key)
  return { bytes, digest: digestOf(openMessage(instruction, bytes).digest) }
}

function instructionIn(bytes: Uint8Array, secrets: Bytes): GivenInstruction | undefined {
  return unlessMalformed(() => {
    const shown = shownRecord.decode(evidence.decode(bytes).shown)
    const { kind, counterparty } = record.decode(shown.record)
    const { office, certificates } = readRoot(secrets)
    const isTold = kind === 'load' || kind === 'restore'
    if (!isTold || counterparty.kind !== 'office' || counterparty.office !== office) {
      return undefined
    }
    const opened = openMessage(instruction, order.decode(shown.cause).instruction)
    const isOurs = certificates.some(({ certificate }) => isSignedBy(opened, certificate.publicKey))
    if (!isOurs) return undefined
    const { content } = opened
    return {
      kind: content.kind,
      card: cardIdOf(content.card),
      number: content.number,
      amount: content.amount,
      madeAt: content.madeAt,
      expiresAt: content.expires,
      bytes: opened.bytes,
      digest: digestOf(opened.digest),
    }
  })
}

function refundIn(bytes: Uint8Array): TakenRefund | undefined {
  return unlessMalformed(() => {
    const shown = shownRecord.decode(evidence.decode(bytes).shown)
    const { kind, card } = record.decode(shown.record)
    if (kind !== 'refund') return undefined
    return {
      card: cardIdOf(card),
      record: digestOf(sha256(shown.record)),
      request: digestOf(openMessage(refusal, shown.cause).content.request),
    }
  })
}

/** A request that names no card is remembered as long as it could be paid again. */
function remembersUntil(bytes: Uint8Array): Instant | undefined {
  const { cause } = shownRecord.decode(evidence.decode(bytes).shown)
  const { payer, expires } = openMessage(request, cause).content
  return payer.every((byte) => byte === 0) ? expires : undefined
}

function requestBack(wanted: RequestDraft, secrets: Bytes, random: RandomSource): Bytes {
  const { office, key } = readAuthority(secrets)
  const { card, nonce, currency, amount, madeAt, expiresAt } = wanted
  const content: PaymentRequest = {
    payee: { kind: 'office', office },
    currency: currency.numeric,
    amount,
    nonce: random.bytes(NONCE_SIZE),
    payer: cardIdBytes(card),
    payerNonce: nonce,
    madeAt,
    expires: expiresAt,
  }
  return signMessage(request, content, key)
}
