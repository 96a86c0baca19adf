import { concat, utf8, type Bytes } from './bytes.ts'
import { cardIdBytes, type CardId } from './ids.ts'
import { openSealed, sealTo, type PrivateKey, type PublicKey } from './p256.ts'
import type { RandomSource } from './ports.ts'

/**
 * A secret of a card's holder that a till tells the office, and nobody between them: sealed to the
 * office's key, for that card only.
 */
export function sealDisclosure(
  office: PublicKey,
  card: CardId,
  secret: Uint8Array,
  random: RandomSource,
): Bytes {
  return sealTo(office, secret, contextOf(card), random)
}

/** @throws {FormatError} if it was not sealed to this office for this card. */
export function openDisclosure(office: PrivateKey, card: CardId, sealed: Uint8Array): Bytes {
  return openSealed(office, sealed, contextOf(card))
}

function contextOf(card: CardId): Bytes {
  return concat(cardIdBytes(card), utf8('passcode'))
}
