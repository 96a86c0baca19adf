import { bytesEqual, utf8, type Bytes } from '../kernel/bytes.ts'
import {
  ENROLMENT_PATH,
  enrolmentRequest,
  openEnrolment,
  parseEnrolmentCode,
} from '../kernel/enrolment.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  type PrivateKey,
} from '../kernel/p256.ts'
import type { Clock, Transport, TransportResponse } from '../kernel/ports.ts'

import { InvariantError } from '../kernel/errors.ts'
import { readIdentity, writeIdentity, type Identity } from './identity.ts'
import { readState, writeState, type Store } from './store.ts'

/** The till is as it was. The message is for people. */
export class EnrolmentFailed extends Error {
  override readonly name = 'EnrolmentFailed'
}

export interface EnrolmentParts {
  readonly store: Store
  readonly transport: Transport
  readonly clock: Clock
  /** What the till is already; it can be enrolled anew with the same number and office. */
  readonly held: Identity | undefined
}

export interface Enrolled {
  readonly identity: Identity
  /** The documents to start with, to be applied. */
  readonly documents: readonly Bytes[]
}

/**
 * The till's key is kept before it is sent: whoever repeats an enrolment whose answer was lost asks for
 * the same key again.
 *
 * @throws {EnrolmentFailed} if the office refuses, or this till is another's.
 * @throws {FormatError} if the code is not one, or the answer is not from the office that gave it.
 * @throws {Unreachable} if nobody answers.
 */
export async function enrol(text: string, parts: EnrolmentParts): Promise<Enrolled> {
  const { store, transport, clock, held } = parts
  const code = parseEnrolmentCode(text)
  const key = keyToEnrol(store)
  const answer = await transport.send({
    method: 'POST',
    path: ENROLMENT_PATH,
    headers: { 'content-type': 'application/json' },
    body: utf8(JSON.stringify(enrolmentRequest(code, key.publicKey))),
  })
  if (answer.status !== 200) throw refusedBy(answer)
  const enrolment = openEnrolment(answer.body, code, key)
  if (held && !isSame(held, enrolment)) {
    throw new EnrolmentFailed('this till already belongs to an office, as another till')
  }
  store.write('enrol', (trx) => {
    writeIdentity(store, trx, key, enrolment, clock.now())
    trx.run(`delete from state where name = ?`, PENDING_KEY)
  })
  const identity = readIdentity(store)
  if (!identity) throw new InvariantError('an identity that was written can be read')
  return { identity, documents: enrolment.documents }
}

function isSame(
  held: Identity,
  { till, officeKey }: Pick<Identity, 'till' | 'officeKey'>,
): boolean {
  return held.till === till && bytesEqual(held.officeKey.bytes, officeKey.bytes)
}

function refusedBy({ status, body }: TransportResponse): EnrolmentFailed {
  const said = new TextDecoder().decode(body.subarray(0, 500))
  return new EnrolmentFailed(`the office refused the code (${status}): ${said}`)
}

const PENDING_KEY = 'enrolling'

function keyToEnrol(store: Store): PrivateKey {
  const kept = readState(store, PENDING_KEY)
  if (kept) return importPrivateKey(kept)
  const key = generatePrivateKey()
  store.write('enrolling', (trx) => writeState(store, trx, PENDING_KEY, exportPrivateKey(key)))
  return key
}
