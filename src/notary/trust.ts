import { toHex, type Bytes } from '../kernel/bytes.ts'
import { unlessMalformed } from '../kernel/errors.ts'
import { sha256 } from '../kernel/hash.ts'
import { cardIdOf } from '../kernel/ids.ts'
import { NOTARY, partyText } from '../kernel/party.ts'
import { Recent } from '../kernel/recent.ts'
import { isConfirmedByKey, type Confirmed } from '../schemes/coin/certificates.ts'
import type { WalletRoot } from '../schemes/wallet/office/authority.ts'
import {
  isCertifiedBy,
  readCertificate,
  type ReadSubject,
  type Subject,
} from '../schemes/wallet/certificates.ts'
import { isSignedBy, openMessage, type Signed } from '../kernel/signed-message.ts'
import { statement, type Statement } from '../schemes/wallet/message.ts'
import { readEvidence } from '../schemes/wallet/office/shown.ts'

/** Certificates that were read: an office’s is behind every payment of its cards. */
const REMEMBERED = 10_000

/**
 * Who is believed to be who, by certificates alone. The dates in them are not looked at: nothing that was
 * paid offline says when, but for the word of a phone’s clock, and money must not be lost because a
 * certificate ended while a card lay in a drawer. A key that is good no more is revoked.
 */
export class Trust {
  readonly #roots: readonly WalletRoot[]
  readonly #read = new Recent<string, ReadSubject>(REMEMBERED)

  /** @param roots that the notary’s operator believes, and that were not revoked. */
  constructor(roots: readonly ReadSubject[]) {
    this.#roots = roots
      .filter((root) => root.role === 'root' && isCertifiedBy(root, root))
      // The notary has no cards: it reads everybody’s as a stranger does.
      .map((root) => ({ office: NOTARY, root, certificates: [root] }))
  }

  /** Evidence under any of the roots; the reason is that of the last. */
  evidence(bytes: Uint8Array): ReturnType<typeof readEvidence> {
    let read: ReturnType<typeof readEvidence> = { ok: false, reason: 'no_root' }
    for (const root of this.#roots) {
      read = readEvidence(bytes, root)
      if (read.ok) break
    }
    return read
  }

  /** An office or a notary that a root stands behind. */
  certified(bytes: Uint8Array): ReadSubject | undefined {
    const subject = unlessMalformed(() => readCertificate(bytes))
    return subject && this.#roots.some(({ root }) => isCertifiedBy(subject, root))
      ? subject
      : undefined
  }

  /** Whether a root stands behind a bank: its one key, whatever it is called there. */
  isRootOf(bank: Confirmed): boolean {
    return this.#roots.some(({ root }) => isConfirmedByKey(bank, root.certificate.publicKey))
  }

  /** What a card says of itself, with its certificate and its office’s. */
  statement(parts: readonly Bytes[]): Signed<Statement> | undefined {
    const [said, certificate, office] = parts
    if (!said || !certificate || !office) return undefined
    const issuer = this.certified(office)
    return unlessMalformed(() => {
      const read = openMessage(statement, said)
      const card = readCertificate(certificate)
      const isIt =
        issuer !== undefined &&
        card.party.kind === 'card' &&
        isCertifiedBy(card, issuer) &&
        cardIdOf(read.content.card) === card.party.card &&
        read.content.office === card.party.office &&
        isSignedBy(read, card.certificate.publicKey)
      return isIt ? read : undefined
    })
  }

  /** Reads what was verified already. */
  read(bytes: Uint8Array): ReadSubject {
    const name = toHex(sha256(bytes))
    const known = this.#read.get(name)
    if (known) return known
    const subject = readCertificate(bytes)
    this.#read.set(name, subject)
    return subject
  }
}

/** How a revocation calls a key: `office office:2 1`. */
export function keyName({ role, party, generation }: Subject): string {
  return `${role} ${partyText(party)} ${generation}`
}
