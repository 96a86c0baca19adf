import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Kysely } from 'kysely'
import { httpTransport } from '../../src/cli/http-transport.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { invariant } from '../../src/kernel/errors.ts'
import { createApi } from '../../src/office/api.ts'
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
import { injectedWay, officeClient } from '../../src/town/office-client.ts'
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
  const client = officeClient(injectedWay(api), OPERATOR, {
    cookie: await sessionOfLogin(OPERATOR.name),
  })
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
    addMerchant: (name) => client.addMerchant(name),
    async addTill(name, merchant, policy = {}) {
      const till = await openTill(name, merchant, policy)
      const module = blankModule('purse')
      await writeModule('purse', module, await client.makeModule(till.number, 'purse', undefined))
      till.slot.insert(module.field)
      return till
    },
    async addCoinTill(name, merchant, float) {
      const till = await openTill(name, merchant, {})
      const module = blankModule('coin')
      const { introduce } = CARD_SCHEMES.coin.module
      const told = introduce && (await module.tap(undefined, introduce))
      await writeModule('coin', module, await client.makeModule(till.number, 'coin', told?.report))
      const registers = await client.buyFloat(till.number, float)
      await module.tap(undefined, (channel) => loadCoins(channel, 'vendor element', registers))
      till.slot.insert(module.field)
      return till
    },
    async addProduct(merchant, name, price) {
      return client.addProduct({ merchant, name, price, currency: office.currency })
    },
    async stock(product, till, count) {
      await client.mintTokens(product, till.number, count)
      await till.counter.sync()
    },
    async issueCard(label, balance, passcode, scheme = 'block', holder) {
      const blank = { name: label, scheme, number: RANDOM.bytes(4), random: RANDOM }
      const card = TownCard.blank(blank)
      const chip = await card.introduce()
      if (!chip) throw new Error(`${label}: its chip does not say what it is`)
      const { id, plan } = await client.issueCard({
        scheme,
        uid: chip.number,
        currency: office.currency,
        balance,
        label,
        passcode,
        ...(chip.report && { report: chip.report }),
        ...(holder !== undefined && { holder }),
      })
      const written = await card.tap(undefined, (channel) =>
        card.scheme.card.write(channel, plan, RANDOM),
      )
      if (written !== 'written') throw new Error(`${label}: ${written}`)
      card.id = id
      cards.set(label, card)
      return card
    },
    async addHolder(name, deposit) {
      const id = await client.addPerson(name, { name: name.toLowerCase(), password: PASSWORD })
      await client.deposit(id, { amount: deposit, currency: office.currency })
      return id
    },
    async giveCoins(card, values) {
      invariant(card.id !== undefined, 'coins are made for a card that was issued')
      const registers = await client.buyCoins(card.id, values)
      await card.tap(undefined, (channel) => loadCoins(channel, 'card', registers))
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
async function writeModule(scheme: ModuleScheme, module: TownChip, plan: Bytes): Promise<void> {
  const { module: chip } = CARD_SCHEMES[scheme]
  await module.tap(undefined, (channel) => chip.write(channel, plan, RANDOM))
}

function built(page: 'console' | 'till'): string {
  return fileURLToPath(new URL(`../../web/dist/${page}`, import.meta.url))
}
