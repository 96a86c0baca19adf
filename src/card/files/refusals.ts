/**
 * Why the tree of files does not do what it is asked, in the order of the checks. Nothing has changed
 * then, but for a counter of tries. A personality has a status word for each.
 */
export const REFUSALS = [
  /** No elementary file is selected. */
  'no-file',
  /** The selected file is of another kind. */
  'wrong-kind',
  /** It is no cyclic file with room for a value in its records. */
  'not-a-purse',
  /** The file, the directory or the file of the PIN or key is invalidated. */
  'invalidated',
  /** No rule allows it to whoever asks. */
  'access-refused',
  /** There is no such PIN or key here. */
  'no-secret',
  /** No tries are left. */
  'blocked',
  /** Wrong PIN, key or cryptogram, and a try less. */
  'wrong-secret',
  /** No such file here. */
  'no-such-file',
  /** The directory has a file of that identifier, or it is taken by the directories around. */
  'id-taken',
  /** Records do not fit the size, or a record has not the size that it must have. */
  'bad-size',
  /** Beyond the end of a transparent file. */
  'bad-offset',
  /** No such record. */
  'no-record',
  /** No record has the pattern. */
  'no-pattern',
  /** The value would become less than 0. */
  'below-minimum',
  /** The value would become more than FFFFFF. */
  'above-maximum',
  /** Not enough memory, or the record file is full. */
  'no-space',
] as const
export type Refusal = (typeof REFUSALS)[number]

/** Whether an answer is a refusal; a step that answers nothing answers undefined. */
export function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === 'string' && (REFUSALS as readonly string[]).includes(answer)
}
