import { z } from 'zod'
import { BATCH_SIZE_MAX } from '../../kernel/batch.ts'
import { fromHex, type Bytes } from '../../kernel/bytes.ts'
import { encodeCbor } from '../../kernel/cbor.ts'
import { decodeSigned, signDocument, type SignedDocument } from '../../kernel/cose.ts'
import { FormatError } from '../../kernel/errors.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import { CARD_ID_SIZE, cardIdBytes, cardIdOf, digestOf } from '../../kernel/ids.ts'
import { CURRENCY_CODES } from '../../kernel/money.ts'
import { PUBLIC_KEY_SIZE, type PrivateKey } from '../../kernel/p256.ts'
import { bytes, instant, minorUnits, parseCbor } from '../../kernel/schema.ts'
import type { ElementId } from '../coins/coinage.ts'
import { CASE_KINDS, type Finding, type Suspect } from '../ledger/findings.ts'
import type { CoinEvidence } from './coins.ts'

/**
 * A proven case in one file: the finding, the batches it follows from as their tills signed them, and
 * what it takes to read and verify those. Signed by the office. docs/protocol/case.md.
 */
export const CASE_FILE_TYPE = 'application/kontant-case'

/** Who can see that the finding follows: whoever has the file, or the office alone, with its secrets. */
export const CHECKABLE = ['anyone', 'office'] as const

const card = bytes.of(CARD_ID_SIZE).transform((id) => cardIdOf(id))
const till = z.int().min(1).max(0xffffffff)
const suspect = z.union([
  z.strictObject({ kind: z.literal('card'), card }),
  z.strictObject({ kind: z.literal('till'), till }),
])

const findingSchema = z.strictObject({
  kind: z.enum(CASE_KINDS),
  about: z.string().max(200),
  card: card.nullable(),
  /** Nobody, if it speaks against an element of another bank: only that bank knows whose it is. */
  suspects: z.array(suspect).max(100),
  amount: minorUnits.nullable(),
  records: z.array(bytes.of(DIGEST_SIZE).transform((digest) => digestOf(digest))).max(1000),
})

const element = bytes.of(CARD_ID_SIZE).transform((id): ElementId => cardIdOf(id))

/** See {@link CoinEvidence}. */
const coinsSchema = z.strictObject({
  scheme: z.string().max(32),
  certificates: z.array(bytes.upTo(1024)).min(1).max(1000),
  bearers: z.array(z.strictObject({ element, card: card.nullable(), till: till.nullable() })),
  opened: z.array(bytes.upTo(65_536)).max(1000),
  transfers: z.array(bytes.upTo(1024)).max(1000),
})

const caseFileSchema = z.strictObject({
  type: z.literal('case'),
  version: z.literal(1),
  /** Of the office's own counting. */
  id: z.string().regex(/^[1-9]\d{0,17}$/),
  /** By the office's clock. */
  openedAt: instant,
  madeAt: instant,
  checkable: z.enum(CHECKABLE),
  finding: findingSchema,
  /** Of the finding's card. */
  currency: z.enum(CURRENCY_CODES).nullable(),
  /** What the office says to do, for people. */
  advice: z.array(z.string().max(500)).max(20),
  /** What each maker's key was, by the office's word; 0 is the office. */
  keys: z.array(
    z.strictObject({
      maker: z.int().min(0).max(0xffffffff),
      generation: z.int().min(1).max(0xffff),
      publicKey: bytes.of(PUBLIC_KEY_SIZE),
    }),
  ),
  /** What each till was allowed, by the office's word; a version that is not here was never given. */
  policies: z.array(
    z.strictObject({
      till,
      version: z.int().nonnegative(),
      mayLoad: z.boolean(),
      freeAmounts: z.boolean(),
    }),
  ),
  /** By scheme: what its `verify` takes in the place of the office's secrets. */
  readingKeys: z.record(z.string(), bytes.upTo(65_536)),
  /** A secret of the card's holder, where the finding follows from it. */
  known: z.array(bytes.upTo(256)).max(1),
  /** Of tills, whole, as they were signed. */
  batches: z.array(bytes.upTo(BATCH_SIZE_MAX)),
  /** Of cards, as they came: each record in them is signed by its card. */
  synchronisations: z.array(bytes.upTo(BATCH_SIZE_MAX)),
  /** Of cases about coins, and about what was sold for them. */
  coins: coinsSchema.optional(),
})
type Payload = z.output<typeof caseFileSchema>

export interface CaseFile extends Omit<Payload, 'finding' | 'coins'> {
  readonly finding: Finding
  readonly coins?: CoinEvidence
}

export function signCaseFile(key: PrivateKey, keyId: string, file: CaseFile): Bytes {
  const { finding, coins, ...rest } = file
  const { kind, about, amount, suspects, records } = finding
  const payload = {
    ...rest,
    ...(coins && { coins: coinsToCbor(coins) }),
    finding: {
      kind,
      about,
      card: finding.card === undefined ? null : cardIdBytes(finding.card),
      suspects: suspects.map(suspectToCbor),
      amount: amount ?? null,
      records: records.map((digest) => fromHex(digest)),
    },
  }
  return signDocument(key, keyId, CASE_FILE_TYPE, encodeCbor(payload))
}

function coinsToCbor({ bearers, ...coins }: CoinEvidence) {
  return {
    ...coins,
    bearers: bearers.map(({ element: id, card: own, till: number }) => ({
      element: fromHex(id, 'bearers.element', CARD_ID_SIZE),
      card: own === undefined ? null : cardIdBytes(own),
      till: number ?? null,
    })),
  }
}

function suspectToCbor(one: Suspect) {
  return one.kind === 'card' ? { ...one, card: cardIdBytes(one.card) } : one
}

export interface ReceivedCaseFile {
  readonly file: CaseFile
  readonly document: SignedDocument
}

/** @throws {FormatError} if `received` is not a case file. Its signature is not checked here. */
export function decodeCaseFile(received: Uint8Array): ReceivedCaseFile {
  const document = decodeSigned(received, 'case')
  if (document.contentType !== CASE_FILE_TYPE) {
    throw new FormatError('case.contentType', `expected ${CASE_FILE_TYPE}`)
  }
  const { finding, coins, ...file } = parseCbor(caseFileSchema, document.payload, 'case')
  return {
    document,
    file: {
      ...file,
      ...(coins && { coins: coinsFromCbor(coins) }),
      finding: {
        ...finding,
        strength: 'proven',
        card: finding.card ?? undefined,
        amount: finding.amount ?? undefined,
      },
    },
  }
}

function coinsFromCbor({ bearers, ...coins }: z.output<typeof coinsSchema>): CoinEvidence {
  return {
    ...coins,
    bearers: bearers.map(({ element: id, card: own, till: number }) => ({
      element: id,
      card: own ?? undefined,
      till: number ?? undefined,
    })),
  }
}
