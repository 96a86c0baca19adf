import { z } from 'zod'
import { EVIDENCE_SIZE_MAX } from './batch.ts'
import { CURRENCY_CODES } from './money.ts'
import type { OfficeNumber } from './party.ts'
import { bytes, instant, minorUnits } from './schema.ts'

/**
 * What banks whose coins are taken by each other’s vendors tell each other through their notary:
 * docs/protocol/notary.md, section coins. It knows who is a bank, which elements are whose, and who has the
 * money for which coin; what a coin is worth to whom, its own bank says.
 */

const ELEMENT_ID_SIZE = 8
const COIN_ID_SIZE = 8
/** Certificates in one act: as many as one item of evidence can need, and more. */
export const CERTIFICATES_MAX = 128
/** Banks that can have a part in one coin, or in one item of evidence. */
export const PARTS_MAX = 64
export const COIN_FEED_PAGE_MAX = 50

/** A coin’s id begins with the number of its bank. */
export function bankOfCoin(coin: Uint8Array): OfficeNumber {
  return ((coin[0] ?? 0) << 8) | (coin[1] ?? 0)
}

const certificate = bytes.upTo(512)
const evidence = bytes.upTo(EVIDENCE_SIZE_MAX)
const office = z.int().min(1).max(0xffff)
const coinId = bytes.of(COIN_ID_SIZE)
const elementId = bytes.of(ELEMENT_ID_SIZE)
const currency = z.enum(CURRENCY_CODES)
const step = z.int().min(1).max(0x7fffffff)

/** Whether other banks’ tills are to take a card: it was lost, its element is not alone, or it is good again. */
export const CARD_STATES = ['stopped', 'free'] as const

const cardState = {
  element: elementId,
  /** Of this bank’s words about its cards: of one card the highest counts. */
  number: z.int().min(1),
  state: z.enum(CARD_STATES),
}

/** What a bank says of a coin of its own that another bank’s vendor claims, in the order of its checks. */
export const COIN_VERDICTS = [
  /** Signed with the bank’s key, and not in its books. */
  'unissued',
  /** It had expired, and was paid back to whoever had bought it. */
  'expired',
  /** Several claim it, and who is to blame cannot be told. */
  'contested',
  /** It is owed to a vendor of its own bank. */
  'owed elsewhere',
  /** It is owed to one vendor of another bank: for good, whatever comes in later. */
  'accepted',
] as const
export type CoinVerdictWord = (typeof COIN_VERDICTS)[number]

const verdict = {
  coin: coinId,
  /** Of this bank’s words about this coin, from 1: the highest counts. */
  step,
  verdict: z.enum(COIN_VERDICTS),
  /** To whom it is owed, and that vendor’s bank; there only if it is accepted. */
  creditor: z.array(z.strictObject({ element: elementId, office })).max(1),
  currency,
  value: minorUnits.refine((value) => value > 0n, 'expected more than 0'),
}

/** Whether it is owed to somebody if, and only if, it is accepted. */
function namesCreditor(said: {
  readonly verdict: CoinVerdictWord
  readonly creditor: readonly unknown[]
}): boolean {
  return (said.verdict === 'accepted') === (said.creditor.length === 1)
}
const WRONG_CREDITOR = 'expected a creditor of a coin that is accepted, and of no other'

export const COIN_ACTS = [
  /** Makes known that this office is a bank: its certificate by the root. */
  z.strictObject({ act: z.literal('bank'), certificate }),
  /** Makes its elements known. */
  z.strictObject({
    act: z.literal('elements'),
    certificates: z.array(certificate).max(CERTIFICATES_MAX),
  }),
  /** Whose are they? */
  z.strictObject({
    act: z.literal('who is'),
    elements: z.array(elementId).max(CERTIFICATES_MAX),
  }),
  /** Hands another bank what a vendor has signed, with the certificates that it takes to read it. */
  z.strictObject({
    act: z.literal('show coins'),
    to: office,
    evidence,
    certificates: z.array(certificate).max(CERTIFICATES_MAX),
  }),
  /** What this bank says of a coin of its own. */
  z
    .strictObject({
      act: z.literal('decide'),
      ...verdict,
      /** Banks whose vendors claim it. */
      to: z.array(office).max(PARTS_MAX),
    })
    .refine(namesCreditor, WRONG_CREDITOR),
  /** Tells all other banks that their tills are not to take a card of this one, or may again. */
  z.strictObject({ act: z.literal('card'), ...cardState }),
  /** That everything before was said: the notary remembers it, and with it all that came before. */
  z.strictObject({
    act: z.literal('said'),
    /** Of this bank’s own, from 1. */
    number: z.int().min(1),
    /** By the clocks of this bank and its tills: what its vendors took until then is shown. */
    shownUpTo: instant,
  }),
  z.strictObject({ act: z.literal('coin feed'), after: z.int().nonnegative() }),
] as const

/** What can be said to each act, in the order of the checks. */
export const BANK_RESULTS = ['malformed', 'wrong certificate', 'known'] as const
export const ELEMENTS_RESULTS = [
  'malformed',
  'no bank',
  'wrong certificate',
  /** Another bank has made an element with one of these ids known before. */
  'other element',
  'known',
] as const
export const SHOW_COINS_RESULTS = ['no bank', 'shown'] as const
export const CARD_RESULTS = ['no bank', 'not yours', 'known'] as const
export const SAID_RESULTS = ['no bank', 'known'] as const
export const DECIDE_REFUSALS = [
  'no bank',
  'not yours',
  'no such bank',
  'other value',
  /** It was accepted before, and that stays: for somebody else, or it is now said to be none. */
  'accepted before',
  'old',
] as const
export const DECISION_STATES = [
  /** Accepted, and the bank has too little that is free. */
  'waiting',
  'settled',
] as const
export type DecisionState = (typeof DECISION_STATES)[number]

/** What is new for a bank. */
const entry = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bank'), certificate }),
  z.strictObject({
    kind: z.literal('evidence'),
    from: office,
    evidence,
    certificates: z.array(certificate).max(CERTIFICATES_MAX),
  }),
  z.strictObject({ kind: z.literal('card'), from: office, ...cardState }),
  /** What its bank says of a coin; if it is accepted, its money has come. */
  z.strictObject({ kind: z.literal('coin'), ...verdict }).refine(namesCreditor, WRONG_CREDITOR),
])
export type CoinNews = z.output<typeof entry>

export const coinFeedEntry = z.strictObject({
  /** From 1, without gaps, each bank’s own. */
  number: z.int().min(1),
  entry,
})
export { entry as coinNews }

export const COIN_RESULTS = [
  z.strictObject({ act: z.literal('bank'), result: z.enum(BANK_RESULTS) }),
  z.strictObject({ act: z.literal('elements'), result: z.enum(ELEMENTS_RESULTS) }),
  z.strictObject({
    act: z.literal('who is'),
    /** Of those that are known. */
    certificates: z.array(certificate).max(CERTIFICATES_MAX),
  }),
  z.strictObject({ act: z.literal('show coins'), result: z.enum(SHOW_COINS_RESULTS) }),
  z.strictObject({
    act: z.literal('decide'),
    result: z.literal('known'),
    state: z.enum(DECISION_STATES),
  }),
  z.strictObject({ act: z.literal('decide'), result: z.enum(DECIDE_REFUSALS) }),
  z.strictObject({
    act: z.literal('card'),
    result: z.enum(CARD_RESULTS),
  }),
  z.strictObject({
    act: z.literal('said'),
    result: z.enum(SAID_RESULTS),
  }),
  z.strictObject({
    act: z.literal('coin feed'),
    /** Number of the newest entry that there is. */
    upTo: z.int().nonnegative(),
    /** The newest number of `said` of this bank; 0 if there is none. */
    said: z.int().nonnegative(),
    /** Of each other bank, what it has said last: what it showed until then is among the entries. */
    others: z.array(z.strictObject({ bank: office, shownUpTo: instant })).max(0xffff),
    entries: z.array(coinFeedEntry).max(COIN_FEED_PAGE_MAX),
  }),
] as const
