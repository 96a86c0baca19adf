import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { digestOf } from '../kernel/ids.ts'
import { decodeToken, tokenDigest } from '../kernel/token.ts'
import type { UsedToken } from './scheme.ts'

/**
 * A token in a record of that currency, an ISO 4217 number.
 *
 * @throws {FormatError} if it is no token, or one for another currency.
 */
export function usedToken(bytes: Bytes, currency: number): UsedToken {
  const token = decodeToken(bytes)
  if (token.currency !== currency) throw new FormatError('token.currency', 'is another')
  const { product, price, till } = token
  return { digest: digestOf(tokenDigest(bytes)), bytes, product, price, till }
}
