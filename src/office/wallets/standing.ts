import type { Digest } from '../../kernel/ids.ts'
import type { CardStatement } from './holdings.ts'

/**
 * How a card and its office stand to each other by what the card says, in the order of the checks.
 * Each has its message that mends it; together they are the table of the design’s “counters apart”.
 */
export const STANDINGS = [
  /** It has said more than this before: a message that was kept back, or a card’s memory put back. */
  'older',
  /** It tells another history than before under one number. No message mends that. */
  'strange',
  /** It has carried out what this office does not remember: the office was put back. */
  'office behind',
  /** It has not carried out the instruction under way: the same bytes again, or a void. */
  'under way',
  /** It has: what the office was waiting for. */
  'carried out',
  /** It has given the instruction’s number away instead: whatever was set aside goes back. */
  'voided',
  'in step',
] as const
export type Standing = (typeof STANDINGS)[number]

/** The last instruction that the office gave a card. */
export interface LastInstruction {
  readonly number: number
  readonly state: 'issued' | 'carried out' | 'void'
  readonly digest: Digest
  readonly voidDigest: Digest | undefined
  /** What the card says it carried out before: the digest of the instruction one number below. */
  readonly before: Digest | undefined
}

type Said = Pick<
  CardStatement,
  'sequence' | 'last' | 'instruction' | 'instructionDigest' | 'acknowledged'
>

/** @param known the newest that the card has said; undefined if it never said anything. */
export function standingOf(
  said: Said,
  known: Pick<Said, 'sequence' | 'last' | 'instruction' | 'acknowledged'> | undefined,
  last: LastInstruction | undefined,
): Standing {
  if (isOlder(said, known, last)) return 'older'
  if (known?.sequence === said.sequence && known.last !== said.last) return 'strange'
  if (said.instruction > (last?.number ?? 0)) return 'office behind'
  if (!last) return 'in step'
  if (said.instruction < last.number) {
    const fits = last.before === undefined || last.before === said.instructionDigest
    return fits ? 'under way' : 'strange'
  }
  const carriedOut = said.instructionDigest === last.digest
  const voided = said.instructionDigest === last.voidDigest
  switch (last.state) {
    case 'issued':
      return carriedOut ? 'carried out' : voided ? 'voided' : 'strange'
    case 'carried out':
      return carriedOut ? 'in step' : 'strange'
    case 'void':
      return voided ? 'in step' : 'strange'
  }
}

function isOlder(
  said: Said,
  known: Pick<Said, 'sequence' | 'instruction' | 'acknowledged'> | undefined,
  last: LastInstruction | undefined,
): boolean {
  const done = last === undefined ? 0 : last.state === 'issued' ? last.number - 1 : last.number
  if (said.instruction < done) return true
  if (!known) return false
  return (
    said.instruction < known.instruction ||
    said.sequence < known.sequence ||
    said.acknowledged < known.acknowledged
  )
}
