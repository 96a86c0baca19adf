import type { AtomicMemory, MemoryPart } from '../../../card/applet.ts'
import type { Bytes } from '../../../kernel/bytes.ts'
import { DIGEST_SIZE } from '../../../kernel/hash.ts'
import {
  amount,
  choice,
  instant,
  list,
  octets,
  Reader,
  struct,
  uint16,
  uint32,
  uint8,
  varOctets,
  type Field,
  type ValueOf,
} from '../../../kernel/message.ts'
import { PIN_SIZE } from '../../../kernel/pin.ts'
import {
  CARRIED_BLOCK_MAX,
  CARRIED_BLOCKS,
  CERTIFICATE_SIZE_MAX,
  LOG_SIZE,
  NONCE_SIZE,
  PAID_REQUESTS,
  personalisation,
  policy,
  POLICY_SIZE,
  RECORD_SIZE,
  REFUSALS_KEPT,
  SIGNED_REQUEST_SIZE,
  type Personalisation,
  type WalletPolicy,
} from '../message.ts'
import { party, PARTY_SIZE } from '../../../kernel/party.ts'
import { publicKeyFrom, SIGNATURE_SIZE, type PublicKey } from '../../../kernel/p256.ts'

/** How far a card is, each step once; from the last on for good. */
export const STAGES = ['blank', 'keyed', 'personalised', 'certified', 'in use'] as const
export type Stage = (typeof STAGES)[number]

/** No certificate. */
export const NO_SLOT = 0xff

/** All that changes with every record, in one page. All 00 is a blank card. */
const state = struct({
  stage: choice(STAGES),
  sequence: uint32(),
  last: octets(DIGEST_SIZE),
  balance: amount(4),
  nonce: octets(NONCE_SIZE),
  /** The last instruction that was carried out, and the sequence of the record that it made, if any. */
  instruction: uint32(),
  instructionDigest: octets(DIGEST_SIZE),
  instructionRecord: uint32(),
  /** Greatest `madeAt` of what the office has told: the card’s time. */
  time: instant('by the office’s clock'),
  acknowledged: uint32(),
  acknowledgedDigest: octets(DIGEST_SIZE),
  acknowledgedAt: instant('by the office’s clock'),
  policy: octets(POLICY_SIZE),
  carried: octets(2 * CARRIED_BLOCKS),
  /** Where the next certificate of an office and of a party goes. */
  nextOffice: uint8(),
  nextParty: uint8(),
  /** Requests of this card that it has refused so far. */
  refusals: uint32(),
})
export type CardStatus = ValueOf<typeof state>

const secrets = struct({
  key: varOctets({ max: 160 }),
  pin: octets(PIN_SIZE),
  unblocking: octets(PIN_SIZE),
})
export type Secrets = ValueOf<typeof secrets>

/** Tries that are left. In a page of their own. */
const tries = struct({ pin: uint8(), unblocking: uint8() })
export type Tries = ValueOf<typeof tries>

/** A record with all that shows it to others. */
const logSlot = struct({
  record: octets(RECORD_SIZE),
  signature: octets(SIGNATURE_SIZE),
  /** Slots of the certificates of whoever signed the cause, and of its office; FF: none. */
  signer: uint8(),
  office: uint8(),
  cause: varOctets({ max: 255 }),
  /** Of a receive: the request that its payment answers. */
  request: list(octets(SIGNED_REQUEST_SIZE), { max: 1 }),
})
export type LogSlot = ValueOf<typeof logSlot>

const ownRequest = struct({
  status: choice(['free', 'open', 'refused']),
  digest: octets(DIGEST_SIZE),
  request: octets(SIGNED_REQUEST_SIZE),
  /** Of its refusal: what is not in the request. */
  refusedAt: instant('by the phone’s clock'),
  signature: octets(SIGNATURE_SIZE),
  /** Which refusal of this card it is. */
  refusal: uint32(),
})
export type OwnRequest = ValueOf<typeof ownRequest>

/** A payment that is acknowledged, while its request, bound to no nonce, could be shown again. */
const paidRequest = struct({
  status: choice(['free', 'paid', 'refunded']),
  request: octets(DIGEST_SIZE),
  expires: instant('as the request says'),
  amount: amount(4),
  payee: party(),
})
export type PaidRequest = ValueOf<typeof paidRequest>
const PAID_SIZE = 1 + DIGEST_SIZE + 8 + 4 + PARTY_SIZE

/** A refusal of a request that this card has not paid. */
const refusedRequest = struct({ request: octets(DIGEST_SIZE), payee: octets(PARTY_SIZE) })
export type RefusedRequest = ValueOf<typeof refusedRequest>
const REFUSED_SIZE = DIGEST_SIZE + PARTY_SIZE

/**
 * Slots of certificates that the card has verified. What a record in the log shows is not thrown out:
 * beside those there is room for 4 offices, the newest certificate of its own, and 8 cards and tills.
 */
const OFFICES = LOG_SIZE + 5
const PARTIES = LOG_SIZE + 8
export const CERTIFICATE_SLOTS = {
  /** The certificate of its office that the card was issued under. */
  issuer: 0,
  offices: { first: 1, count: OFFICES },
  parties: { first: 1 + OFFICES, count: PARTIES },
} as const
const CERTIFICATE_COUNT = 1 + OFFICES + PARTIES

/** Of requests that this card made: at most 4 are open, the others are refused, to be said again. */
export const OWN_REQUESTS = 8

/**
 * The applet’s memory, planned for pages of 256 bytes: a payment changes the page of the state and the
 * two of a log slot, and no more.
 */
const PAGE = 256
const LOG_SLOT_SIZE = 2 * PAGE
const AT = planned({
  state: PAGE,
  tries: PAGE,
  secrets: PAGE,
  fixed: PAGE,
  certificate: PAGE,
  refused: 2 * PAGE,
  paid: 4 * PAGE,
  log: LOG_SIZE * LOG_SLOT_SIZE,
  requests: OWN_REQUESTS * PAGE,
  certificates: CERTIFICATE_COUNT * PAGE,
  carried: CARRIED_BLOCKS * CARRIED_BLOCK_MAX,
})
export const MEMORY_SIZE = AT.end

const fixed = varOctets({ max: PAGE - 2 })
/** A certificate in a page: its length takes one byte. */
const LENGTH_SIZE = 1

/** The memory of a wallet, read and written by name. */
export class CardStore {
  readonly #memory: AtomicMemory

  constructor(memory: AtomicMemory) {
    this.#memory = memory
  }

  get state(): CardStatus {
    return this.#read(state, AT.state, PAGE)
  }

  get policy(): WalletPolicy {
    return policy.decode(this.state.policy)
  }

  get tries(): Tries {
    return this.#read(tries, AT.tries, 2)
  }

  get secrets(): Secrets {
    return this.#read(secrets, AT.secrets, PAGE)
  }

  /** What is fixed for good. Of a card that is not blank. */
  get personalisation(): Personalisation {
    return personalisation.decode(this.#read(fixed, AT.fixed, PAGE))
  }

  get rootKey(): PublicKey {
    return publicKeyFrom(this.personalisation.root)
  }

  /** Of this card. */
  get certificate(): Bytes {
    return this.#certificateAt(AT.certificate)
  }

  /** Empty if there is none in that slot. */
  certificateIn(slot: number): Bytes {
    return this.#certificateAt(AT.certificates + slot * PAGE)
  }

  /** Of the record with that sequence: the newest that was put there. */
  logSlot(sequence: number): LogSlot {
    return this.#read(logSlot, logSlotAt(sequence), LOG_SLOT_SIZE)
  }

  ownRequest(slot: number): OwnRequest {
    return this.#read(ownRequest, AT.requests + slot * PAGE, PAGE)
  }

  get paid(): readonly PaidRequest[] {
    return Array.from({ length: PAID_REQUESTS }, (_, index) =>
      this.#read(paidRequest, AT.paid + index * PAID_SIZE, PAID_SIZE),
    ).filter(({ status }) => status !== 'free')
  }

  /** Newest first. */
  get refused(): readonly RefusedRequest[] {
    return Array.from({ length: REFUSALS_KEPT }, (_, index) =>
      this.#read(refusedRequest, AT.refused + index * REFUSED_SIZE, REFUSED_SIZE),
    ).filter(({ request }) => request.some((byte) => byte !== 0))
  }

  carried(block: number): Bytes {
    return this.#memory.read(AT.carried + block * CARRIED_BLOCK_MAX, this.carriedSize(block))
  }

  carriedSize(block: number): number {
    const { carried } = this.state
    return ((carried[2 * block] ?? 0) << 8) | (carried[2 * block + 1] ?? 0)
  }

  /** Changes the state, and with it what else belongs to the change: all of it or nothing. */
  commit(change: Partial<CardStatus>, ...parts: readonly MemoryPart[]): void {
    const bytes = state.write({ ...this.state, ...change }, 'state')
    this.#memory.write({ offset: AT.state, bytes }, ...parts)
  }

  /** By itself: what it guards is compared afterwards. */
  writeTries(left: Tries): void {
    this.#memory.write(triesPart(left))
  }

  write(...parts: readonly MemoryPart[]): void {
    this.#memory.write(...parts)
  }

  #read<T>(field: Field<T>, offset: number, size: number): T {
    return field.read(new Reader(this.#memory.read(offset, size)), 'memory')
  }

  #certificateAt(offset: number): Bytes {
    const page = this.#memory.read(offset, PAGE)
    return page.slice(LENGTH_SIZE, LENGTH_SIZE + (page[0] ?? 0))
  }
}

export function triesPart(left: Tries): MemoryPart {
  return { offset: AT.tries, bytes: tries.write(left, 'tries') }
}

export function secretsPart(value: Secrets): MemoryPart {
  return { offset: AT.secrets, bytes: secrets.write(value, 'secrets') }
}

export function personalisationPart(bytes: Bytes): MemoryPart {
  return { offset: AT.fixed, bytes: fixed.write(bytes, 'personalisation') }
}

export function ownCertificatePart(bytes: Bytes): MemoryPart {
  return certificateAt(AT.certificate, bytes)
}

export function certificatePart(slot: number, bytes: Bytes): MemoryPart {
  return certificateAt(AT.certificates + slot * PAGE, bytes)
}

export function logPart(sequence: number, slot: LogSlot): MemoryPart {
  return { offset: logSlotAt(sequence), bytes: logSlot.write(slot, 'log') }
}

export function ownRequestPart(slot: number, value: OwnRequest): MemoryPart {
  return { offset: AT.requests + slot * PAGE, bytes: ownRequest.write(value, 'request') }
}

/** At most 16. */
export function paidPart(requests: readonly PaidRequest[]): MemoryPart {
  const bytes = new Uint8Array(PAID_REQUESTS * PAID_SIZE)
  requests.forEach((request, index) => {
    bytes.set(paidRequest.write(request, 'paid'), index * PAID_SIZE)
  })
  return { offset: AT.paid, bytes }
}

/** Newest first; those beyond the room are forgotten. */
export function refusedPart(requests: readonly RefusedRequest[]): MemoryPart {
  const bytes = new Uint8Array(REFUSALS_KEPT * REFUSED_SIZE)
  requests.slice(0, REFUSALS_KEPT).forEach((request, index) => {
    bytes.set(refusedRequest.write(request, 'refused'), index * REFUSED_SIZE)
  })
  return { offset: AT.refused, bytes }
}

export function carriedPart(block: number, at: number, bytes: Bytes): MemoryPart {
  return { offset: AT.carried + block * CARRIED_BLOCK_MAX + at, bytes }
}

/** The sizes of the carried blocks, one of them another. */
export function carriedSizes(sizes: Bytes, block: number, size: number): Bytes {
  const changed = sizes.slice()
  changed.set(uint16().write(size, 'carried'), 2 * block)
  return changed
}

function certificateAt(offset: number, bytes: Bytes): MemoryPart {
  const page = new Uint8Array(LENGTH_SIZE + bytes.length)
  page[0] = Math.min(bytes.length, CERTIFICATE_SIZE_MAX)
  page.set(bytes, LENGTH_SIZE)
  return { offset, bytes: page }
}

function logSlotAt(sequence: number): number {
  return AT.log + (sequence % LOG_SIZE) * LOG_SLOT_SIZE
}

/** One region after the other; `end` is behind the last. */
function planned<K extends string>(sizes: Readonly<Record<K, number>>): Record<K | 'end', number> {
  const ends: number[] = []
  const regions = Object.entries<number>(sizes)
  for (const [, size] of regions) ends.push((ends.at(-1) ?? 0) + size)
  const starts = regions.map(([name], index) => [name, ends[index - 1] ?? 0] as const)
  return Object.fromEntries([...starts, ['end', ends.at(-1) ?? 0]]) as Record<K | 'end', number>
}
