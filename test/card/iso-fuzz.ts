import { afterAll, expect, test } from 'vitest'
import { bytesEqual, concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { JournalledMemory } from '../../src/card/atomic-memory.ts'
import { EEPROM_CHIP, SECURE_ELEMENT, type Chip } from '../../src/card/chip-times.ts'
import type { AccessRules } from '../../src/card/files/access.ts'
import { PIN_FILE, PIN_SIZE } from '../../src/card/files/secrets.ts'
import { FileTree } from '../../src/card/files/tree.ts'
import { IsoFiles } from '../../src/card/iso/files.ts'
import { contact, contactless, type Link } from '../../src/card/iso/link.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { Chance, mutated } from '../fuzz/chance.ts'
import { Tally } from '../fuzz/tally.ts'
import { AID, insertedCard, send, SumApplet } from './iso-applets.ts'

/** Who sends the commands: somebody who knows no secret of the card, or somebody who knows all. */
const SENDERS = ['stranger', 'holder'] as const
type Sender = (typeof SENDERS)[number]

const PINS: Readonly<Record<1 | 2, string>> = { 1: '3131313100000000', 2: '3232323200000000' }
const UNBLOCKING = '3939393939393939'
const SECRET = '2a'
/** After so many commands there is a new card, before all its tries are gone. */
const COMMANDS_PER_CARD = 200

const RULES: AccessRules = { create: { pin: 2 }, delete: { pin: 2 } }
/** Everything is read freely, changed with PIN 1, made and deactivated with PIN 2. */
const FILES = [
  '80020010 820101 83022f00 8c03031100',
  '80020014 82050221000403 83022f01 8c0407111100',
  '80020010 820104 83022f02 8c0407111100',
  '82050621000403 83022f03 8c0407111100',
  '80020008 820101 83022f04 8c05 1b 12121100',
  '81020100 820138 83025f00 8c03031212',
  '80020008 820101 83022f00 8c020100',
]

const KNOWN_FILE = '00e0000012 6210 80020008 820101 83022f10 8c03031100'
const KNOWN_DIRECTORY = '00e0000018 6216 81020040 820138 83025f10 8a0105 8c061f1212121212'

/** Commands from which others are made: each is right for somebody, somewhere. */
const KNOWN = [
  ...['3f00', '5f00', '2f00', '2f01', '2f02', '2f03', '2f04', '0000', '0100'].map(
    (id) => `00a4000002${id}00`,
  ),
  '00a4000c023f00',
  '00a40800045f002f0000',
  '00a40900022f0000',
  '00a4030000',
  `00a4040009${toHex(AID)}00`,
  '00a4040205f04b6f6e7400',
  '00b0000000',
  '00b0000804',
  '00b2010400',
  '00b2000200',
  '00d6000004a1a2a3a4',
  '00dc010404b1b2b3b4',
  '00e2000004c1c2c3c4',
  '00e2000002c5c6',
  KNOWN_FILE,
  KNOWN_DIRECTORY,
  '00e40000022f10',
  '00e40000025f10',
  '00040000',
  '00440000',
  '0084000008',
  '00200001',
  '00c0000000',
  '8010000001 07 00',
  '80100000',
  '8030001000',
  '8040000004',
  '8050000001 ff',
].map(bytesOf)

const shown = (pin: 1 | 2, digits: string) => `002000 0${pin}08 ${digits}`
const select = (id: string) => `00a4000c02 ${id}`
const applet = `00a4040009 ${toHex(AID)}`

/** What somebody with these secrets does, one command after the other. */
const SCENES: Readonly<Record<Sender, readonly (readonly Bytes[])[]>> = {
  stranger: scenes({ 1: '3030303030303030', 2: '3030303030303030' }, '3030303030303030', '00'),
  holder: scenes(PINS, UNBLOCKING, SECRET),
}

function scenes(pins: typeof PINS, unblocking: string, secret: string): readonly Bytes[][] {
  return [
    [shown(1, pins[1]), select('2f00'), '00d6000004a1a2a3a4', '00b0000000'],
    [shown(1, pins[1]), select('2f01'), '00e2000004c1c2c3c4', '00dc020404b1b2b3b4'],
    [shown(1, pins[1]), select('2f02'), '00e2000002c5c6', '00b2000100'],
    [shown(1, pins[1]), select('2f03'), '00e2000004d1d2d3d4', '00b2010400'],
    [shown(2, pins[2]), select('3f00'), KNOWN_FILE, '00e40000022f10'],
    [shown(2, pins[2]), select('3f00'), KNOWN_DIRECTORY, KNOWN_FILE, '00e40000022f10'],
    [shown(2, pins[2]), select('3f00'), '00e40000025f10'],
    [shown(2, pins[2]), select('2f04'), '00040000', '00440000'],
    [`0024000110 ${pins[1]} ${pins[1]}`, `002c000110 ${unblocking} ${pins[1]}`],
    [applet, `8020000001 ${secret}`, '80100000010700', '80100000'],
  ].map((commands) => commands.map(bytesOf))
}

/** What has to be shown before an instruction may change anything. */
const AUTHORITY: Readonly<Record<number, 'pin1' | 'pin2' | 'applet'>> = {
  0xd6: 'pin1',
  0xdc: 'pin1',
  0xe2: 'pin1',
  0xe0: 'pin2',
  0xe4: 'pin2',
  0x04: 'pin2',
  0x44: 'pin2',
  0x10: 'applet',
}
const CHANGES_PIN: readonly number[] = [0x24, 0x2c]

/**
 * `count` commands for each sender: an answer to everything, and no change that the sender had no right
 * to. The seed is printed; KONTANT_SEED plays it again.
 */
export function defineIsoFuzz(count: number): void {
  const tally = new Tally()
  const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
  afterAll(() => {
    console.log(`card, seed ${seed}: ${tally.total()} commands\n${tally.lines().join('\n')}`)
  })

  test.each(SENDERS)('%s: an answer to everything, no change without authority', (sender) => {
    const chance = new Chance(seed)
    let suspect = new Suspect(chance, sender)
    for (let done = 0; done < count; done++) {
      if (done % COMMANDS_PER_CARD === 0 || suspect.isOpen) suspect = new Suspect(chance, sender)
      const { sw, changed } = suspect.step()
      tally.count(sender, changed ? `${sw} changed` : sw)
    }
    expect(tally.total(sender)).toBe(count)
  })
}

/** A card that is tried, and what is known of it. */
class Suspect {
  readonly #chance: Chance
  readonly #sender: Sender
  readonly #inserted: ReturnType<typeof insertedCard>
  readonly #memory: JournalledMemory
  readonly #countersAt: readonly number[]
  readonly #shown = new Set<string>()
  /** What is left of a scene. */
  #scene: readonly Bytes[] = []
  #content: Bytes
  #tries: readonly number[]
  #isOpen = false

  constructor(chance: Chance, sender: Sender) {
    this.#chance = chance
    this.#sender = sender
    const chip: Chip = chance.one([SECURE_ELEMENT, EEPROM_CHIP])
    const link: Link = chance.one([contact('T=0'), contact('T=1'), contactless(106)])
    this.#inserted = issued(chip, link)
    const { nvm } = this.#inserted.card
    this.#memory = new JournalledMemory(nvm, { capacity: chip.commitCapacity })
    this.#countersAt = countersOf(this.#memory)
    this.#content = this.#read()
    this.#tries = this.#readTries()
  }

  /** Its holder has made a file with rules that only chance knows: what is allowed now cannot be said. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Sends one command and looks at what it has done. */
  step(): { readonly sw: string; readonly changed: boolean } {
    const { card, field } = this.#inserted
    if (this.#chance.below(60) === 0) {
      field.powerOn()
      this.#shown.clear()
    }
    const torn = this.#chance.below(80) === 0
    if (torn) card.nvm.arm({ atWrite: 1 + this.#chance.below(8), tear: this.#chance.one(TEARS) })
    const apdu = this.#command()
    const writes = card.nvm.writes
    const answer = field.transmit(apdu)
    card.nvm.arm(undefined)
    const sw = toHex(answer.subarray(-2))
    if (answer.length === 0) {
      expect(torn).toBe(true)
      field.powerOn()
      // The memory recovers with the first command, which is none.
      expect(send(field, '00')).toBe('6700')
    } else expect(answer.length).toBeGreaterThanOrEqual(2)
    expect(answer.length).toBeLessThanOrEqual(258)
    const changed = card.nvm.writes > writes && this.#look(apdu, sw)
    if (answer.length === 0) this.#shown.clear()
    this.#note(apdu, sw)
    return { sw: swName(sw), changed }
  }

  #command(): Bytes {
    const chance = this.#chance
    switch (chance.below(10)) {
      case 0:
        return chance.bytes(chance.below(chance.below(8) === 0 ? 300 : 12))
      case 1:
        return this.#structured()
      case 2:
        return mutated(chance, chance.one(KNOWN))
      case 3:
        return chance.one(KNOWN)
      default:
        return this.#next()
    }
  }

  #next(): Bytes {
    const [next, ...rest] = this.#scene
    this.#scene = next ? rest : this.#chance.one(SCENES[this.#sender])
    if (!next) return this.#next()
    return this.#chance.below(10) === 0 ? mutated(this.#chance, next) : next
  }

  /** A header of what is known, with a field that is not, and data and Le by chance. */
  #structured(): Bytes {
    const chance = this.#chance
    const header = chance.one(KNOWN).slice(0, 4)
    header[chance.below(4)] = chance.below(256)
    const data = chance.bytes(chance.below(2) === 0 ? 0 : chance.below(256))
    const lc = data.length > 0 ? Uint8Array.of(data.length) : data
    const le = chance.below(2) === 0 ? new Uint8Array() : chance.bytes(1)
    return concat(header, lc, data, le)
  }

  /** Whether content has changed; fails if nobody was allowed to change it. */
  #look(apdu: Bytes, sw: string): boolean {
    const tries = this.#readTries()
    if (this.#sender === 'stranger') {
      for (const [index, left] of tries.entries()) {
        expect(left).toBeLessThanOrEqual(this.#tries[index] ?? 0)
      }
    }
    this.#tries = tries
    const content = this.#read()
    if (bytesEqual(content, this.#content)) return false
    this.#content = content
    const [, ins = 0] = apdu
    this.#isOpen ||= ins === 0xe0 && !KNOWN.some((known) => bytesEqual(known, apdu))
    const authority = AUTHORITY[ins]
    const allowed =
      this.#sender === 'holder' &&
      (CHANGES_PIN.includes(ins) || (authority !== undefined && this.#shown.has(authority)))
    expect({ apdu: toHex(apdu), sw, allowed }).toEqual({ apdu: toHex(apdu), sw, allowed: true })
    // What is refused has changed nothing; after a tear there is no answer.
    expect(sw).toMatch(/^(9000|61..|6c..|)$/)
    return true
  }

  /** What the sender has shown: no more than this, for a card may forget sooner. */
  #note(apdu: Bytes, sw: string): void {
    const [cla, ins, , p2] = apdu
    const done = sw === '9000' || sw.startsWith('61')
    if (cla === 0x00 && ins === 0xa4 && apdu[2] === 0x04 && done) this.#shown.clear()
    if (cla === 0x00 && ins === 0x20 && apdu.length > 5) this.#show(`pin${p2}`, sw)
    if (cla === 0x80 && ins === 0x20) this.#show('applet', sw)
  }

  /** Only a wrong secret takes back what a right one gave; a command without sense does not. */
  #show(authority: string, sw: string): void {
    if (sw === '9000') this.#shown.add(authority)
    else if (/^(63..|6983|6982)$/.test(sw)) this.#shown.delete(authority)
  }

  /** All that files and applet have in the memory, but for the counters of tries. */
  #read(): Bytes {
    const content = this.#memory.read(0, this.#memory.size)
    for (const at of this.#countersAt) content[at] = 0
    return content
  }

  #readTries(): readonly number[] {
    return this.#countersAt.map((at) => this.#memory.read(at, 1)[0] ?? 0)
  }
}

function issued(chip: Chip, link: Link) {
  const pin = (number: 1 | 2) => ({
    pin: fromHex(PINS[number]),
    unblocking: fromHex(UNBLOCKING),
    tries: 3,
  })
  const root = new IsoFiles({ size: 1500, rules: RULES, pins: { 1: pin(1), 2: pin(2) } })
  const inserted = insertedCard({ chip, link, root, applets: [new SumApplet()] })
  expect(inserted.send(`0020000208${PINS[2]}`)).toBe('9000')
  for (const file of FILES) {
    const parameters = bytesOf(file)
    const template = concat(Uint8Array.of(0x62, parameters.length), parameters)
    const create = concat(fromHex('00e00000'), Uint8Array.of(template.length), template)
    expect(toHex(inserted.field.transmit(create))).toBe('9000')
  }
  inserted.field.powerOn()
  expect(inserted.send('00')).toBe('6700')
  return inserted
}

/** Where in the memory the tries left stand: of both PINs, and of what unblocks them. */
function countersOf(memory: JournalledMemory): readonly number[] {
  const files = new IsoFiles({ size: 1500 })
  const tree = new FileTree(memory.part(0, files.memorySize))
  const pins = tree.children(tree.root).filter(({ id }) => id === 0x0000 || id === 0x0100)
  expect(pins.length).toBe(2)
  return pins.flatMap(({ start }) =>
    [PIN_FILE.PIN, PIN_FILE.UNBLOCKING].map((at) => start + at + PIN_SIZE + 1),
  )
}

/** Counts that tell many things are told as one. */
function swName(sw: string): string {
  if (sw === '') return 'torn'
  return /^(61|6c|63)/.test(sw) ? `${sw.slice(0, 2)}xx` : sw
}

function bytesOf(text: string): Bytes {
  return fromHex(text.replaceAll(' ', ''))
}
