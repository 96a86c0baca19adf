import {
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../kernel/apdu.ts'
import { bytesEqual, toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import type { RandomSource } from '../kernel/ports.ts'
import type { Applet, AppletHost, AtomicMemory, ChipOperation, CommandHandler } from './applet.ts'
import { JournalledMemory, journalSize } from './atomic-memory.ts'
import { SECURE_ELEMENT, type Chip } from './chip-times.ts'
import type { PoweredCard } from './field.ts'
import { answerToReset, contactless, type Link } from './iso/link.ts'
import { Transmission } from './iso/transmission.ts'
import { Nvm } from './nvm.ts'

/** What is current before an applet is selected, and again by a SELECT that is not for an applet. */
export interface RootApplication {
  /** Bytes of the card's memory that it takes. */
  readonly memorySize: number
  /** Makes of 00 what it needs: once, at the factory, where no card loses its power. */
  format(memory: AtomicMemory): void
  /** Called after a reset, and when it becomes current again. */
  open(host: AppletHost): CommandHandler
}

/** All that is fixed when a card is made. */
export interface IsoCardDesign {
  /** In the order in which they are found and lie in the memory. */
  readonly applets: readonly Applet[]
  readonly root?: RootApplication
  /** At most 15. */
  readonly historicalBytes?: Uint8Array
  /** {@link SECURE_ELEMENT} without. */
  readonly chip?: Chip
  /** Contactless at 106 kbit/s without. */
  readonly link?: Link
}

const SELECT = 0xa4
const BY_NAME = 0x04
/** An AID begins with its provider's registered identifier, 5 bytes (ISO/IEC 7816-4, 8.2.1.2). */
const NAME_MIN = 5
const AID_MAX = 16
/** P2 of SELECT (ISO/IEC 7816-4, 7.1.1): the first occurrence or the next, with an answer or not. */
const NEXT_OCCURRENCE = 0x02
const NO_ANSWER = 0x0c
/** CLA (ISO/IEC 7816-4, 5.1.1). */
const CLASS = {
  INVALID: 0xff,
  PROPRIETARY: 0x80,
  FURTHER_CHANNELS: 0x40,
  RESERVED: 0x20,
  CHAINING: 0x10,
  CHANNEL: 0x03,
} as const

/** A card without files. */
const NO_ROOT: RootApplication = {
  memorySize: 0,
  format: () => {},
  open: () => ({
    process: ({ cla, ins }) => {
      if (cla !== 0x00) return response(SW.CLA_NOT_SUPPORTED)
      return response(ins === SELECT ? SW.NOT_FOUND : SW.INS_NOT_SUPPORTED)
    },
  }),
}

interface Current {
  /** Undefined: the root. */
  readonly applet: Applet | undefined
  readonly session: CommandHandler
}

/**
 * A card by ISO/IEC 7816-4 with applets, APDU in and APDU out: basic channel, no command chaining,
 * short length. SELECT is the card's, everything else goes to what is current. Secure messaging is the
 * applets' matter. Data that an applet refuses by a {@link FormatError} is answered 6A80.
 *
 * SELECT by name finds applets whose AID is the name, then those whose AID begins with it, each in the
 * order of the design; without a match it is for the root, as is every other SELECT. One that finds
 * nothing leaves current what was.
 */
export class IsoCard implements PoweredCard {
  readonly atr: Bytes
  readonly nvm: Nvm
  readonly #random: RandomSource
  readonly #chip: Chip
  readonly #link: Link
  readonly #memory: JournalledMemory
  readonly #root: RootApplication
  readonly #applets: readonly Applet[]
  readonly #parts: ReadonlyMap<Applet | RootApplication, AtomicMemory>
  readonly #transmission: Transmission
  #current: Current | undefined
  #modelledMs = 0

  constructor(nvm: Nvm, design: IsoCardDesign, random: RandomSource) {
    const { applets, root = NO_ROOT, historicalBytes = new Uint8Array() } = design
    checkNames(applets)
    this.nvm = nvm
    this.#random = random
    this.#chip = chipOf(design)
    this.#link = design.link ?? contactless(106)
    this.#memory = new JournalledMemory(nvm, { capacity: this.#chip.commitCapacity })
    this.#root = root
    this.#applets = applets
    this.#parts = new Map(
      layoutOf(design).placed.map(({ part, offset }) => [
        part,
        this.#memory.part(offset, part.memorySize),
      ]),
    )
    this.#transmission = new Transmission(this.#link.protocol)
    this.atr = answerToReset(this.#link, historicalBytes)
  }

  get modelledMs(): number {
    return this.#modelledMs
  }

  powerOn(): void {
    this.nvm.powerOn()
    this.#forget()
    this.#modelledMs += this.#link.activationMs(this.atr.length)
  }

  powerOff(): void {
    this.#forget()
  }

  process(apdu: Bytes): Bytes {
    const writesBefore = this.nvm.writes
    let answer: Bytes = new Uint8Array()
    try {
      const current = this.#started()
      answer = this.#transmission.process(apdu, (command) => this.#perform(command, current))
      return answer
    } finally {
      this.#modelledMs += (this.nvm.writes - writesBefore) * this.#chip.pageWriteMs
      this.#modelledMs += this.#link.exchangeMs(apdu.length, answer.length)
    }
  }

  /** The memory recovers with the first command after a reset: from there power may be lost again. */
  #started(): Current {
    if (this.#current) return this.#current
    this.#memory.recover()
    return this.#makeCurrent(undefined, this.#openRoot())
  }

  #perform(command: CommandApdu, current: Current): ResponseApdu {
    this.#spend('command')
    const refusal = refusalOfClass(command.cla)
    if (refusal !== undefined) return response(refusal)
    try {
      const isSelect = command.cla === 0x00 && command.ins === SELECT
      return isSelect ? this.#select(command, current) : current.session.process(command)
    } catch (error) {
      if (error instanceof FormatError) return response(SW.WRONG_DATA)
      throw error
    }
  }

  #select(command: CommandApdu, current: Current): ResponseApdu {
    const named = command.p1 === BY_NAME ? this.#named(command.data) : []
    if (named.length === 0) return this.#selectInRoot(command, current)
    const { p2 } = command
    const answers = (p2 & NO_ANSWER) === 0
    const occurrence = answers ? p2 : p2 - NO_ANSWER
    if (occurrence !== 0 && occurrence !== NEXT_OCCURRENCE) return response(SW.INCORRECT_P1_P2)
    const next = occurrence === NEXT_OCCURRENCE
    const found = named[next ? named.findIndex((applet) => applet === current.applet) + 1 : 0]
    if (!found) return response(SW.NOT_FOUND)
    const session = found.open(this.#hostOf(found))
    this.#makeCurrent(found, session)
    const { selected } = session
    return answers ? selected : response(selected.sw)
  }

  #named(name: Bytes): readonly Applet[] {
    if (name.length < NAME_MIN) return []
    const matching = this.#applets.filter(({ aid }) =>
      bytesEqual(aid.subarray(0, name.length), name),
    )
    return [
      ...matching.filter(({ aid }) => aid.length === name.length),
      ...matching.filter(({ aid }) => aid.length > name.length),
    ]
  }

  #selectInRoot(command: CommandApdu, current: Current): ResponseApdu {
    if (!current.applet) return current.session.process(command)
    const session = this.#openRoot()
    const answer = session.process(command)
    if (isProcessed(answer.sw)) this.#makeCurrent(undefined, session)
    return answer
  }

  #openRoot(): CommandHandler {
    return this.#root.open(this.#hostOf(this.#root))
  }

  #makeCurrent(applet: Applet | undefined, session: CommandHandler): Current {
    this.#current = { applet, session }
    return this.#current
  }

  #hostOf(part: Applet | RootApplication): AppletHost {
    const memory = this.#parts.get(part)
    invariant(memory, 'everything on a card has its memory')
    return {
      memory,
      random: this.#random,
      spend: (operation) => this.#spend(operation),
      neighbour: (aid) => ('aid' in part ? this.#neighbour(aid, part) : undefined),
    }
  }

  #neighbour(aid: Bytes, client: Applet): CommandHandler | undefined {
    const found = this.#applets.find((applet) => bytesEqual(applet.aid, aid))
    return found?.serve?.(this.#hostOf(found), client.aid)
  }

  #spend(operation: ChipOperation): void {
    const ms = this.#chip.operationMs[operation]
    invariant(ms !== undefined, `the chip can do ${operation}`)
    this.#modelledMs += ms
  }

  #forget(): void {
    this.#current = undefined
    this.#transmission.reset()
  }
}

/** The memory of a new card, or of one with this image. */
export function isoCardNvm(design: IsoCardDesign, image?: Uint8Array): Nvm {
  const { pageSize, commitCapacity: capacity } = chipOf(design)
  const size = journalSize(pageSize, { capacity }) + layoutOf(design).size
  if (image) return new Nvm({ size, pageSize, image })
  const nvm = new Nvm({ size, pageSize })
  const { root = NO_ROOT } = design
  root.format(new JournalledMemory(nvm, { capacity }).part(ROOT_AT, root.memorySize))
  return nvm
}

/** The root comes first. */
const ROOT_AT = 0

interface Layout {
  readonly placed: readonly {
    readonly part: Applet | RootApplication
    readonly offset: number
  }[]
  readonly size: number
}

/** The root, then the applets; each begins a page, so that none pays for its neighbour. */
function layoutOf(design: IsoCardDesign): Layout {
  const { pageSize } = chipOf(design)
  let size = ROOT_AT
  const placed = [design.root ?? NO_ROOT, ...design.applets].map((part) => {
    const offset = size
    size += wholePages(part.memorySize, pageSize)
    return { part, offset }
  })
  return { placed, size }
}

function wholePages(size: number, pageSize: number): number {
  return Math.ceil(size / pageSize) * pageSize
}

function chipOf({ chip = SECURE_ELEMENT }: IsoCardDesign): Chip {
  return chip
}

function checkNames(applets: readonly Applet[]): void {
  const names = applets.map(({ aid }) => aid)
  for (const { length } of names) {
    invariant(length >= NAME_MIN && length <= AID_MAX, `an AID has ${NAME_MIN} to ${AID_MAX} bytes`)
  }
  invariant(new Set(names.map(toHex)).size === names.length, 'no two applets have one AID')
}

function refusalOfClass(cla: number): StatusWord | undefined {
  if (cla === CLASS.INVALID) return SW.CLA_NOT_SUPPORTED
  if ((cla & CLASS.PROPRIETARY) !== 0) return undefined
  if ((cla & CLASS.FURTHER_CHANNELS) !== 0) return SW.CHANNEL_NOT_SUPPORTED
  if ((cla & CLASS.RESERVED) !== 0) return SW.CLA_NOT_SUPPORTED
  if ((cla & CLASS.CHANNEL) !== 0) return SW.CHANNEL_NOT_SUPPORTED
  if ((cla & CLASS.CHAINING) !== 0) return SW.CHAINING_NOT_SUPPORTED
  return undefined
}

/** Normal processing, or a warning (ISO/IEC 7816-4, 5.1.3). */
function isProcessed(sw: StatusWord): boolean {
  const sw1 = sw >> 8
  return sw === SW.OK || sw1 === 0x62 || sw1 === 0x63
}
