import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  BATCH_PATH,
  decodeBatch,
  signAcknowledgement,
  verifyBatch,
  type Acknowledgement,
  type ReceivedBatch,
} from '../../src/kernel/batch.ts'
import { concat, fromHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import {
  decodeDocumentRequest,
  DOCUMENTS_PATH,
  encodeDocuments,
  officeKeyId,
  signOfficeDocument,
  type OfficeDocument,
  type Policy,
} from '../../src/kernel/documents.ts'
import {
  createEnrolmentCode,
  type EnrolmentCode,
  ENROLMENT_PATH,
  enrolmentKey,
  enrolmentRequestSchema,
  formatEnrolmentCode,
  provesCode,
  signEnrolment,
} from '../../src/kernel/enrolment.ts'
import { currency, type CurrencyCode } from '../../src/kernel/money.ts'
import {
  generatePrivateKey,
  publicKeyFrom,
  type PrivateKey,
  type PublicKey,
} from '../../src/kernel/p256.ts'
import {
  Unreachable,
  type Clock,
  type RandomSource,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '../../src/kernel/ports.ts'
import { signToken } from '../../src/kernel/token.ts'
import type { Fuse } from '../../src/till/fuse.ts'
import type { TillScheme } from '../../src/till/scheme.ts'
import { Till } from '../../src/till/till.ts'
import { clockAt, SOFTWARE, START, STORAGE_KEY } from './records.ts'

export * from './records.ts'

/** Predictable and never the same twice. */
export function randomFrom(seed: string): RandomSource {
  let count = 0
  return {
    bytes(size) {
      const parts: Uint8Array[] = []
      for (let got = 0; got < size; got += 32) {
        count += 1
        parts.push(createHash('sha256').update(`${seed} ${count}`).digest())
      }
      return concat(...parts).slice(0, size)
    },
  }
}

/** A till's file in a directory of this test's own, gone when the test ends. */
export function freshFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'kontant-till-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'till.db')
}

export const POLICY: Policy = {
  currency: 'USD',
  mayLoad: true,
  freeAmounts: true,
  paymentMax: null,
  balanceMax: 50_000n,
  offlinePaymentsMax: null,
  offlineAmountMax: null,
  offlineAgeMax: null,
  passcodeTries: 3,
  passcodePause: 600_000,
}

const OFFICE_KEY = generatePrivateKey()
const SECRETS = new Map([['toy', utf8('secret of the toy scheme')]])

/** An office that believes everything and keeps it in memory; it can be out of reach, or lose answers. */
export class SmallOffice implements Transport {
  readonly key: PrivateKey
  readonly clock: Clock
  readonly batches = new Map<number, ReceivedBatch>()
  readonly received: Bytes[] = []
  readonly tillKeys: PublicKey[] = []
  documents: OfficeDocument[] = []
  reachable = true
  /** How many answers are lost on their way. */
  loseAnswers = 0
  /** Answered instead, if it is not undefined. */
  refuse: TransportResponse | undefined
  readonly #random = randomFrom('office')
  readonly #code: EnrolmentCode

  constructor(clock: Clock, { number = 7, sameKey = true } = {}) {
    this.clock = clock
    this.key = sameKey ? OFFICE_KEY : generatePrivateKey()
    this.#code = createEnrolmentCode(number, this.#random)
  }

  get code(): string {
    return formatEnrolmentCode(this.#code)
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    if (!this.reachable) throw new Unreachable('the cable is out')
    if (this.refuse) return this.refuse
    const body = this.#answer(request)
    if (this.loseAnswers > 0) {
      this.loseAnswers -= 1
      throw new Unreachable('the answer was lost')
    }
    return { status: 200, body }
  }

  #answer({ path, body = new Uint8Array() }: TransportRequest): Bytes {
    switch (path) {
      case ENROLMENT_PATH:
        return this.#enrol(body)
      case BATCH_PATH:
        return this.take(body)
      case DOCUMENTS_PATH: {
        const { holds } = decodeDocumentRequest(body).request
        const newer = this.documents.filter(({ type, version }) => version > holds[type])
        return encodeDocuments(newer.map((document) => this.sign(document)))
      }
      default:
        throw new Error(`no such path: ${path}`)
    }
  }

  sign(document: OfficeDocument): Bytes {
    return signOfficeDocument(this.key, officeKeyId(1), document)
  }

  #enrol(body: Bytes): Bytes {
    const request = enrolmentRequestSchema.parse(JSON.parse(new TextDecoder().decode(body)))
    const codeKey = enrolmentKey(this.#code)
    const tillKey = publicKeyFrom(fromHex(request.publicKey))
    if (!provesCode(codeKey, tillKey, fromHex(request.proof))) throw new Error('wrong code')
    this.tillKeys.push(tillKey)
    const answer = {
      till: this.#code.till,
      generation: this.tillKeys.length,
      currency: 'USD' as const,
      officeGeneration: 1,
      officeTime: this.clock.now(),
      secrets: SECRETS,
      documents: this.documents.map((document) => this.sign(document)),
      tillKey,
    }
    return signEnrolment(this.key, codeKey, answer, this.#random)
  }

  /** Takes a batch, again or for the first time, and acknowledges it. */
  take(bytes: Bytes): Bytes {
    const received = decodeBatch(bytes)
    const key = this.tillKeys[received.batch.generation - 1]
    if (!key || !verifyBatch(received, key)) throw new Error('not signed by this till')
    this.received.push(bytes)
    this.batches.set(received.batch.number, received)
    return this.acknowledge(received)
  }

  acknowledge(
    { batch, digest }: Pick<ReceivedBatch, 'batch' | 'digest'>,
    change: Partial<Acknowledgement> = {},
  ): Bytes {
    return signAcknowledgement(this.key, officeKeyId(1), {
      type: 'acknowledgement',
      version: 1,
      till: batch.till,
      number: batch.number,
      digest,
      durableUpTo: this.durableUpTo(),
      officeTime: this.clock.now(),
      documents: {},
      ...change,
    })
  }

  durableUpTo(): number {
    let number = 0
    while (this.batches.has(number + 1)) number += 1
    return number
  }
}

/** Everything a till has of its office except the network: what a test of one part needs. */
export async function enrolledTill(
  office: SmallOffice,
  options: { path?: string; clock?: Clock; schemes?: readonly TillScheme[]; fuse?: Fuse } = {},
): Promise<Till> {
  const till = tillAt(office, { path: freshFile(), ...options })
  await till.enrol(office.code)
  return till
}

export function tillAt(
  office: Transport,
  {
    path,
    clock = clockAt(),
    schemes = [],
    fuse,
  }: {
    path: string
    clock?: Clock
    schemes?: readonly TillScheme[]
    fuse?: Fuse
  },
): Till {
  return new Till({
    path,
    clock,
    schemes,
    storageKey: STORAGE_KEY,
    random: { bytes: (size) => crypto.getRandomValues(new Uint8Array(size)) },
    transport: office,
    software: SOFTWARE,
    ...(fuse && { fuse }),
  })
}

export function policyDocument(change: Partial<Policy> = {}, version = 1): OfficeDocument {
  const policy = { ...POLICY, ...change }
  return { ...envelope(version), type: 'policy', policy }
}

export function envelope(version: number, since = 0) {
  return { format: 1 as const, till: 7, since, version, madeAt: START }
}

export function tokensDocument(count: number, price = 250n, version = 1) {
  const tokens = Array.from({ length: count }, (_, index) => tokenBytes(index, price))
  return {
    ...envelope(version, version - 1),
    type: 'tokens' as const,
    products: [{ id: 3, name: 'Coffee', price }],
    tokens,
  }
}

export function tokenBytes(
  nonce: number,
  price = 250n,
  product = 3,
  till = 7,
  code: CurrencyCode = 'USD',
): Bytes {
  const random = new Uint8Array(8)
  new DataView(random.buffer).setUint32(0, nonce)
  const body = { product, price, currency: currency(code).numeric, madeAt: START, till }
  return signToken(OFFICE_KEY, { ...body, nonce: random })
}
