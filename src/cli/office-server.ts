import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { createApi } from '../office/api.ts'
import { createInterOffice, runInterOffice, type InterOffice } from '../office/inter-office.ts'
import { readNotaryUrl } from '../office/inter-office-store.ts'
import { startEvidence, type EvidenceService } from '../office/ledger/evidence.ts'
import type { Api } from '../office/http.ts'
import type { Office } from '../office/office.ts'
import { hashPassword } from '../office/passwords.ts'
import { addPerson, hasNobody } from '../office/registry/people.ts'
import { poolVerifier } from '../office/ledger/verifier-pool.ts'
import { officeSchemes } from '../schemes/office.ts'
import { SCHEME } from '../schemes/wallet/message.ts'
import { notarySeatOf } from '../schemes/wallet/office/seat.ts'
import type { Login } from '../town/office-client.ts'
import { httpTransport } from './http-transport.ts'
import { CommandFailed } from './io.ts'
import { listen } from './listen.ts'
import { writeLogin } from './login.ts'
import { openOffice, type OfficePlace } from './open-office.ts'
import { builtPage, makePassword } from './system.ts'

/** Its directory has the first person's login too. */
export interface OfficeServerOptions extends OfficePlace {
  readonly host: string
  readonly port: number
}

export interface OfficeServer {
  readonly url: string
  readonly api: Api
  /** The person that the first start made; undefined at every other. */
  readonly newLogin: Login | undefined
  /** Of the first person, whoever is signed in now. */
  readonly loginFile: string
  /** Rejects if the office breaks: then the process must stop. */
  readonly broken: Promise<never>
  /** Takes no more, finishes what is under way, and stops. */
  stop(): Promise<void>
}

const WORKER = new URL('../schemes/office-worker.ts', import.meta.url)

/** A whole office, listening. */
export async function startOfficeServer(options: OfficeServerOptions): Promise<OfficeServer> {
  const { data, host, port } = options
  const { office, close } = await openOffice(options)
  const { promise: broken, reject: fail } = Promise.withResolvers<never>()
  // Whoever waits for it gets it; until somebody does, it must not end the process unsaid.
  broken.catch(() => {})
  const threads = Math.max(1, availableParallelism() - 1)
  try {
    const evidence = startEvidence(office, {
      verifier: poolVerifier(WORKER, threads, officeSchemes),
      fail,
    })
    const interOffice = await joinedNotary(office, evidence)
    const consoleDirectory = builtPage('console')
    const api = await createApi(office, {
      evidence,
      fail,
      ...(interOffice && { permit: interOffice.permit }),
      ...(consoleDirectory !== undefined && { consoleDirectory }),
    })
    const loginFile = join(data, 'login')
    const newLogin = await makeFirstPerson(office, loginFile)
    const loop = interOffice && runInterOffice(interOffice, fail)
    const stop = async () => {
      await api.close()
      await loop?.stop()
      await evidence.stop()
      await close()
    }
    const url = await listen(api, host, port).catch(async (error: unknown) => {
      await api.close()
      await loop?.stop()
      await evidence.stop()
      throw error
    })
    return { url, api, newLogin, loginFile, broken, stop }
  } catch (error) {
    await close()
    throw error
  }
}

/** What the office has with its notary, if it has joined one. */
async function joinedNotary(
  office: Office,
  evidence: EvidenceService,
): Promise<InterOffice | undefined> {
  const seat = notarySeatOf(office.secretsOf(SCHEME), () => office.clock.now())
  const url = await readNotaryUrl(office.db)
  if (!seat) return undefined
  // Without its permits an order must not leave the house.
  if (url === undefined)
    throw new CommandFailed('the office has joined a notary and knows no address of it')
  return createInterOffice(office, { seat, transport: httpTransport(url), evidence })
}

async function makeFirstPerson(office: Office, loginFile: string): Promise<Login | undefined> {
  const { db, clock, random } = office
  return db.transaction().execute(async (trx) => {
    // Of two offices that start at once one makes the person: the other's password would be in the file.
    await sql`lock table person in exclusive mode`.execute(trx)
    if (!(await hasNobody(trx))) return undefined
    const login = { name: 'operator', password: makePassword(random) }
    // First the file: a person whose password nobody knows would lock everybody out.
    await writeLogin(loginFile, login)
    const passwordHash = await hashPassword(login.password, office)
    const person = {
      login: login.name,
      name: 'Operator',
      role: 'root',
      merchant: undefined,
    } as const
    await addPerson(trx, { ...person, passwordHash }, clock.now())
    return login
  })
}
