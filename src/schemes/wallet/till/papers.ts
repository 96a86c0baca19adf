import { bytesEqual } from '../../../kernel/bytes.ts'
import { isValidAt } from '../../../kernel/cvc.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import { sameParty, type Party } from '../../../kernel/party.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { Desk } from '../../../till/scheme.ts'
import { tillPapers } from '../office/authority.ts'
import { isCertifiedBy, readCertificate, type ReadSubject } from '../certificates.ts'
import type { Introduced, OwnCertificates } from '../terminal.ts'

/** Who a till is to cards, and whom it believes: what its office gave it. */
export interface Papers {
  readonly root: ReadSubject
  readonly office: ReadSubject
  readonly own: ReadSubject
  /** The till, as requests and records name it. */
  readonly party: Party
  readonly introduced: Introduced
}

/** Undefined if they are not of this till’s key of now. That they have ended is another matter. */
export function readPapers({ secrets, till, key }: Desk): Papers | undefined {
  return unlessMalformed(() => {
    const content = tillPapers.decode(secrets)
    const root = readCertificate(content.root)
    const office = readCertificate(content.office)
    const own = readCertificate(content.own)
    const isOurs =
      own.role === 'till' &&
      own.party.kind === 'till' &&
      own.party.till === till &&
      bytesEqual(own.certificate.publicKey.bytes, key.publicKey.bytes) &&
      isCertifiedBy(own, office) &&
      isCertifiedBy(office, root)
    const introduced: Introduced = [own.bytes, office.bytes]
    return isOurs ? { root, office, own, party: own.party, introduced } : undefined
  })
}

/**
 * Whether it is over at that instant. That it has not begun is nobody’s fault but of a clock that is
 * behind, and the card says so.
 */
export function hasEnded({ certificate }: ReadSubject, at: Instant): boolean {
  return at > certificate.to && !isValidAt(certificate, at)
}

/** Whether the root stands behind these certificates, and they are of the card that says so of itself. */
export function areGenuine(
  { card, office }: OwnCertificates,
  { root }: Papers,
  id: Extract<Party, { readonly kind: 'card' }>,
): boolean {
  return (
    card.role === 'card' &&
    office.role === 'office' &&
    sameParty(card.party, id) &&
    isCertifiedBy(card, office) &&
    isCertifiedBy(office, root)
  )
}
