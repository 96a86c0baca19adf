import { command, SW, type StatusWord } from '../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type { WriteStatus } from '../../reader/writing.ts'
import { ENROLLED } from './office/bank.ts'
import { readCertificate } from './certificates.ts'
import { CLA, COIN_SW, INS } from './instructions.ts'
import { COIN_AID, IDENTITY_AID, VENDOR_AID } from './message.ts'
import { cardPlan, chipReport, coinPlan, vendorPlan } from './plans.ts'
import { ask, askShort, isInUse, selectApplet } from './terminal.ts'

export type ChipKind = 'card' | 'vendor element'

/**
 * Has a blank chip make its keys, and reads what its PUF answers: for the bank, which makes a plan of
 * it. May be repeated: the newest report counts. `seeds`: as many coins it can be sold, at most 256.
 */
export async function readChip(
  channel: Channel,
  kind: ChipKind,
  seeds: number = ENROLLED,
): Promise<Bytes | Exclude<WriteStatus, 'written'>> {
  return attempt(async () => {
    const identityKey = kind === 'card' ? [await generate(channel, IDENTITY_AID)] : []
    const aid = kind === 'card' ? COIN_AID : VENDOR_AID
    const key = await generate(channel, aid)
    const responses: Bytes[] = []
    for (let challenge = 0; challenge < seeds; challenge++) {
      const apdu = command(CLA, INS.ENROL, challenge >> 8, challenge & 0xff, undefined, 256)
      const { data, sw } = await askShort(channel, apdu)
      if (sw !== SW.OK) throw new CardRefused('enrol', sw)
      responses.push(data)
    }
    return chipReport.encode({ identityKey, key, responses })
  })
}

/**
 * Makes a chip that has reported what its plan says. May be repeated until it says `written`, which it
 * also says of a chip that was written with this plan before.
 *
 * @throws {FormatError} if `plan` is not a plan.
 */
export async function writePlan(channel: Channel, plan: Bytes): Promise<WriteStatus> {
  const { identity, element } = cardPlan.decode(plan)
  const [identityBytes] = identity
  return attempt(async () => {
    if (identityBytes) return writeCard(channel, identityBytes, element)
    const own = readCertificate(vendorPlan.decode(element).own)
    return write(channel, VENDOR_AID, element, own.element)
  })
}

/** What came of offering a coin to its element. The order is the order of the checks. */
export const LOAD_STATUSES = [
  /** It has had this coin, and it has left. Or it is not for this element. */
  'gone',
  /** All its registers are full. */
  'no_room',
  'refused',
  /** It is there; it may have been before. */
  'loaded',
] as const
export type LoadStatus = (typeof LOAD_STATUSES)[number]

/** Offers an element coins that its bank has made for it, one after the other. May be repeated. */
export async function offerCoins(
  channel: Channel,
  kind: ChipKind,
  registers: readonly Bytes[],
): Promise<readonly LoadStatus[] | Exclude<WriteStatus, 'written'>> {
  return attempt<readonly LoadStatus[] | 'wrong_chip'>(async () => {
    const selected = await selectApplet(channel, kind === 'card' ? COIN_AID : VENDOR_AID)
    if (!selected) return 'wrong_chip'
    const statuses: LoadStatus[] = []
    for (const register of registers) {
      const { sw } = await ask(channel, INS.LOAD, register)
      statuses.push(LOADED.get(sw) ?? 'refused')
    }
    return statuses
  })
}

const LOADED: ReadonlyMap<StatusWord, LoadStatus> = new Map([
  [SW.OK, 'loaded'],
  [COIN_SW.DEAD_REGISTER, 'gone'],
  [COIN_SW.NO_ROOM, 'no_room'],
])

/** Gives an element coins that its bank has made for it. `written` if it has all of them. */
export async function loadCoins(
  channel: Channel,
  kind: ChipKind,
  registers: readonly Bytes[],
): Promise<WriteStatus> {
  const offered = await offerCoins(channel, kind, registers)
  if (typeof offered === 'string') return offered
  return offered.every((status) => status === 'loaded') ? 'written' : 'spoilt_chip'
}

async function writeCard(channel: Channel, identity: Bytes, element: Bytes): Promise<WriteStatus> {
  const own = readCertificate(coinPlan.decode(element).own)
  const coinStatus = await write(channel, COIN_AID, element, own.element)
  if (coinStatus !== 'written') return coinStatus
  const selected = await selectApplet(channel, IDENTITY_AID)
  if (!selected) return 'wrong_chip'
  if (isInUse(selected)) {
    return bytesEqual(selected.id, own.partner) ? 'written' : 'already_issued'
  }
  // An answer that was lost: it has the plan already, and takes no second one.
  const { sw } = await ask(channel, INS.PERSONALISE, identity)
  const paired = await askShort(channel, command(CLA, INS.ACTIVATE, 0, 0))
  if (paired.sw !== SW.OK) throw new CardRefused('activate', sw === SW.OK ? paired.sw : sw)
  return 'written'
}

async function write(channel: Channel, aid: Bytes, plan: Bytes, id: Bytes): Promise<WriteStatus> {
  const selected = await selectApplet(channel, aid)
  if (!selected) return 'wrong_chip'
  if (isInUse(selected)) return bytesEqual(selected.id, id) ? 'written' : 'already_issued'
  const { sw } = await ask(channel, INS.PERSONALISE, plan)
  if (sw !== SW.OK) throw new CardRefused('personalise', sw)
  return 'written'
}

async function generate(channel: Channel, aid: Bytes): Promise<Bytes> {
  if (!(await selectApplet(channel, aid))) throw new CardRefused('select', SW.NOT_FOUND)
  const { data, sw } = await askShort(channel, command(CLA, INS.GENERATE, 0, 0, undefined, 256))
  if (sw !== SW.OK) throw new CardRefused('generate', sw)
  return data
}

async function attempt<T>(
  work: () => Promise<T>,
): Promise<T | 'torn' | 'spoilt_chip' | 'wrong_chip'> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    if (error instanceof CardRefused) {
      return error.sw === SW.NOT_FOUND ? 'wrong_chip' : 'spoilt_chip'
    }
    throw error
  }
}
