import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../../src/card/iso-card.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import { toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import type { Policy } from '../../../src/kernel/documents.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import {
  cardIdBytes,
  cardIdOf,
  type CardId,
  type Digest,
  type TillNumber,
} from '../../../src/kernel/ids.ts'
import { currency, type Amount } from '../../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey, type PublicKey } from '../../../src/kernel/p256.ts'
import type { Clock, Instant, RandomSource } from '../../../src/kernel/ports.ts'
import { signToken, type Token } from '../../../src/kernel/token.ts'
import type { Issue, VerifiedEntry } from '../../../src/office/scheme.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { moduleChip, purseChip } from '../../../src/schemes/purse/chips.ts'
import { type WriteStatus } from '../../../src/reader/writing.ts'
import { writeCardPlan, writeModulePlan } from '../../../src/schemes/purse/issuing.ts'
import { purseOffice } from '../../../src/schemes/purse/office.ts'
import { Module, PurseCard, type Held } from '../../../src/schemes/purse/terminal.ts'
import { purseTill } from '../../../src/schemes/purse/till.ts'
import type { Fuse } from '../../../src/till/fuse.ts'
import { giveUpOrder, insertToken, journalOf, listRecords } from '../../../src/till/journal.ts'
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

/** An office, its tills with their modules, and its cards: all real, and in the test's own process. */
export const random: RandomSource = { bytes: (size) => new Uint8Array(randomBytes(size)) }
export const EUR = currency('EUR')
export const PASSCODE = '4821'
export const POLICY: Policy = {
  currency: 'EUR',
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
  readonly secrets = purseOffice.createSecrets(random, 0)
  readonly tills = new Map<TillNumber, Till>()
  readonly directory = mkdtempSync(join(tmpdir(), 'kontant-purse-'))
  now: Instant = START
  readonly clock: Clock = { now: () => this.now }
  #cards = 0

  /** A till with a module of its own and a journal in a file. */
  async till(number: TillNumber, options: Partial<TillOptions> = {}): Promise<Till> {
    const till = new Till(this, number, options)
    const status = await till.module.write(this.modulePlan(number, till.options.policy.mayLoad))
    invariant(status === 'written', `a blank module is written: ${status}`)
    this.tills.set(number, till)
    return till
  }

  modulePlan(till: TillNumber, mayLoad: boolean): Bytes {
    const plan = purseOffice.module?.({ till, currency: EUR, mayLoad }, this.secrets)
    invariant(plan, 'tills of this scheme have a module')
    return plan
  }

  keyOf(maker: TillNumber): PublicKey | undefined {
    return maker === 0 ? this.officeKey.publicKey : this.tills.get(maker)?.key.publicKey
  }

  issue(balance: Amount = 1000n, passcode = PASSCODE): Issued {
    this.#cards += 1
    const number = new Uint8Array(8)
    new DataView(number.buffer).setUint32(4, this.#cards)
    const card = cardIdOf(number)
    const issue = purseOffice.issue(
      { card, uid: random.bytes(4), currency: EUR, balance, passcode },
      { key: this.officeKey, generation: 1, secrets: this.secrets, clock: this.clock, random },
    )
    return { card, issue, chip: new Chip(purseChip) }
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
    const verdict = purseOffice.verify(bytes, {
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
  readonly issue: Issue
  readonly chip: Chip
}

/** A chip and a reader before it. */
export class Chip {
  readonly design: IsoCardDesign
  readonly nvm: Nvm
  readonly field: Field

  constructor(design: IsoCardDesign, image?: Bytes) {
    this.design = design
    this.nvm = isoCardNvm(design, image)
    this.field = new Field(new IsoCard(this.nvm, design, random))
  }

  /** Another chip with all that is on this one. */
  clone(): Chip {
    return new Chip(this.design, this.nvm.snapshot())
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
    const writePlan = this.design === purseChip ? writeCardPlan : writeModulePlan
    return this.tapped((channel) => writePlan(channel, plan))
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
  readonly hot: ReadonlySet<CardId>
}

export class Till {
  readonly world: World
  readonly number: TillNumber
  readonly key: PrivateKey = generatePrivateKey()
  readonly module = new Chip(moduleChip)
  options: TillOptions
  store: Store

  constructor(world: World, number: TillNumber, options: Partial<TillOptions>) {
    this.world = world
    this.number = number
    this.options = { policy: POLICY, hot: new Set(), ...options }
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

  /** @param module undefined: its slot is empty. */
  desk(module: Channel | undefined): Desk {
    const { world, store, options } = this
    const { policy, hot } = options
    return {
      till: this.number,
      module,
      generation: 1,
      key: this.key,
      currency: EUR,
      policy,
      policyVersion: 3,
      clock: world.clock,
      random,
      secrets: new Uint8Array(),
      officeKey: world.officeKey.publicKey,
      keyOf: (maker) => world.keyOf(maker),
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

  tap({ chip }: Pick<Issued, 'chip'>, order: Order): Promise<TapResult | { result: 'torn' }> {
    return chip.tapped((channel) => this.tapAt(channel, order))
  }

  /** At whatever is in the field. */
  async tapAt(channel: Channel, order: Order): Promise<TapResult | { result: 'torn' }> {
    this.world.now += 1000
    try {
      return await this.module.tapped((module) =>
        purseTill.perform(channel, order, this.desk(module)),
      )
    } catch (error) {
      if (error instanceof CardTorn) return { result: 'torn' }
      throw error
    }
  }

  show({ chip }: Pick<Issued, 'chip'>): Promise<ShowResult> {
    return chip.tapped((channel) =>
      this.module.tapped((module) => purseTill.show(channel, this.desk(module))),
    )
  }

  giveUp(order: Order): void {
    giveUpOrder(this.store, order.id)
  }

  /** Of one card, in the order they were signed, among the newest of all. */
  records(card: CardId): readonly JournalRecord[] {
    return listRecords(this.store, 30)
      .filter((record) => record.card === card)
      .toReversed()
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
      currency: EUR.numeric,
      madeAt: START,
      till: this.number,
      nonce: random.bytes(8),
      ...change,
    })
  }

  /** What the module says at the end of the day. */
  cashUp() {
    return this.module.tapped(async (channel) => {
      const module = await Module.connect(channel)
      const closed = await module?.cashUp('close')
      invariant(closed, 'a module of ours closes its batch')
      return closed.summary
    })
  }
}

let orders = 0

export function orderId(): string {
  orders += 1
  return `order ${orders}`
}

export function pay(amount: Amount = 300n, passcode = ''): Order {
  return { kind: 'pay', id: orderId(), amount, products: [], passcode }
}

export function load(amount: Amount = 500n, passcode = ''): Order {
  return { kind: 'load', id: orderId(), amount, passcode }
}

export function changePasscode(passcode = PASSCODE, newPasscode = '1234'): Order {
  return { kind: 'passcode', id: orderId(), passcode, newPasscode }
}

/** What is really on a card, without any rule of a till. */
export async function readRaw({ chip }: Pick<Issued, 'chip'>): Promise<Held> {
  return chip.tapped(async (channel) => {
    const card = await PurseCard.connect(channel)
    const answer = await card?.initialize(random.bytes(8))
    invariant(answer && !('pin' in answer), 'it is a purse card')
    return answer.last
  })
}

export interface Chain {
  /** From the issue to the card's newest record. */
  readonly entries: readonly VerifiedEntry[]
  /** What each order did to the balance in all: minus what it took. */
  readonly net: ReadonlyMap<string, Amount>
  readonly balance: Amount
}

/**
 * Follows a card's chain by digests from its newest record to its issue, over all that all tills signed.
 * Every record there is accepted by the office, with nothing found against anybody, no till signed one
 * position twice, and the card holds exactly what the chain says.
 */
export async function audit(world: World, issued: Issued): Promise<Chain> {
  const records = [...world.tills.values()].flatMap((till) => till.records(issued.card))
  const orderOf = new Map(records.map(({ digest, orderId: id }) => [digest, id]))
  const shown = [issued.issue.evidence, ...records.map((record) => record.evidence)].map((bytes) =>
    world.verify(bytes),
  )
  const findings = shown.flatMap((entry) => entry.findings)
  invariant(findings.length === 0, `nothing is found against anybody: ${findings[0]?.kind}`)
  const positions = shown.map(({ sequence, maker }) => `${sequence}:${maker}`)
  invariant(new Set(positions).size === positions.length, 'no till signs one position twice')

  const newest = await readRaw(issued)
  const entries: VerifiedEntry[] = []
  const byDigest = new Map(shown.map((entry) => [entry.digest, entry]))
  let digest: Digest | undefined = toHex(newest.digest) as Digest
  while (digest !== undefined) {
    const entry: VerifiedEntry | undefined = byDigest.get(digest)
    invariant(entry, `the record ${entries.length} steps back is in a journal`)
    entries.unshift(entry)
    digest = entry.predecessor?.digest
  }
  invariant(
    entries.every(({ sequence }, index) => sequence === index),
    'the chain has no gap',
  )
  const net = new Map<string, Amount>()
  let balance = 0n
  for (const entry of entries) {
    const change = entry.balance - balance
    balance = entry.balance
    const order = orderOf.get(entry.digest)
    if (order !== undefined) net.set(order, (net.get(order) ?? 0n) + change)
  }
  invariant(newest.content.balance === balance, 'the card holds what its chain says')
  invariant(toHex(cardIdBytes(issued.card)) === toHex(newest.content.card), 'it is that card')
  return { entries, net, balance }
}

export function viewOf(result: TapResult | ShowResult | { result: 'torn' }): CardView {
  invariant('view' in result, `it went well: ${result.result}`)
  return result.view
}
