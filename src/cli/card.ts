import { FormatError } from '../kernel/errors.ts'
import { currency, parseAmount, type Amount } from '../kernel/money.ts'
import { unblockCard, type UnblockStatus } from '../town/unblocking.ts'
import { fetchedWay, officeClient } from '../town/office-client.ts'
import { asked } from './asking.ts'
import { CardDirectory } from './card-directory.ts'
import { serveCard } from './card-serve.ts'
import { imageLine, imageLines, showImage, type ShownImage } from './card-show.ts'
import type { CardCommand } from './command-line.ts'
import { UsageError } from './options.ts'
import { issueToImage, moduleToImage } from './issuing.ts'
import { CommandFailed, InputError, type Io } from './io.ts'
import { readLogin } from './login.ts'
import { systemRandom } from './system.ts'

/** `kontant card …` */
export async function runCard(command: CardCommand, io: Io): Promise<void> {
  const cards = new CardDirectory(command.cards)
  switch (command.act) {
    case 'issue':
      return issue(command, cards, io)
    case 'show': {
      const shown = await showImage(command.image, await cards.read(command.image))
      return print(io, command.json, shown, imageLines(shown))
    }
    case 'list': {
      const names = await cards.names()
      const images = await Promise.all(names.map((name) => showOrSay(cards, name)))
      return print(io, command.json, images, listLines(cards, images))
    }
    case 'clone': {
      const { image, copy } = command
      const { kind, nvm } = await cards.read(image)
      const path = await cards.write(copy, kind, nvm.snapshot())
      const lines = [`${path} is a copy of ${image}, chip number and all.`]
      return print(io, command.json, { card: image, copy }, lines)
    }
    case 'module':
      return makeModule(command, cards, io)
    case 'unblock':
      return unblock(command, cards, io)
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
  const { image: name, scheme, office, json, currency: code, passcode, holder } = command
  const balance = amountOf(command)
  await checkFree(cards, name)
  const client = officeClient(fetchedWay(office), await readLogin(command.login))
  const { file, ...codes } = await asked(office, () =>
    issueToImage(client, cards, { name, scheme, balance, currency: code, passcode, holder }),
  )
  const secrets =
    codes.unblocking === undefined
      ? `Its passcode is ${codes.passcode}: it is shown this once.`
      : `Its PIN is ${codes.passcode}, its unblocking code ${codes.unblocking}: they are shown this once.`
  print(io, json, { card: name, file, ...codes }, [`${file} is a new card. ${secrets}`])
}

async function makeModule(
  { image: name, till, office, login, json }: Extract<CardCommand, { act: 'module' }>,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  await checkFree(cards, name)
  const client = officeClient(fetchedWay(office), await readLogin(login))
  const file = await asked(office, () => moduleToImage(client, cards, { name, till }))
  const lines = [`${file} is the security module of till ${till}. It holds keys: keep it there.`]
  print(io, json, { card: name, file, till }, lines)
}

/** Before an office is asked for anything. */
async function checkFree(cards: CardDirectory, name: string): Promise<void> {
  if (!(await cards.names()).includes(name)) return
  throw new InputError(`${name} is in ${cards.directory} already: choose another name`)
}

const UNBLOCK_TEXTS: Readonly<Record<Exclude<UnblockStatus, 'unblocked'>, string>> = {
  unknown_card: 'It is no card that blocks a PIN.',
  code_blocked: 'The unblocking code is blocked too: only the office can help, with a new card.',
  wrong_code: 'That is not its unblocking code. After three wrong ones the code is blocked.',
  torn: 'The card went away. Try again.',
}

async function unblock(
  { image: name, code, passcode, json }: Extract<CardCommand, { act: 'unblock' }>,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  await cards.read(name)
  const status = await cards.withCard(name, (channel) =>
    unblockCard(channel, { code, passcode }, systemRandom),
  )
  if (status !== 'unblocked') throw new CommandFailed(UNBLOCK_TEXTS[status ?? 'torn'])
  print(io, json, { card: name }, [`${name} is unblocked, and its PIN is what you chose.`])
}

function amountOf({ balance, currency: code }: Extract<CardCommand, { act: 'issue' }>): Amount {
  try {
    return parseAmount(balance, currency(code), '--balance')
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(error.message, 'card')
    throw error
  }
}

async function showOrSay(cards: CardDirectory, name: string): Promise<ShownImage | Unreadable> {
  try {
    return await showImage(name, await cards.read(name))
  } catch (error) {
    if (error instanceof InputError) return { card: name, problem: error.message }
    throw error
  }
}

interface Unreadable {
  readonly card: string
  readonly problem: string
}

function listLines(
  cards: CardDirectory,
  images: readonly (ShownImage | Unreadable)[],
): readonly string[] {
  if (images.length === 0) return [`There are no cards in ${cards.directory}.`]
  return images.map((image) => ('problem' in image ? image.problem : imageLine(image)))
}
