import { z } from 'zod'
import { fromBase64, toBase64, toHex } from '../kernel/bytes.ts'
import { parseCardId } from '../kernel/ids.ts'
import type { Party } from '../kernel/party.ts'
import { parseWith } from '../kernel/schema.ts'
import {
  accountJson,
  cardPolicyJson,
  caseJson,
  codeJson,
  issuedJson,
  ledgerLineJson,
  merchantJson,
  moduleJson,
  onlineMovedJson,
  personJson,
  productJson,
  tillJson,
  type AccountJson,
  type CaseJson,
  type IssuedJson,
  type LedgerLineJson,
  type PartyJson,
} from '../office/answers.ts'
import { coinRefundJson, coinsSoldJson, vendorElementJson } from '../office/coins/answers.ts'
import type { Api } from '../office/http.ts'
import { policyToJson } from '../office/registry/policies.ts'
import { SCHEME_NAMES } from './scheme-names.ts'
import type {
  IssuedCard,
  OfficeAccount,
  OfficeCase,
  OfficeClient,
  OfficeRow,
} from './town-office.ts'

/** One call of an office's API, by whatever way. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** From `/`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface ApiAnswer {
  readonly status: number
  readonly body: string
  /** As `name=value`, if the answer sets one. */
  readonly cookie: string | undefined
}

export type ApiWay = (call: ApiCall) => Promise<ApiAnswer>

export interface Login {
  readonly name: string
  readonly password: string
}

/** Where a session is kept between calls; handed in where several clients share one. */
export interface SessionCookie {
  /** As `name=value`. */
  cookie?: string
}

/** The office said no. The message is its own, for people. */
export class OfficeRefused extends Error {
  override readonly name = 'OfficeRefused'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Without a socket: for an office in the same process. */
export function injectedWay(api: Api): ApiWay {
  return async ({ method, path, headers, body }) => {
    const answer = await api.inject({
      method,
      url: path,
      headers: { ...headers },
      ...(body !== undefined && { payload: body }),
    })
    const [cookie] = answer.cookies
    return {
      status: answer.statusCode,
      body: answer.body,
      cookie: cookie && `${cookie.name}=${cookie.value}`,
    }
  }
}

/** Over the network. @throws {TypeError} from `fetch`, if nobody answers. */
export function fetchedWay(office: string): ApiWay {
  return async ({ method, path, headers, body }) => {
    const answer = await fetch(new URL(path, office), {
      method,
      headers,
      ...(body !== undefined && { body }),
    })
    const [cookie] = answer.headers.getSetCookie()
    return { status: answer.status, body: await answer.text(), cookie: cookie?.split(';')[0] }
  }
}

const refusal = z.object({ error: z.object({ message: z.string() }) })

/** A person's session at an office: signs in when it has to. @throws {OfficeRefused} as every method. */
export class OfficeSession {
  readonly #way: ApiWay
  readonly #login: Login
  readonly #jar: SessionCookie

  constructor(way: ApiWay, login: Login, jar: SessionCookie) {
    this.#way = way
    this.#login = login
    this.#jar = jar
  }

  /** Signed in from the start. */
  static async open(way: ApiWay, login: Login): Promise<OfficeSession> {
    return new OfficeSession(way, login, { cookie: await signIn(way, login) })
  }

  async get<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> {
    return this.#call({ method: 'GET', path, headers: {}, body: undefined }, schema)
  }

  /** With a `key`, the same is done once. */
  async post<T extends z.ZodType>(
    path: string,
    body: object,
    schema: T,
    key?: string,
  ): Promise<z.output<T>> {
    const headers = { ...JSON_BODY, ...(key !== undefined && { 'idempotency-key': key }) }
    return this.#call({ method: 'POST', path, headers, body: JSON.stringify(body) }, schema)
  }

  async put<T extends z.ZodType>(path: string, body: object, schema: T): Promise<z.output<T>> {
    const call = { path, headers: JSON_BODY, body: JSON.stringify(body) }
    return this.#call({ method: 'PUT', ...call }, schema)
  }

  async #call<T extends z.ZodType>(call: ApiCall, schema: T): Promise<z.output<T>> {
    this.#jar.cookie ??= await this.#signIn()
    const first = await this.#send(call)
    if (first.status === UNAUTHORISED) this.#jar.cookie = await this.#signIn()
    const answer = first.status === UNAUTHORISED ? await this.#send(call) : first
    return parseWith(schema, answerOf(answer), `${call.method} ${call.path}`)
  }

  async #signIn(): Promise<string> {
    return signIn(this.#way, this.#login)
  }

  async #send(call: ApiCall): Promise<ApiAnswer> {
    const { cookie } = this.#jar
    const headers = { ...call.headers, ...(cookie !== undefined && { cookie }) }
    return this.#way({ ...call, headers })
  }
}

/** @returns the cookie of a new session. @throws {OfficeRefused} */
export async function signIn(way: ApiWay, login: Login): Promise<string> {
  const body = JSON.stringify(login)
  const answer = await way({ method: 'POST', path: '/api/session', headers: JSON_BODY, body })
  answerOf(answer)
  return answer.cookie ?? ''
}

const JSON_BODY = { 'content-type': 'application/json' }
const UNAUTHORISED = 401

/** @throws {OfficeRefused} with the office's own words. */
function answerOf({ status, body }: ApiAnswer): unknown {
  if (status !== 200) throw refusalOf(status, body)
  return contentOf(body)
}

/** What an answer that is no success says. */
export function refusalOf(status: number, body: string): OfficeRefused {
  const said = refusal.safeParse(contentOf(body))
  return new OfficeRefused(status, said.success ? said.data.error.message : body)
}

function contentOf(body: string): unknown {
  return body === '' ? {} : JSON.parse(body)
}

/** What an operator does at an office, through its API. Signs in at the first call. */
export function officeClient(way: ApiWay, login: Login, jar: SessionCookie = {}): OfficeClient {
  const session = new OfficeSession(way, login, jar)
  return {
    async addMerchant(name) {
      return (await session.post('/api/merchants', { name }, merchantJson)).id
    },
    async addPerson(name, { name: own, password }) {
      const body = { name, login: own, password, role: 'cardholder' }
      return (await session.post('/api/people', body, personJson)).id
    },
    async deposit(person, { amount, currency }) {
      const body = { amount: String(amount), currency, reason: 'paid in' }
      await session.post(`/api/online/${person}/deposits`, body, onlineMovedJson)
    },
    async withdraw(person, { amount, currency }) {
      const body = { amount: String(amount), currency, reason: 'paid out' }
      await session.post(`/api/online/${person}/withdrawals`, body, onlineMovedJson)
    },
    async transfer(to, { amount, currency }) {
      const body = { amount: String(amount), currency, to }
      await session.post('/api/online/me/transfers', body, onlineMovedJson)
    },
    async setLiquidity({ policy, poolMax }) {
      const body = { policy, poolMax: String(poolMax), reason: 'the town says so' }
      await session.put('/api/liquidity', body, z.object({}))
    },
    async setWalletPolicy(card, policy) {
      // Its version the office gives it.
      const words = Object.entries(policy).filter(([word]) => word !== 'version')
      const shown = Object.fromEntries(
        words.map(([word, value]) => [word, typeof value === 'bigint' ? String(value) : value]),
      )
      const path = card === undefined ? '/api/wallet-policy' : `/api/cards/${card}/wallet-policy`
      const scheme = card === undefined ? { scheme: 'wallet' } : {}
      const body = { ...scheme, policy: shown, reason: 'the town says so' }
      await session.post(path, body, cardPolicyJson)
    },
    async addTill({ name, merchant, policy }) {
      const body = { name, merchant, policy: policyToJson(policy) }
      const { till, enrolment } = await session.post('/api/tills', body, newTillJson)
      return { number: till.number, code: enrolment.code }
    },
    async addProduct({ price, ...product }) {
      const body = { ...product, price: String(price) }
      return (await session.post('/api/products', body, productJson)).id
    },
    async mintTokens(product, till, count) {
      const path = `/api/products/${product}/tokens`
      await session.post(path, { till, count }, z.object({ count: z.int() }))
    },
    async issueCard({ uid, balance, report, ...card }) {
      const told = report && { report: toBase64(report) }
      const body = { ...card, ...told, uid: toHex(uid), balance: String(balance) }
      return issuedCard(await session.post('/api/cards', body, issuedJson))
    },
    async makeModule(till, scheme, report) {
      if (!report) {
        const path = `/api/tills/${till}/module`
        return fromBase64((await session.post(path, { scheme }, moduleJson)).plan)
      }
      const body = { scheme, report: toBase64(report) }
      const path = `/api/tills/${till}/vendor-element`
      return fromBase64((await session.post(path, body, vendorElementJson)).plan)
    },
    async buyCoins(card, values, bound = 'free') {
      const body = { card, values: values.map(String), bound }
      const sold = await session.post('/api/coins', body, coinsSoldJson)
      return sold.coins.map(({ register }) => fromBase64(register))
    },
    async buyFloat(till, values) {
      const body = { values: values.map(String) }
      const sold = await session.post(`/api/tills/${till}/coins`, body, coinsSoldJson)
      return sold.coins.map(({ register }) => fromBase64(register))
    },
    async schemeOf(card) {
      return (await session.get(`/api/cards/${card}`, schemeJson)).scheme
    },
    async renewCard(card, { uid, passcode, report }, why) {
      const told = report && { report: toBase64(report) }
      const body = { ...told, ...why, uid: toHex(uid), passcode }
      return issuedCard(await session.post(`/api/cards/${card}/renew`, body, issuedJson))
    },
    async refundCoins(card) {
      const body = { reason: 'the town says so' }
      await session.post(`/api/cards/${card}/coins/refund`, body, coinRefundJson)
    },
    async ledger(card) {
      const { entries } = await session.get(`/api/cards/${card}/ledger`, ledgerJson)
      return entries.map(rowOf)
    },
    accounts: () => allAccounts(session),
    async cases() {
      return (await session.get('/api/cases', casesJson)).cases.map(caseOf)
    },
    async resolveCase(id, reason) {
      await session.post(`/api/cases/${id}/resolve`, { reason }, caseJson)
    },
  }
}

/** Of a card, all that is asked here. */
const schemeJson = z.object({ scheme: z.enum(SCHEME_NAMES) })

function issuedCard({ card, plan, passcode, unblocking }: IssuedJson): IssuedCard {
  return {
    id: parseCardId(card.id),
    plan: fromBase64(plan),
    passcode,
    unblocking: unblocking ?? undefined,
  }
}

const newTillJson = z.object({ till: tillJson, enrolment: codeJson })
const ledgerJson = z.object({ entries: z.array(ledgerLineJson) })
const casesJson = z.object({ cases: z.array(caseJson) })
const accountsJson = z.object({ accounts: z.array(accountJson) })

const PAGE = 1000

async function allAccounts(session: OfficeSession): Promise<readonly OfficeAccount[]> {
  const accounts: AccountJson[] = []
  for (;;) {
    const after = accounts.at(-1)?.id
    const from = after === undefined ? '' : `&after=${after}`
    const page = await session.get(`/api/accounts?limit=${PAGE}${from}`, accountsJson)
    accounts.push(...page.accounts)
    if (page.accounts.length < PAGE) break
  }
  return accounts.map(({ kind, owner, balance }) => ({ kind, owner, balance: BigInt(balance) }))
}

function partyOf(party: PartyJson): Party {
  return party.kind === 'card' ? { ...party, card: parseCardId(party.card) } : party
}

function rowOf(line: LedgerLineJson): OfficeRow {
  const { sequence, kind, till, balance, at, uploaded, amount, previous, complete } = line
  return {
    sequence,
    kind,
    till,
    balance: BigInt(balance),
    at,
    uploaded,
    amount: amount === null ? undefined : BigInt(amount),
    previous: previous
      ? { till: previous.till, balance: BigInt(previous.balance), at: previous.at }
      : undefined,
    complete,
    counterparty: line.payment ? partyOf(line.payment.counterparty) : undefined,
  }
}

function caseOf(found: CaseJson): OfficeCase {
  const { id, kind, card, strength, suspects, amount, withdrawn, resolution } = found
  return {
    id,
    kind,
    card: card === null ? undefined : parseCardId(card),
    strength,
    suspects: suspects.map((suspect) =>
      suspect.kind === 'card'
        ? { kind: 'card', card: parseCardId(suspect.card) }
        : { kind: 'till', till: suspect.till },
    ),
    amount: amount === null ? undefined : BigInt(amount),
    withdrawn,
    resolved: resolution !== null,
  }
}
