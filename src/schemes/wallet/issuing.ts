import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import { readCertificate } from './certificates.ts'
import { cardPlan } from './message.ts'
import { WalletCard } from './terminal.ts'

/**
 * What came of writing a plan. The order is the order of the checks. `torn` may be tried again, the
 * others need another chip.
 */
export const WRITE_STATUSES = [
  /** It has no such applet, or is not the chip that the plan is for. */
  'wrong_chip',
  /** It is a card already, of another plan. */
  'already_issued',
  /** The applet does not take the plan. */
  'spoilt_chip',
  /** The chip went away. Put it on again and write the same plan. */
  'torn',
  'written',
] as const
export type WriteStatus = (typeof WRITE_STATUSES)[number]

/**
 * The public key of a blank chip, which makes it if it has none: what an office issues a card for.
 * Undefined if it has no such applet or is a card already.
 *
 * @throws {CardTorn} if the chip went away.
 */
export async function chipKey(channel: Channel, random: RandomSource): Promise<Bytes | undefined> {
  const card = await WalletCard.connect(channel, random)
  const made = await card?.generate()
  return made?.ok ? made.value.bytes : undefined
}

/**
 * Makes the chip that a plan is for a card. May be repeated until it says `written`, which it also says
 * of a card that was written with this plan before.
 *
 * @throws {FormatError} if `plan` is not a plan.
 */
export async function writeCardPlan(
  channel: Channel,
  plan: Bytes,
  random: RandomSource,
): Promise<WriteStatus> {
  const { publicKey, personalisation, office, certificate } = cardPlan.decode(plan)
  try {
    const card = await WalletCard.connect(channel, random)
    if (!card) return 'wrong_chip'
    if (card.state.phase === 'in use') return await statusOfUsed(card, certificate)
    const key = await card.generate()
    if (!key.ok || !bytesEqual(key.value.bytes, publicKey)) return 'wrong_chip'
    for (const [step, data] of [personalisation, office, certificate].entries()) {
      const answer = await card.personalise(step as 0 | 1 | 2, data)
      if (!answer.ok) return 'spoilt_chip'
    }
    return 'written'
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    if (error instanceof CardRefused) return 'spoilt_chip'
    throw error
  }
}

async function statusOfUsed(card: WalletCard, certificate: Bytes): Promise<WriteStatus> {
  const { card: own } = await card.certificates()
  return bytesEqual(own.bytes, readCertificate(certificate).bytes) ? 'written' : 'already_issued'
}
