import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { createApi } from '../../src/office/api.ts'
import { startEvidence, type EvidenceService } from '../../src/office/ledger/evidence.ts'
import type { Api } from '../../src/office/http.ts'
import { createOffice, type Office } from '../../src/office/office.ts'
import { SIMULATED_COST } from '../../src/office/passwords.ts'
import { replaceSchemeSecrets } from '../../src/office/registry/office-secrets.ts'
import { addMerchant } from '../../src/office/registry/merchants.ts'
import { ROLES, type Role } from '../../src/office/roles.ts'
import type { Tables } from '../../src/office/tables.ts'
import type { Permit } from '../../src/office/wallets/permit.ts'
import { localVerifier } from '../../src/office/ledger/verifier.ts'
import { createTestDatabase } from './database.ts'
import { addTestPerson, sessionOf } from './people.ts'

/** A clock that a test moves. */
export class TestClock {
  instant: number

  constructor(instant = Date.UTC(2026, 8, 1)) {
    this.instant = instant
  }

  now(): number {
    return this.instant
  }

  pass(milliseconds: number): void {
    this.instant += milliseconds
  }
}

export const RANDOM = { bytes: (size: number): Bytes => new Uint8Array(randomBytes(size)) }

export interface Answer {
  readonly status: number
  readonly json: unknown
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, unknown>>
}

/** An office on a database of its own, with one person a role and one merchant. */
export interface TestOffice {
  readonly db: Kysely<Tables>
  readonly office: Office
  readonly evidence: EvidenceService
  readonly api: Api
  readonly clock: TestClock
  readonly merchant: string
  /** A call with that role's session; with none if it is undefined. */
  call(
    role: Role | undefined,
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  cookieOf(role: Role): Promise<string>
  /** After the clock has gone past the end of the sessions. */
  signInAgain(): Promise<void>
  /** Fails if something broke that must never break. */
  close(): Promise<void>
}

export interface TestOfficeOptions {
  readonly permit?: Permit
  /** As `OfficeParts` has it. */
  readonly handInMax?: number
  /** Makes it one of several, before anything is issued: the secrets of the schemes that it joins in. */
  readonly join?: (secretsOf: (scheme: string) => Bytes) => ReadonlyMap<string, Bytes>
}

export async function createTestOffice({
  permit,
  handInMax,
  join,
}: TestOfficeOptions = {}): Promise<TestOffice> {
  const { db, drop } = await createTestDatabase()
  const clock = new TestClock()
  const broken: unknown[] = []
  const fail = (error: unknown) => {
    broken.push(error)
  }
  const parts = {
    db,
    schemes: officeSchemes,
    clock,
    random: RANDOM,
    dataKey: RANDOM.bytes(32),
    currency: 'USD',
    passwordCost: SIMULATED_COST,
    ...(handInMax !== undefined && { handInMax }),
  } as const
  const alone = await createOffice(parts)
  const joined = join?.((scheme) => alone.secretsOf(scheme))
  await db.transaction().execute(async (trx) => {
    for (const [scheme, secrets] of joined ?? []) {
      await replaceSchemeSecrets(trx, alone.vault, scheme, secrets, clock.now())
    }
  })
  const office = joined ? await createOffice(parts) : alone
  const evidence = startEvidence(office, { verifier: localVerifier(officeSchemes), fail })
  const api = await createApi(office, { evidence, fail, ...(permit && { permit }) })
  const merchant = await addMerchant(db, 'Kiosk', clock.now())
  const cookies = new Map<Role, string>()
  for (const role of ROLES) {
    const own = role === 'merchant' && { merchant: merchant.id }
    await addTestPerson(office, { login: role, role, ...own })
  }
  const call: TestOffice['call'] = async (role, method, url, body, headers = {}) => {
    const cookie = role === undefined ? undefined : await cookieOf(role)
    const {
      statusCode,
      rawPayload,
      headers: answered,
    } = await api.inject({
      method,
      url,
      headers: { ...headers, ...(cookie !== undefined && { cookie }) },
      ...(body && { payload: body }),
    })
    const isJson = String(answered['content-type']).startsWith('application/json')
    const json: unknown = isJson ? JSON.parse(rawPayload.toString()) : undefined
    return { status: statusCode, json, body: new Uint8Array(rawPayload), headers: answered }
  }
  const cookieOf = async (role: Role) => {
    const known = cookies.get(role)
    if (known !== undefined) return known
    const cookie = await sessionOf(api, role)
    cookies.set(role, cookie)
    return cookie
  }
  return {
    db,
    office,
    evidence,
    api,
    clock,
    merchant: merchant.id,
    call,
    cookieOf,
    async signInAgain() {
      cookies.clear()
    },
    async close() {
      await api.close()
      await evidence.stop()
      await drop()
      if (broken.length > 0) throw new AggregateError(broken, 'the office broke')
    },
  }
}
