import { z } from 'zod'
import { TEARS } from '../../card/nvm.ts'
import { LINK_CUTS } from '../../card/field.ts'
import { CUTS } from '../../till/fuse.ts'
import { MIDDLEMAN_STARTS } from '../cheats/middleman.ts'
import { amount, name } from './values.ts'

/** What happens at a tap beside the tap itself: vendors who cheat, people with laptops, cards that leave. */

export const invented = z.enum(['copied', 'guessed', 'brute-forced'])

/** Cheats that change what a till does while it takes a card's money. */
const cheatWords = {
  alterPreviousBalance: amount.describe(
    'Claims a previous balance that differs from the true one by this, and goes on from there. ' +
      'It cannot sign the altered block for the till that made it.',
  ),
  alterOwnBalance: amount.describe(
    'Signs a balance that differs by this from the previous balance less the amount.',
  ),
  signTwice: amount.describe(
    'Signs two blocks: the card gets one whose balance differs by this from the one uploaded.',
  ),
  tokenTwice: z.literal(true).describe('Spends a token again that it has spent before.'),
  overcharge: amount.describe('Takes this much more than its tokens say.'),
  withhold: z
    .literal(true)
    .describe(
      'Keeps the transaction back, while its later batches declare themselves complete. ' +
        'A step `release` hands it in after all.',
    ),
  deny: z.literal(true).describe('Deletes the transaction from its journal.'),
  loadWithoutRight: z.literal(true).describe('Adds money though its policy does not let it.'),
  loadBeyondCash: amount.describe('Reports this much less cash than it loaded.'),
}
export const CHEATS = Object.keys(cheatWords) as readonly (keyof typeof cheatWords)[]

export const cheats = z.strictObject(cheatWords).partial()
export type Cheats = z.output<typeof cheats>

export const tear = z
  .union(
    [
      z.strictObject({
        cardWrite: z.int().min(1).describe('Power fails at this write of the card, from 1.'),
        mode: z.enum(TEARS).default('half').describe('What is left of it. Default: half.'),
      }),
      z.strictObject({
        tillWrite: z
          .int()
          .min(1)
          .describe('The till loses its power at this write of its journal, from 1.'),
        mode: z
          .enum(CUTS)
          .default('before')
          .describe('Just before the write is durable, or just after. Default: before.'),
      }),
      z.strictObject({
        apdu: z.int().min(1).describe('The card leaves the field at this command, from 1.'),
        mode: z
          .enum(LINK_CUTS)
          .default('answer-lost')
          .describe('Whether the command is lost, or the answer to it. Default: answer-lost.'),
      }),
    ],
    'expected { cardWrite: n }, { tillWrite: n } or { apdu: n }, each with a mode or without',
  )
  .describe('Cuts the tap short.')
export type TearWords = z.output<typeof tear>

const from = z
  .enum(MIDDLEMAN_STARTS)
  .default('start')
  .describe(
    'start: there is no card at all; act: the card introduces itself, and the laptop answers from ' +
      'the command on that is to take or add money. Default: start.',
  )
const middlemanWords = {
  listen: z.strictObject({
    listen: name.describe('Passes everything on and remembers the answers under this name.'),
  }),
  replay: z.strictObject({
    replay: name.describe('Answers what was remembered under this name.'),
    from,
  }),
  say9000: z.strictObject({
    say9000: z.literal(true).describe('Answers 9000 to everything.'),
    from,
  }),
  changeCommand: z.strictObject({
    changeCommand: amount.describe('Tells the card this amount instead of the till’s.'),
  }),
  changeAnswer: z.strictObject({
    changeAnswer: amount.describe('Tells the till this balance instead of the card’s.'),
  }),
  spoil: z.strictObject({
    spoil: z
      .int()
      .min(1)
      .describe('Changes a bit of this message, of all that pass between card and till, from 1.'),
  }),
  ownKeys: z.strictObject({
    ownKeys: z
      .literal(true)
      .describe('Emulates both elements of a coin card, with keys and a bank of his own.'),
  }),
}
export const MIDDLEMAN_WORDS = Object.keys(middlemanWords)

export const middleman = z
  .union(
    [
      middlemanWords.listen,
      middlemanWords.replay,
      middlemanWords.say9000,
      middlemanWords.changeCommand,
      middlemanWords.changeAnswer,
      middlemanWords.spoil,
      middlemanWords.ownKeys,
    ],
    `expected one of ${MIDDLEMAN_WORDS.join(', ')}`,
  )
  .describe('Somebody with a laptop, or a skimmer, between card and till.')
export type MiddlemanWords = z.output<typeof middleman>
