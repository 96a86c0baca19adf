import type { Bytes } from '../kernel/bytes.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { Clock, RandomSource } from '../kernel/ports.ts'
import { createApi } from '../office/api.ts'
import { connect } from '../office/database.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import { NoAnswer } from '../office/inter-office-client.ts'
import { createInterOffice, type InterOffice } from '../office/inter-office.ts'
import { startEvidence, type EvidenceService } from '../office/ledger/evidence.ts'
import { migrate } from '../office/migrate.ts'
import { createOffice, type Office } from '../office/office.ts'
import { hashPassword, SIMULATED_COST } from '../office/passwords.ts'
import { addPerson, hasNobody } from '../office/registry/people.ts'
import { injectTransport } from '../office/transport.ts'
import { localVerifier } from '../office/ledger/verifier.ts'
import { replaceSchemeSecrets } from '../office/registry/office-secrets.ts'
import type { MemberScheme } from '../schemes/membership.ts'
import { officeSchemes } from '../schemes/office.ts'
import { SCHEME } from '../schemes/wallet/message.ts'
import { notarySeatOf } from '../schemes/wallet/office/seat.ts'
import { TownDatabase, type DatabaseServer } from './databases.ts'
import type { NotaryHouse } from './notary-house.ts'
import {
  injectedWay,
  officeClient,
  signIn,
  type Login,
  type SessionCookie,
} from './office-client.ts'
import { Rewind } from './rewind.ts'
import type { TownOffice } from './town-office.ts'

export interface HouseOptions {
  /** Of the office. */
  readonly name: string
  readonly server: DatabaseServer
  readonly currency: CurrencyCode
  readonly clock: Clock
  readonly random: RandomSource
  /** Undefined: it is an office for itself. */
  readonly notary: Membership | undefined
}

/** An office's place among others. */
export interface Membership {
  readonly house: NotaryHouse
  readonly number: OfficeNumber
  /** In which it knows others. */
  readonly schemes: readonly MemberScheme[]
}

const OPERATOR: Login = { name: 'operator', password: 'correct horse battery' }

/**
 * What outlives a crash of the office: its database, and the key of its vault. The office itself is
 * opened and stopped over it, as often as a scenario wants.
 */
export class OfficeHouse {
  readonly #options: HouseOptions
  readonly #database: TownDatabase
  readonly #dataKey: Bytes
  /** The operator's, in this house and its copies: signing in takes longer than all else. */
  readonly #session: SessionCookie

  private constructor(
    options: HouseOptions,
    database: TownDatabase,
    dataKey: Bytes,
    session: SessionCookie,
  ) {
    this.#options = options
    this.#database = database
    this.#dataKey = dataKey
    this.#session = session
  }

  static async build(options: HouseOptions): Promise<OfficeHouse> {
    const { server, random } = options
    const database = await TownDatabase.make(server.url, server.template)
    const house = new OfficeHouse(options, database, random.bytes(32), {})
    if (server.template === undefined) await migrateAt(database.url)
    if (options.notary) await house.#join(options.notary)
    return house
  }

  get name(): string {
    return this.#options.name
  }

  /** The same office, as it stands, with a database of its own. Nobody may be in this one meanwhile. */
  async copy(): Promise<OfficeHouse> {
    const { server } = this.#options
    const database = await TownDatabase.make(server.url, this.#database.name)
    return new OfficeHouse(this.#options, database, this.#dataKey, this.#session)
  }

  /** Remembers what is in the database, to be put back. */
  async keep(): Promise<Rewind> {
    return Rewind.keep(this.#database.url)
  }

  async drop(): Promise<void> {
    await this.#database.drop()
  }

  /** Before its first card is issued: it knows the root of all then, and no other. */
  async #join({ house, number, schemes }: Membership): Promise<void> {
    const { clock, random, currency } = this.#options
    const db = connect(this.#database.url, 1)
    try {
      const parts = { db, schemes: officeSchemes, clock, random, dataKey: this.#dataKey, currency }
      const office = await createOffice(parts)
      const joined = house.admit(number, schemes, (scheme) => office.secretsOf(scheme))
      await db.transaction().execute(async (trx) => {
        for (const [scheme, secrets] of joined) {
          await replaceSchemeSecrets(trx, office.vault, scheme, secrets, clock.now())
        }
      })
    } finally {
      await db.destroy()
    }
  }

  #interOffice(office: Office, evidence: EvidenceService): InterOffice | undefined {
    const { notary } = this.#options
    const seat = notarySeatOf(office.secretsOf(SCHEME), () => office.clock.now())
    if (!notary || !seat) return undefined
    return createInterOffice(office, { seat, transport: notary.house.transport, evidence })
  }

  async open(): Promise<TownOffice> {
    const { clock, random, currency } = this.#options
    const db = connect(this.#database.url, 4)
    const dataKey = this.#dataKey
    const office = await createOffice({
      db,
      schemes: officeSchemes,
      clock,
      random,
      dataKey,
      currency,
      passwordCost: SIMULATED_COST,
    })
    const broken: unknown[] = []
    const fail = (error: unknown) => void broken.push(error)
    const evidence = startEvidence(office, { verifier: localVerifier(officeSchemes), fail })
    const interOffice = this.#interOffice(office, evidence)
    const permit = interOffice && { permit: interOffice.permit }
    const api = await createApi(office, { evidence, fail, ...permit })
    await addOperator(office)
    const transport = injectTransport(api)
    const way = injectedWay(api)
    const stop = async () => {
      await api.close()
      await evidence.stop()
      await db.destroy()
    }
    return {
      transport,
      client: officeClient(way, OPERATOR, this.#session),
      clientOf: (login, session) => officeClient(way, login, session),
      signIn: (login) => signIn(way, login),
      stop,
      async settled() {
        await evidence.settled()
        if (broken.length > 0) throw broken[0]
      },
      sweep: () => evidence.sweep(),
      secretsOf: (scheme) => office.secretsOf(scheme),
      async exchange() {
        try {
          await interOffice?.exchange()
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error
        }
      },
      crash: async () => {
        await this.#database.breakConnections()
        await stop().catch(() => {})
      },
    }
  }
}

async function addOperator(office: Office): Promise<void> {
  const { db, clock } = office
  if (!(await hasNobody(db))) return
  const { name: login, password } = OPERATOR
  const passwordHash = await hashPassword(password, office)
  const person = { login, name: 'Operator', merchant: undefined, passwordHash }
  await addPerson(db, { ...person, role: 'root' }, clock.now())
}

async function migrateAt(url: string): Promise<void> {
  const db = connect(url, 1)
  try {
    await migrate(db)
  } finally {
    await db.destroy()
  }
}
