import type { Selectable, Transaction } from 'kysely'
import { bytesEqual, fromHex, type Bytes } from '../kernel/bytes.ts'
import { NO_DOCUMENTS } from '../kernel/documents.ts'
import {
  createEnrolmentCode,
  enrolmentKey,
  formatEnrolmentCode,
  provesCode,
  signEnrolment,
  type EnrolmentRequest,
} from '../kernel/enrolment.ts'
import type { TillNumber } from '../kernel/ids.ts'
import { currency as currencyOf } from '../kernel/money.ts'
import { publicKeyFrom, type PublicKey } from '../kernel/p256.ts'
import type { Instant } from '../kernel/ports.ts'
import { newerDocuments, tillSecrets } from './documents.ts'
import { OfficeError } from './errors.ts'
import type { Office } from './office.ts'
import { recordAct } from './registry/audit.ts'
import { addMakerKey, listMakerKeys } from './registry/keys.ts'
import { lockTill } from './registry/tills.ts'
import type { TillTable } from './registry-tables.ts'
import type { TillToEquip } from './scheme.ts'
import type { Tables } from './tables.ts'

/** Long enough to walk to the till with it. */
export const CODE_LIFETIME_MS = 24 * 60 * 60 * 1000

export interface GivenCode {
  /** Shown once, to be typed at the till: `7-K3QX-90TB-5RZM`. */
  readonly code: string
  /** By the office's clock. */
  readonly expiresAt: Instant
}

/**
 * A new code for a till, which makes an older one useless. A till that is enrolled already gets a new
 * key with it, and keeps the old one until somebody revokes that.
 *
 * @throws {OfficeError} `not_found` or `till_stopped`.
 */
export async function giveCode(
  office: Office,
  trx: Transaction<Tables>,
  till: TillNumber,
): Promise<GivenCode> {
  const row = await lockTill(trx, till)
  if (!row) throw new OfficeError('not_found', `There is no till ${till}.`)
  if (row.stopped_at !== null) {
    throw new OfficeError('till_stopped', `Till ${till} was stopped: create another one.`)
  }
  const code = createEnrolmentCode(till, office.random)
  const expiresAt = office.clock.now() + CODE_LIFETIME_MS
  await trx
    .updateTable('till')
    .set({
      sealed_code: office.vault.seal(placeOf(till), enrolmentKey(code)),
      code_expires_at: expiresAt,
      code_used_by: null,
    })
    .where('number', '=', BigInt(till))
    .execute()
  return { code: formatEnrolmentCode(code), expiresAt }
}

/** What a request to be enrolled can come to, in the order of the checks. */
export const ENROLMENT_STATUSES = [
  'unknown_till',
  'till_stopped',
  'no_code',
  'wrong_proof',
  'code_expired',
  'code_used',
  'key_known',
  'enrolled',
] as const
export type EnrolmentStatus = (typeof ENROLMENT_STATUSES)[number]

export type EnrolmentResult =
  | { readonly status: Exclude<EnrolmentStatus, 'enrolled'> }
  | { readonly status: 'enrolled'; readonly answer: Bytes }

/**
 * Enrols a till with the key that it made. The same request again gets an answer again, for as long
 * as the code lasts: the first answer may have been lost. Another key gets none.
 *
 * @throws {FormatError} if the key is not a point on the curve.
 */
export async function enrolTill(
  office: Office,
  request: EnrolmentRequest,
): Promise<EnrolmentResult> {
  const tillKey = publicKeyFrom(fromHex(request.publicKey, 'publicKey'), 'publicKey')
  const proof = fromHex(request.proof, 'proof')
  const placed = await office.db
    .transaction()
    .execute((trx) => placeKey(office, trx, request.till, tillKey, proof))
  if (placed.status !== 'enrolled') return placed
  const equipped: TillToEquip = {
    number: request.till,
    publicKey: tillKey,
    generation: placed.generation,
    currency: currencyOf(placed.till.currency),
    now: office.clock.now(),
  }
  const documents = await newerDocuments(office, equipped, NO_DOCUMENTS)
  const answer = signEnrolment(
    office.key,
    placed.codeKey,
    {
      till: request.till,
      generation: placed.generation,
      currency: placed.till.currency,
      tillKey,
      officeGeneration: office.generation,
      officeTime: equipped.now,
      secrets: tillSecrets(office, equipped),
      documents,
    },
    office.random,
  )
  return { status: 'enrolled', answer }
}

type PlacedKey =
  | { readonly status: Exclude<EnrolmentStatus, 'enrolled'> }
  | {
      readonly status: 'enrolled'
      readonly till: Selectable<TillTable>
      readonly codeKey: Bytes
      readonly generation: number
    }

async function placeKey(
  office: Office,
  trx: Transaction<Tables>,
  number: TillNumber,
  tillKey: PublicKey,
  proof: Bytes,
): Promise<PlacedKey> {
  // Whoever comes with the same code at the same time waits here, and then finds it used.
  const till = await lockTill(trx, number)
  if (!till) return { status: 'unknown_till' }
  if (till.stopped_at !== null) return { status: 'till_stopped' }
  if (till.sealed_code === null) return { status: 'no_code' }
  const codeKey = office.vault.open(placeOf(number), till.sealed_code)
  if (!provesCode(codeKey, tillKey, proof)) return { status: 'wrong_proof' }
  const now = office.clock.now()
  if (BigInt(now) >= (till.code_expires_at ?? 0n)) return { status: 'code_expired' }
  const keys = await listMakerKeys(trx, number)
  const own = keys.find(({ publicKey }) => bytesEqual(publicKey.bytes, tillKey.bytes))
  if (till.code_used_by !== null) {
    const again = own?.generation === till.code_used_by
    return again
      ? { status: 'enrolled', till, codeKey, generation: own.generation }
      : { status: 'code_used' }
  }
  if (own || (await isForeign(trx, tillKey))) return { status: 'key_known' }

  // From here on the till is enrolled.
  const generation = await addMakerKey(trx, number, tillKey, now)
  await trx
    .updateTable('till')
    .set({ enrolled_at: now, code_used_by: generation })
    .where('number', '=', BigInt(number))
    .execute()
  const [subject, detail] = [`till:${number}`, { generation }]
  await recordAct(trx, { person: undefined, act: 'till.enrol', subject, detail }, now)
  return { status: 'enrolled', till, codeKey, generation }
}

/** Whether another maker has that key: then one of two tills could be taken for the other. */
async function isForeign(trx: Transaction<Tables>, key: PublicKey): Promise<boolean> {
  const row = await trx
    .selectFrom('maker_key')
    .select('maker')
    .where('public_key', '=', Buffer.from(key.bytes))
    .executeTakeFirst()
  return row !== undefined
}

const placeOf = (till: TillNumber) => `till.sealed_code ${till}`
