import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type { WriteStatus } from '../../reader/writing.ts'
import { cardPlan, type CardPlan } from './message.ts'
import { generateKey, personalise, selectWallet, shownCertificate } from './terminal.ts'

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
