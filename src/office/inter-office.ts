import type { Kysely } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { encodeCbor } from '../kernel/cbor.ts'
import { invariant } from '../kernel/errors.ts'
import {
  FEED_PAGE_MAX,
  feedEntry,
  permitContext,
  type FeedEntry,
  type NotaryAct,
  type ResultOf,
} from '../kernel/notary.ts'
import { sealTo } from '../kernel/p256.ts'
import type { Transport } from '../kernel/ports.ts'
import { parseCbor } from '../kernel/schema.ts'
import { encodeSynchronisation } from '../kernel/synchronisation.ts'
import { createBankExchange } from './coins/banks/exchange.ts'
import { NoAnswer, NotaryClient, type NotarySeat } from './inter-office-client.ts'
import {
  advanceFeed,
  allTellings,
  cardIsHere,
  cardNow,
  fedUpTo,
  forgetUnread,
  keepUnread,
  listUnread,
  noteAccounts,
  noteGivenBack,
  noteTold,
  ownTellings,
  permittedLoads,
  restartFeed,
  returnedPermits,
  untold,
  type Page,
  type ReturnedPermit,
  type Telling,
} from './inter-office-store.ts'
import type { EvidenceService } from './ledger/evidence.ts'
import { applyAtNotary, listForNotary, type NotaryNews } from './ledger/payments.ts'
import type { Office } from './office.ts'
import type { Payment } from './scheme.ts'
import type { Tables } from './tables.ts'
import type { Permit, PermitRequest } from './wallets/permit.ts'

/**
 * An office among others: it brings its notary what cards have paid between offices, asks it for
 * permits, and does its own half of what the notary has settled. Every step may be done again: the
 * notary does each thing once, and the office each entry of the notary’s feed.
 */
export interface InterOffice {
  readonly permit: Permit
  /**
   * Everything that there is to say and to hear now.
   *
   * @throws {NoAnswer} if the notary does not answer; what was done until then is done.
   */
  exchange(): Promise<void>
}

export interface InterOfficeParts {
  readonly seat: NotarySeat
  readonly transport: Transport
  /** Where records of this office’s cards go that another office has brought. */
  readonly evidence: Pick<EvidenceService, 'handIn' | 'shown' | 'readAgain' | 'settled'>
}

/** Acts in a request: small enough that a notary that is killed loses little time. */
const PAGE = 100
/** What the notary refused or left waiting is brought again after this, in ms: it may know more by then. */
const AGAIN_AFTER = 60 * 60 * 1000

export function createInterOffice(office: Office, parts: InterOfficeParts): InterOffice {
  const client = new NotaryClient(parts.seat, parts.transport, office.clock, office.random)
  const worker = new Worker(office, parts, client)
  const banks = createBankExchange(office, client, parts.evidence)
  return {
    permit: (request) => worker.permit(request),
    async exchange() {
      await worker.tellPayments()
      await worker.tellOwn()
      await worker.giveBack()
      await worker.hear()
      await worker.reread()
      await banks?.exchange()
      await worker.readAccounts()
    },
  }
}

class Worker {
  readonly #office: Office
  readonly #parts: InterOfficeParts
  readonly #client: NotaryClient

  constructor(office: Office, parts: InterOfficeParts, client: NotaryClient) {
    this.#office = office
    this.#parts = parts
    this.#client = client
  }

  get #db(): Kysely<Tables> {
    return this.#office.db
  }

  /** Undefined if it is not permitted, or nobody answers: whoever asked asks again, or gives it up. */
  async permit({ card, kind, instruction }: PermitRequest): Promise<Bytes | undefined> {
    const said = kind === 'restore' ? await cardNow(this.#db, card) : undefined
    const statement = said
      ? [said.statement, ...this.#parts.seat.certificatesOf(card, said.publicKey)]
      : []
    try {
      const [result] = await this.#client.ask([this.#permitAct(instruction, statement)])
      return result?.permit[0]
    } catch (error) {
      if (error instanceof NoAnswer) return undefined
      throw error
    }
  }

  /** Sealed: what the office has signed and nobody permitted is of use to whoever has a card’s key. */
  #permitAct(
    instruction: Bytes,
    statement: readonly Bytes[],
  ): Extract<NotaryAct, { readonly act: 'permit' }> {
    const { office, notary } = this.#parts.seat
    const { random } = this.#office
    const order = sealTo(notary.publicKey, instruction, permitContext(office), random)
    return { act: 'permit', order, statement: [...statement] }
  }

  /** Payments between this office and others, and refusals of them, that the notary has not settled. */
  async tellPayments(): Promise<void> {
    let after: string | undefined
    for (;;) {
      const page = await listForNotary(this.#db, PAGE, after)
      await this.#tell(
        page.flatMap(({ id, evidence, refund }): readonly Telling[] => [
          { payment: id, what: 'payment', evidence },
          ...(refund ? [{ payment: id, what: 'refund', evidence: refund } as const] : []),
        ]),
      )
      if (page.length < PAGE) return
      after = page.at(-1)?.place
    }
  }

  /** What this office has settled by itself and what sets its reserve free: unloads, and its own tills. */
  async tellOwn(): Promise<void> {
    await eachPage(
      (after) => ownTellings(this.#db, PAGE, after),
      (tellings) => this.#tell(tellings),
    )
  }

  async #tell(tellings: readonly Telling[]): Promise<void> {
    const since = this.#office.clock.now() - AGAIN_AFTER
    await this.#tellAll(await untold(this.#db, tellings, since))
  }

  async #tellAll(tellings: readonly Telling[]): Promise<void> {
    if (tellings.length === 0) return
    const results = await this.#client.ask(
      tellings.map(({ evidence }) => ({ act: 'settle', evidence }) as const),
    )
    const said = tellings.map(({ payment, what }, index) => {
      const result = results[index]
      invariant(result, 'every act has a result')
      return { payment, what, said: result.result === 'known' ? result.state : result.result }
    })
    await noteTold(this.#db, said, this.#office.clock.now())
  }

  /** Permits of instructions that no card will carry out. */
  async giveBack(): Promise<void> {
    await eachPage(
      (after) => returnedPermits(this.#db, PAGE, after),
      async (permits) => {
        for (const one of permits) await this.#giveBackOne(one)
      },
    )
  }

  async #giveBackOne(one: ReturnedPermit): Promise<void> {
    const certificates = [...this.#parts.seat.certificatesOf(one.card, one.publicKey)]
    const [result] = await this.#client.ask([
      { act: 'give back', void: one.void, statement: one.statement, certificates },
    ])
    const said = result?.result ?? 'malformed'
    const isOver = said === 'given back' || said === 'not permitted'
    if (isOver) await noteGivenBack(this.#db, one, said, this.#office.clock.now())
  }

  /**
   * The notary was put back to an older state: it hears everything again. It does what it has forgotten,
   * and this office nothing twice.
   */
  async #tellEverything(): Promise<void> {
    await eachPage(
      (after) => permittedLoads(this.#db, PAGE, after),
      async (loads) => {
        const acts = loads.map((load) => this.#permitAct(load, []))
        await this.#client.ask(acts)
      },
    )
    await eachPage(
      (after) => allTellings(this.#db, PAGE, after),
      (tellings) => this.#tellAll(tellings),
    )
    await restartFeed(this.#db)
  }

  /** Does what the notary has settled, page by page: the page and its number in one transaction. */
  async hear(): Promise<void> {
    for (;;) {
      const after = await fedUpTo(this.#db)
      const [answer] = await this.#client.ask([{ act: 'feed', after }])
      invariant(answer, 'every act has a result')
      const { entries, upTo } = answer
      if (upTo < after) {
        await this.#tellEverything()
        continue
      }
      if (!isNext(entries, after)) throw new NoAnswer('the notary’s feed has a gap')
      if (entries.length === 0) return
      await this.#apply(after, entries)
      if (entries.length < FEED_PAGE_MAX) return
    }
  }

  async #apply(after: number, entries: readonly FeedEntry[]): Promise<void> {
    const at = this.#office.clock.now()
    const read = entries.map((entry) => ({ entry, payment: this.#read(entry.evidence) }))
    for (const { entry, payment } of read) if (payment) await this.#handIn(entry, payment)
    await this.#db.transaction().execute(async (trx) => {
      await advanceFeed(trx, after + entries.length)
      const unread = read.flatMap(({ entry, payment }) => (payment ? [] : pack(entry)))
      await keepUnread(trx, unread, at)
      await applyAtNotary(trx, this.#parts.seat.office, read.flatMap(newsOf), at)
    })
  }

  /** What could not be read when it came: this office may know the root by now. */
  async reread(): Promise<void> {
    const read = (await listUnread(this.#db)).flatMap(({ entry: bytes }) => {
      const entry = parseCbor(feedEntry, bytes, 'entry')
      const payment = this.#read(entry.evidence)
      return payment ? [{ entry, payment }] : []
    })
    if (read.length === 0) return
    for (const { entry, payment } of read) await this.#handIn(entry, payment)
    await this.#db.transaction().execute(async (trx) => {
      await forgetUnread(
        trx,
        read.map(({ entry }) => entry.number),
      )
      const at = this.#office.clock.now()
      await applyAtNotary(trx, this.#parts.seat.office, read.flatMap(newsOf), at)
    })
  }

  /** What cards sign nobody else’s key is needed for. */
  #read(evidence: Bytes): Payment | undefined {
    const { scheme } = this.#parts.seat
    const context = { secrets: this.#office.secretsOf(scheme), keyOf: () => undefined }
    const verdict = this.#office.schemes.get(scheme)?.verify(evidence, context)
    return verdict?.ok ? verdict.entry.payment : undefined
  }

  /** Records of this office’s cards that others have brought belong in their chains. */
  async #handIn({ evidence, refund }: FeedEntry, { payer }: Payment): Promise<void> {
    const { seat, evidence: service } = this.#parts
    if (payer.kind !== 'card' || payer.office !== seat.office) return
    if (!(await cardIsHere(this.#db, payer.card))) return
    const items = [evidence, ...refund]
    const { scheme } = seat
    const statement = new Uint8Array()
    const bytes = encodeSynchronisation({ scheme, card: payer.card, statement, items })
    await service.handIn({ card: payer.card, items: items.length, bytes })
  }

  async readAccounts(): Promise<void> {
    const [answer]: readonly ResultOf<'accounts'>[] = await this.#client.ask([{ act: 'accounts' }])
    await noteAccounts(this.#db, answer?.accounts ?? [], this.#office.clock.now())
  }
}

async function eachPage<T>(
  read: (after: string | undefined) => Promise<Page<T>>,
  work: (items: readonly T[]) => Promise<void>,
): Promise<void> {
  let after: string | undefined
  do {
    const { items, next } = await read(after)
    await work(items)
    after = next
  } while (after !== undefined)
}

function isNext(entries: readonly FeedEntry[], after: number): boolean {
  return entries.every(({ number }, index) => number === after + index + 1)
}

function newsOf({
  entry: { state },
  payment,
}: {
  readonly entry: FeedEntry
  readonly payment: Payment | undefined
}): readonly NotaryNews[] {
  // What is paid within this office it has settled itself.
  if (!payment || payment.payer.office === payment.payee.office) return []
  return state === 'settled' || state === 'returned' ? [{ payment, outcome: state }] : []
}

function pack(entry: FeedEntry): { readonly number: number; readonly entry: Bytes } {
  return { number: entry.number, entry: encodeCbor(entry) }
}

export interface InterOfficeLoop {
  /** Something may have changed: sooner than it would by itself. */
  wake(): void
  stop(): Promise<void>
}

/** How long between two exchanges, and how long at most while nobody answers, in ms. */
const PERIOD = 5_000
const PERIOD_MAX = 5 * 60 * 1000

/**
 * Exchanges now and then, more seldom the longer the notary does not answer.
 *
 * @param fail a broken invariant or a lost database: the process must stop.
 */
export function runInterOffice(
  interOffice: Pick<InterOffice, 'exchange'>,
  fail: (error: unknown) => void,
): InterOfficeLoop {
  let period = PERIOD
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isStopped = false
  const once = async () => {
    try {
      await interOffice.exchange()
      period = PERIOD
    } catch (error) {
      if (!(error instanceof NoAnswer)) return fail(error)
      period = Math.min(2 * period, PERIOD_MAX)
    }
    if (!isStopped) timer = setTimeout(start, period)
  }
  const start = () => {
    clearTimeout(timer)
    running = once()
  }
  start()
  return {
    wake() {
      if (timer && !isStopped) {
        clearTimeout(timer)
        timer = setTimeout(start, 0)
      }
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
