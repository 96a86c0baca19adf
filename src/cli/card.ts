import { unblockCard, type UnblockStatus } from '../town/unblocking.ts'
import { CardDirectory } from './card-directory.ts'
import { imageLine, imageLines, showImage, type ShownImage } from './card-show.ts'
import type { CardCommand } from './card-command.ts'
import { CommandFailed, InputError, print, type Io } from './io.ts'
import { systemRandom } from './system.ts'

/** `kontant card …` */
export async function runCard(command: CardCommand, io: Io): Promise<void> {
  const cards = new CardDirectory(command.cards)
  switch (command.act) {
    case 'issue':
    case 'renew':
    case 'module':
      return (await import('./card-issue.ts')).issueCard(command, cards, io)
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
    case 'unblock':
      return unblock(command, cards, io)
    case 'serve':
      return (await import('./card-serve.ts')).serveCard(command, io)
  }
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
