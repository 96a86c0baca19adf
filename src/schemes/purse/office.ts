import { diversify } from '../../kernel/aes.ts'
import { bytesEqual, utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, unlessMalformed } from '../../kernel/errors.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import {
  CARD_ID_SIZE,
  cardIdBytes,
  cardIdOf,
  digestOf,
  OFFICE,
  type Digest,
} from '../../kernel/ids.ts'
import { uint32 } from '../../kernel/message.ts'
import { abs, currencyByNumber, sum, type Amount } from '../../kernel/money.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { checkPasscode, pinBlock, randomDigits } from '../../kernel/pin.ts'
import { usedToken } from '../../office/used-token.ts'
import type { CaseKind, Finding, Suspect } from '../../office/ledger/findings.ts'
import type {
  EntryKind,
  Issue,
  IssueRequest,
  IssuingOffice,
  ModuleRequest,
  OfficeScheme,
  Predecessor,
  UsedToken,
  Verdict,
  VerifiedEntry,
  VerifyContext,
} from '../../office/scheme.ts'
import {
  cardKey,
  cardPlan,
  CHALLENGE_SIZE,
  evidence,
  isMac,
  isSignedBy,
  issuerStamp,
  KEY_SIZE,
  LOCK_SIZE,
  MAC_SIZE,
  masters,
  modulePlan,
  openSigned,
  parameters,
  personalisation,
  PURSE_FILE,
  RECORD_SIZE,
  recordDigest,
  SCHEME,
  signRecord,
  VALUE_MAX,
  type Evidence,
  type PurseKind,
  type PurseRecord,
} from './message.ts'
import { balanceAfter, follows, isReversal, reverses } from './rules.ts'

/**
 * Why evidence is not an entry: it cannot be laid at anybody’s door. The order is the order of the
 * checks.
 */
export const PURSE_REJECTIONS = [
  /** Not the layout of {@link evidence}, or an issue that is none. */
  'malformed',
  'unknown_currency',
  'unknown_maker',
  'bad_signature',
] as const
export type PurseRejection = (typeof PURSE_REJECTIONS)[number]

/** The office’s side of the scheme `purse`: docs/protocol/purse.md. */
export const purseOffice: OfficeScheme = {
  name: SCHEME,
  cardSigns: true,
  recordsAreSigned: 'by their maker',
  createSecrets,
  // A till gets none: what it needs is in its module.
  tillSecrets: () => NOTHING,
  module: makeModule,
  issue,
  route,
  verify,
  judge: () => [],
}

const NOTHING: Bytes = new Uint8Array()
/** GeldKarte’s 200 of a currency with cents, for balance and payment. */
const BALANCE_MAX = 200_00n
const PIN_FREE_MAX = 25_00n
const VALIDITY = 5 * 365 * 24 * 3600 * 1000

function createSecrets(random: RandomSource): Bytes {
  const key = () => random.bytes(KEY_SIZE)
  return masters.encode({ debit: key(), pin: key(), load: key(), issuer: key(), module: key() })
}

function makeModule({ till, currency, mayLoad }: ModuleRequest, secrets: Bytes): Bytes {
  const { debit, pin, load, module } = masters.decode(secrets)
  return modulePlan.encode({
    till,
    currency: currency.numeric,
    debit,
    pin,
    own: moduleKey(module, till),
    load: mayLoad ? [load] : [],
  })
}

/** With it a module makes its summaries. The same for every module of a till, one after the other. */
export function moduleKey(master: Uint8Array, till: number): Bytes {
  return diversify(master, uint32().write(till, 'till'), 'purse module')
}

function issue(request: IssueRequest, office: IssuingOffice): Issue {
  const { currency, balance } = request
  const card = cardIdBytes(request.card)
  if (balance < 0n || balance > VALUE_MAX) {
    throw new FormatError('balance', `expected 0..${VALUE_MAX}, got ${balance}`)
  }
  const passcode = request.passcode ?? randomDigits(office.random, 4)
  checkPasscode(passcode)
  const unblocking = randomDigits(office.random, 8)
  const at = office.clock.now()
  const first = signRecord(
    {
      kind: 'issue',
      currency: currency.numeric,
      file: PURSE_FILE,
      card,
      sequence: 0,
      loadSequence: 0,
      paymentSequence: 0,
      amount: balance,
      balance,
      maker: OFFICE,
      generation: office.generation,
      madeAt: at,
      moduleSequence: 0,
      moduleBatch: 0,
      challenge: new Uint8Array(CHALLENGE_SIZE),
      cancelLock: new Uint8Array(LOCK_SIZE),
      previous: new Uint8Array(DIGEST_SIZE),
    },
    office.key,
  )
  const keys = masters.decode(office.secrets)
  const key = (name: 'debit' | 'load' | 'pin' | 'issuer') => cardKey(keys[name], card, name)
  const largest = balance > BALANCE_MAX ? balance : BALANCE_MAX
  return {
    evidence: evidence.encode({
      signed: first,
      previous: [],
      authorisation: new Uint8Array(MAC_SIZE),
      extra: [],
      stamp: [issuerStamp(key('issuer'), first.subarray(0, RECORD_SIZE))],
      policyVersion: 0,
      tokens: [],
    }),
    plan: cardPlan.encode({
      personalisation: personalisation.encode({
        parameters: parameters.encode({
          card,
          currency: currency.numeric,
          balanceMax: largest,
          paymentMax: BALANCE_MAX,
          pinFreeMax: PIN_FREE_MAX,
          expires: at + VALIDITY,
        }),
        debit: key('debit'),
        load: key('load'),
        pin: key('pin'),
        issuer: key('issuer'),
        passcode: pinBlock(passcode),
        unblocking: pinBlock(unblocking),
      }),
      first,
    }),
    passcode,
    unblocking,
    known: utf8(unblocking),
  }
}

/** Where the card’s id stands in evidence: behind two versions, kind, currency and file. */
const CARD_AT = 1 + 6

function route(bytes: Uint8Array): number {
  return bytes
    .subarray(CARD_AT, CARD_AT + CARD_ID_SIZE)
    .reduce((number, byte) => (number * 31 + byte) % 0xffff, 0)
}

function verify(bytes: Uint8Array, context: VerifyContext): Verdict {
  const read = unlessMalformed(() => readEvidence(bytes))
  if (!read) return rejected('malformed')
  const { content } = read
  const currency = unlessMalformed(() => currencyByNumber(content.currency))
  if (!currency) return rejected('unknown_currency')
  const key = context.keyOf(content.maker, content.generation)
  if (!key) return rejected('unknown_maker')
  if (!isSignedBy(read.shown.signed, key)) return rejected('bad_signature')
  const isFirst = content.kind === 'issue' && content.sequence === 0
  // The office does nothing but issue.
  if (content.maker === OFFICE && !(isFirst && read.shown.previous.length === 0)) {
    return rejected('malformed')
  }

  const previous = isFirst ? undefined : readPrevious(read, context)
  const tokens = read.shown.tokens.flatMap(
    (token) => unlessMalformed(() => usedToken(token, content.currency)) ?? [],
  )
  const stamped = stampOf(read, context)
  const entry: VerifiedEntry = {
    scheme: SCHEME,
    card: cardIdOf(content.card),
    sequence: content.sequence,
    kind: ENTRY_KIND[content.kind],
    currency,
    amount: isFirst ? content.balance : content.amount,
    balance: content.balance,
    maker: content.maker,
    generation: content.generation,
    madeAt: content.madeAt,
    digest: read.digest,
    predecessor: previous?.predecessor,
    tokens,
    policyVersion: read.shown.policyVersion,
    proof: NOTHING,
    disclosure: NOTHING,
    isAttested: stamped === 'genuine',
    findings: findingsOf({ ...read, tokens, stamped }, previous),
  }
  return { ok: true, entry }
}

function rejected(reason: PurseRejection): Verdict {
  return { ok: false, reason }
}

const ENTRY_KIND: Readonly<Record<PurseKind, EntryKind>> = {
  issue: 'issue',
  pay: 'pay',
  load: 'load',
  passcode: 'passcode',
  'pay-reversal': 'reversal',
  'load-reversal': 'reversal',
}

interface Read {
  readonly shown: Evidence
  readonly content: PurseRecord
  readonly digest: Digest
}

/** @throws {FormatError} if it is not evidence. */
function readEvidence(bytes: Uint8Array): Read {
  const shown = evidence.decode(bytes)
  const content = openSigned(shown.signed)
  return { shown, content, digest: digestOf(recordDigest(shown.signed)) }
}

/**
 * What the card says of a record: nothing yet, that it took it, or what it cannot have said. A stamp
 * is a MAC: who has not the office's keys cannot tell.
 */
type Stamped = 'not yet' | 'genuine' | 'counterfeit' | 'cannot tell'

function stampOf({ shown, content }: Read, { secrets }: VerifyContext): Stamped {
  const [stamp] = shown.stamp
  if (!stamp) return 'not yet'
  if (secrets.length === 0) return 'cannot tell'
  const issuer = cardKey(masters.decode(secrets).issuer, content.card, 'issuer')
  return isMac(issuerStamp(issuer, shown.signed.subarray(0, RECORD_SIZE)), stamp)
    ? 'genuine'
    : 'counterfeit'
}

interface Previous {
  readonly predecessor: Predecessor
  /** Only if it is shown with its maker’s signature. */
  readonly content: PurseRecord | undefined
}

function readPrevious({ shown, content }: Read, context: VerifyContext): Previous {
  const before = shownBefore(shown, content, context)
  const digest = digestOf(content.previous)
  if (!before) return { predecessor: impliedPredecessor(content, digest), content: undefined }
  const { sequence, maker, generation, balance, madeAt } = before
  const kind = ENTRY_KIND[before.kind]
  return {
    predecessor: { digest, sequence, maker, generation, balance, madeAt, kind, shown: true },
    content: before,
  }
}

/** The record before, if it is shown: the very one that the new record names, with its maker’s signature. */
function shownBefore(
  { previous: [signed] }: Evidence,
  content: PurseRecord,
  context: VerifyContext,
): PurseRecord | undefined {
  const before = signed && unlessMalformed(() => openSigned(signed))
  if (!signed || !before) return undefined
  const key = context.keyOf(before.maker, before.generation)
  const isIt =
    key !== undefined &&
    bytesEqual(before.card, content.card) &&
    bytesEqual(recordDigest(signed), content.previous) &&
    isSignedBy(signed, key)
  return isIt ? before : undefined
}

/** What the record itself says of its predecessor, naming nobody else. */
function impliedPredecessor(content: PurseRecord, digest: Digest): Predecessor {
  const { kind, sequence, maker, generation, balance, amount, madeAt } = content
  const before = balance - (balanceAfter(balance, kind, amount) - balance)
  return {
    digest,
    sequence: Math.max(sequence - 1, 0),
    maker,
    generation,
    balance: before < 0n ? 0n : before,
    madeAt,
    kind: 'pay',
    shown: false,
  }
}

interface Judged extends Read {
  readonly tokens: readonly UsedToken[]
  readonly stamped: Stamped
}

/**
 * What the bytes prove by themselves, in the order of `CASE_KINDS`. A card of ours stamps no record
 * that does not add up: with a genuine stamp it is the card that was broken, without one the till.
 */
function findingsOf(judged: Judged, previous: Previous | undefined): readonly Finding[] {
  const { content, shown, tokens, stamped } = judged
  const findings: Finding[] = []
  const card: Suspect = { kind: 'card', card: cardIdOf(content.card) }
  const till: Suspect = { kind: 'till', till: content.maker }
  const either = [card, till]
  const maker = stamped === 'cannot tell' ? either : [stamped === 'genuine' ? card : till]
  const find = (kind: CaseKind, suspects: readonly Suspect[], amount?: Amount) => {
    // Of two who could have made it, neither is proven guilty.
    const strength = suspects.length === 1 ? 'proven' : 'suspected'
    findings.push(against(judged, kind, suspects, strength, amount))
  }
  const before = previous?.content
  if (before) {
    const expected = balanceAfter(before.balance, content.kind, content.amount)
    if (expected !== content.balance || !isAllowedAfter(before, content)) {
      find('wrong-arithmetic', maker, abs(content.balance - expected))
    }
    if (!follows(content, before)) find('wrong-sequence', maker)
  }
  // An honest till builds on no record whose signature it could not read from the card.
  if (previous && !before) find('previous-balance-altered', [till])
  if (stamped === 'counterfeit') {
    find('counterfeit-stamp', either, content.amount)
  }
  if (content.kind === 'pay' && shown.tokens.length > 0) {
    const excess = content.amount - sum(tokens.map(({ price }) => price))
    if (excess !== 0n) find('overspend', [till], abs(excess))
  }
  if (tokens.length < shown.tokens.length) find('unknown-token', [till])
  if (content.kind === 'issue' && content.maker !== OFFICE) {
    find('unauthorised-load', [till], content.balance)
  }
  if (before?.kind === 'issue' && previous && before.maker !== OFFICE) {
    findings.push(unauthorisedIssue(judged, previous.predecessor))
  }
  return findings
}

/** A reversal takes back its predecessor and nothing else; a change of PIN moves nothing. */
function isAllowedAfter(before: PurseRecord, content: PurseRecord): boolean {
  if (isReversal(content.kind)) return reverses(content, before)
  return content.kind !== 'passcode' || content.amount === 0n
}

function against(
  { content, digest }: Read,
  kind: CaseKind,
  suspects: readonly Suspect[],
  strength: Finding['strength'],
  amount: Amount | undefined,
): Finding {
  const card = cardIdOf(content.card)
  return { kind, strength, suspects, card, about: digest, amount, records: [digest] }
}

/** Somebody else's issue, found as a predecessor: only the office issues. */
function unauthorisedIssue(
  { content, digest }: Read,
  { digest: about, maker, balance }: Predecessor,
): Finding {
  return {
    kind: 'unauthorised-load',
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card: cardIdOf(content.card),
    about,
    amount: balance,
    records: [about, digest],
  }
}
