import { publicKeyFrom } from '../../../kernel/p256.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { NotarySeat } from '../../../office/inter-office-client.ts'
import { certifyCard, readAuthority } from './authority.ts'
import { SCHEME } from '../message.ts'

/**
 * An office’s place among others, by its wallet secrets; undefined if it has not joined a notary.
 *
 * @param now by the office’s clock.
 */
export function notarySeatOf(secrets: Uint8Array, now: () => Instant): NotarySeat | undefined {
  const authority = readAuthority(secrets)
  const { office, key, certificates, notary } = authority
  if (!notary) return undefined
  const [newest] = certificates
  return {
    scheme: SCHEME,
    office,
    generation: newest.generation,
    key,
    certificate: newest.bytes,
    notary: { generation: notary.generation, publicKey: notary.certificate.publicKey },
    // Another certificate of the key that the card has: the first one is kept by the card alone.
    certificatesOf: (card, publicKey) => [
      certifyCard(authority, card, publicKeyFrom(publicKey), now()),
      newest.bytes,
    ],
  }
}
