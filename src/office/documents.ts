import type { Kysely } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { verifySigned } from '../kernel/cose.ts'
import {
  decodeDocumentRequest,
  encodeDocuments,
  signOfficeDocument,
  type DocumentKind,
  type DocumentVersions,
  type OfficeDocument,
} from '../kernel/documents.ts'
import { tillKeyId } from '../kernel/batch.ts'
import { invariant } from '../kernel/errors.ts'
import { cardIdBytes, type TillNumber } from '../kernel/ids.ts'
import { OfficeError } from './errors.ts'
import type { Office } from './office.ts'
import { hotChangesSince } from './registry/cards.ts'
import { findMakerKey, makerKeysSince } from './registry/keys.ts'
import { findPolicy } from './registry/policies.ts'
import { listProducts, tokensSince } from './registry/products.ts'
import { findTill, type Till } from './registry/tills.ts'
import type { Tables } from './tables.ts'

/** The newest version of each document that there is for a till; 0 where there is none yet. */
export async function documentVersions(db: Kysely<Tables>, till: Till): Promise<DocumentVersions> {
  const shared = await db.selectFrom('document_version').selectAll().execute()
  const version = (kind: 'keys' | 'hot') =>
    Number(shared.find((row) => row.kind === kind)?.version ?? 0)
  return {
    keys: version('keys'),
    policy: till.policyVersion,
    hot: version('hot'),
    tokens: till.tokensVersion,
  }
}

/**
 * Everything that is newer than what the till holds, signed, each the difference since the version
 * held: first the keys, because the others are believed by them.
 *
 * All of it is of one instant: a change that commits in between is not half in.
 */
export async function newerDocuments(
  office: Office,
  till: TillNumber,
  holds: DocumentVersions,
): Promise<readonly Bytes[]> {
  return office.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const row = await findTill(trx, till)
      invariant(row, 'documents are for a till that there is')
      const newest = await documentVersions(trx, row)
      const documents: OfficeDocument[] = []
      for (const kind of ['keys', 'policy', 'hot', 'tokens'] as const) {
        if (newest[kind] <= holds[kind]) continue
        const envelope = {
          format: 1,
          till: kind === 'keys' || kind === 'hot' ? 0 : till,
          since: kind === 'policy' ? 0 : holds[kind],
          version: newest[kind],
          madeAt: office.clock.now(),
        } as const
        documents.push(await DOCUMENTS[kind](trx, row, envelope))
      }
      return documents.map((document) => signOfficeDocument(office.key, office.keyId, document))
    })
}

interface Envelope {
  readonly format: 1
  readonly till: TillNumber
  readonly since: number
  readonly version: number
  readonly madeAt: number
}

type Maker = (db: Kysely<Tables>, till: Till, envelope: Envelope) => Promise<OfficeDocument>

const DOCUMENTS: Readonly<Record<DocumentKind, Maker>> = {
  async keys(db, _till, envelope) {
    const keys = await makerKeysSince(db, envelope.since)
    return {
      ...envelope,
      type: 'keys',
      keys: keys.map(({ maker, generation, publicKey, revokedFrom }) => ({
        maker,
        generation,
        publicKey: publicKey.bytes,
        revokedFrom: revokedFrom ?? null,
      })),
    }
  },
  async policy(db, till, envelope) {
    const policy = await findPolicy(db, till.number, envelope.version)
    invariant(policy, 'every version of a policy is kept')
    return { ...envelope, type: 'policy', policy }
  },
  async hot(db, _till, envelope) {
    const { add, remove } = await hotChangesSince(db, envelope.since)
    return { ...envelope, type: 'hot', add: add.map(cardIdBytes), remove: remove.map(cardIdBytes) }
  },
  async tokens(db, till, envelope) {
    const products = await listProducts(db, till.merchant)
    return {
      ...envelope,
      type: 'tokens',
      products: products
        .filter(({ withdrawnAt }) => withdrawnAt === undefined)
        .map(({ id, name, price }) => ({ id, name, price })),
      tokens: [...(await tokensSince(db, till.number, envelope.since))],
    }
  },
}

/**
 * Answers a till that asks for documents.
 *
 * @throws {FormatError} if `received` is not a request.
 * @throws {OfficeError} `unknown_till`, `bad_signature` or `till_stopped`, in this order.
 */
export async function answerDocumentRequest(office: Office, received: Uint8Array): Promise<Bytes> {
  const { request, document } = decodeDocumentRequest(received)
  const key = await findMakerKey(office.db, request.till, request.generation)
  if (!key || document.keyId !== tillKeyId(request.till, request.generation)) {
    throw new OfficeError('unknown_till', 'This office has no such till, or not with that key.')
  }
  if (!verifySigned(document, key.publicKey)) {
    throw new OfficeError('bad_signature', 'The request is not signed by the till that it names.')
  }
  const till = await findTill(office.db, request.till)
  if (!till || till.state === 'stopped' || key.revokedFrom !== undefined) {
    throw new OfficeError('till_stopped', 'This till was stopped: ask the operator.')
  }
  return encodeDocuments(await newerDocuments(office, request.till, request.holds))
}
