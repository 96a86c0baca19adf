import { invariant } from '../kernel/errors.ts'
import type { CardId, TillNumber } from '../kernel/ids.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import { CARD_SCHEMES, cardScheme, type ChipKind } from '../town/chips.ts'
import type { SchemeName } from '../town/scheme-names.ts'
import type { IssuedCard, NewChip, OfficeClient, Renewing } from '../town/town-office.ts'
import { TownCard, TownChip } from '../town/town-card.ts'
import type { CardDirectory } from './card-directory.ts'
import type { ModuleScheme } from './card-command.ts'
import { CommandFailed } from './io.ts'
import { systemRandom } from './system.ts'

export interface ImageOrder {
  readonly name: string
  readonly scheme: SchemeName
  /** Minor units. */
  readonly balance: bigint
  readonly currency: CurrencyCode
  /** Made up if there is none. */
  readonly passcode: string | undefined
  /** Number of a person at the office. */
  readonly holder?: string | undefined
}

export interface IssuedImage {
  /** Path. */
  readonly file: string
  readonly passcode: string
  /** Undefined if such a card has no such code. */
  readonly unblocking: string | undefined
}

/** Issues a card at the office and writes it to a new image. */
export async function issueToImage(
  client: OfficeClient,
  cards: CardDirectory,
  { name, scheme, balance, currency, passcode, holder }: ImageOrder,
): Promise<IssuedImage> {
  return writeToImage(cards, { name, scheme }, (chip) =>
    client.issueCard({
      scheme,
      label: name,
      ...chip,
      balance,
      currency,
      ...(passcode !== undefined && { passcode }),
      ...(holder !== undefined && { holder }),
    }),
  )
}

export interface RenewalOrder extends Renewing {
  readonly name: string
  /** Whose place it takes. */
  readonly card: CardId
  /** Made up if there is none. */
  readonly passcode: string | undefined
}

/** Has the office make a new card in the place of another, and writes it to a new image. */
export async function renewToImage(
  client: OfficeClient,
  cards: CardDirectory,
  { name, card, passcode, lost, reason }: RenewalOrder,
): Promise<IssuedImage> {
  const scheme = await client.schemeOf(card)
  return writeToImage(cards, { name, scheme }, (chip) =>
    client.renewCard(
      card,
      { ...chip, ...(passcode !== undefined && { passcode }) },
      { lost, reason },
    ),
  )
}

/** @param make what the office makes of a blank chip. */
async function writeToImage(
  cards: CardDirectory,
  { name, scheme }: Pick<ImageOrder, 'name' | 'scheme'>,
  make: (chip: NewChip) => Promise<IssuedCard>,
): Promise<IssuedImage> {
  const number = chipNumber()
  const card = TownCard.blank({ name, scheme, number, random: systemRandom })
  const issued = await make(await introduced(card))
  const chip = cardScheme(scheme).card
  checkWritten(
    await card.tap(undefined, (channel) => chip.write(channel, issued.plan, systemRandom)),
  )
  const file = await cards.write(name, chip.kind, card.image())
  return { file, passcode: issued.passcode, unblocking: issued.unblocking }
}

export interface ModuleOrder {
  readonly name: string
  readonly scheme: ModuleScheme
  readonly till: TillNumber
}

/**
 * Has the office make a till’s own card, a security module or a vendor element, and writes it to a new
 * image. @returns its path.
 */
export async function moduleToImage(
  client: OfficeClient,
  cards: CardDirectory,
  { name, scheme, till }: ModuleOrder,
): Promise<string> {
  const chip: ChipKind = CARD_SCHEMES[scheme].module
  const module = new TownChip(chip.kind, chip.delivered(chipNumber()), systemRandom)
  const told = chip.introduce && (await module.tap(undefined, chip.introduce))
  const plan = await client.makeModule(till, scheme, told?.report)
  checkWritten(await module.tap(undefined, (channel) => chip.write(channel, plan, systemRandom)))
  return cards.write(name, chip.kind, module.image())
}

async function introduced(card: TownCard) {
  const chip = await card.introduce()
  invariant(chip, 'a chip that nothing was written on says what it is')
  const { number: uid, report } = chip
  return { uid, ...(report && { report }) }
}

function checkWritten(status: string): void {
  if (status !== 'written') throw new CommandFailed(`the image could not be written: ${status}`)
}

/** 88 in front would announce a longer number (ISO/IEC 14443-3, 6.5.4). */
const CASCADE_TAG = 0x88

function chipNumber() {
  const uid = systemRandom.bytes(4)
  if (uid[0] === CASCADE_TAG) uid[0] = 0x08
  return uid
}
