import { SW, type StatusWord } from '../../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { isValidAt } from '../../../kernel/cvc.ts'
import { invariant } from '../../../kernel/errors.ts'
import type { PublicKey } from '../../../kernel/p256.ts'
import { party, sameParty, type Party } from '../../../kernel/party.ts'
import type { CardChip } from './chip.ts'
import type { CardLog } from './log.ts'
import {
  CERTIFICATE_SLOTS,
  certificatePart,
  NO_SLOT,
  type CardStore,
  type LogSlot,
} from './store.ts'
import { readCertificate, type ReadSubject } from '../certificates.ts'
import { WALLET_SW } from '../message.ts'

/** A certificate that this card has verified. */
export interface Verified {
  readonly slot: number
  readonly subject: ReadSubject
}

/** Who signed something, as far as this card knows. */
export interface Signer {
  readonly key: PublicKey
  /** Its own certificate, and that of the office that certified it; an office has no other. */
  readonly certificates: readonly [Verified] | readonly [Verified, Verified]
}

/** What a log entry shows of the signer; the certificate that this card was issued under needs not be shown. */
export function slotsOf({
  certificates: [own, office],
}: Signer): Pick<LogSlot, 'signer' | 'office'> {
  const signer = own.slot === CERTIFICATE_SLOTS.issuer ? NO_SLOT : own.slot
  return { signer, office: office?.slot ?? NO_SLOT }
}

/**
 * The certificates that a card has verified. Of several of one party the highest generation counts, of
 * those the one that lasts longest: a key that was replaced is not taken any more where its successor
 * was shown.
 */
export class CardCertificates {
  readonly #store: CardStore
  readonly #chip: CardChip
  readonly #log: CardLog

  constructor(store: CardStore, chip: CardChip, log: CardLog) {
    this.#store = store
    this.#chip = chip
    this.#log = log
  }

  /** Whose it is; undefined without a certificate of the signer and of its office. */
  find(who: Party): Signer | undefined {
    const own = this.#newest(who)
    if (!own) return undefined
    const key = own.subject.certificate.publicKey
    if (who.kind === 'office') return { key, certificates: [own] }
    const office = this.#issuerOf(own.subject)
    return office && { key, certificates: [own, office] }
  }

  /** Whether it is over by the card’s time: that of a signer, or of its office. */
  isExpired({ certificates }: Signer): boolean {
    return certificates.some(({ subject }) => this.#isOver(subject))
  }

  /** VERIFY CERTIFICATE. What was verified before costs no computation. */
  verify(bytes: Bytes): StatusWord {
    const subject = readCertificate(bytes)
    const { role } = subject
    if (role === 'root' || role === 'notary') return WALLET_SW.NOT_ADDRESSED
    const isKnown = this.#certificates(subject.party).some(({ subject: known }) =>
      bytesEqual(known.bytes, bytes),
    )
    const refusal = isKnown ? undefined : this.#refusalOfSignature(subject)
    if (refusal !== undefined) return refusal
    if (this.#isOver(subject)) return WALLET_SW.EXPIRED
    if (!isKnown) this.#keep(subject)
    return SW.OK
  }

  #refusalOfSignature(subject: ReadSubject): StatusWord | undefined {
    const { body, signature } = subject.certificate
    const issuer = subject.role === 'office' ? undefined : this.#issuerOf(subject)
    if (subject.role !== 'office' && !issuer) return WALLET_SW.UNKNOWN_SIGNER
    const key = issuer?.subject.certificate.publicKey ?? this.#store.rootKey
    return this.#chip.verify(key, body, signature) ? undefined : WALLET_SW.BAD_SIGNATURE
  }

  /** Where the oldest was that nothing in the log shows. */
  #keep(subject: ReadSubject): void {
    const isOffice = subject.role === 'office'
    const { first, count } = isOffice ? CERTIFICATE_SLOTS.offices : CERTIFICATE_SLOTS.parties
    const { nextOffice, nextParty } = this.#store.state
    const next = isOffice ? nextOffice : nextParty
    const needed = this.#needed()
    const found = Array.from({ length: count }, (_, index) => (next + index) % count).find(
      (index) => !needed.has(first + index),
    )
    invariant(found !== undefined, 'a log shows fewer certificates than there is room for')
    const after = (found + 1) % count
    this.#store.commit(
      isOffice ? { nextOffice: after } : { nextParty: after },
      certificatePart(first + found, subject.bytes),
    )
  }

  #needed(): ReadonlySet<number> {
    const shown = this.#log.entries().flatMap(({ slot }) => [slot.signer, slot.office])
    const { office } = this.#store.personalisation
    const newest = this.#newest({ kind: 'office', office })
    return new Set([...shown, newest?.slot ?? NO_SLOT])
  }

  #issuerOf({ party: { office }, certificate }: ReadSubject): Verified | undefined {
    return this.#certificates({ kind: 'office', office }).find(
      ({ subject }) => subject.certificate.holder === certificate.authority,
    )
  }

  #newest(who: Party): Verified | undefined {
    const [newest] = this.#certificates(who).toSorted(
      (a, b) =>
        b.subject.generation - a.subject.generation ||
        b.subject.certificate.to - a.subject.certificate.to,
    )
    return newest
  }

  #certificates(who: Party): readonly Verified[] {
    const { issuer, offices, parties } = CERTIFICATE_SLOTS
    const { first, count } = who.kind === 'office' ? offices : parties
    const slots = Array.from({ length: count }, (_, index) => first + index)
    const name = party().write(who, 'party')
    return (who.kind === 'office' ? [issuer, ...slots] : slots).flatMap((slot) => {
      const bytes = this.#store.certificateIn(slot)
      // A certificate names its party in its rights: only those that may be meant are read.
      if (!Buffer.from(bytes).includes(name)) return []
      const subject = readCertificate(bytes)
      return sameParty(subject.party, who) ? [{ slot, subject }] : []
    })
  }

  #isOver({ certificate }: ReadSubject): boolean {
    const { time } = this.#store.state
    return time > certificate.to && !isValidAt(certificate, time)
  }
}
