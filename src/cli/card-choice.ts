import { DEFAULT_DATA, UsageError, type Topic } from './options.ts'

/** Which card a command is about. */
export interface CardChoice {
  /** Name of an image in `cards`, or path of one; undefined: what lies in the reader. */
  readonly card: string | undefined
  readonly reader: string | undefined
  /** Directory of images. */
  readonly cards: string
}

/** What people give to say so. */
export interface Choosing {
  readonly card?: string
  readonly reader?: string
  readonly cards?: string
}

/** @throws {UsageError} */
export function cardChoiceOf(
  topic: Topic,
  { card, reader, cards = `${DEFAULT_DATA}/cards` }: Choosing,
): CardChoice {
  if ((card === undefined) === (reader === undefined)) {
    throw new UsageError('which card? --card NAME of an image, or --reader NAME', topic)
  }
  return { card, reader, cards }
}
