import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { cardIdBytes, cardIdOf, type CardId } from '../../src/kernel/ids.ts'
import { currency } from '../../src/kernel/money.ts'
import {
  digestOfRequest,
  openAnswer,
  permitContext,
  signRequest,
  type NotaryAct,
  type NotaryAnswer,
  type NotaryResult,
  type ResultOf,
} from '../../src/kernel/notary.ts'
import { generatePrivateKey, sealTo, sign, type PrivateKey } from '../../src/kernel/p256.ts'
import type { OfficeNumber, Party } from '../../src/kernel/party.ts'
import { openNotaryDatabase, type NotaryTables } from '../../src/notary/database.ts'
import { certifyNotaryKey, loadNotaryKeys } from '../../src/notary/keys.ts'
import { createNotary, type Notary } from '../../src/notary/notary.ts'
import { orderReserve } from '../../src/notary/operator.ts'
import type { OpenDatabase } from '../../src/office/database.ts'
import type { NotarySeat } from '../../src/office/inter-office-client.ts'
import { certify, type Subject } from '../../src/schemes/wallet/certificates.ts'
import { openMessage, signMessage } from '../../src/kernel/signed-message.ts'
import {
  evidence,
  instruction,
  order,
  record,
  refusal,
  request,
  shownRecord,
  statement,
  type Instruction,
  type WalletRecord,
} from '../../src/schemes/wallet/message.ts'
import {
  createRoot,
  requestCertificate,
  signRequested,
  type Root,
} from '../../src/schemes/wallet/root.ts'
import { RANDOM, TestClock } from '../support/office.ts'
import { databaseUrl, onServer } from '../support/server.ts'

export const SEK = currency('SEK')
const DAY = 24 * 3600 * 1000
export const START = Date.UTC(2026, 10, 21, 9)

/** Keys are made once for a run: they are most of the time that a small world takes. */
const spare: PrivateKey[] = []
let used = 0
export function nextKey(): PrivateKey {
  used += 1
  return (spare[used - 1] ??= generatePrivateKey())
}

export interface World {
  readonly opened: OpenDatabase<NotaryTables>
  readonly url: string
  readonly clock: TestClock
  readonly dataKey: Bytes
  readonly root: Root
  /** The newest process of it: {@link restart} makes another. */
  notary: Notary
  restart(): Promise<void>
  office(number: OfficeNumber, free?: bigint): Promise<Bank>
  drop(): Promise<void>
}

/** A notary with a database of its own and a root, and offices that the test plays. */
export async function createWorld(): Promise<World> {
  const { url: server } = inject('server')
  const name = `kontant_notary_${randomUUID().replaceAll('-', '')}`
  await onServer(server, (client) => client.query(`create database ${name}`))
  const url = databaseUrl(server, name)
  const opened = await openNotaryDatabase({ url })
  const clock = new TestClock(START)
  const dataKey = RANDOM.bytes(32)
  const root = createRoot(generatePrivateKey(), 1, START)
  const keys = await loadNotaryKeys(opened.db, dataKey, RANDOM, START)
  for (const { generation, key } of keys) {
    const subject: Subject = { role: 'notary', party: { kind: 'office', office: 0 }, generation }
    const certificate = signRequested(requestCertificate(subject, key), root, START)
    await certifyNotaryKey(opened.db, keys, certificate, root.certificate.bytes, START)
  }
  const parts = { db: opened.db, clock, random: RANDOM, dataKey }
  const world: World = {
    opened,
    url,
    clock,
    dataKey,
    root,
    notary: await createNotary(parts),
    async restart() {
      world.notary = await createNotary(parts)
    },
    async office(number, free = 0n) {
      const bank = new Bank(world, number)
      await bank.send({ act: 'join', certificate: bank.certificate })
      if (free > 0n) await bank.deposit(free)
      return bank
    },
    async drop() {
      await opened.close()
      await onServer(server, (client) => client.query(`drop database ${name} with (force)`))
    },
  }
  return world
}

/** An office as its notary sees it, with nothing of its own but keys. */
export class Bank {
  readonly world: World
  readonly number: OfficeNumber
  readonly party: Party
  key = generatePrivateKey()
  generation = 1
  certificate: Bytes

  constructor(world: World, number: OfficeNumber) {
    this.world = world
    this.number = number
    this.party = { kind: 'office', office: number }
    this.certificate = this.#certify()
  }

  #certify(): Bytes {
    return signRequested(requestCertificate(this.subject, this.key), this.world.root, START)
  }

  get subject(): Subject {
    return { role: 'office', party: this.party, generation: this.generation }
  }

  /** As the office’s own client has it. */
  seat(): NotarySeat {
    const [known] = this.world.notary.keys
    if (!known) throw new Error('a notary has a key')
    const { number: office, generation, key, certificate } = this
    const notary = { generation: known.generation, publicKey: known.key.publicKey }
    return {
      scheme: 'wallet',
      office,
      generation,
      key,
      certificate,
      notary,
      certificatesOf: () => [],
    }
  }

  /** A new key under the same root, while the old one is good. */
  async rotate(): Promise<void> {
    this.key = generatePrivateKey()
    this.generation += 1
    this.certificate = this.#certify()
    await this.send({ act: 'join', certificate: this.certificate })
  }

  sign(acts: readonly NotaryAct[], madeAt = this.world.clock.now()): Bytes {
    return signRequest(this.key, {
      office: this.number,
      generation: this.generation,
      notary: 1,
      madeAt,
      nonce: RANDOM.bytes(16),
      acts: [...acts],
    })
  }

  async ask(signed: Bytes): Promise<NotaryAnswer> {
    const { notary } = this.world
    const [known] = notary.keys
    if (!known) throw new Error('a notary has a key')
    const { generation, key } = known
    const answer = openAnswer(await notary.answer(signed), {
      generation,
      publicKey: key.publicKey,
    })
    if (toHex(answer.request) !== toHex(digestOfRequest(signed))) throw new Error('another answer')
    return answer
  }

  async send<A extends NotaryAct>(...acts: readonly A[]): Promise<readonly ResultOf<A['act']>[]> {
    const { result, results } = await this.ask(this.sign(acts))
    if (result !== 'done') throw new Error(`the notary says ${result}`)
    return results as readonly NotaryResult[] as readonly ResultOf<A['act']>[]
  }

  async settle(...items: readonly Bytes[]): Promise<readonly string[]> {
    const results = await this.send(
      ...items.map((bytes) => ({ act: 'settle', evidence: bytes }) as const),
    )
    return results.map((one) =>
      one.result === 'known' ? [one.state, ...one.waitingFor].join(' ') : one.result,
    )
  }

  async deposit(amount: bigint): Promise<void> {
    const said = await orderReserve(
      this.world.opened.db,
      {
        act: 'deposit',
        office: this.number,
        currency: 'SEK',
        amount,
        reason: 'test',
        reference: randomUUID(),
      },
      START,
    )
    if (said !== 'done') throw new Error(said)
  }

  async accounts(): Promise<readonly [free: bigint, issued: bigint]> {
    const [answer] = await this.send({ act: 'accounts' })
    const sek = answer?.accounts.find((account) => account.currency === 'SEK')
    return [sek?.free ?? 0n, sek?.issued ?? 0n]
  }

  card(id: CardId = cardIdOf(RANDOM.bytes(8))): Card {
    return new Card(this, id)
  }

  till(number: number): Till {
    const key = nextKey()
    const party: Party = { kind: 'till', office: this.number, till: number }
    const subject: Subject = { role: 'till', party, generation: 1 }
    return { party, key, office: this.certificate, certificate: this.certifyHolder(subject, key) }
  }

  certifyHolder(subject: Subject, key: PrivateKey): Bytes {
    const from = START - (START % DAY)
    return certify(
      { subject, publicKey: key.publicKey, from, to: from + 3650 * DAY },
      { subject: this.subject, key: this.key },
    )
  }

  instruct(content: Partial<Instruction> & Pick<Instruction, 'kind' | 'card' | 'number'>): Bytes {
    return signMessage(
      instruction,
      {
        office: this.number,
        madeAt: START,
        expires: START + DAY,
        currency: SEK.numeric,
        amount: 0n,
        sequence: 0,
        record: new Uint8Array(32),
        policy: [],
        ...content,
      },
      this.key,
    )
  }

  permitAct(signed: Bytes, shown: readonly Bytes[] = []): NotaryAct & { act: 'permit' } {
    const [key] = this.world.notary.keys
    if (!key) throw new Error('a notary has a key')
    return {
      act: 'permit',
      order: sealTo(key.key.publicKey, signed, permitContext(this.number), RANDOM),
      statement: [...shown],
    }
  }
}

/** Who can ask a card for money. */
export interface Till {
  readonly party: Party
  readonly key: PrivateKey
  readonly certificate: Bytes
  readonly office: Bytes
}

/** A payment as anybody can show it. */
export interface Paid {
  readonly id: string
  readonly evidence: Bytes
  readonly request: Bytes
  readonly content: WalletRecord
  readonly payee: Till
}

/** A card’s chain, without a card: whatever it is told to sign it signs. */
export class Card {
  readonly bank: Bank
  readonly id: CardId
  readonly key = nextKey()
  readonly party: Party
  readonly certificate: Bytes
  /** Of the office when the card was made. */
  readonly office: Bytes
  readonly bytes: Bytes
  sequence = 0
  balance = 0n
  previous: Bytes
  instruction = 0
  instructionDigest: Bytes = new Uint8Array(32)

  constructor(bank: Bank, id: CardId) {
    this.bank = bank
    this.id = id
    this.bytes = cardIdBytes(id)
    this.party = { kind: 'card', office: bank.number, card: id }
    this.certificate = bank.certifyHolder(
      { role: 'card', party: this.party, generation: 1 },
      this.key,
    )
    this.office = bank.certificate
    this.previous = sha256(this.certificate)
  }

  get payee(): Till {
    const { party, key, certificate, office } = this
    return { party, key, certificate, office }
  }

  make(
    kind: WalletRecord['kind'],
    amount: bigint,
    change: bigint,
    counterparty: Party,
    cause: Bytes,
    lie: Partial<WalletRecord> = {},
  ): { readonly body: Bytes; readonly signature: Bytes; readonly content: WalletRecord } {
    const content: WalletRecord = {
      kind,
      currency: SEK.numeric,
      office: this.bank.number,
      card: this.bytes,
      sequence: this.sequence + 1,
      amount,
      balance: this.balance + change,
      counterparty,
      cause,
      madeAt: START,
      previous: this.previous,
      ...lie,
    }
    const body = record.encode(content)
    this.sequence = content.sequence
    this.balance = content.balance
    this.previous = sha256(body)
    return { body, signature: sign(this.key, body), content }
  }

  show(
    made: { readonly body: Bytes; readonly signature: Bytes },
    cause: Bytes,
    counterparty: readonly Bytes[],
  ): Bytes {
    return shownRecord.encode({
      record: made.body,
      signature: [made.signature],
      certificate: this.certificate,
      office: this.office,
      cause,
      counterparty: [...counterparty],
    })
  }

  pay(payee: Till, amount: bigint, lie: Partial<WalletRecord> = {}): Paid {
    const signed = signMessage(
      request,
      {
        payee: payee.party,
        currency: SEK.numeric,
        amount,
        nonce: RANDOM.bytes(8),
        payer: this.bytes,
        payerNonce: RANDOM.bytes(8),
        madeAt: START,
        expires: START + DAY,
      },
      payee.key,
    )
    return this.payRequest(payee, signed, amount, lie)
  }

  payRequest(payee: Till, signed: Bytes, amount: bigint, lie: Partial<WalletRecord> = {}): Paid {
    const kind = payee.party.kind === 'office' ? 'unload' : 'pay'
    const asked = openMessage(request, signed)
    const made = this.make(kind, amount, -amount, payee.party, asked.digest, lie)
    const counterparty = kind === 'unload' ? [] : [payee.certificate, payee.office]
    return {
      id: toHex(sha256(made.body)),
      evidence: evidenceFor(this.show(made, signed, counterparty)),
      request: asked.digest,
      content: made.content,
      payee,
    }
  }

  /** What this card signs when it receives: the payee’s way to show the payment. */
  receive(payer: Card, paid: Paid): Bytes {
    const { amount } = paid.content
    const made = this.make('receive', amount, amount, payer.party, fromHex(paid.id))
    const shown = this.show(made, new Uint8Array(), [payer.certificate, payer.office])
    return evidenceFor(shown, evidence.decode(paid.evidence).shown)
  }

  refund(paid: Paid): Bytes {
    const signed = refuse(paid)
    const { amount, counterparty } = paid.content
    const cause = openMessage(refusal, signed).digest
    const made = this.make('refund', amount, amount, counterparty, cause)
    return evidenceFor(this.show(made, signed, [paid.payee.certificate, paid.payee.office]))
  }

  /** Whether permitted or not: this card asks nobody. */
  load(signed: Bytes, permit?: Bytes): Bytes {
    const { content, digest } = openMessage(instruction, signed)
    const made = this.make('load', content.amount, content.amount, this.bank.party, digest)
    this.carryOut(signed)
    const cause = order.encode({ instruction: signed, permit: permit ? [permit] : [] })
    return evidenceFor(this.show(made, cause, []))
  }

  carryOut(signed: Bytes): void {
    const { content, digest } = openMessage(instruction, signed)
    this.instruction = content.number
    this.instructionDigest = digest
  }

  /** With the certificates that it takes to read it. */
  statement(): readonly [Bytes, Bytes, Bytes] {
    const content = {
      office: this.bank.number,
      card: this.bytes,
      nonce: new Uint8Array(8),
      sequence: this.sequence,
      last: this.previous,
      balance: this.balance,
      instruction: this.instruction,
      instructionDigest: this.instructionDigest,
      acknowledged: 0,
      policyVersion: 1,
    }
    return [signMessage(statement, content, this.key), this.certificate, this.office]
  }

  /** Asks for a permit and puts the money on the card. */
  async topUp(amount: bigint): Promise<Bytes> {
    const signed = this.bank.instruct({
      kind: 'load',
      card: this.bytes,
      number: this.instruction + 1,
      amount,
    })
    const [result] = await this.bank.send(this.bank.permitAct(signed))
    if (result?.result !== 'permitted') throw new Error(`no permit: ${result?.result}`)
    return this.load(signed, result.permit[0])
  }
}

export function refuse({ payee, request: asked }: Paid): Bytes {
  return signMessage(refusal, { payee: payee.party, request: asked, madeAt: START }, payee.key)
}

export function evidenceFor(shown: Bytes, payment?: Bytes, refused?: Bytes): Bytes {
  return evidence.encode({
    shown,
    payment: payment ? [payment] : [],
    refusal: refused ? [refused] : [],
    policyVersion: 0,
    tokens: [],
  })
}

/** The same with the payee’s word that it will not have it. */
export function withRefusal(paid: Paid): Bytes {
  return evidence.encode({ ...evidence.decode(paid.evidence), refusal: [refuse(paid)] })
}

export function flip(bytes: Bytes, at: number): Bytes {
  const changed = concat(bytes)
  const index = at < 0 ? bytes.length + at : at
  changed[index] = (changed[index] ?? 0) ^ 1
  return changed
}
