import { basename, dirname } from 'node:path'
import type { Channel } from '../reader/channel.ts'
import { ignorePcscError, PcscError } from '../reader/pcsc/binding.ts'
import type { CardChoice } from './card-choice.ts'
import { CardDirectory } from './card-directory.ts'
import { ENDINGS } from './card-endings.ts'
import { CommandFailed, withProgress, type Io } from './io.ts'
import { chooseReader, openReaders } from './pcsc.ts'

/**
 * Has the card while `work` runs.
 *
 * @throws {InputError} if there is no such image. @throws {CommandFailed} if the reader has no card.
 */
export async function withChosenCard(
  { card, reader, cards }: CardChoice,
  io: Io,
  work: (channel: Channel) => Promise<void>,
): Promise<void> {
  if (reader !== undefined) return withReader(reader, work)
  const { directory, name } = imageAt(card ?? '', cards)
  await directory.read(name)
  const taken = Promise.withResolvers<void>()
  const what = `Waiting for ${name}: another program has it. Stop it, if it is a till`
  const waiting = withProgress(io, what, () => taken.promise)
  try {
    await directory.withCard(name, async (channel) => {
      taken.resolve()
      await work(channel)
    })
  } finally {
    taken.resolve()
    await waiting
  }
}

/** Where an image is that people call by its name in `cards`, or by its path. */
export function imageAt(
  wanted: string,
  cards: string,
): { readonly directory: CardDirectory; readonly name: string } {
  const directory = wanted === basename(wanted) ? cards : dirname(wanted)
  const ending = ENDINGS.find((candidate) => wanted.endsWith(candidate)) ?? ''
  return { directory: new CardDirectory(directory), name: basename(wanted, ending) }
}

async function withReader(
  reader: string,
  work: (channel: Channel) => Promise<void>,
): Promise<void> {
  const readers = await openReaders()
  try {
    const found = await readers.connect(chooseReader([...readers.states.keys()], reader))
    try {
      await work(found)
    } finally {
      await found.disconnect().catch(ignorePcscError)
    }
  } catch (error) {
    if (!(error instanceof PcscError)) throw error
    throw new CommandFailed(`${reader}: no card can be had there (${error.message})`)
  } finally {
    await readers.close()
  }
}
