import { SW, type CommandApdu, type StatusWord } from '../../kernel/apdu.ts'
import { CLA, INS, PURSE_SW } from './message.ts'

/** By instruction and P1: how many bytes its data may have. */
export type Forms = ReadonlyMap<number, readonly (readonly number[])[]>

/** What either applet says to a command before it looks at its data; undefined if nothing is wrong. */
export function refusalOfForm(apdu: CommandApdu, forms: Forms): StatusWord | undefined {
  const { cla, ins, p1, p2, data } = apdu
  if (cla !== CLA) return SW.CLA_NOT_SUPPORTED
  const byP1 = forms.get(ins)
  if (!byP1) return SW.INS_NOT_SUPPORTED
  const sizes = byP1[p1]
  if (!sizes || (p2 !== 0 && ins !== INS.READ_LOG)) return SW.WRONG_P1_P2
  return sizes.includes(data.length) ? undefined : PURSE_SW.WRONG_LENGTH
}
