import type { Bytes } from '../../../kernel/bytes.ts'
import { FormatError } from '../../../kernel/errors.ts'
import { constant, message, octets, uint16 } from '../../../kernel/message.ts'
import { PUBLIC_KEY_SIZE, publicKeyFrom, type PrivateKey } from '../../../kernel/p256.ts'
import type { Instant } from '../../../kernel/ports.ts'
import { isSignedBy, openMessage, signMessage } from '../../../kernel/signed-message.ts'
import type { BankNumber } from '../certificates.ts'
import { lifeOf } from './authority.ts'
import { bankCertificate } from './bank.ts'

const MAGIC = 'KONTANT-BANK-REQUEST'

/** Asks a root for a bank’s certificate; signed with the key that it is for. */
const bankRequest = message('bankRequest', {
  magic: constant(MAGIC),
  version: constant(1),
  bank: uint16({ min: 1 }, 'the number that the bank is to have'),
  publicKey: octets(PUBLIC_KEY_SIZE, 'to be certified'),
})

/** How such a request is known in a file of several. */
export const BANK_REQUEST = { magic: MAGIC, size: bankRequest.size } as const

export function requestBank(bank: BankNumber, key: PrivateKey): Bytes {
  return signMessage(bankRequest, { bank, publicKey: key.publicKey.bytes }, key)
}

/**
 * The certificate that a request asks for.
 *
 * @param at by the root’s clock.
 * @throws {FormatError} if it is no such request, or not signed with its own key.
 */
export function signBankRequest(requested: Uint8Array, rootKey: PrivateKey, at: Instant): Bytes {
  const read = openMessage(bankRequest, requested)
  const publicKey = publicKeyFrom(read.content.publicKey, 'bankRequest.publicKey')
  if (!isSignedBy(read, publicKey)) {
    throw new FormatError('bankRequest.signature', 'not signed with the key that it is for')
  }
  return bankCertificate(read.content.bank, publicKey, rootKey, lifeOf('bank', at))
}
