import { concat, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import {
  amount,
  constant,
  instant,
  message,
  octets,
  uint16,
  uint32,
  type ValueOf,
} from './message.ts'
import { sign, SIGNATURE_SIZE, verify, type PrivateKey, type PublicKey } from './p256.ts'

/**
 * The right to take the price of one unit of one product from one card, once (Shah et al., IV F).
 * Signed by the office; docs/protocol/token.md.
 */
export const tokenBody = message('token', {
  version: constant(1),
  product: uint32({ min: 1 }, 'product number'),
  price: amount(4, {}, 'price in minor units'),
  currency: uint16({}, 'ISO 4217 number'),
  madeAt: instant('when the unit was made, by the office’s clock'),
  till: uint32({ min: 1 }, 'the only till that may use it'),
  nonce: octets(8, 'random: no two tokens are alike'),
})
export type Token = ValueOf<typeof tokenBody>

const BODY_SIZE = 31
/** {@link tokenBody} and the office's signature over it. */
export const TOKEN_SIZE = BODY_SIZE + SIGNATURE_SIZE

export function signToken(office: PrivateKey, token: Token): Bytes {
  const body = tokenBody.encode(token)
  return concat(body, sign(office, body))
}

/** @throws {FormatError} if `bytes` is not a token. Its signature is not checked here. */
export function decodeToken(bytes: Uint8Array, field = 'token'): Token {
  if (bytes.length !== TOKEN_SIZE) {
    throw new FormatError(field, `expected ${TOKEN_SIZE} bytes, got ${bytes.length}`)
  }
  return tokenBody.decode(bytes.subarray(0, BODY_SIZE))
}

export function tokenSignedBy(office: PublicKey, token: Uint8Array): boolean {
  return verify(office, token.subarray(0, BODY_SIZE), token.subarray(BODY_SIZE))
}

/** What identifies a token: SHA-256 of its body, so that a second signature makes no second token. */
export function tokenDigest(token: Uint8Array): Bytes {
  return sha256(token.subarray(0, BODY_SIZE))
}
