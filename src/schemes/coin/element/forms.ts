import { SW, type CommandApdu, type StatusWord } from '../../../kernel/apdu.ts'
import { CLA, COIN_SW } from '../instructions.ts'

/** What a command may look like; undefined: anything. */
export interface Form {
  readonly p1: readonly number[] | undefined
  readonly p2: readonly number[] | undefined
  readonly sizes: readonly number[] | undefined
}
export type Forms = ReadonlyMap<number, Form>

/** What an element says to a command before it looks at its data; undefined if nothing is wrong. */
export function refusalOfForm(
  { cla, ins, p1, p2, data }: CommandApdu,
  forms: Forms,
): StatusWord | undefined {
  if (cla !== CLA) return SW.CLA_NOT_SUPPORTED
  const form = forms.get(ins)
  if (!form) return SW.INS_NOT_SUPPORTED
  if (form.p1?.includes(p1) === false || form.p2?.includes(p2) === false) return SW.WRONG_P1_P2
  return form.sizes?.includes(data.length) === false ? COIN_SW.WRONG_LENGTH : undefined
}
