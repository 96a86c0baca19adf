import { concat, copyOf, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import type { Message } from './message.ts'
import {
  sign,
  SIGNATURE_SIZE,
  verify,
  type FleetingKey,
  type PrivateKey,
  type PublicKey,
} from './p256.ts'

/** A body and its signature by whoever the body names. */
export interface Signed<T> {
  readonly content: T
  /** Body ‖ signature, as received. */
  readonly bytes: Bytes
  readonly body: Bytes
  /** SHA-256 of the body: a second signature over it makes no second message. */
  readonly digest: Bytes
}

export function signMessage<T>(
  layout: Message<T>,
  content: T,
  key: PrivateKey | FleetingKey,
): Bytes {
  const body = layout.encode(content)
  return concat(body, sign(key, body))
}

/** @throws {FormatError} if it is not a body of that layout and a signature. Whose is not checked here. */
export function openMessage<T>(layout: Message<T>, bytes: Uint8Array): Signed<T> {
  const size = bytes.length - SIGNATURE_SIZE
  if (size < 0)
    throw new FormatError(layout.name, `expected a signature of ${SIGNATURE_SIZE} bytes`)
  const body = copyOf(bytes.subarray(0, size))
  return { content: layout.decode(body), bytes: copyOf(bytes), body, digest: sha256(body) }
}

export function isSignedBy({ bytes, body }: Signed<unknown>, key: PublicKey): boolean {
  return verify(key, body, bytes.subarray(body.length))
}
