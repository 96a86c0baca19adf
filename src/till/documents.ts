import { z } from 'zod'
import { bytesEqual, type Bytes } from '../kernel/bytes.ts'
import { encodeCbor } from '../kernel/cbor.ts'
import {
  NO_DOCUMENTS,
  openOfficeDocument,
  policySchema,
  type DocumentKind,
  type DocumentVersions,
  type OfficeDocument,
  type Policy,
} from '../kernel/documents.ts'
import { openSecrets } from '../kernel/enrolment.ts'
import { FormatError } from '../kernel/errors.ts'
import { cardIdOf, OFFICE, type CardId, type TillNumber } from '../kernel/ids.ts'
import { currency, type Amount } from '../kernel/money.ts'
import { PUBLIC_KEY_SIZE, publicKeyFrom, type PublicKey } from '../kernel/p256.ts'
import type { Instant } from '../kernel/ports.ts'
import { bytes, instant, minorUnits, parseCbor } from '../kernel/schema.ts'
import { decodeToken, tokenSignedBy } from '../kernel/token.ts'
import { replaceSecrets, type Identity } from './identity.ts'
import { cardKey, countStock, insertToken } from './journal.ts'
import { readState, writeState, type Store, type Transaction } from './store.ts'

/**
 * What became of a document. The order is the order of the checks; only `applied` changes anything.
 * `unreadable`: not a document of this till's office. `unusable`: the office signed something that a
 * till cannot take. `gap`: it builds on a version that this till does not hold.
 */
export const DOCUMENT_OUTCOMES = [
  'unreadable',
  'for_another_till',
  'older',
  'gap',
  'unusable',
  'applied',
] as const
export type DocumentOutcome = (typeof DOCUMENT_OUTCOMES)[number]

export interface DocumentResult {
  readonly outcome: DocumentOutcome
  /** Undefined if it could not be read. */
  readonly kind: DocumentKind | undefined
  readonly version: number | undefined
  /** What was wrong, naming the field. */
  readonly problem: string | undefined
}

export interface Product {
  readonly id: number
  readonly name: string
  readonly price: Amount
  /** Units for which there is a token. */
  readonly stock: number
}

/** What the office told this till: the newest of each, in memory as far as a tap needs it. */
export interface Documents {
  readonly versions: () => DocumentVersions
  readonly policy: () => Policy | undefined
  /** What the office gave this till for its schemes, by their names. */
  readonly secrets: () => ReadonlyMap<string, Bytes>
  /** A maker's key, if that maker had it and it was good at that instant of the maker's clock. */
  readonly keyOf: (maker: TillNumber, generation: number, at: Instant) => PublicKey | undefined
  readonly isHot: (card: CardId) => boolean
  readonly products: () => readonly Product[]
  /** Whole or not at all. Never throws for what is in the document. */
  readonly apply: (received: Bytes) => DocumentResult
}

export function documentsOf(store: Store, identity: Identity): Documents {
  let held = readHeld(store, identity)
  const keys = new Map<string, MakerKey | undefined>()

  const keyFor = (maker: TillNumber, generation: number): MakerKey | undefined => {
    const name = keyName(maker, generation)
    if (!keys.has(name)) keys.set(name, findKey(store, maker, generation))
    return keys.get(name)
  }

  const apply = (received: Bytes): DocumentResult => {
    let document: OfficeDocument
    try {
      document = openOfficeDocument(received, identity.officeKey)
    } catch (error) {
      return refusedBy('unreadable', error)
    }
    const { type: kind, version } = document
    const misplaced = findMisplacement(document, identity.till, held.versions)
    if (misplaced) return { outcome: misplaced, kind, version, problem: undefined }
    try {
      held = applyDocument(store, document, identity, held)
    } catch (error) {
      return refusedBy('unusable', error, document)
    }
    if (kind === 'keys') keys.clear()
    return { outcome: 'applied', kind, version, problem: undefined }
  }

  return {
    versions: () => held.versions,
    policy: () => held.policy,
    secrets: () => held.secrets,
    keyOf(maker, generation, at) {
      const key = keyFor(maker, generation) ?? pinnedKey(identity, maker, generation)
      return key && (key.revokedFrom === null || at <= key.revokedFrom) ? key.publicKey : undefined
    },
    isHot: (card) =>
      store.find('select 1 from hot_card where card_key = ?', cardKey(store, card)) !== undefined,
    products: () => listProducts(store),
    apply,
  }
}

function refusedBy(
  outcome: 'unreadable' | 'unusable',
  error: unknown,
  document?: OfficeDocument,
): DocumentResult {
  if (!(error instanceof FormatError)) throw error
  return { outcome, kind: document?.type, version: document?.version, problem: error.message }
}

function findMisplacement(
  { type, till, since, version }: OfficeDocument,
  ownNumber: TillNumber,
  versions: DocumentVersions,
): 'for_another_till' | 'older' | 'gap' | undefined {
  if (till !== 0 && till !== ownNumber) return 'for_another_till'
  if (version <= versions[type]) return 'older'
  if (since > versions[type]) return 'gap'
  return undefined
}

interface Held {
  readonly versions: DocumentVersions
  readonly policy: Policy | undefined
  readonly secrets: Identity['secrets']
}

const heldSchema = z.strictObject({
  keys: z.int(),
  /** Tills of older versions hold none. */
  secrets: z.int().default(0),
  policy: z.int(),
  hot: z.int(),
  tokens: z.int(),
})

function readHeld(store: Store, { secrets }: Identity): Held {
  const versions = readState(store, 'documents')
  const policy = readState(store, 'policy')
  return {
    versions: versions ? parseCbor(heldSchema, versions, 'documents') : NO_DOCUMENTS,
    policy: policy && parseCbor(policySchema, policy, 'policy'),
    secrets,
  }
}

/** @throws {FormatError} if a part of it cannot be taken; nothing has changed then. */
function applyDocument(
  store: Store,
  document: OfficeDocument,
  identity: Identity,
  held: Held,
): Held {
  const versions = { ...held.versions, [document.type]: document.version }
  return store.write(`document ${document.type}`, (trx) => {
    const news = applyContent(store, trx, document, identity)
    writeState(store, trx, 'documents', encodeCbor(versions))
    return { ...held, ...news, versions }
  })
}

/** @returns what of it is held in memory. */
function applyContent(
  store: Store,
  trx: Transaction,
  document: OfficeDocument,
  identity: Identity,
): Partial<Held> {
  switch (document.type) {
    case 'keys':
      for (const key of document.keys) putKey(store, trx, key)
      return {}
    case 'secrets': {
      if (document.generation !== identity.generation) {
        throw new FormatError('document.generation', 'for another key of this till')
      }
      const secrets = openSecrets(document.secrets, identity)
      replaceSecrets(store, trx, secrets)
      return { secrets }
    }
    case 'policy':
      checkCurrency(document.policy, identity)
      writeState(store, trx, 'policy', encodeCbor(document.policy))
      return { policy: document.policy }
    case 'hot':
      for (const card of document.add) putHot(store, trx, cardIdOf(card))
      for (const card of document.remove) dropHot(store, trx, cardIdOf(card))
      return {}
    case 'tokens':
      for (const product of document.products) putProduct(store, trx, product)
      for (const token of document.tokens) putToken(store, trx, token, identity)
      return {}
  }
}

interface MakerKey {
  readonly publicKey: PublicKey
  /** Records after this instant of the maker's clock are refused. */
  readonly revokedFrom: Instant | null
}

const storedKey = z.strictObject({
  publicKey: bytes.of(PUBLIC_KEY_SIZE),
  revokedFrom: instant.nullable(),
})

function keyName(maker: TillNumber, generation: number): string {
  return `maker_key ${maker}:${generation}`
}

/** The office's key and its own a till knows without a directory. */
function pinnedKey(
  { till, generation: ownGeneration, key, officeKey, officeGeneration }: Identity,
  maker: TillNumber,
  generation: number,
): MakerKey | undefined {
  if (maker === OFFICE && generation === officeGeneration) {
    return { publicKey: officeKey, revokedFrom: null }
  }
  if (maker === till && generation === ownGeneration) {
    return { publicKey: key.publicKey, revokedFrom: null }
  }
  return undefined
}

function findKey(store: Store, maker: TillNumber, generation: number): MakerKey | undefined {
  const row = store.find(
    'select sealed from maker_key where maker = ? and generation = ?',
    maker,
    generation,
  ) as { sealed: Bytes } | undefined
  if (!row) return undefined
  const place = keyName(maker, generation)
  const key = parseCbor(storedKey, store.unseal(place, row.sealed), 'maker_key')
  return { publicKey: publicKeyFrom(key.publicKey), revokedFrom: key.revokedFrom }
}

type KeyEntry = Extract<OfficeDocument, { type: 'keys' }>['keys'][number]

function putKey(store: Store, trx: Transaction, entry: KeyEntry): void {
  const { maker, generation, publicKey, revokedFrom } = entry
  const place = keyName(maker, generation)
  publicKeyFrom(publicKey, `document.keys.${place}`)
  const known = findKey(store, maker, generation)
  // A key is revoked, never replaced: else old records could be given a new maker.
  if (known && !bytesEqual(known.publicKey.bytes, publicKey)) {
    throw new FormatError(`document.keys.${place}`, 'is another key than the one held')
  }
  trx.run(
    `insert into maker_key (maker, generation, sealed) values (?, ?, ?)
     on conflict (maker, generation) do update set sealed = excluded.sealed`,
    maker,
    generation,
    store.seal(place, encodeCbor({ publicKey, revokedFrom })),
  )
}

function checkCurrency(policy: Policy, identity: Identity): void {
  if (policy.currency === identity.currency.code) return
  throw new FormatError('document.policy.currency', `this till sells in ${identity.currency.code}`)
}

function putHot(store: Store, trx: Transaction, card: CardId): void {
  trx.run('insert or ignore into hot_card (card_key) values (?)', cardKey(store, card))
}

function dropHot(store: Store, trx: Transaction, card: CardId): void {
  trx.run('delete from hot_card where card_key = ?', cardKey(store, card))
}

const storedProduct = z.strictObject({ name: z.string(), price: minorUnits })
type ProductEntry = Extract<OfficeDocument, { type: 'tokens' }>['products'][number]

function putProduct(store: Store, trx: Transaction, { id, name, price }: ProductEntry): void {
  trx.run(
    `insert into product (id, sealed) values (?, ?)
     on conflict (id) do update set sealed = excluded.sealed`,
    id,
    store.seal(`product ${id}`, encodeCbor({ name, price })),
  )
}

function listProducts(store: Store): readonly Product[] {
  const stock = countStock(store)
  return (
    store.list('select id, sealed from product order by id') as readonly {
      id: number
      sealed: Bytes
    }[]
  ).map(({ id, sealed }) => ({
    ...parseCbor(storedProduct, store.unseal(`product ${id}`, sealed), 'product'),
    id,
    stock: stock.get(id) ?? 0,
  }))
}

function putToken(store: Store, trx: Transaction, token: Bytes, identity: Identity): void {
  const { till, currency: numeric } = decodeToken(token, 'document.tokens')
  if (till !== identity.till) throw new FormatError('document.tokens.till', 'for another till')
  if (numeric !== currency(identity.currency.code).numeric) {
    throw new FormatError('document.tokens.currency', 'not the currency of this till')
  }
  if (!tokenSignedBy(identity.officeKey, token)) {
    throw new FormatError('document.tokens.signature', 'not signed by this office')
  }
  insertToken(store, trx, token)
}
