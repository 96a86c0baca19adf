import { sql } from 'kysely'
import { expect } from 'vitest'
import { batchDigest, NO_BATCH, signBatch } from '../../src/kernel/batch.ts'
import { fromBase64, toBase64, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import type { TillNumber } from '../../src/kernel/ids.ts'
import type { Amount } from '../../src/kernel/money.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { addMakerKey } from '../../src/office/registry/keys.ts'
import { readBank } from '../../src/schemes/coin/office/authority.ts'
import { loadCoins, readChip, writePlan } from '../../src/schemes/coin/issuing.ts'
import { chipReport } from '../../src/schemes/coin/plans.ts'
import type { JournalRecord } from '../../src/till/scheme.ts'
import { pay, Till } from '../schemes/coin/till.ts'
import { Chip, Customer, Vendor, World } from '../schemes/coin/world.ts'
import { createTestOffice, type TestOffice, type TestOfficeOptions } from './office.ts'

export type Shown = Pick<JournalRecord, 'evidence' | 'state'>

/** An office whose money is coins, its customers with their chips, and tills with vendor elements. */
export class CoinOffice {
  readonly office: TestOffice
  readonly world: World
  #people = 0
  readonly #reports = new Map<TillNumber, Reporter>()

  constructor(office: TestOffice, world: World) {
    this.office = office
    this.world = world
    world.now = office.clock.now()
  }

  static async create(seed = 'office', options: TestOfficeOptions = {}): Promise<CoinOffice> {
    return new CoinOffice(await createTestOffice(options), new World(seed))
  }

  get bank() {
    return readBank(this.office.office.secretsOf('coin')).bank
  }

  /** Of staff; fails unless it is done. */
  async done<T>(method: 'GET' | 'POST', url: string, body?: object): Promise<T> {
    const { status, json } = await this.office.call('administrator', method, url, body)
    expect(json).toBeDefined()
    expect([status, json]).toEqual([200, json])
    return json as T
  }

  /** Somebody with an online wallet and a card. */
  async customer(deposit: Amount, coins: readonly Amount[] = []): Promise<OfficeCustomer> {
    this.#people += 1
    const login = `holder${this.#people}`
    const person = await this.done<{ id: string }>('POST', '/api/people', {
      login,
      name: login,
      role: 'cardholder',
      password: 'correct horse battery',
    })
    if (deposit > 0n) {
      await this.done('POST', `/api/online/${person.id}/deposits`, {
        currency: 'EUR',
        amount: String(deposit),
        reason: 'for the test',
      })
    }
    const chip = new Chip(this.world, 'card')
    const report = await reportOf(chip, 'card')
    const issued = await this.done<{ card: { id: string }; plan: string; passcode: string }>(
      'POST',
      '/api/cards',
      {
        scheme: 'coin',
        uid: toHex(chipReport.decode(report).key),
        report: toBase64(report),
        currency: 'EUR',
        balance: '0',
        holder: person.id,
      },
    )
    const status = await chip.tapped((channel) => writePlan(channel, fromBase64(issued.plan)))
    expect(status).toBe('written')
    const customer = new OfficeCustomer(this, chip, issued.card.id, person.id)
    if (coins.length > 0) await customer.buyCoins(coins)
    return customer
  }

  async shop(float: readonly Amount[] = [], merchant?: string): Promise<Shop> {
    this.#people += 1
    const name = `shop ${this.#people}`
    const owner =
      merchant ?? (await this.done<{ id: string }>('POST', '/api/merchants', { name })).id
    const { till } = await this.done<{ till: { number: number } }>('POST', '/api/tills', {
      name,
      merchant: owner,
      currency: 'EUR',
    })
    const chip = new Chip(this.world, 'vendor element')
    const report = await reportOf(chip, 'vendor element')
    const made = await this.done<{ element: string; plan: string }>(
      'POST',
      `/api/tills/${till.number}/vendor-element`,
      { scheme: 'coin', report: toBase64(report) },
    )
    const status = await chip.tapped((channel) => writePlan(channel, fromBase64(made.plan)))
    expect(status).toBe('written')
    const vendor = new OfficeVendor(this, chip, till.number, made.element)
    const shop = new Shop(this, vendor, owner)
    await shop.enrol()
    if (float.length > 0) await shop.buyFloat(float)
    return shop
  }

  reporter(till: TillNumber): Reporter {
    const known = this.#reports.get(till) ?? new Reporter(till)
    this.#reports.set(till, known)
    return known
  }

  /** Over the API, as a till does; waits until it is in the ledger. */
  async upload(batch: Bytes): Promise<void> {
    const { statusCode } = await this.office.api.inject({
      method: 'POST',
      url: '/api/till/batches',
      headers: { 'content-type': 'application/cose' },
      payload: Buffer.from(batch),
    })
    expect(statusCode).toBe(200)
    await this.office.evidence.settled()
  }

  async balance(kind: string, owner: string): Promise<Amount> {
    const { rows } = await sql<{ balance: bigint }>`
      select balance from account where kind = ${kind} and owner = ${owner} and currency = 'EUR'`.execute(
      this.office.db,
    )
    return rows[0]?.balance ?? 0n
  }

  async cases() {
    const { rows } = await sql<{
      kind: string
      strength: string
      suspects: readonly { kind: string; card?: string; till?: number }[]
    }>`select kind, strength, suspects from "case" order by kind, about`.execute(this.office.db)
    return rows.map(({ kind, strength, suspects }) => ({
      kind,
      strength,
      against: suspects.map((one) => (one.kind === 'card' ? one.card : one.till)),
    }))
  }

  /** What the books must always say. */
  async checkBooks(): Promise<void> {
    const { rows } = await sql<{ total: bigint; float: bigint; outside: bigint; wrong: bigint }>`
      select (select coalesce(sum(balance), 0) from account)::bigint as total,
        (select coalesce(sum(balance), 0) from account where kind = 'coin-float')::bigint as float,
        (select coalesce(sum(value), 0) from coin left join coin_spend s on s.coin = coin.id
          where coin.refunded is null and s.account is null)::bigint as outside,
        (select count(*) from account where balance <>
          coalesce((select sum(amount) from transfer where credit = account.id), 0)
          - coalesce((select sum(amount) from transfer where debit = account.id), 0))::bigint as wrong
      `.execute(this.office.db)
    const [row] = rows
    expect(row).toMatchObject({ total: 0n, wrong: 0n })
    expect(row?.float).toBe(row?.outside)
  }

  /** Everything that must be the same whatever the order of arrival. */
  async books() {
    const { rows: accounts } = await sql<{ name: string; balance: bigint }>`
      select kind || ' ' || owner as name, balance from account where balance <> 0
      order by 1`.execute(this.office.db)
    const { rows: spends } = await sql<{ coin: string; creditor: string | null }>`
      select coin, creditor from coin_spend order by coin`.execute(this.office.db)
    const { rows: cases } = await sql<{ found: string }>`
      select kind || about || suspects::text || records::text as found from "case"
      where not withdrawn order by 1`.execute(this.office.db)
    const { rows: holders } = await sql<{ coin: string; holder: string }>`
      select id as coin, holder from coin order by id`.execute(this.office.db)
    return { accounts, spends, cases, holders }
  }

  /** Back to where everything was issued and nothing handed in. */
  async forgetUploads(): Promise<void> {
    await sql`truncate batch, card_item, till_intake, till_placement, rejected_item, entry, late_check, token_use,
      "case", coin_evidence, coin_step, coin_claim, coin_spend`.execute(this.office.db)
    await sql`update coin set holder = element, hops = 0`.execute(this.office.db)
    await sql`delete from transfer where reference like 'coin:%'`.execute(this.office.db)
    await sql`update account set balance =
      coalesce((select sum(amount) from transfer where credit = account.id), 0)
      - coalesce((select sum(amount) from transfer where debit = account.id), 0)`.execute(
      this.office.db,
    )
    await sql`update card set status = 'active'`.execute(this.office.db)
    await sql`update till set stopped_at = null, stop_reason = null`.execute(this.office.db)
  }
}

export class OfficeCustomer extends Customer {
  readonly #owner: CoinOffice
  readonly card: string
  readonly person: string

  constructor(owner: CoinOffice, chip: Chip, card: string, person: string) {
    super(owner.world, owner.bank)
    this.#owner = owner
    this.chip = chip
    this.card = card
    this.person = person
  }

  /** Another card with all that is in this one, its silicon too: what nobody can make. */
  override clone(): OfficeCustomer {
    const chip = new Chip(this.world, 'card', this.chip)
    return new OfficeCustomer(this.#owner, chip, this.card, this.person)
  }

  async buyCoins(values: readonly Amount[]): Promise<void> {
    const { coins } = await this.#owner.done<{ coins: { register: string }[] }>(
      'POST',
      '/api/coins',
      { card: this.card, values: values.map(String) },
    )
    await this.load(coins.map(({ register }) => register))
  }

  async load(registers: readonly string[]): Promise<void> {
    const status = await this.chip.tapped((channel) =>
      loadCoins(channel, 'card', registers.map(fromBase64)),
    )
    expect(status).toBe('written')
  }
}

export class OfficeVendor extends Vendor {
  readonly #owner: CoinOffice
  readonly element: string

  constructor(owner: CoinOffice, chip: Chip, till: TillNumber, element: string) {
    super(owner.world, owner.bank, till)
    this.#owner = owner
    this.chip = chip
    this.element = element
  }

  override clone(): OfficeVendor {
    const chip = new Chip(this.world, 'vendor element', this.chip)
    return new OfficeVendor(this.#owner, chip, this.till, this.element)
  }
}

/** A till with its vendor element, and the batches that it sends. */
export class Shop extends Till {
  readonly #owner: CoinOffice
  readonly merchant: string
  override readonly vendor: OfficeVendor
  /** That it was given with its number. */
  override policyVersion = 1

  constructor(owner: CoinOffice, vendor: OfficeVendor, merchant: string) {
    super(owner.world, vendor)
    this.#owner = owner
    this.vendor = vendor
    this.merchant = merchant
  }

  get number(): TillNumber {
    return this.vendor.till
  }

  async enrol(): Promise<void> {
    const { db, clock } = this.#owner.office
    const { publicKey } = this.#owner.reporter(this.number).key
    await db.transaction().execute((trx) => addMakerKey(trx, this.number, publicKey, clock.now()))
  }

  async buyFloat(values: readonly Amount[]): Promise<void> {
    const { coins } = await this.#owner.done<{ coins: { register: string }[] }>(
      'POST',
      `/api/tills/${this.number}/coins`,
      { values: values.map(String) },
    )
    const status = await this.vendor.chip.tapped((channel) =>
      loadCoins(
        channel,
        'vendor element',
        coins.map(({ register }) => fromBase64(register)),
      ),
    )
    expect(status).toBe('written')
  }

  /** The same till with a copy of its vendor element: what nobody can make. */
  clone(): Shop {
    return new Shop(this.#owner, this.vendor.clone(), this.merchant)
  }

  batch(records: readonly Shown[] = this.records()): Bytes {
    return this.#owner.reporter(this.number).batch(records, this.world.now)
  }

  async sell(customer: OfficeCustomer, amount: Amount): Promise<void> {
    expect(await this.tap(customer, pay(amount))).toMatchObject({ result: 'done' })
  }

  async report(records?: readonly Shown[]): Promise<void> {
    await this.#owner.upload(this.batch(records))
  }

  /** Everything that it has, to the office: as coins surrendered at the end of the day. */
  async surrender(): Promise<void> {
    expect(await this.closeDay()).toMatchObject({ result: 'closed' })
    await this.report()
  }
}

class Reporter {
  readonly till: TillNumber
  readonly key = generatePrivateKey()
  #number = 0
  #last: Bytes = NO_BATCH

  constructor(till: TillNumber) {
    this.till = till
  }

  batch(records: readonly Shown[], at: number): Bytes {
    this.#number += 1
    const signed = signBatch(this.key, {
      type: 'batch',
      version: 1,
      till: this.till,
      generation: 1,
      number: this.#number,
      previous: this.#last,
      madeAt: at,
      completeUpTo: at,
      documents: {},
      totals: { paid: 0n, loaded: 0n, cash: 0n },
      software: new Uint8Array(32),
      items: records.map(({ evidence, state }) => ({
        scheme: 'coin',
        outcome: state === 'confirmed' ? 'confirmed' : 'unconfirmed',
        evidence,
      })),
    })
    this.#last = batchDigest(signed)
    return signed
  }
}

/** Of the PUF of each chip, which takes most of the time in which one is made: so many coins it can be sold. */
export const CHALLENGES = 96

/** What a blank chip tells the desk. */
export async function reportOf(chip: Chip, kind: 'card' | 'vendor element'): Promise<Bytes> {
  const report = await chip.tapped((channel) => readChip(channel, kind, CHALLENGES))
  if (typeof report === 'string') throw new Error(`a blank chip reports: ${report}`)
  return report
}
