import type { Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { generatePrivateKey } from '../kernel/p256.ts'
import type { Amount, CurrencyCode } from '../kernel/money.ts'
import { NOTARY, type OfficeNumber } from '../kernel/party.ts'
import { Unreachable, type Clock, type RandomSource, type Transport } from '../kernel/ports.ts'
import { listCases, type NotaryCase } from '../notary/cases.ts'
import { openNotaryDatabase, type NotaryTables } from '../notary/database.ts'
import { certifyNotaryKey } from '../notary/keys.ts'
import { createNotary, type Notary } from '../notary/notary.ts'
import { orderReserve } from '../notary/operator.ts'
import { readReport, type OfficeReport } from '../notary/reports.ts'
import { notaryTransport } from '../notary/transport.ts'
import type { OpenDatabase } from '../office/database.ts'
import {
  joinOthers,
  requestMembership,
  signRequests,
  type MemberScheme,
  type SecretsOf,
} from '../schemes/membership.ts'
import { createRoot, requestCertificate, signRequested, type Root } from '../schemes/wallet/root.ts'
import { TownDatabase } from './databases.ts'

export interface NotaryHouseOptions {
  readonly server: string
  readonly clock: Clock
  readonly random: RandomSource
}

interface OpenNotary {
  readonly database: OpenDatabase<NotaryTables>
  readonly notary: Notary
}

/** What outlives a crash of the notary, its root's key among it; it can be stopped and started again. */
export class NotaryHouse {
  readonly #options: NotaryHouseOptions
  readonly #database: TownDatabase
  readonly #dataKey: Bytes
  readonly #root: Root
  #open: OpenNotary | undefined
  #certificate: Bytes | undefined

  private constructor(options: NotaryHouseOptions, database: TownDatabase) {
    this.#options = options
    this.#database = database
    this.#dataKey = options.random.bytes(32)
    this.#root = createRoot(generatePrivateKey(), 1, options.clock.now())
  }

  static async build(options: NotaryHouseOptions): Promise<NotaryHouse> {
    const house = new NotaryHouse(options, await TownDatabase.make(options.server))
    await house.start()
    await house.#certify()
    return house
  }

  async start(): Promise<void> {
    if (this.#open) return
    const { clock, random } = this.#options
    const database = await openNotaryDatabase({ url: this.#database.url })
    const parts = { db: database.db, clock, random, dataKey: this.#dataKey }
    this.#open = { database, notary: await createNotary(parts) }
  }

  async stop(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.database.close()
  }

  async crash(): Promise<void> {
    await this.#database.breakConnections()
    await this.stop().catch(() => {})
  }

  async drop(): Promise<void> {
    await this.stop()
    await this.#database.drop()
  }

  /** The way of the offices to it; nobody answers while it is down. */
  get transport(): Transport {
    return {
      send: async (request) => {
        if (!this.#open) throw new Unreachable('the notary is down')
        return notaryTransport(this.#open.notary).send(request)
      },
    }
  }

  /** The secrets of an office as it has them once it has joined; with coins it is a bank as well. */
  admit(
    office: OfficeNumber,
    schemes: readonly MemberScheme[],
    secretsOf: SecretsOf,
  ): ReadonlyMap<MemberScheme, Bytes> {
    const { certificate: notary } = this
    const requests = requestMembership(schemes, office, secretsOf)
    const certificates = signRequests(requests, this.#root, this.#options.clock.now())
    const root = this.#root.certificate.bytes
    return joinOthers(secretsOf, { certificates, root, notary }).secrets
  }

  get certificate(): Bytes {
    invariant(this.#certificate, 'the notary was certified when it was built')
    return this.#certificate
  }

  /** What an office that has joined pays in. */
  async deposit(office: OfficeNumber, currency: CurrencyCode, amount: Amount): Promise<void> {
    const { database } = this.#running()
    const order = { act: 'deposit', office, currency, amount } as const
    const words = { reason: 'the town says so', reference: `reserve of ${office}` }
    const result = await orderReserve(
      database.db,
      { ...order, ...words },
      this.#options.clock.now(),
    )
    invariant(result === 'done', `the reserve of office ${office} can be paid in: ${result}`)
  }

  /** What there is to see, also of one that is down. */
  async reports(): Promise<readonly OfficeReport[]> {
    return this.#seen(async ({ database }) => (await readReport(database.db)).offices)
  }

  async cases(): Promise<readonly NotaryCase[]> {
    return this.#seen(({ database }) => listCases(database.db))
  }

  async #seen<T>(work: (open: OpenNotary) => Promise<T>): Promise<T> {
    const isDown = this.#open === undefined
    await this.start()
    try {
      return await work(this.#running())
    } finally {
      if (isDown) await this.stop()
    }
  }

  #running(): OpenNotary {
    invariant(this.#open, 'the notary was started')
    return this.#open
  }

  async #certify(): Promise<void> {
    const { database, notary } = this.#running()
    const [own] = notary.keys
    invariant(own, 'a notary has a key')
    const { generation, key } = own
    const subject = {
      role: 'notary',
      party: { kind: 'office', office: NOTARY },
      generation,
    } as const
    const at = this.#options.clock.now()
    const certificate = signRequested(requestCertificate(subject, key), this.#root, at)
    const root = this.#root.certificate.bytes
    await certifyNotaryKey(database.db, notary.keys, certificate, root, at)
    this.#certificate = certificate
    // It reads its own certificate when it starts.
    await this.stop()
    await this.start()
  }
}
