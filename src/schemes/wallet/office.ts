import { utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, unlessMalformed } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import { CARD_ID_SIZE, cardIdBytes, digestOf, OFFICE, type Digest } from '../../kernel/ids.ts'
import { constant, message, uint16, varOctets } from '../../kernel/message.ts'
import { abs, currencyByNumber, sum, type Amount } from '../../kernel/money.ts'
import { publicKeyFrom } from '../../kernel/p256.ts'
import { checkPasscode, pinBlock, randomDigits } from '../../kernel/pin.ts'
import { usedToken } from '../../office/used-token.ts'
import type { CaseKind, Finding } from '../../office/ledger/findings.ts'
import type {
  EntryKind,
  Issue,
  IssueRequest,
  IssuingOffice,
  OfficeScheme,
  Payment,
  Predecessor,
  Refund,
  UsedToken,
  Verdict,
  VerifiedEntry,
  VerifyContext,
} from '../../office/scheme.ts'
import {
  certifyCard,
  createAuthority,
  papersOf,
  publicPart,
  readAuthority,
  readRoot,
  type WalletRoot,
} from './office/authority.ts'
import { walletHoldings } from './office/holdings.ts'
import { isCertifiedBy, readCertificate, type ReadSubject } from './certificates.ts'
import {
  cardPlan,
  CERTIFICATE_SIZE_MAX,
  DEFAULT_POLICY,
  personalisation,
  policy,
  SCHEME,
  type Evidence,
  type RecordKind,
} from './message.ts'
import { evidenceOf, readEvidence, type Shown, type WalletRejection } from './office/shown.ts'

/** The office’s side of the scheme `wallet`: docs/protocol/wallet.md. */
export const walletOffice: OfficeScheme = {
  name: SCHEME,
  cardSigns: true,
  recordsAreSigned: 'by the card',
  createSecrets: (_random, at) => createAuthority(at),
  tillSecrets: (secrets, { number, publicKey, generation, now }) =>
    papersOf(secrets, { till: number, publicKey, generation }, now),
  issue,
  holdings: walletHoldings,
  route,
  verify,
  // Certificates are public, and so is everything that a card signs.
  readingKeys: publicPart,
  judge: () => [],
}

const ISSUED = 2

/** The start of a card’s chain: its certificate, and in which money its office issued it. */
const issued = message('issued', {
  version: constant(ISSUED),
  currency: uint16({}, 'ISO 4217 number'),
  certificate: varOctets({ max: CERTIFICATE_SIZE_MAX }, 'the card’s certificate'),
})

const NOTHING: Bytes = new Uint8Array()

/**
 * @throws {FormatError} if `uid` is not the public key of the chip, or the balance not 0: money comes on
 *   a wallet by a load, and on no other way.
 */
function issue(request: IssueRequest, office: IssuingOffice): Issue {
  const { currency, balance } = request
  const publicKey = publicKeyFrom(request.uid, 'uid')
  if (balance !== 0n) throw new FormatError('balance', `expected 0, got ${balance}`)
  const passcode = request.passcode ?? randomDigits(office.random, 4)
  checkPasscode(passcode)
  const unblocking = randomDigits(office.random, 8)
  const authority = readAuthority(office.secrets)
  const at = office.clock.now()
  const certificate = certifyCard(authority, request.card, publicKey, at)
  return {
    evidence: issued.encode({ currency: currency.numeric, certificate }),
    plan: cardPlan.encode({
      publicKey: publicKey.bytes,
      personalisation: personalisation.encode({
        office: authority.office,
        card: cardIdBytes(request.card),
        currency: currency.numeric,
        root: authority.root.certificate.publicKey.bytes,
        notary: authority.notary ? [authority.notary.certificate.publicKey.bytes] : [],
        madeAt: at,
        passcode: pinBlock(passcode),
        unblocking: pinBlock(unblocking),
        policy: policy.encode(DEFAULT_POLICY),
      }),
      office: authority.certificates[0].bytes,
      certificate,
    }),
    passcode,
    unblocking,
    known: utf8(unblocking),
  }
}

/** Where the card’s id stands in evidence: behind versions, a length, kind, currency and office. */
const CARD_AT = 1 + 2 + 1 + 1 + 1 + 2 + 2

function route(bytes: Uint8Array): number {
  return bytes
    .subarray(CARD_AT, CARD_AT + CARD_ID_SIZE)
    .reduce((number, byte) => (number * 31 + byte) % 0xffff, 0)
}

function verify(bytes: Uint8Array, { secrets }: VerifyContext): Verdict {
  const root = rootOf(secrets)
  if (!root) return rejected('no_root')
  const first = bytes[0] === ISSUED ? unlessMalformed(() => issued.decode(bytes)) : undefined
  if (first) return verifyIssue(first, root)
  const read = readEvidence(bytes, root)
  if (!read.ok) return rejected(read.reason)
  const { content, shown, payment: paid, refused } = read.value
  const payment = paymentOf(paid ?? shown)
  const refundOf = refused && refundFrom(shown, refused, bytes)
  if (shown.card.office === root.office) {
    const others =
      paid && paid.card.office === root.office ? [entryOf(paid, root, paymentOf(paid))] : []
    return {
      ok: true,
      entry: withTokens(
        { ...entryOf(shown, root, payment), ...(refundOf && { refundOf }) },
        content,
      ),
      others,
    }
  }
  // Nothing of another office’s card counts here but what it pays.
  if (shown.content.kind === 'pay' && payment?.payee.office === root.office) {
    return {
      ok: true,
      entry: { ...entryOf(shown, root, payment), isForeign: true, ...(refundOf && { refundOf }) },
    }
  }
  return rejected('foreign_card')
}

function rejected(reason: WalletRejection): Verdict {
  return { ok: false, reason }
}

/** By the bytes they were read from: a thread has the same ones for a whole job. */
const roots = new WeakMap<Uint8Array, WalletRoot>()

function rootOf(secrets: Bytes): WalletRoot | undefined {
  const known = roots.get(secrets)
  if (known || secrets.length === 0) return known
  const root = unlessMalformed(() => readRoot(secrets))
  if (root) roots.set(secrets, root)
  return root
}

function verifyIssue(
  { currency: number, certificate }: { readonly currency: number; readonly certificate: Bytes },
  root: WalletRoot,
): Verdict {
  const currency = unlessMalformed(() => currencyByNumber(number))
  if (!currency) return rejected('unknown_currency')
  const subject = unlessMalformed(() => readCertificate(certificate))
  const issuer = subject && issuerOf(subject, root)
  if (!issuer || subject.party.kind !== 'card') return rejected('unknown_card')
  const entry: VerifiedEntry = {
    scheme: SCHEME,
    card: subject.party.card,
    sequence: 0,
    kind: 'issue',
    currency,
    amount: 0n,
    balance: 0n,
    maker: OFFICE,
    generation: issuer.generation,
    madeAt: subject.certificate.from,
    digest: digestOf(sha256(certificate)),
    predecessor: undefined,
    tokens: [],
    policyVersion: 0,
    proof: NOTHING,
    isAttested: true,
    disclosure: NOTHING,
    findings: [],
  }
  return { ok: true, entry }
}

/** Which of the office’s keys has certified it; each of those by its root. */
function issuerOf(
  subject: ReadSubject,
  { certificates, root }: WalletRoot,
): ReadSubject | undefined {
  return certificates.find((each) => isCertifiedBy(each, root) && isCertifiedBy(subject, each))
}

const ENTRY_KIND: Readonly<Record<RecordKind, EntryKind>> = {
  load: 'load',
  pay: 'pay',
  receive: 'receive',
  refund: 'refund',
  unload: 'unload',
  restore: 'restore',
}

function entryOf(shown: Shown, root: WalletRoot, payment: Payment | undefined): VerifiedEntry {
  const { content, digest, currency, card, isSigned, counterparty } = shown
  const { kind, sequence, amount, balance, madeAt, counterparty: other } = content
  return {
    scheme: SCHEME,
    card: card.card,
    sequence,
    kind: ENTRY_KIND[kind],
    currency,
    amount,
    balance,
    maker: other.kind === 'till' && other.office === root.office ? other.till : OFFICE,
    generation: counterparty?.generation ?? 1,
    madeAt,
    digest,
    predecessor: predecessorOf(content),
    tokens: [],
    policyVersion: 0,
    proof: NOTHING,
    isAttested: isSigned,
    disclosure: NOTHING,
    findings: [],
    ...(payment && { payment }),
  }
}

/** What a till says that it sold for the payment: only what the till itself hands in counts. */
function withTokens(entry: VerifiedEntry, shown: Evidence): VerifiedEntry {
  if (entry.maker === OFFICE) return entry
  const tokens = shown.tokens.flatMap(
    (token) => unlessMalformed(() => usedToken(token, entry.currency.numeric)) ?? [],
  )
  const { policyVersion } = shown
  return { ...entry, tokens, policyVersion, findings: findingsOf(entry, shown, tokens) }
}

function findingsOf(
  { kind, card, digest, maker, amount }: VerifiedEntry,
  shown: Evidence,
  tokens: readonly UsedToken[],
): readonly Finding[] {
  const against = (kindOfCase: CaseKind, atStake?: Amount): Finding => ({
    kind: kindOfCase,
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card,
    about: digest,
    amount: atStake,
    records: [digest],
  })
  const findings: Finding[] = []
  const excess = amount - sum(tokens.map(({ price }) => price))
  if (kind === 'pay' && shown.tokens.length > 0 && excess !== 0n) {
    findings.push(against('overspend', abs(excess)))
  }
  if (tokens.length < shown.tokens.length) findings.push(against('unknown-token'))
  return findings
}

/** What the record shows to have been paid, if its card has signed it. */
function paymentOf(shown: Shown): Payment | undefined {
  const { content, digest, card, currency, isSigned } = shown
  const isPayment = content.kind === 'pay' || content.kind === 'unload'
  if (!isSigned || !isPayment) return undefined
  return {
    id: digest,
    payer: card,
    payee: content.counterparty,
    amount: content.amount,
    currency,
    request: digestOf(content.cause),
    sequence: content.sequence,
    madeAt: content.madeAt,
    evidence: evidenceOf(shown),
  }
}

function refundFrom({ card, content }: Shown, request: Digest, bytes: Uint8Array): Refund {
  return { payer: card, payee: content.counterparty, request, evidence: new Uint8Array(bytes) }
}

/** What the record itself says of its predecessor: which it is, and what the card held then. */
function predecessorOf(content: Shown['content']): Predecessor {
  const { kind, sequence, amount, balance, madeAt, previous } = content
  const before = balance - changeOf(kind, amount)
  return {
    digest: digestOf(previous),
    sequence: sequence - 1,
    maker: OFFICE,
    generation: 1,
    balance: before < 0n ? 0n : before,
    madeAt,
    kind: sequence === 1 ? 'issue' : 'pay',
    shown: false,
  }
}

/** How a record changes the balance; 0 where it does not say. */
function changeOf(kind: RecordKind, amount: Amount): Amount {
  switch (kind) {
    case 'pay':
    case 'unload':
      return -amount
    case 'load':
    case 'receive':
    case 'refund':
      return amount
    case 'restore':
      return 0n
  }
}
