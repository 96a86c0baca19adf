import type { Bytes } from '../../kernel/bytes.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import type { Amount } from '../../kernel/money.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import type { Channel } from '../../reader/channel.ts'
import { readAuthority } from '../../schemes/wallet/office/authority.ts'
import { signMessage } from '../../kernel/signed-message.ts'
import {
  cardPlan,
  instruction,
  NONCE_SIZE,
  order,
  personalisation,
} from '../../schemes/wallet/message.ts'
import { WalletCard, type WalletRefusal } from '../../schemes/wallet/terminal.ts'

/** What an office can do that cheats: it has its own keys, and makes its own cards. */

/** The plan of a card that does not ask for the notary's signature: the office's own desk writes it. */
export function withoutNotary(plan: Bytes): Bytes {
  const content = cardPlan.decode(plan)
  const person = personalisation.decode(content.personalisation)
  return cardPlan.encode({
    ...content,
    personalisation: personalisation.encode({ ...person, notary: [] }),
  })
}

export interface UnbackedLoad {
  /** The office's wallet secrets. */
  readonly secrets: Bytes
  readonly amount: Amount
  readonly at: Instant
}

const HOUR = 3_600_000

/** Puts money on a card that the office never set aside, and tells nobody. */
export async function loadUnbacked(
  channel: Channel,
  { secrets, amount, at }: UnbackedLoad,
  random: RandomSource,
): Promise<'no_wallet' | WalletRefusal | 'done'> {
  const { office, key } = readAuthority(secrets)
  const card = await WalletCard.connect(channel, random)
  const said = await card?.statement(random.bytes(NONCE_SIZE))
  if (!card || !said?.ok) return 'no_wallet'
  const content = {
    kind: 'load' as const,
    office,
    card: card.state.card,
    number: said.value.content.instruction + 1,
    madeAt: at,
    expires: at + HOUR,
    currency: card.state.currency,
    amount,
    sequence: 0,
    record: new Uint8Array(DIGEST_SIZE),
    policy: [],
  }
  const signed = signMessage(instruction, content, key)
  const answer = await card.execute(order.encode({ instruction: signed, permit: [] }))
  return answer.ok ? 'done' : answer.refusal
}
