/**
 * What comes of making a blank chip a card by its plan. The order is the order of the checks. `torn` may
 * be tried again, the others need another chip: the office has the issue in its books and takes it back
 * there.
 */
export const WRITE_STATUSES = [
  /** It is not what the plan is for: another chip, or one without such an applet. */
  'wrong_chip',
  /** It is a card already, by another plan or in use. */
  'already_issued',
  /** It does not take the plan: its keys are not ours, or its applet refuses. */
  'spoilt_chip',
  /** It went away. Put it on again and write the same plan. */
  'torn',
  'written',
] as const
export type WriteStatus = (typeof WRITE_STATUSES)[number]
