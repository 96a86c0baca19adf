import { z } from 'zod'
import { encodeCbor } from '../kernel/cbor.ts'
import { invariant } from '../kernel/errors.ts'
import type { Enrolment } from '../kernel/enrolment.ts'
import type { TillNumber } from '../kernel/ids.ts'
import { CURRENCY_CODES, currency, type Currency } from '../kernel/money.ts'
import {
  exportPrivateKey,
  importPrivateKey,
  PUBLIC_KEY_SIZE,
  publicKeyFrom,
  type PrivateKey,
  type PublicKey,
} from '../kernel/p256.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { Instant } from '../kernel/ports.ts'
import { bytes, instant, parseCbor } from '../kernel/schema.ts'
import { readState, writeState, type Store, type Transaction } from './store.ts'

/** What a till is since it was enrolled. */
export interface Identity {
  readonly till: TillNumber
  readonly generation: number
  readonly key: PrivateKey
  readonly currency: Currency
  /** The only office that it believes. */
  readonly officeKey: PublicKey
  readonly officeGeneration: number
  /** By name of scheme, as they were when the till started: {@link Documents.secrets} are the newest. */
  readonly secrets: ReadonlyMap<string, Bytes>
  /** By the till's clock. */
  readonly enrolledAt: Instant
  /** At the same moment, by the office's clock. */
  readonly officeTime: Instant
}

const stored = z.strictObject({
  till: z.int().min(1),
  generation: z.int().min(1),
  key: bytes.upTo(256),
  currency: z.enum(CURRENCY_CODES),
  officeKey: bytes.of(PUBLIC_KEY_SIZE),
  officeGeneration: z.int().min(1),
  secrets: z.record(z.string(), bytes.upTo(4096)),
  enrolledAt: instant,
  officeTime: instant,
})

export function readIdentity(store: Store): Identity | undefined {
  const encoded = readState(store, 'identity')
  if (!encoded) return undefined
  const identity = parseCbor(stored, encoded, 'identity')
  return {
    ...identity,
    key: importPrivateKey(identity.key),
    currency: currency(identity.currency),
    officeKey: publicKeyFrom(identity.officeKey),
    secrets: new Map(Object.entries(identity.secrets)),
  }
}

/** Puts in the place of a till's secrets what its office gave it anew. */
export function replaceSecrets(store: Store, trx: Transaction, secrets: Identity['secrets']): void {
  const encoded = readState(store, 'identity')
  invariant(encoded, 'only a till that is enrolled has secrets')
  const identity: z.input<typeof stored> = {
    ...parseCbor(stored, encoded, 'identity'),
    secrets: Object.fromEntries(secrets),
  }
  writeState(store, trx, 'identity', encodeCbor(identity))
}

export function writeIdentity(
  store: Store,
  trx: Transaction,
  key: PrivateKey,
  enrolment: Enrolment,
  enrolledAt: Instant,
): void {
  const { till, generation, officeKey, officeGeneration, secrets, officeTime } = enrolment
  const identity: z.input<typeof stored> = {
    till,
    generation,
    key: exportPrivateKey(key),
    currency: enrolment.currency,
    officeKey: officeKey.bytes,
    officeGeneration,
    secrets: Object.fromEntries(secrets),
    enrolledAt,
    officeTime,
  }
  writeState(store, trx, 'identity', encodeCbor(identity))
}
