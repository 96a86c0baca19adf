import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import { cardPlan, type CardPlan } from './message.ts'
import { generateKey, personalise, selectWallet, shownCertificate } from './terminal.ts'

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
export async function chipKey(channel: Channel): Promise<Bytes | undefined> {
  const state = await selectWallet(channel)
  if (state?.phase !== 'blank') return undefined
  const made = await generateKey(channel)
  return made.ok ? made.value.bytes : undefined
}

/**
 * Makes the chip that a plan is for a card. May be repeated until it says `written`, which it also says
 * of a card that was written with this plan before.
 *
 * @throws {FormatError} if `plan` is not a plan.
 */
export async function writeCardPlan(channel: Channel, plan: Bytes): Promise<WriteStatus> {
  const content = cardPlan.decode(plan)
  try {
    const state = await selectWallet(channel)
    if (!state) return 'wrong_chip'
    return state.phase === 'in use'
      ? await statusOfUsed(channel, content)
      : await write(channel, content)
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    if (error instanceof CardRefused) return 'spoilt_chip'
    throw error
  }
}

async function statusOfUsed(channel: Channel, { certificate }: CardPlan): Promise<WriteStatus> {
  const { bytes } = await shownCertificate(channel, 'own')
  return bytesEqual(bytes, certificate) ? 'written' : 'already_issued'
}

async function write(channel: Channel, plan: CardPlan): Promise<WriteStatus> {
  const key = await generateKey(channel)
  if (!key.ok || !bytesEqual(key.value.bytes, plan.publicKey)) return 'wrong_chip'
  const steps = [
    [0, plan.personalisation],
    [1, plan.office],
    [2, plan.certificate],
  ] as const
  for (const [step, data] of steps) {
    const answer = await personalise(channel, step, data)
    if (!answer.ok) return 'spoilt_chip'
  }
  return 'written'
}
