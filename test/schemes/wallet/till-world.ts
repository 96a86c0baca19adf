import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { officeKeyId, signOfficeDocument, type Policy } from '../../../src/kernel/documents.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { digestOf, type CardId } from '../../../src/kernel/ids.ts'
import type { Amount, CurrencyCode } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { Unreachable } from '../../../src/kernel/ports.ts'
import { signToken } from '../../../src/kernel/token.ts'
import type { Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { tillPapers, type WalletRoot } from '../../../src/schemes/wallet/office/authority.ts'
import { readCertificate } from '../../../src/schemes/wallet/certificates.ts'
import { readEvidence, type ShownEvidence } from '../../../src/schemes/wallet/office/shown.ts'
import { walletTill } from '../../../src/schemes/wallet/till.ts'
import type { Fuse } from '../../../src/till/fuse.ts'
import { writeIdentity } from '../../../src/till/identity.ts'
import type { AnyOrder, JournalRecord, RefundOrder, TapResult } from '../../../src/till/scheme.ts'
import { openStore } from '../../../src/till/store.ts'
import { Till as Engine } from '../../../src/till/till.ts'
import {
  certificateFor,
  PIN,
  random,
  rootAuthority,
  SEK,
  taken,
  type Card,
  type Life,
  type Office,
  type Signatory,
} from './card-world.ts'

/** Real tills, with their journals, before real cards. */
const OFFICE_KEY = generatePrivateKey()
/** A card’s log and what was refused meanwhile. */
const RECORDS = 40
const STORAGE_KEY = new Uint8Array(32)
const ROOT_PARTY = { kind: 'office', office: 0 } as const

/** The root’s own certificate. */
export const ROOT: Bytes = certificateFor(
  'root',
  ROOT_PARTY,
  rootAuthority.key.publicKey,
  rootAuthority,
)

export const POLICY: Policy = {
  currency: 'SEK',
  mayLoad: true,
  freeAmounts: true,
  paymentMax: null,
  balanceMax: 3000_00n,
  offlinePaymentsMax: null,
  offlineAmountMax: null,
  offlineAgeMax: null,
  passcodeTries: 3,
  passcodePause: 60_000,
}

/** What anybody checks evidence with. */
export function rootOf(office: Office): WalletRoot {
  const own = readCertificate(office.certificate)
  return { office: office.number, root: readCertificate(ROOT), certificates: [own] }
}

export class Counter {
  readonly office: Office
  readonly number: number
  readonly signatory: Signatory
  readonly #directory = mkdtempSync(join(tmpdir(), 'kontant-wallet-'))
  engine: Engine
  #policies = 0

  readonly #currency: CurrencyCode

  constructor(office: Office, number: number, options: CounterOptions = {}) {
    const { life = {}, policy = {}, currency = 'SEK' } = options
    this.office = office
    this.number = number
    this.#currency = currency
    this.signatory = office.till(number, life)
    this.enrol(this.signatory, 1)
    this.engine = this.#open()
    this.setPolicy(policy)
  }

  get #path(): string {
    return join(this.#directory, 'till.db')
  }

  /** Everything in its files. */
  get written(): Buffer {
    const names = readdirSync(this.#directory)
    return Buffer.concat(names.map((name) => readFileSync(join(this.#directory, name))))
  }

  get #store() {
    return openStore({ path: this.#path, storageKey: STORAGE_KEY, random })
  }

  /** As its office would: with that key from now on. */
  enrol({ key, certificate: own }: Signatory, generation: number): void {
    const store = this.#store
    const papers = tillPapers.encode({ root: ROOT, office: this.office.certificate, own })
    store.write('enrol', (trx) =>
      writeIdentity(
        store,
        trx,
        key,
        {
          till: this.number,
          generation,
          currency: this.#currency,
          officeKey: OFFICE_KEY.publicKey,
          officeGeneration: 1,
          officeTime: this.office.now,
          secrets: new Map([['wallet', papers]]),
          documents: [],
        },
        this.office.now,
      ),
    )
    store.close()
  }

  #open(fuse?: Fuse): Engine {
    return new Engine({
      path: this.#path,
      storageKey: STORAGE_KEY,
      clock: { now: () => this.office.now },
      random,
      transport: { send: () => Promise.reject(new Unreachable('there is no network')) },
      schemes: [walletTill],
      software: new Uint8Array(32),
      ...(fuse && { fuse }),
    })
  }

  /** It gets another key. */
  reenrol(signatory: Signatory, generation: number): void {
    this.engine.close()
    this.enrol(signatory, generation)
    this.engine = this.#open()
  }

  /** The till is switched off and on again; `fuse` may then cut its power at a write. */
  restart(fuse?: Fuse): void {
    this.engine.close()
    this.engine = this.#open(fuse)
  }

  setPolicy(change: Partial<Policy>): void {
    this.#policies += 1
    const document = {
      format: 1,
      type: 'policy',
      till: this.number,
      since: 0,
      version: this.#policies,
      madeAt: this.office.now,
      policy: { ...POLICY, currency: this.#currency, ...change },
    } as const
    const { outcome } = this.apply(document)
    invariant(outcome === 'applied', `a policy is taken: ${outcome}`)
  }

  apply(document: Parameters<typeof signOfficeDocument>[2]) {
    return this.engine.applyDocument(signOfficeDocument(OFFICE_KEY, officeKeyId(1), document))
  }

  /** Puts units into the till’s stock. */
  stock(price: Amount, count: number, product = 3): void {
    const tokens = Array.from({ length: count }, () =>
      signToken(OFFICE_KEY, {
        product,
        price,
        currency: SEK.numeric,
        madeAt: this.office.now,
        till: this.number,
        nonce: random.bytes(8),
      }),
    )
    const products = [{ id: product, name: 'Bulle', price }]
    const envelope = { format: 1, till: this.number, since: 0, version: 1, madeAt: 0 } as const
    this.apply({ ...envelope, type: 'tokens', products, tokens })
  }

  tap(card: Pick<Card, 'field'>, order: AnyOrder): Promise<TapResult> {
    return withField(card, (channel) => this.tapAt(channel, order))
  }

  tapAt(channel: Channel, order: AnyOrder): Promise<TapResult> {
    this.office.now += 1000
    return this.engine.tap(channel, order)
  }

  show(card: Pick<Card, 'field'>) {
    return withField(card, (channel) => this.engine.show(channel))
  }

  /** Oldest first, among the newest. */
  records(card?: CardId): readonly JournalRecord[] {
    const all = this.engine.records(RECORDS).toReversed()
    return all.filter((record) => card === undefined || record.card === card)
  }

  states(card?: CardId): readonly string[] {
    return this.records(card).map(({ kind, state }) => `${kind} ${state}`)
  }

  /** What anybody sees of a record of this till. */
  shown({ evidence }: JournalRecord): ShownEvidence {
    const read = readEvidence(evidence, rootOf(this.office))
    invariant(read.ok, `evidence holds: ${read.ok ? '' : read.reason}`)
    return read.value
  }

  close(): void {
    this.engine.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export interface CounterOptions {
  readonly life?: Life
  readonly currency?: CurrencyCode
  readonly policy?: Partial<Policy>
}

export async function withField<T>(
  { field }: Pick<Card, 'field'>,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  field.powerOn()
  try {
    return await work(inProcessChannel(field))
  } finally {
    field.powerOff()
  }
}

let orders = 0

export function orderId(): string {
  orders += 1
  return `order ${orders}`
}

export function pay(amount: Amount = 50_00n, passcode = '') {
  return { kind: 'pay', id: orderId(), amount, products: [], passcode } as const
}

export function refund({ id, amount }: JournalRecord): RefundOrder {
  return { kind: 'refund', id: orderId(), payment: id, amount }
}

/** The record of an order that is done. */
export function recordOf(result: TapResult): JournalRecord {
  invariant(result.result === 'done' && result.record, `it went well: ${said(result)}`)
  return result.record
}

/** What a tap came to, as one word. */
export function said(result: TapResult): string {
  return result.result === 'refused' ? result.status : result.result
}

export interface Audit {
  /** What each order has taken from the payer in the end: refused payments come back. */
  readonly taken: ReadonlyMap<string, Amount>
  /** Refused, but not on the card yet: its office gives it back. */
  readonly owed: Amount
  readonly balance: Amount
}

/**
 * Compares what is on the card with what its tills know. No payment is on the card that its till had not
 * in its journal; what the till calls done is there; what it gave up is taken back on the card, or
 * refused for the office; the balances add up.
 */
export async function audit(
  card: Card,
  counters: readonly Counter[],
  pin: string = PIN,
): Promise<Audit> {
  const log = await card.tapped(async (terminal) => {
    taken(await terminal.verifyPin(pin))
    return taken(await terminal.readRecords())
  })
  const entries = log.map(({ record: signed }) => ({
    ...signed.content,
    digest: digestOf(signed.digest),
  }))
  const { balance } = await card.state()
  const known = counters.flatMap((counter) =>
    counter.records(card.id).map((record) => ({ counter, record })),
  )
  const isTakenBack = (refusal: JournalRecord) =>
    entries.some(({ kind, cause }) => kind === 'refund' && digestOf(cause) === refusal.digest)

  const paid = new Map<string, Amount>()
  let owed = 0n
  for (const { kind, digest, amount } of entries) {
    if (kind !== 'pay') continue
    const found = known.find(({ record }) => record.digest === digest)
    invariant(found, 'what a card paid is in the journal of the till that asked for it')
    const { orderId: order, id } = found.record
    const refusal = found.counter.records().find(({ refuses }) => refuses === id)
    if (!refusal) paid.set(order, (paid.get(order) ?? 0n) + amount)
    else if (!isTakenBack(refusal)) owed += amount
  }
  for (const [index, { kind, amount, balance: after }] of entries.entries()) {
    const before = entries[index - 1]
    const isDown = kind === 'pay' || kind === 'unload'
    const expected = before && (isDown ? before.balance - amount : before.balance + amount)
    invariant(expected === undefined || after === expected, 'the balances of a card add up')
  }
  const newest = entries.at(-1)
  invariant(!newest || newest.balance === balance, 'the card holds what its newest record says')
  for (const { counter, record } of known) {
    const { shown } = counter.shown(record)
    if (record.kind !== 'pay' || record.state !== 'confirmed') continue
    const isGone = record.sequence < (entries[0]?.sequence ?? Infinity)
    const isThere = entries.some(({ digest }) => digest === record.digest)
    invariant(isGone || isThere, 'what a till calls paid was paid')
    invariant(shown.isSigned, 'and it shows the signature of the card')
  }
  return { taken: paid, owed, balance }
}
