import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field } from '../../../src/card/field.ts'
import { classicNvm, deliveredImage, MifareClassic } from '../../../src/card/mifare-classic.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import { StorageReader } from '../../../src/card/storage-reader.ts'
import { toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import type { Policy } from '../../../src/kernel/documents.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { cardIdOf, type CardId, type Digest, type TillNumber } from '../../../src/kernel/ids.ts'
import { currency, type Amount } from '../../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey, type PublicKey } from '../../../src/kernel/p256.ts'
import type { Clock, Instant, RandomSource } from '../../../src/kernel/ports.ts'
import { READER_PROFILES, type ReaderProfile } from '../../../src/kernel/storage-apdu.ts'
import { signToken, type Token } from '../../../src/kernel/token.ts'
import type { Issue, VerifiedEntry } from '../../../src/office/scheme.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { type WriteStatus } from '../../../src/reader/writing.ts'
import { BlockCard, committedSequence, writePlan } from '../../../src/schemes/block/card.ts'
import {
  blockDigest,
  chipKeys,
  openBlock,
  tillSecrets,
} from '../../../src/schemes/block/message.ts'
import { blockOffice } from '../../../src/schemes/block/office.ts'
import { blockTillFor } from '../../../src/schemes/block/till.ts'
import type { Fuse } from '../../../src/till/fuse.ts'
import {
  giveUpOrder,
  insertToken,
  journalOf,
  listRecords,
  listRecordsAfter,
} from '../../../src/till/journal.ts'
import { explainLimit, findLimit } from '../../../src/till/limits.ts'
import { passcodeTries } from '../../../src/till/passcodes.ts'
import type {
  CardView,
  Desk,
  JournalRecord,
  Order,
  ShowResult,
  TapResult,
} from '../../../src/till/scheme.ts'
import { openStore, type Store } from '../../../src/till/store.ts'

/** An office, its tills and its cards: all real, and in the test's own process. */
export const random: RandomSource = { bytes: (size) => new Uint8Array(randomBytes(size)) }
export const USD = currency('USD')
export const PASSCODE = '4821'
export const POLICY: Policy = {
  currency: 'USD',
  mayLoad: true,
  freeAmounts: true,
  paymentMax: null,
  balanceMax: 100_000n,
  offlinePaymentsMax: null,
  offlineAmountMax: null,
  offlineAgeMax: null,
  passcodeTries: 3,
  passcodePause: 600_000,
}
const START: Instant = Date.UTC(2026, 8, 8, 12)
const STORAGE_KEY = sha256(utf8('storage key'))

export class World {
  readonly officeKey = generatePrivateKey()
  readonly secrets = blockOffice.createSecrets(random, 0)
  readonly tills = new Map<TillNumber, Till>()
  readonly directory = mkdtempSync(join(tmpdir(), 'kontant-block-'))
  now: Instant = START
  readonly clock: Clock = { now: () => this.now }
  #cards = 0

  get master(): Bytes {
    return tillSecrets.decode(this.secrets).master
  }

  /** A till with a journal of its own in a file. */
  till(number: TillNumber, options: Partial<TillOptions> = {}): Till {
    const till = new Till(this, number, options)
    this.tills.set(number, till)
    return till
  }

  keyOf(maker: TillNumber): PublicKey | undefined {
    return maker === 0 ? this.officeKey.publicKey : this.tills.get(maker)?.key.publicKey
  }

  issue(balance: Amount = 1000n, passcode = PASSCODE, uid = random.bytes(4)): Issued {
    this.#cards += 1
    const number = new Uint8Array(8)
    new DataView(number.buffer).setUint32(4, this.#cards)
    const card = cardIdOf(number)
    const issue = blockOffice.issue(
      { card, uid, currency: USD, balance, passcode },
      { key: this.officeKey, generation: 1, secrets: this.secrets, clock: this.clock, random },
    )
    for (const till of this.tills.values()) till.meet(card)
    return { card, uid, issue, chip: new Chip(uid) }
  }

  /** An issued card, written. */
  async card(balance?: Amount, passcode?: string): Promise<Issued> {
    const issued = this.issue(balance, passcode)
    const status = await issued.chip.write(issued.issue.plan)
    invariant(status === 'written', `a blank chip is written: ${status}`)
    return issued
  }

  /** What the office makes of a till's evidence. */
  verify(bytes: Bytes): VerifiedEntry {
    const verdict = blockOffice.verify(bytes, {
      secrets: this.secrets,
      keyOf: (maker, generation) => (generation === 1 ? this.keyOf(maker) : undefined),
    })
    invariant(verdict.ok, 'the office accepts what tills sign')
    return verdict.entry
  }

  close(): void {
    for (const till of this.tills.values()) till.store.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface Issued {
  readonly card: CardId
  readonly uid: Bytes
  readonly issue: Issue
  readonly chip: Chip
}

/** A chip and a reader before it. */
export class Chip {
  readonly nvm: Nvm
  readonly field: Field
  readonly profile: ReaderProfile

  constructor(uid: Bytes, profile: ReaderProfile = READER_PROFILES.ACR1255U) {
    this.profile = profile
    this.nvm = classicNvm(deliveredImage(uid))
    this.field = new Field(
      new StorageReader(new MifareClassic(this.nvm, { manufacturerBlock: 'writable' }), profile),
    )
  }

  async tapped<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    this.field.powerOn()
    try {
      return await work(inProcessChannel(this.field))
    } finally {
      this.field.powerOff()
    }
  }

  write(plan: Bytes): Promise<WriteStatus> {
    return this.tapped((channel) => writePlan(channel, plan, this.profile))
  }

  /** Page writes and APDUs of some work. */
  async count(work: () => Promise<unknown>): Promise<{ writes: number; apdus: number }> {
    const before = { writes: this.nvm.writes, apdus: this.field.traffic.apdus }
    await work()
    return {
      writes: this.nvm.writes - before.writes,
      apdus: this.field.traffic.apdus - before.apdus,
    }
  }
}

export interface TillOptions {
  readonly policy: Policy
  readonly profile: ReaderProfile
  readonly knows: (maker: TillNumber) => boolean
  readonly hot: ReadonlySet<CardId>
}

export class Till {
  readonly world: World
  readonly number: TillNumber
  readonly key: PrivateKey = generatePrivateKey()
  options: TillOptions
  store: Store
  /** By card: the newest record when it was issued. */
  readonly #before = new Map<CardId, number>()

  constructor(world: World, number: TillNumber, options: Partial<TillOptions>) {
    this.world = world
    this.number = number
    this.options = {
      policy: POLICY,
      profile: READER_PROFILES.ACR1255U,
      knows: () => true,
      hot: new Set(),
      ...options,
    }
    this.store = this.#open()
  }

  #open(fuse?: Fuse): Store {
    const path = join(this.world.directory, `till-${this.number}.db`)
    return openStore({ path, storageKey: STORAGE_KEY, random, ...(fuse && { fuse }) })
  }

  /** The till is switched off and on again; `fuse` may then cut its power at a write. */
  restart(fuse?: Fuse): void {
    this.store.close()
    this.store = this.#open(fuse)
  }

  get desk(): Desk {
    const { world, store, options } = this
    const { policy, hot, knows } = options
    return {
      till: this.number,
      module: undefined,
      generation: 1,
      key: this.key,
      currency: USD,
      policy,
      policyVersion: 3,
      clock: world.clock,
      random,
      secrets: world.secrets,
      officeKey: world.officeKey.publicKey,
      keyOf: (maker) => (knows(maker) ? world.keyOf(maker) : undefined),
      isHot: (card) => hot.has(card),
      stoppedBy(order, balanceAfter) {
        const usage = { payments: 0, amount: 0n, age: 0 }
        const limit = findLimit({ policy, order, balanceAfter, usage })
        return limit && explainLimit(limit, policy)
      },
      passcodes: passcodeTries(store, world.clock, policy),
      journal: journalOf(store, world.clock),
    }
  }

  async tap({ chip }: Pick<Issued, 'chip'>, order: Order): Promise<TapResult | { result: 'torn' }> {
    this.world.now += 1000
    const scheme = blockTillFor(this.options.profile)
    try {
      return await chip.tapped((channel) => scheme.perform(channel, order, this.desk))
    } catch (error) {
      if (error instanceof CardTorn) return { result: 'torn' }
      throw error
    }
  }

  show({ chip }: Pick<Issued, 'chip'>): Promise<ShowResult> {
    return chip.tapped((channel) => blockTillFor(this.options.profile).show(channel, this.desk))
  }

  giveUp(order: Order): void {
    giveUpOrder(this.store, order.id)
  }

  /** A card comes into the world: what the journal has so far is not of it. */
  meet(card: CardId): void {
    this.#before.set(card, listRecords(this.store, 1)[0]?.id ?? 0)
  }

  /** Of one card, in the order they were signed. */
  records(card: CardId): readonly JournalRecord[] {
    const later = listRecordsAfter(this.store, this.#before.get(card) ?? 0)
    return later.filter((record) => record.card === card)
  }

  stock(tokens: readonly Bytes[]): void {
    this.store.write('tokens', (trx) => {
      for (const token of tokens) insertToken(this.store, trx, token)
    })
  }

  token(change: Partial<Token> = {}): Bytes {
    return signToken(this.world.officeKey, {
      product: 1,
      price: 250n,
      currency: USD.numeric,
      madeAt: START,
      till: this.number,
      nonce: random.bytes(8),
      ...change,
    })
  }
}

let orders = 0

export function orderId(): string {
  orders += 1
  return `order ${orders}`
}

export function pay(amount: Amount = 300n, passcode = PASSCODE): Order {
  return { kind: 'pay', id: orderId(), amount, products: [], passcode }
}

export function load(amount: Amount = 500n, passcode = PASSCODE): Order {
  return { kind: 'load', id: orderId(), amount, passcode }
}

export function changePasscode(passcode = PASSCODE, newPasscode = '1234'): Order {
  return { kind: 'passcode', id: orderId(), passcode, newPasscode }
}

/** What is really on a card, read without any rule of a till. */
export async function readRaw(world: World, { chip, uid }: Issued) {
  return chip.tapped(async (channel) => {
    const card = await BlockCard.connect(channel, world.master, chip.profile)
    invariant(card, 'it is a block card')
    const keys = chipKeys(world.master, uid)
    const slots = []
    for (const slot of ['A', 'B'] as const) {
      const bytes = await card.readSlot(slot)
      try {
        if (bytes) slots.push({ slot, bytes, block: openBlock(bytes, keys) })
      } catch {
        // Torn, or never written.
      }
    }
    const committed = committedSequence(card.counters)
    const current = slots.find(({ block }) => block.sequence === committed)
    invariant(current, 'a committed block is there')
    return { counters: card.counters, slots, ...current }
  })
}

export interface Chain {
  /** From the issue to the card's current block. */
  readonly entries: readonly VerifiedEntry[]
  /** What each order did to the balance in all: minus what it took. */
  readonly net: ReadonlyMap<string, Amount>
  readonly balance: Amount
}

/**
 * Follows a card's chain by digests from its current block to its issue, over all that all tills
 * signed. Every record there is accepted by the office, with nothing found against anybody, no till
 * signed one position twice, and the card holds exactly what the chain says.
 */
export async function audit(world: World, issued: Issued): Promise<Chain> {
  const records = [...world.tills.values()].flatMap((till) => till.records(issued.card))
  const orderOf = new Map(records.map(({ digest, orderId: id }) => [digest, id]))
  const entries = [issued.issue.evidence, ...records.map((record) => record.evidence)].map(
    (bytes) => world.verify(bytes),
  )
  const findings = entries.flatMap((entry) => entry.findings)
  invariant(findings.length === 0, `nothing is found against honest tills: ${findings[0]?.kind}`)
  const positions = entries.map(({ sequence, maker }) => `${sequence}:${maker}`)
  invariant(new Set(positions).size === positions.length, 'no till signs one position twice')

  const current = await readRaw(world, issued)
  const chain: VerifiedEntry[] = []
  const byDigest = new Map(entries.map((entry) => [entry.digest, entry]))
  let digest: Digest | undefined = toHex(blockDigest(current.bytes)) as Digest
  while (digest !== undefined) {
    const entry: VerifiedEntry | undefined = byDigest.get(digest)
    invariant(entry, `the record of the block at ${chain.length} steps back is in a journal`)
    chain.unshift(entry)
    digest = entry.predecessor?.digest
  }
  invariant(
    chain.every(({ sequence }, index) => sequence === index),
    'the chain has no gap',
  )
  const net = new Map<string, Amount>()
  let balance = 0n
  for (const entry of chain) {
    const change = entry.balance - balance
    balance = entry.balance
    const order = orderOf.get(entry.digest)
    if (order !== undefined) net.set(order, (net.get(order) ?? 0n) + change)
  }
  invariant(current.block.balance === balance, 'the card holds what its chain says')
  return { entries: chain, net, balance }
}

export function viewOf(result: TapResult | ShowResult | { result: 'torn' }): CardView {
  invariant('view' in result, `it went well: ${result.result}`)
  return result.view
}
