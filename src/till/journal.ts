import { EVIDENCE_SIZE_MAX } from '../kernel/batch.ts'
import { fromHex, utf8, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import { DIGEST_SIZE } from '../kernel/hash.ts'
import { CARD_ID_SIZE, cardIdBytes, cardIdOf, digestOf, type CardId } from '../kernel/ids.ts'
import {
  amount,
  choice,
  instant,
  list,
  message,
  octets,
  uint32,
  varOctets,
} from '../kernel/message.ts'
import type { Clock, Instant } from '../kernel/ports.ts'
import { decodeToken, TOKEN_SIZE, tokenDigest } from '../kernel/token.ts'
import type { Journal, JournalRecord, NewRecord, ProductLine, SpendableToken } from './scheme.ts'
import type { Store, Transaction } from './store.ts'

/**
 * Why a record was not taken. The order is the order of the checks. Nothing changed, and no card was
 * touched yet: intents come first.
 */
export const JOURNAL_CONFLICTS = [
  'order_given_up',
  'already_refunded',
  'sequence_signed',
  'order_at_another_record',
  'stamp_used',
  'token_spent',
] as const
export type JournalConflict = (typeof JOURNAL_CONFLICTS)[number]

export class JournalRefusal extends Error {
  override readonly name = 'JournalRefusal'
  readonly conflict: JournalConflict

  constructor(conflict: JournalConflict) {
    super(`journal: ${conflict}`)
    this.conflict = conflict
  }
}

export const RECORD_KINDS = ['pay', 'load', 'passcode', 'reversal', 'refund'] as const
const ORDER_ID_MAX = 64

/** What is sealed of a record. Sequence and stamp stand in the row too, and must agree. */
const content = message('record', {
  orderId: varOctets({ max: 4 * ORDER_ID_MAX }),
  scheme: varOctets({ max: 64 }),
  card: octets(CARD_ID_SIZE),
  sequence: uint32(),
  kind: choice(RECORD_KINDS),
  amount: amount(8),
  balanceAfter: amount(8),
  madeAt: instant('by this till’s clock'),
  digest: octets(DIGEST_SIZE),
  evidence: varOctets({ max: EVIDENCE_SIZE_MAX }),
  tokens: list(octets(TOKEN_SIZE), { max: 100 }),
})

interface RecordRow {
  readonly id: number
  readonly sequence: number
  readonly signs: 0 | 1
  readonly refuses: number | null
  readonly state: JournalRecord['state']
  readonly made_at: Instant
  readonly sealed: Bytes
  readonly shown: Bytes | null
}

const RECORD_COLUMNS = 'id, sequence, signs, refuses, state, made_at, sealed, shown'

/** The {@link Journal} that schemes see. Everything else about records is the functions below. */
export function journalOf(store: Store, clock: Clock): Journal {
  return {
    latest: (card) => findLatest(store, card),
    open: (card) => listOpen(store, card),
    record: (id) => findRecord(store, id),
    refusalOf: (id) => findRefusal(store, id),
    tokensFor: (lines) => findTokens(store, lines),
    intend: (record) => store.write('intend', (trx) => insertRecord(store, trx, record)),
    confirm: (id, evidence) => decide(store, id, 'confirmed', evidence),
    void: (id) => decide(store, id, 'void'),
    stamp: () => Math.max(clock.now(), lastStamp(store) + 1),
    isGivenUp: (orderId) => isGivenUp(store, orderId),
  }
}

export function cardKey(store: Store, card: CardId): Bytes {
  return store.blind('card', cardIdBytes(card))
}

function orderKey(store: Store, orderId: string): Bytes {
  return store.blind('order', orderId)
}

/**
 * Of its records, or up to when a batch has declared that there are no more: −1 if there is neither. Every
 * later record has a later stamp, even if the clock went back.
 */
export function lastStamp(store: Store): Instant {
  const row = store.find(
    `select max(
       coalesce((select max(made_at) from record), -1),
       coalesce((select complete_up_to from batch order by number desc limit 1), -1)
     ) as last`,
  ) as { last: number } | undefined
  return row?.last ?? -1
}

export function findRecord(store: Store, id: number): JournalRecord | undefined {
  const row = store.find(`select ${RECORD_COLUMNS} from record where id = ?`, id) as
    RecordRow | undefined
  return row && readRow(store, row)
}

function findLatest(store: Store, card: CardId): JournalRecord | undefined {
  const row = store.find(
    `select ${RECORD_COLUMNS} from record where card_key = ? order by sequence desc, id desc limit 1`,
    cardKey(store, card),
  ) as RecordRow | undefined
  return row && readRow(store, row)
}

function listOpen(store: Store, card: CardId): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from record where card_key = ? and state = 'intended' order by id`,
      cardKey(store, card),
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

/** What takes the record with that id back, in whatever state. */
export function findRefusal(store: Store, id: number): JournalRecord | undefined {
  const row = store.find(`select ${RECORD_COLUMNS} from record where refuses = ?`, id) as
    RecordRow | undefined
  return row && readRow(store, row)
}

/** Records between which a payment is looked for at once. */
const STRIDE = 50

/** The newest payment that its card took, or undefined. */
export function findLastPayment(store: Store): JournalRecord | undefined {
  for (let below = nextId(store); below > 1; below -= STRIDE) {
    const rows = store.list(
      `select ${RECORD_COLUMNS} from record
       where id < ? and id >= ? and state = 'confirmed' order by id desc`,
      below,
      below - STRIDE,
    ) as readonly RecordRow[]
    const payment = rows.map((row) => readRow(store, row)).find(({ kind }) => kind === 'pay')
    if (payment) return payment
  }
  return undefined
}

/** Newest first. */
export function listRecords(store: Store, limit: number): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from record order by id desc limit ?`,
      limit,
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

/** Records with a higher id, oldest first. */
export function listRecordsAfter(store: Store, id: number): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from record where id > ? order by id`,
      id,
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

/** Those of them that their card went on without. */
export function listVoidAfter(store: Store, id: number): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from record where state = 'void' and id > ?`,
      id,
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

/** Of whose state no batch told the office yet, oldest first. */
export function listUnreported(store: Store, limit: number): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from unreported join record on record.id = unreported.record
       order by unreported.record limit ?`,
      limit,
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

/** Whether any batch told the office of it, in whatever state. */
export function wasReported(store: Store, id: number): boolean {
  return store.find('select 1 from batch_item where record = ?', id) !== undefined
}

/** Every record that was made for an order, oldest first. */
export function listRecordsOfOrder(store: Store, orderId: string): readonly JournalRecord[] {
  return (
    store.list(
      `select ${RECORD_COLUMNS} from record where order_key = ? order by id`,
      orderKey(store, orderId),
    ) as readonly RecordRow[]
  ).map((row) => readRow(store, row))
}

function readRow(store: Store, row: RecordRow): JournalRecord {
  const sealed = content.decode(store.unseal(`record ${row.id}`, row.sealed))
  invariant(
    sealed.sequence === row.sequence && sealed.madeAt === row.made_at,
    'the row of a record agrees with what is sealed in it',
  )
  return {
    ...sealed,
    id: row.id,
    state: row.state,
    ...(row.signs === 0 && { isExpected: true }),
    ...(row.refuses !== null && { refuses: row.refuses }),
    evidence: row.shown ? store.unseal(`evidence ${row.id}`, row.shown) : sealed.evidence,
    orderId: text(sealed.orderId),
    scheme: text(sealed.scheme),
    card: cardIdOf(sealed.card),
    digest: digestOf(sealed.digest),
    tokens: sealed.tokens.map((bytes) => ({ token: decodeToken(bytes), bytes })),
  }
}

export function insertRecord(store: Store, trx: Transaction, record: NewRecord): JournalRecord {
  checkOrderId(record.orderId)
  const conflict = findConflict(store, record)
  if (conflict) throw new JournalRefusal(conflict)
  const tokens = findUnusedTokens(store, record.tokens)

  // From here on the record exists.
  const id = nextId(store)
  trx.run(
    `insert into record
       (id, card_key, sequence, order_key, undoes, signs, refuses, state, made_at, sealed)
     values (?, ?, ?, ?, ?, ?, ?, 'intended', ?, ?)`,
    id,
    cardKey(store, record.card),
    record.sequence,
    orderKey(store, record.orderId),
    record.kind === 'reversal' ? 1 : 0,
    record.isExpected ? 0 : 1,
    record.refuses ?? null,
    record.madeAt,
    store.seal(`record ${id}`, encodeContent(record)),
  )
  for (const token of tokens) {
    trx.run('insert into token_use (token, record) values (?, ?)', token, id)
  }
  return { ...record, id, state: 'intended' }
}

function findConflict(store: Store, record: NewRecord): JournalConflict | undefined {
  const undoes = record.kind === 'reversal'
  if (!undoes && isGivenUp(store, record.orderId)) return 'order_given_up'
  if (record.refuses !== undefined && findRefusal(store, record.refuses)) return 'already_refunded'
  if (!record.isExpected && isSequenceSigned(store, record)) return 'sequence_signed'
  if (!undoes && hasLiveRecord(store, record.orderId)) return 'order_at_another_record'
  if (record.madeAt <= lastStamp(store)) return 'stamp_used'
  if (findUnusedTokens(store, record.tokens).size < record.tokens.length) return 'token_spent'
  return undefined
}

function isSequenceSigned(store: Store, { card, sequence }: NewRecord): boolean {
  const row = store.find(
    'select 1 from record where card_key = ? and sequence = ? and signs = 1',
    cardKey(store, card),
    sequence,
  )
  return row !== undefined
}

function hasLiveRecord(store: Store, orderId: string): boolean {
  const row = store.find(
    `select 1 from record where order_key = ? and undoes = 0 and state <> 'void'`,
    orderKey(store, orderId),
  )
  return row !== undefined
}

function nextId(store: Store): number {
  const row = store.find('select coalesce(max(id), 0) + 1 as id from record') as
    { id: number } | undefined
  return row?.id ?? 1
}

function encodeContent(record: NewRecord): Bytes {
  return content.encode({
    ...record,
    orderId: utf8(record.orderId),
    scheme: utf8(record.scheme),
    card: cardIdBytes(record.card),
    digest: fromHex(record.digest, 'record.digest', DIGEST_SIZE),
    tokens: record.tokens.map(({ bytes }) => bytes),
  })
}

/** What a card showed first stays: a second, contrary sight is a second card, and the office's affair. */
function decide(
  store: Store,
  id: number,
  state: 'confirmed' | 'void',
  evidence?: Bytes,
): JournalRecord {
  const record = findRecord(store, id)
  invariant(record, `record ${id} exists`)
  if (record.state !== 'intended') return record
  const shown = evidence ? store.seal(`evidence ${id}`, evidence) : null
  store.write(state === 'void' ? 'void' : 'confirm', (trx) =>
    trx.run('update record set state = ?, shown = ? where id = ?', state, shown, id),
  )
  return { ...record, state, evidence: evidence ?? record.evidence }
}

export function isGivenUp(store: Store, orderId: string): boolean {
  const row = store.find('select 1 from given_up where order_key = ?', orderKey(store, orderId))
  return row !== undefined
}

/**
 * For good: an order that was given up is never carried out, only undone.
 *
 * @param undoing what undoes it at once, if anything can.
 */
export function giveUpOrder(store: Store, orderId: string, undoing?: NewRecord): void {
  checkOrderId(orderId)
  store.write('give-up', (trx) => {
    trx.run('insert or ignore into given_up (order_key) values (?)', orderKey(store, orderId))
    if (undoing) insertRecord(store, trx, undoing)
  })
}

/** @throws {FormatError} if it is empty or too long to be kept. */
export function checkOrderId(orderId: string): void {
  if (orderId.length === 0 || orderId.length > ORDER_ID_MAX) {
    throw new FormatError('order.id', `expected 1..${ORDER_ID_MAX} characters`)
  }
}

interface TokenRow {
  readonly id: number
  readonly sealed: Bytes
}

const UNUSED = 'not exists (select 1 from token_spent where token_spent.token = token.id)'

function findTokens(
  store: Store,
  lines: readonly ProductLine[],
): readonly SpendableToken[] | undefined {
  const found = [...wanted(lines)].map(
    ([product, quantity]) =>
      store.list(
        `select id, sealed from token where product = ? and ${UNUSED} order by id limit ?`,
        product,
        quantity,
      ) as readonly TokenRow[],
  )
  const quantity = lines.reduce((sum, line) => sum + line.quantity, 0)
  const rows = found.flat()
  if (rows.length < quantity) return undefined
  return rows.map((row) => {
    const bytes = store.unseal(`token ${row.id}`, row.sealed)
    return { token: decodeToken(bytes), bytes }
  })
}

/** One product may stand in two lines. */
function wanted(lines: readonly ProductLine[]): ReadonlyMap<number, number> {
  const quantities = new Map<number, number>()
  for (const { product, quantity } of lines) {
    quantities.set(product, (quantities.get(product) ?? 0) + quantity)
  }
  return quantities
}

function tokenKey(store: Store, bytes: Bytes): Bytes {
  return store.blind('token', tokenDigest(bytes))
}

/** Fewer than `tokens` if one is spent, unknown or there twice. */
function findUnusedTokens(store: Store, tokens: readonly SpendableToken[]): ReadonlySet<number> {
  const rows = tokens.flatMap(
    ({ bytes }) =>
      store.list(
        `select id from token where token_key = ? and ${UNUSED}`,
        tokenKey(store, bytes),
      ) as readonly { id: number }[],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Adds a token to the stock. One that is there already, spent or not, is not added again. */
export function insertToken(store: Store, trx: Transaction, bytes: Bytes): void {
  const { product } = decodeToken(bytes)
  const key = tokenKey(store, bytes)
  if (store.find('select 1 from token where token_key = ?', key)) return
  const id =
    (store.find('select coalesce(max(id), 0) + 1 as id from token') as { id: number } | undefined)
      ?.id ?? 1
  trx.run(
    'insert into token (id, token_key, product, sealed) values (?, ?, ?, ?)',
    id,
    key,
    product,
    store.seal(`token ${id}`, bytes),
  )
}

/** How many units of each product may be sold. */
export function countStock(store: Store): ReadonlyMap<number, number> {
  const rows = store.list(
    `select product, count(*) as stock from token where ${UNUSED} group by product`,
  ) as readonly { product: number; stock: number }[]
  return new Map(rows.map(({ product, stock }) => [product, stock]))
}

function text(bytes: Bytes): string {
  return new TextDecoder().decode(bytes)
}
