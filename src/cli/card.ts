import { toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { BLOCK_SIZE, BLOCKS_PER_SECTOR, UID_SIZE } from '../kernel/mifare-classic.ts'
import { currency, currencyByNumber, parseAmount, type Amount } from '../kernel/money.ts'
import { decodeValueBlock } from '../kernel/value-block.ts'
import {
  cardHeader,
  committedSequence,
  CONTROL_SECTOR,
  COUNTER_PAGES,
} from '../schemes/block/card.ts'
import { SEQUENCE_MAX } from '../schemes/block/message.ts'
import { fetchedWay, officeClient, OfficeRefused } from '../town/office-client.ts'
import { CardDirectory } from './card-directory.ts'
import { serveCard } from './card-serve.ts'
import { UsageError, type CardCommand } from './command-line.ts'
import { issueToImage } from './first-run.ts'
import { CommandFailed, InputError, type Io } from './io.ts'
import { readLogin } from './login.ts'

/** `kontant card …` */
export async function runCard(command: CardCommand, io: Io): Promise<void> {
  const cards = new CardDirectory(command.cards)
  switch (command.act) {
    case 'issue':
      return issue(command, cards, io)
    case 'show': {
      const shown = showImage(command.image, await cards.read(command.image))
      return print(io, command.json, shown, imageLines(shown))
    }
    case 'list': {
      const names = await cards.names()
      const images = await Promise.all(names.map((name) => showOrSay(cards, name)))
      return print(io, command.json, images, listLines(cards, images))
    }
    case 'clone': {
      const { image, copy } = command
      await cards.write(copy, await cards.read(image))
      const lines = [`${cards.pathOf(copy)} is a copy of ${image}, chip number and all.`]
      return print(io, command.json, { card: image, copy }, lines)
    }
    case 'serve':
      return serveCard(command, io)
  }
}

function print(io: Io, json: boolean, value: unknown, lines: readonly string[]): void {
  if (json) io.out(JSON.stringify(value, undefined, 2))
  else for (const line of lines) io.out(line)
}

async function issue(
  command: Extract<CardCommand, { act: 'issue' }>,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  const { image: name, office, json, currency: code, passcode } = command
  const balance = amountOf(command)
  if ((await cards.names()).includes(name)) {
    throw new InputError(`${cards.pathOf(name)} is there already: choose another name`)
  }
  const client = officeClient(fetchedWay(office), await readLogin(command.login))
  const given = await asked(office, () =>
    issueToImage(client, cards, { name, balance, currency: code, passcode }),
  )
  print(io, json, { card: name, file: cards.pathOf(name), passcode: given }, [
    `${cards.pathOf(name)} is a new card. Its passcode is ${given}: it is shown this once.`,
  ])
}

function amountOf({ balance, currency: code }: Extract<CardCommand, { act: 'issue' }>): Amount {
  try {
    return parseAmount(balance, currency(code), '--balance')
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(error.message, 'card')
    throw error
  }
}

async function asked<T>(office: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof OfficeRefused) {
      throw new CommandFailed(`the office refused: ${error.message}`)
    }
    // What `fetch` says if nobody is there.
    if (error instanceof TypeError) {
      throw new CommandFailed(
        `no office answers at ${office}: start one with \`kontant up\`, or name it by --office`,
      )
    }
    throw error
  }
}

/** What anybody can read from an image. The balance is encrypted and signed: a till shows it. */
interface ShownImage {
  readonly card: string
  readonly chip: string
  /** Null: it is not a card of the scheme `block`. */
  readonly block: {
    readonly id: string
    readonly currency: string
    /** Null: its counters are torn. */
    readonly sequence: number | null
  } | null
}

interface Unreadable {
  readonly card: string
  readonly problem: string
}

function showImage(card: string, image: Bytes): ShownImage {
  const chip = toHex(image.subarray(0, UID_SIZE))
  try {
    const header = cardHeader.decode(pageOf(image, CONTROL_SECTOR * BLOCKS_PER_SECTOR))
    const [first, second] = COUNTER_PAGES.map((page) => sequenceOf(pageOf(image, page)))
    return {
      card,
      chip,
      block: {
        id: toHex(header.card),
        currency: currencyByNumber(header.currency).code,
        sequence: committedSequence([first, second]) ?? null,
      },
    }
  } catch (error) {
    if (error instanceof FormatError) return { card, chip, block: null }
    throw error
  }
}

function pageOf(image: Bytes, page: number): Bytes {
  return image.slice(page * BLOCK_SIZE, (page + 1) * BLOCK_SIZE)
}

function sequenceOf(page: Bytes): number | undefined {
  const counter = decodeValueBlock(page)
  return counter && SEQUENCE_MAX - counter.value
}

async function showOrSay(cards: CardDirectory, name: string): Promise<ShownImage | Unreadable> {
  try {
    return showImage(name, await cards.read(name))
  } catch (error) {
    if (error instanceof InputError) return { card: name, problem: error.message }
    throw error
  }
}

function imageLines({ card, chip, block }: ShownImage): readonly string[] {
  if (!block) return [`${card}: chip ${chip}, not a card of ours`]
  const { id, currency: code, sequence } = block
  return [
    `${card}: card ${id}, chip ${chip}, in ${code}`,
    sequence === null ? 'Its counters are torn.' : `Transactions since its issue: ${sequence}`,
    'What it holds is encrypted and signed: a till shows it, and the office knows it.',
  ]
}

function listLines(
  cards: CardDirectory,
  images: readonly (ShownImage | Unreadable)[],
): readonly string[] {
  if (images.length === 0) return [`There are no cards in ${cards.directory}.`]
  return images.map((image) =>
    'problem' in image
      ? image.problem
      : `${image.card}  chip ${image.chip}  ${image.block ? `card ${image.block.id}  ${image.block.currency}  ${image.block.sequence ?? '?'} transactions` : 'not a card of ours'}`,
  )
}
