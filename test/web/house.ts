import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Kysely } from 'kysely'
import { fromBase64, toBase64, type Bytes } from '../../src/kernel/bytes.ts'
import type { CardId } from '../../src/kernel/ids.ts'
import { Unreachable, type Transport } from '../../src/kernel/ports.ts'
import { createApi } from '../../src/office/api.ts'
import type { CoinsSoldJson } from '../../src/office/coins/answers.ts'
import { startEvidence, type EvidenceService } from '../../src/office/ledger/evidence.ts'
import type { Api } from '../../src/office/http.ts'
import { createOffice, type Office } from '../../src/office/office.ts'
import { SIMULATED_COST } from '../../src/office/passwords.ts'
import { defaultPolicy, policyToJson } from '../../src/office/registry/policies.ts'
import type { Tables } from '../../src/office/tables.ts'
import { localVerifier } from '../../src/office/ledger/verifier.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { tillSchemes } from '../../src/schemes/till.ts'
import { InProcessSlot } from '../../src/reader/in-process.ts'
import { Counter } from '../../src/till/counter.ts'
import { createKiosk } from '../../src/till/kiosk.ts'
import { InputQueue, realTimer } from '../../src/till/loops.ts'
import { networkSwitch, type NetworkSwitch } from '../../src/till/network.ts'
import { runTill } from '../../src/till/run.ts'
import { createTill } from '../../src/till/till.ts'
import type { Policy } from '../../src/kernel/documents.ts'
import { CARD_SCHEMES, type SchemeName } from '../../src/town/chips.ts'
import { TownCard, TownChip, type CardTear } from '../../src/town/town-card.ts'
import { loadCoins } from '../../src/schemes/coin/issuing.ts'
import { RANDOM } from '../support/office.ts'
import { addTestPerson, PASSWORD, sessionOf } from '../support/people.ts'

export const OPERATOR = { name: 'ada', password: PASSWORD }
const CLOCK = { now: () => Date.now() }
const MINUTE = 60_000

/** A whole Kontant on this machine with its real servers on ports of their own, as `kontant up` has it. */
export interface House {
  readonly office: Office
  readonly evidence: EvidenceService
  /** Of the console. */
  readonly url: string
  /** Cards that lie around at every till, by label. */
  readonly cards: ReadonlyMap<string, TownCard>
  addMerchant(name: string): Promise<string>
  /** With a purse module in its slot. */
  addTill(name: string, merchant: string, policy?: Partial<Policy>): Promise<HouseTill>
  /** With a vendor element in its slot, and these coins to give change with. */
  addCoinTill(name: string, merchant: string, float: readonly bigint[]): Promise<HouseTill>
  addProduct(merchant: string, name: string, price: bigint): Promise<number>
  stock(product: number, till: HouseTill, count: number): Promise<void>
  issueCard(
    label: string,
    balance: bigint,
    passcode: string,
    scheme?: SchemeName,
    holder?: string,
  ): Promise<TownCard>
  /** Somebody with that much in an online wallet, who signs in by the name in small letters. */
  addHolder(name: string, deposit: bigint): Promise<string>
  /** From its holder's online wallet, and onto the card. */
  giveCoins(card: TownCard, values: readonly bigint[]): Promise<void>
  /** The next tap of any card is cut short so. */
  tearNext(tear: CardTear): void
  /** The cookie of a session of somebody whose password is {@link PASSWORD}. */
  sessionOf(login: string): Promise<string>
  /** Any call with the operator's session. */
  call<T>(method: 'GET' | 'POST' | 'PUT', url: string, body?: object): Promise<T>
  close(): Promise<void>
}

export interface HouseTill {
  readonly number: number
  readonly url: string
  readonly network: NetworkSwitch
  readonly counter: Counter
  /** Of its security module. */
  readonly slot: InProcessSlot
}

export async function openHouse(db: Kysely<Tables>): Promise<House> {
  const fail = (error: unknown) => {
    throw error
  }
  const office = await createOffice({
    db,
    schemes: officeSchemes,
    clock: CLOCK,
    random: RANDOM,
    dataKey: RANDOM.bytes(32),
    currency: 'SEK',
    passwordCost: SIMULATED_COST,
  })
  const evidence = startEvidence(office, { verifier: localVerifier(officeSchemes), fail })
  const api = await createApi(office, {
    evidence,
    fail,
    consoleDirectory: built('console'),
  })
  const url = await api.listen({ port: 0, host: '127.0.0.1' })
  const sessionOfLogin = rememberedSessions(api)
  const call = await operatorCalls(api, office, sessionOfLogin)
  const cards = new Map<string, TownCard>()
  const stops: (() => Promise<void>)[] = []
  let tear: CardTear | undefined

  const openTill = async (name: string, merchant: string, policy: Partial<Policy>) => {
    const full = { ...defaultPolicy(office.currency), ...policy }
    const { till, enrolment } = await call<{
      till: { number: number; merchant: { name: string } }
      enrolment: { code: string }
    }>('POST', '/api/tills', { name, merchant, policy: policyToJson(full) })
    const running = await startTill({
      office: url,
      code: enrolment.code,
      name,
      merchant: till.merchant.name,
      cards,
      takeTear() {
        const taken = tear
        tear = undefined
        return taken
      },
    })
    stops.push(() => running.stop())
    return { number: till.number, ...running }
  }

  return {
    office,
    evidence,
    url,
    cards,
    sessionOf: sessionOfLogin,
    call,
    async addMerchant(name) {
      const { id } = await call<{ id: string }>('POST', '/api/merchants', { name })
      return id
    },
    async addTill(name, merchant, policy = {}) {
      const till = await openTill(name, merchant, policy)
      const { plan } = await call<{ plan: string }>('POST', `/api/tills/${till.number}/module`, {
        scheme: 'purse',
      })
      const module = blankModule('purse')
      await writeModule('purse', module, plan)
      till.slot.insert(module.field)
      return till
    },
    async addCoinTill(name, merchant, float) {
      const till = await openTill(name, merchant, {})
      const module = blankModule('coin')
      const { introduce } = CARD_SCHEMES.coin.module
      const told = introduce && (await module.tap(undefined, introduce))
      const path = `/api/tills/${till.number}`
      const { plan } = await call<{ plan: string }>('POST', `${path}/vendor-element`, {
        scheme: 'coin',
        report: toBase64(told?.report ?? new Uint8Array()),
      })
      await writeModule('coin', module, plan)
      const sold = await call<CoinsSoldJson>('POST', `${path}/coins`, { values: float.map(String) })
      await module.tap(undefined, (channel) =>
        loadCoins(channel, 'vendor element', registersOf(sold)),
      )
      till.slot.insert(module.field)
      return till
    },
    async addProduct(merchant, name, price) {
      const product = { merchant, name, price: String(price), currency: office.currency }
      const { id } = await call<{ id: number }>('POST', '/api/products', product)
      return id
    },
    async stock(product, till, count) {
      await call('POST', `/api/products/${product}/tokens`, { till: till.number, count })
      await till.counter.sync()
    },
    async issueCard(label, balance, passcode, scheme = 'block', holder) {
      const blank = { name: label, scheme, number: RANDOM.bytes(4), random: RANDOM }
      const card = TownCard.blank(blank)
      const chip = await card.introduce()
      if (!chip) throw new Error(`${label}: its chip does not say what it is`)
      const issued = await call<{ card: { id: CardId }; plan: string }>('POST', '/api/cards', {
        scheme,
        uid: Buffer.from(chip.number).toString('hex'),
        currency: office.currency,
        balance: String(balance),
        label,
        passcode,
        ...(chip.report && { report: toBase64(chip.report) }),
        ...(holder !== undefined && { holder }),
      })
      const written = await card.tap(undefined, (channel) =>
        card.scheme.card.write(channel, fromBase64(issued.plan), RANDOM),
      )
      if (written !== 'written') throw new Error(`${label}: ${written}`)
      card.id = issued.card.id
      cards.set(label, card)
      return card
    },
    async addHolder(name, deposit) {
      const { id } = await call<{ id: string }>('POST', '/api/people', {
        login: name.toLowerCase(),
        name,
        password: PASSWORD,
        role: 'cardholder',
      })
      await call('POST', `/api/online/${id}/deposits`, {
        amount: String(deposit),
        currency: office.currency,
        reason: 'Cash at the desk',
      })
      return id
    },
    async giveCoins(card, values) {
      const wanted = { card: card.id, values: values.map(String) }
      const sold = await call<CoinsSoldJson>('POST', '/api/coins', wanted)
      await card.tap(undefined, (channel) => loadCoins(channel, 'card', registersOf(sold)))
    },
    tearNext(next) {
      tear = next
    },
    async close() {
      for (const stop of stops) await stop()
      await api.close()
      await evidence.stop()
    },
  }
}

/** Nobody signs in twice. */
function rememberedSessions(api: Api): House['sessionOf'] {
  const sessions = new Map<string, Promise<string>>()
  return (login) => {
    const session = sessions.get(login) ?? sessionOf(api, login)
    sessions.set(login, session)
    return session
  }
}

async function operatorCalls(
  api: Api,
  office: Office,
  sessionOfLogin: House['sessionOf'],
): Promise<House['call']> {
  const { name: login } = OPERATOR
  await addTestPerson(office, { login, name: 'Ada Lind', role: 'root' })
  const cookie = await sessionOfLogin(login)
  return async (method, url, body) => {
    const { statusCode, payload } = await api.inject({
      method,
      url,
      headers: { cookie },
      ...(body && { payload: body }),
    })
    if (statusCode !== 200) throw new Error(`${method} ${url}: ${statusCode} ${payload}`)
    return JSON.parse(payload)
  }
}

interface TillParts {
  readonly office: string
  readonly code: string
  readonly name: string
  readonly merchant: string
  readonly cards: ReadonlyMap<string, TownCard>
  readonly takeTear: () => CardTear | undefined
}

async function startTill({ office, code, name, merchant, cards, takeTear }: TillParts) {
  const directory = await mkdtemp(join(tmpdir(), 'kontant-house-'))
  const network = networkSwitch(httpTransport(office))
  const slot = new InProcessSlot('module')
  const till = createTill({
    path: join(directory, 'till.db'),
    storageKey: RANDOM.bytes(32),
    clock: CLOCK,
    random: RANDOM,
    transport: network.transport,
    schemes: tillSchemes,
    module: () => slot.card(),
    software: RANDOM.bytes(32),
  })
  await till.enrol(code)
  const counter = new Counter(till, { clock: CLOCK, random: RANDOM })
  const kiosk = await createKiosk({
    till,
    counter,
    network,
    name,
    merchant,
    timeZone: 'Europe/Stockholm',
    pageDirectory: built('till'),
    cards: {
      list: async () => [...cards.keys()].map((label) => ({ id: label, label })),
      withCard: async (id, work) => cards.get(id)?.tap(takeTear(), work),
    },
  })
  const url = await kiosk.listen({ port: 0, host: '127.0.0.1' })
  const ending = new AbortController()
  const running = runTill(
    {
      counter,
      slots: [],
      inputs: new InputQueue(),
      timer: realTimer,
      random: RANDOM,
      interval: MINUTE,
    },
    ending.signal,
  )
  await counter.sync()
  return {
    url,
    network,
    counter,
    slot,
    async stop() {
      ending.abort()
      await running
      await kiosk.close()
      till.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

type ModuleScheme = 'purse' | 'coin'

function blankModule(scheme: ModuleScheme): TownChip {
  const { module: chip } = CARD_SCHEMES[scheme]
  return new TownChip(chip.kind, chip.delivered(RANDOM.bytes(4)), RANDOM)
}

/** As an issuing desk does. */
async function writeModule(scheme: ModuleScheme, module: TownChip, plan: string): Promise<void> {
  const { module: chip } = CARD_SCHEMES[scheme]
  await module.tap(undefined, (channel) => chip.write(channel, fromBase64(plan), RANDOM))
}

function registersOf({ coins }: CoinsSoldJson): readonly Bytes[] {
  return coins.map(({ register }) => fromBase64(register))
}

export function httpTransport(office: string): Transport {
  return {
    async send({ method, path, headers = {}, body }) {
      const init = { method, headers, ...(body && { body }) }
      const response = await fetch(office + path, init).catch((error: unknown) => {
        throw new Unreachable('the office does not answer', { cause: error })
      })
      return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
    },
  }
}

function built(page: 'console' | 'till'): string {
  return fileURLToPath(new URL(`../../web/dist/${page}`, import.meta.url))
}
