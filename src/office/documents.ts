import type { Kysely } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { verifySigned } from '../kernel/cose.ts'
import {
  decodeDocumentRequest,
  DOCUMENT_KINDS,
  encodeDocuments,
  signOfficeDocument,
  type DocumentKind,
  type DocumentVersions,
  type OfficeDocument,
} from '../kernel/documents.ts'
import { tillKeyId } from '../kernel/batch.ts'
import { sealSecrets } from '../kernel/enrolment.ts'
import { invariant } from '../kernel/errors.ts'
import { currency } from '../kernel/money.ts'
import { cardIdBytes, type TillNumber } from '../kernel/ids.ts'
import { OfficeError } from './errors.ts'
import type { Office } from './office.ts'
import { hotChangesSince } from './registry/cards.ts'
import { findMakerKey, makerKeysSince } from './registry/keys.ts'
import { findPolicy } from './registry/policies.ts'
import { listProducts, tokensSince } from './registry/products.ts'
import { findTill, type Till } from './registry/tills.ts'
import type { TillToEquip } from './scheme.ts'
import type { Tables } from './tables.ts'

/** Half of what a till's certificates last: it has the other half to come and get new ones. */
const RENEWAL_MS = 30 * 24 * 3600 * 1000

/**
 * Since when a till would get what it gets now, by the office's clock: since an office's secrets changed,
 * or certificates were last due to be renewed.
 */
export function secretsVersion({ clock, secretsSince }: Office): number {
  const now = clock.now()
  return Math.max(secretsSince, now - (now % RENEWAL_MS), 1)
}

/** The newest version of each document that there is for a till; 0 where there is none yet. */
export async function documentVersions(
  office: Office,
  db: Kysely<Tables>,
  till: Till,
): Promise<DocumentVersions> {
  const shared = await db.selectFrom('document_version').selectAll().execute()
  const version = (kind: 'keys' | 'hot') =>
    Number(shared.find((row) => row.kind === kind)?.version ?? 0)
  return {
    keys: version('keys'),
    secrets: secretsVersion(office),
    policy: till.policyVersion,
    hot: version('hot'),
    tokens: till.tokensVersion,
  }
}

/**
 * Everything that is newer than what the till holds, signed, each the difference since the version
 * held, in the order of {@link DOCUMENT_KINDS}.
 *
 * All of it is of one instant: a change that commits in between is not half in.
 */
export async function newerDocuments(
  office: Office,
  till: TillToEquip,
  holds: DocumentVersions,
): Promise<readonly Bytes[]> {
  return office.db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      const row = await findTill(trx, till.number)
      invariant(row, 'documents are for a till that there is')
      const newest = await documentVersions(office, trx, row)
      const documents: OfficeDocument[] = []
      for (const kind of DOCUMENT_KINDS) {
        if (newest[kind] <= holds[kind]) continue
        const envelope = {
          format: 1,
          till: kind === 'keys' || kind === 'hot' ? 0 : till.number,
          since: kind === 'policy' || kind === 'secrets' ? 0 : holds[kind],
          version: newest[kind],
          madeAt: till.now,
        } as const
        documents.push(
          kind === 'secrets'
            ? secretsDocument(office, till, envelope)
            : await DOCUMENTS[kind](trx, row, envelope),
        )
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

/** What each scheme gives this till, by its name. */
export function tillSecrets(office: Office, till: TillToEquip): ReadonlyMap<string, Bytes> {
  return new Map(
    [...office.schemes.values()].map((scheme) => [
      scheme.name,
      scheme.tillSecrets(office.secretsOf(scheme.name), till),
    ]),
  )
}

function secretsDocument(office: Office, till: TillToEquip, envelope: Envelope): OfficeDocument {
  const { number, generation, publicKey: tillKey } = till
  const recipient = { till: number, generation, tillKey }
  const secrets = sealSecrets(tillSecrets(office, till), recipient, office.random)
  return { ...envelope, type: 'secrets', generation, secrets }
}

const DOCUMENTS: Readonly<Record<Exclude<DocumentKind, 'secrets'>, Maker>> = {
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
  const equipped: TillToEquip = {
    number: request.till,
    publicKey: key.publicKey,
    generation: key.generation,
    currency: currency(till.currency),
    now: office.clock.now(),
  }
  return encodeDocuments(await newerDocuments(office, equipped, request.holds))
}
