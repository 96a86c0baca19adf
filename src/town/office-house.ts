import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import type { Bytes } from '../kernel/bytes.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { Clock, RandomSource } from '../kernel/ports.ts'
import { createApi } from '../office/api.ts'
import { connect } from '../office/database.ts'
import { startEvidence } from '../office/ledger/evidence.ts'
import { migrate } from '../office/migrate.ts'
import { createOffice, type Office } from '../office/office.ts'
import { hashPassword } from '../office/passwords.ts'
import { addPerson, hasNobody } from '../office/registry/people.ts'
import { injectTransport } from '../office/transport.ts'
import { localVerifier } from '../office/ledger/verifier.ts'
import { officeSchemes } from '../schemes/office.ts'
import {
  injectedWay,
  officeClient,
  signIn,
  type Login,
  type SessionCookie,
} from './office-client.ts'
import { Rewind } from './rewind.ts'
import type { TownOffice } from './town-office.ts'

/** Where databases can be made and dropped. */
export interface DatabaseServer {
  /** With the password in it: secret. */
  readonly url: string
  /** A migrated, empty database to copy; without one each new database is migrated. */
  readonly template?: string
}

export interface HouseOptions {
  /** Of the office. */
  readonly name: string
  readonly server: DatabaseServer
  readonly currency: CurrencyCode
  readonly clock: Clock
  readonly random: RandomSource
}

const OPERATOR: Login = { name: 'operator', password: 'correct horse battery' }

/**
 * What outlives a crash of the office: its database, and the key of its vault. The office itself is
 * opened and stopped over it, as often as a scenario wants.
 */
export class OfficeHouse {
  readonly #options: HouseOptions
  readonly #database: string
  readonly #dataKey: Bytes
  /** The operator's, in this house and its copies: signing in takes longer than all else. */
  readonly #session: SessionCookie

  private constructor(
    options: HouseOptions,
    database: string,
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
    const name = newName()
    await makeDatabase(server.url, name, server.template)
    const house = new OfficeHouse(options, name, random.bytes(32), {})
    if (server.template === undefined) {
      await migrateAt(house.#url)
    }
    return house
  }

  get name(): string {
    return this.#options.name
  }

  /** The same office, as it stands, with a database of its own. Nobody may be in this one meanwhile. */
  async copy(): Promise<OfficeHouse> {
    const name = newName()
    await makeDatabase(this.#options.server.url, name, this.#database)
    return new OfficeHouse(this.#options, name, this.#dataKey, this.#session)
  }

  /** Remembers what is in the database, to be put back. */
  async keep(): Promise<Rewind> {
    return Rewind.keep(this.#url)
  }

  async drop(): Promise<void> {
    await onServer(this.#options.server.url, (client) =>
      client.query(`drop database ${this.#database} with (force)`),
    )
  }

  async open(): Promise<TownOffice> {
    const { clock, random, currency } = this.#options
    const db = connect(this.#url, 4)
    const dataKey = this.#dataKey
    const office = await createOffice({
      db,
      schemes: officeSchemes,
      clock,
      random,
      dataKey,
      currency,
    })
    const broken: unknown[] = []
    const fail = (error: unknown) => void broken.push(error)
    const evidence = startEvidence(office, { verifier: localVerifier(officeSchemes), fail })
    const api = await createApi(office, { evidence, fail })
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
      crash: async () => {
        // Whatever is under way is lost; a connection that only idles has nothing to lose.
        await onServer(this.#options.server.url, (client) =>
          client.query(
            `select pg_terminate_backend(pid) from pg_stat_activity
             where datname = $1 and state <> 'idle'`,
            [this.#database],
          ),
        )
        await stop().catch(() => {})
      },
    }
  }

  get #url(): string {
    const url = new URL(this.#options.server.url)
    url.pathname = `/${this.#database}`
    return url.href
  }
}

async function addOperator({ db, random, clock }: Office): Promise<void> {
  if (!(await hasNobody(db))) return
  const { name: login, password } = OPERATOR
  const passwordHash = await hashPassword(password, random)
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

function newName(): string {
  return `kontant_town_${randomUUID().replaceAll('-', '')}`
}

async function makeDatabase(server: string, name: string, template?: string): Promise<void> {
  // A copy of files takes a tenth of the time that a copy through the log takes.
  const from = template === undefined ? '' : ` template ${template} strategy file_copy`
  await onServer(server, (client) => client.query(`create database ${name}${from}`))
}

async function onServer(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
