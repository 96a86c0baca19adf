import type { StatusWord } from '../../kernel/apdu.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { DES_BLOCK_SIZE } from '../../kernel/des.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { ChipOperation } from '../applet.ts'
import { cryptogramKey } from '../files/access.ts'
import type { StoredFile } from '../files/file.ts'
import { isRefusal, type Refusal } from '../files/refusals.ts'
import { checkCommand } from '../files/secrets.ts'
import { FileSession } from '../files/session.ts'
import type { FileTree } from '../files/tree.ts'
import { openedPurse } from '../files/values.ts'
import { ACTIONS, type Outcome, type Working } from './actions.ts'
import {
  COMMANDS,
  PARAMETERS,
  type CommandName,
  type CommandRow,
  type DataLength,
} from './commands.ts'
import { createFileLength } from './header.ts'
import type { ModelName } from './models.ts'
import {
  isProtected,
  PROTECTED_P3_MAX,
  protectedData,
  protectedLength,
  protectedMessage,
} from './protection.ts'
import { REFUSED, STATUS, withCount } from './status.ts'

/** A command of T=0 with its data: five bytes and what P3 announces. */
export interface Tpdu {
  readonly cla: number
  readonly ins: number
  readonly p1: number
  readonly p2: number
  readonly p3: number
  /** As many bytes as P3 says, or none for a command that takes none. */
  readonly data: Bytes
}

const CLASSES: readonly number[] = [0xc0, 0xf0]
const ROWS = Object.entries(COMMANDS) as readonly (readonly [CommandName, CommandRow])[]
/** P3 of the two forms of Directory: all files, and the next one. */
const LIST_LENGTHS: readonly number[] = [0, 4]

/**
 * What a Multiflex does with a command, from one reset to the next: its ROM mask. The checks are in one
 * order for all commands: CLA, INS, P1 and P2, the file, P3, whether the file is usable, the access
 * rule, the cryptogram; and then what the command itself finds.
 */
export class Mask {
  readonly #model: ModelName
  readonly #working: Working
  /** For a Get Response that comes next. */
  #waiting: Bytes | undefined

  constructor(
    tree: FileTree,
    model: ModelName,
    random: RandomSource,
    spend: (operation: ChipOperation) => void,
  ) {
    this.#model = model
    this.#working = {
      session: new FileSession(tree),
      random,
      spend,
      challenge: undefined,
      given: undefined,
      listed: 0,
    }
  }

  /** Undefined is something that is no command. */
  process(tpdu: Tpdu | undefined): Outcome {
    const outcome = tpdu ? this.#perform(tpdu) : { sw: STATUS.WRONG_P3 }
    const working = this.#working
    // "Just before" is taken at its word: a challenge is good for one command, used or not.
    working.challenge = outcome.challenge
    if (tpdu?.ins !== COMMANDS['Get Challenge'].ins) working.given = outcome.given
    this.#waiting = outcome.waiting
    return outcome
  }

  #perform(tpdu: Tpdu): Outcome {
    const found = this.#find(tpdu)
    if (typeof found === 'number') return { sw: found }
    const [name, row] = found
    if (!PARAMETERS[row.parameters].allows(tpdu.p1, tpdu.p2)) return { sw: STATUS.WRONG_P1_P2 }
    return name === 'Get Response' ? this.#respond(row, tpdu) : this.#act(name, row, tpdu)
  }

  #find({ cla, ins }: Tpdu): (typeof ROWS)[number] | StatusWord {
    if (!CLASSES.includes(cla)) return STATUS.UNKNOWN_CLA
    const found = ROWS.find(([, row]) => row.ins === ins && row.models.includes(this.#model))
    if (!found) return STATUS.UNKNOWN_INS
    return found[1].cla === cla ? found : STATUS.UNKNOWN_CLA
  }

  #act(name: Exclude<CommandName, 'Get Response'>, row: CommandRow, tpdu: Tpdu): Outcome {
    const file = this.#fileFor(row)
    if (typeof file === 'string') return { sw: REFUSED[file] }
    const form = formOf(row, file)
    const wrongLength = checkLength(row, form, tpdu)
    if (wrongLength !== undefined) return { sw: wrongLength }
    const refusal = this.#admit(row, file, tpdu)
    if (refusal !== undefined) return { sw: refusal }
    const { p1, p2, p3 } = tpdu
    const data = form === 'protected' ? protectedData(tpdu.data) : tpdu.data
    const result = ACTIONS[name](this.#working, { p1, p2, data, le: p3 === 0 ? 256 : p3, file })
    if (isRefusal(result)) return { sw: REFUSED[result] }
    return 'length' in result ? { sw: expectedP3(row, form, result.length) } : result
  }

  #fileFor({ on }: CommandRow): StoredFile | Refusal {
    const { session } = this.#working
    switch (on) {
      case 'card':
      case 'directory':
        return session.directory
      case 'selected':
        return session.target
      case 'purse':
        return openedPurse(session)
      default:
        return session.opened(on)
    }
  }

  /** Whether the access rule is fulfilled; of a command that has none, always. */
  #admit(row: CommandRow, file: StoredFile, tpdu: Tpdu): StatusWord | undefined {
    if (!row.operation) return undefined
    const permission = this.#working.session.permit(file, row.operation)
    if (permission === 'granted') return undefined
    if (typeof permission === 'string') return REFUSED[permission]
    if (!row.protectable) return STATUS.ACCESS_REFUSED
    return this.#checkCryptogram(permission.cryptogramUnder, tpdu)
  }

  #checkCryptogram(keyNumber: number, tpdu: Tpdu): StatusWord | undefined {
    const { session, challenge, spend } = this.#working
    if (!challenge) return STATUS.NO_CHALLENGE
    const refusal = checkCommand(session, keyNumber, (key) => {
      const blocks = protectedMessage(tpdu).length / DES_BLOCK_SIZE
      for (let block = 0; block < blocks; block++) spend('des')
      return isProtected(tpdu, key, challenge)
    })
    return refusal && REFUSED[refusal]
  }

  /** Get Response: what waits, or its beginning. */
  #respond(row: CommandRow, tpdu: Tpdu): Outcome {
    const wrongLength = checkLength(row, 'plain', tpdu)
    if (wrongLength !== undefined) return { sw: wrongLength }
    const waiting = this.#waiting
    if (!waiting) return { sw: STATUS.NO_CHALLENGE }
    const { p3 } = tpdu
    const wanted = p3 === 0 ? 256 : p3
    if (wanted > waiting.length) {
      return { sw: withCount(STATUS.WRONG_LE, waiting.length), waiting }
    }
    const data = waiting.slice(0, wanted)
    const rest = waiting.slice(wanted)
    if (rest.length === 0) return { sw: STATUS.OK, data }
    return { sw: withCount(STATUS.WAITING, rest.length), data, waiting: rest }
  }
}

type Form = 'plain' | 'protected'

/** Whether a command has to come in its protected form: the rule says so, not the sender. */
function formOf(row: CommandRow, file: StoredFile): Form {
  const rule = row.operation && file.rules[row.operation]
  const isAsked = rule !== undefined && cryptogramKey(rule) !== undefined
  return row.protectable && isAsked ? 'protected' : 'plain'
}

/** The status word for a P3 that cannot be right, whatever the file holds. */
function checkLength(row: CommandRow, form: Form, { p3, data }: Tpdu): StatusWord | undefined {
  if ('le' in row.p3) {
    const fits = data.length === 0 && (row.p3.le !== 'list' || LIST_LENGTHS.includes(p3))
    return fits ? undefined : STATUS.WRONG_P3
  }
  if (data.length !== p3) return STATUS.WRONG_P3
  if (form === 'plain') {
    const expected = expectedLength(row.p3.data, data, p3)
    return p3 === expected ? undefined : expectedP3(row, form, expected)
  }
  const [inner = 0] = data
  const expected = expectedLength(row.p3.data, protectedData(data), inner)
  const length = protectedLength(expected)
  if (inner === expected && p3 === length) return undefined
  return p3 > PROTECTED_P3_MAX
    ? STATUS.TOO_LONG_TO_PROTECT
    : withCount(STATUS.WRONG_P3, length ?? 0)
}

/** How long the data has to be, as far as the command alone tells. */
function expectedLength(rule: DataLength, data: Bytes, given: number): number {
  if (typeof rule === 'number') return rule
  return rule === 'header' ? createFileLength(data) : Math.max(1, given)
}

/** The status word that tells the right P3. */
function expectedP3(row: CommandRow, form: Form, length: number): StatusWord {
  if ('le' in row.p3) return withCount(STATUS.WRONG_LE, length)
  const p3 = form === 'plain' ? length : protectedLength(length)
  return p3 === undefined ? STATUS.TOO_LONG_TO_PROTECT : withCount(STATUS.WRONG_P3, p3)
}
