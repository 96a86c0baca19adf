import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import type { Policy } from '../../../src/kernel/documents.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { signToken } from '../../../src/kernel/token.ts'
import { cardIdOf, type CardId } from '../../../src/kernel/ids.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import type { CoinEntry, CoinId, ElementId } from '../../../src/office/coins/coinage.ts'
import { clonesAmong, settleCoin, type COIN_CASES } from '../../../src/office/coins/rules.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { isConfirmedBy, readCertificate } from '../../../src/schemes/coin/certificates.ts'
import { verifyCoins, type CoinContext } from '../../../src/schemes/coin/office/redemption.ts'
import { coinTill } from '../../../src/schemes/coin/till.ts'
import type { Fuse } from '../../../src/till/fuse.ts'
import {
  countStock,
  giveUpOrder,
  insertToken,
  journalOf,
  listRecords,
} from '../../../src/till/journal.ts'
import { explainLimit, findLimit } from '../../../src/till/limits.ts'
import { passcodeTries } from '../../../src/till/passcodes.ts'
import type { Desk, JournalRecord, Order, TapResult } from '../../../src/till/scheme.ts'
import { openStore, type Store } from '../../../src/till/store.ts'
import { EUR, type Chip, type Customer, type Vendor, type World } from './world.ts'

export const POLICY: Policy = {
  currency: 'EUR',
  mayLoad: true,
  freeAmounts: true,
  paymentMax: null,
  balanceMax: 1_000_000n,
  offlinePaymentsMax: null,
  offlineAmountMax: null,
  offlineAgeMax: null,
  passcodeTries: 3,
  passcodePause: 600_000,
}
const STORAGE_KEY = sha256(utf8('storage key'))
const directory = mkdtempSync(join(tmpdir(), 'kontant-coin-'))
const opened = new Set<Store>()
let stores = 0

/** To be called after all tests of a file. */
export function closeTills(): void {
  for (const store of opened) store.close()
  opened.clear()
  rmSync(directory, { recursive: true, force: true })
}

/** A till with a journal in a file, and a vendor element in its slot. */
export class Till<V extends Pick<Vendor, 'chip' | 'till'> = Vendor> {
  readonly world: World
  readonly vendor: V
  readonly key = generatePrivateKey()
  readonly path: string
  policy: Policy = POLICY
  policyVersion = 3
  hot: ReadonlySet<CardId> = new Set()
  store: Store

  constructor(world: World, vendor: V, path?: string) {
    this.world = world
    this.vendor = vendor
    stores += 1
    this.path = path ?? join(directory, `till-${stores}.db`)
    this.store = this.#open()
  }

  #open(fuse?: Fuse): Store {
    const { random } = this.world
    const store = openStore({
      path: this.path,
      storageKey: STORAGE_KEY,
      random,
      ...(fuse && { fuse }),
    })
    opened.add(store)
    return store
  }

  /** Switched off and on again; `fuse` may then cut its power at a write. */
  restart(fuse?: Fuse): void {
    this.close()
    this.store = this.#open(fuse)
  }

  close(): void {
    opened.delete(this.store)
    this.store.close()
  }

  /** @param module undefined: its slot is empty. */
  desk(module: Channel | undefined): Desk {
    const { world, store, policy, policyVersion, hot } = this
    const clock = { now: () => world.now }
    return {
      till: this.vendor.till,
      module,
      generation: 1,
      key: this.key,
      currency: EUR,
      policy,
      policyVersion,
      clock,
      random: world.random,
      secrets: new Uint8Array(),
      officeKey: world.officeKey.publicKey,
      keyOf: () => undefined,
      isHot: (card) => hot.has(card),
      stoppedBy(order, balanceAfter) {
        const usage = { payments: 0, amount: 0n, age: 0 }
        const limit = findLimit({ policy, order, balanceAfter, usage })
        return limit && explainLimit(limit, policy)
      },
      passcodes: passcodeTries(store, clock, policy),
      journal: journalOf(store, clock),
    }
  }

  tap({ chip }: Pick<Customer, 'chip'>, order: Order): Promise<TapResult | { result: 'torn' }> {
    return chip.tapped((channel) => this.tapAt(channel, order))
  }

  /** At whatever is in the field, with whatever is in the slot. */
  async tapAt(
    channel: Channel,
    order: Order,
    module: Chip = this.vendor.chip,
  ): Promise<TapResult | { result: 'torn' }> {
    this.world.now += 1000
    try {
      return await module.tapped((slot) => coinTill.perform(channel, order, this.desk(slot)))
    } catch (error) {
      if (error instanceof CardTorn) return { result: 'torn' }
      throw error
    }
  }

  /** Shows the card, which gets what it is owed. */
  balance({ chip }: Pick<Customer, 'chip'>) {
    return this.vendor.chip.tapped((slot) =>
      chip.tapped(async (channel) => coinTill.giveOwed?.(channel, this.desk(slot))),
    )
  }

  closeDay() {
    return this.vendor.chip.tapped(async (slot) => coinTill.cashUp?.(this.desk(slot)))
  }

  giveUp(order: Order): void {
    giveUpOrder(this.store, order.id)
  }

  /** The right to sell one unit of {@link PRODUCT} at that price. */
  stock(price: Amount): void {
    const { store, world, vendor } = this
    const token = signToken(this.key, {
      product: PRODUCT,
      price,
      currency: EUR.numeric,
      madeAt: world.now,
      till: vendor.till,
      nonce: world.random.bytes(8),
    })
    store.write('stock', (trx) => insertToken(store, trx, token))
  }

  /** How many units are left to sell. */
  get units(): number {
    return countStock(this.store).get(PRODUCT) ?? 0
  }

  /** All of them, oldest first. */
  records(): readonly JournalRecord[] {
    return listRecords(this.store, 100_000).toReversed()
  }
}

const PRODUCT = 3

let orders = 0

export function pay(amount: Amount, passcode = ''): Extract<Order, { kind: 'pay' }> {
  orders += 1
  return { kind: 'pay', id: `order ${orders}`, amount, products: [], passcode }
}

/** One unit of what a till has in stock at that price. */
export function buy(price: Amount, passcode = ''): Extract<Order, { kind: 'pay' }> {
  return { ...pay(price, passcode), products: [{ product: PRODUCT, quantity: 1 }] }
}

/** What an office needs to know of elements and banks: their certificates. */
export async function directoryOf(
  world: World,
  elements: readonly { certificates(): Promise<readonly Bytes[]> }[],
): Promise<CoinContext> {
  const banks = new Map(
    [...world.banks.values()].map((bank) => [bank.number, readCertificate(bank.certificate)]),
  )
  const known = new Map<ElementId, ReturnType<typeof readCertificate>>()
  for (const element of elements) {
    for (const bytes of await element.certificates()) {
      const certificate = readCertificate(bytes)
      const bank = banks.get(certificate.bank)
      if (bank && isConfirmedBy(certificate, bank)) {
        known.set(toHex(certificate.element), certificate)
      }
    }
  }
  return {
    officeKey: world.officeKey,
    bank: (number) => banks.get(number),
    element: (id) => known.get(id),
  }
}

/** A coin that an office owes a vendor. */
interface Credit {
  readonly coin: CoinId
  readonly bank: number
  readonly value: Amount
  readonly creditor: string
}

interface CoinCase {
  readonly kind: (typeof COIN_CASES)[number]
  readonly suspect: string
  readonly coin: CoinId | undefined
}

/** An office with nothing but the rules of redemption. */
export class Redemption {
  readonly context: CoinContext
  readonly entries: CoinEntry[] = []

  constructor(context: CoinContext) {
    this.context = context
  }

  /** Everything that a till has to show. The same evidence again is no second claim. */
  take(records: readonly Pick<JournalRecord, 'evidence' | 'state'>[]): void {
    for (const { evidence, state } of records) {
      if (state !== 'confirmed') continue
      const verdict = verifyCoins(evidence, this.context)
      if (!verdict.ok) throw new Error(`the office reads it: ${verdict.reason}`)
      const { entry } = verdict
      if (this.entries.some(({ digest }) => digest === entry.digest)) continue
      if (entry.findings[0]) throw new Error(`nothing is found: ${entry.findings[0].kind}`)
      this.entries.push(entry)
    }
  }

  /** Each coin that somebody claims, and what becomes of it. */
  #settled() {
    const claims = this.entries.flatMap(({ claims: own, digest }) =>
      own.map((claim) => ({ ...claim, evidence: digest })),
    )
    const byCoin = Map.groupBy(claims, ({ coin }) => coin)
    return [...byCoin.values()].map((own) => ({ claims: own, ...settleCoin(own) }))
  }

  get credits(): readonly Credit[] {
    return this.#settled().flatMap(({ claims: [claim], creditor }) =>
      claim && creditor !== undefined ? { ...claim, creditor } : [],
    )
  }

  get cases(): readonly CoinCase[] {
    const clones = clonesAmong(this.entries.flatMap(({ steps }) => steps))
    return [
      ...clones.map(({ giver }) => {
        return { kind: 'cloned-element', suspect: giver, coin: undefined } as const
      }),
      ...this.#settled().flatMap(({ cases }) => cases),
    ]
  }

  creditOf(vendor: Vendor): Amount {
    return this.credits
      .filter(({ creditor }) => creditor === cardIdOf(vendor.id).toString())
      .reduce((sum, { value }) => sum + value, 0n)
  }

  get total(): Amount {
    return this.credits.reduce((sum, { value }) => sum + value, 0n)
  }
}
