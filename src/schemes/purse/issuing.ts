import { command, SW } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { CardRefused, CardTorn, exchange, type Channel } from '../../reader/channel.ts'
import type { WriteStatus } from '../../reader/writing.ts'
import {
  cardPlan,
  CLA,
  INS,
  MODULE_AID,
  modulePlan,
  parameters,
  personalisation,
  PURSE_AID,
} from './message.ts'
import { isPersonalised, selectApplet } from './terminal.ts'

/**
 * Makes a blank chip a card. May be repeated until it says `written`, which it also says of a card
 * that was written with this plan before.
 *
 * @throws {FormatError} if `plan` is not a plan.
 */
export async function writeCardPlan(channel: Channel, plan: Bytes): Promise<WriteStatus> {
  const { personalisation: keys, first } = cardPlan.decode(plan)
  const { card } = parameters.decode(personalisation.decode(keys).parameters)
  return write(channel, PURSE_AID, card, async () => {
    await personalise(channel, 0, keys)
    await personalise(channel, 1, first)
  })
}

/** The same for a till’s security module. @throws {FormatError} if `plan` is not a plan. */
export async function writeModulePlan(channel: Channel, plan: Bytes): Promise<WriteStatus> {
  const { till } = modulePlan.decode(plan)
  const id = new Uint8Array(8)
  new DataView(id.buffer).setUint32(4, till)
  return write(channel, MODULE_AID, id, () => personalise(channel, 0, plan))
}

async function write(
  channel: Channel,
  aid: Bytes,
  id: Bytes,
  work: () => Promise<void>,
): Promise<WriteStatus> {
  try {
    const found = await selectApplet(channel, aid)
    if (!found) return 'wrong_chip'
    if (bytesEqual(found.id, id)) return 'written'
    if (isPersonalised(found)) return 'already_issued'
    await work()
    return 'written'
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    if (error instanceof CardRefused) return 'spoilt_chip'
    throw error
  }
}

async function personalise(channel: Channel, p1: number, data: Bytes): Promise<void> {
  const { sw } = await exchange(channel, command(CLA, INS.PERSONALISE, p1, 0, data))
  if (sw !== SW.OK) throw new CardRefused('personalise', sw)
}
