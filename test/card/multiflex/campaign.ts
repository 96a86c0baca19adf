import { describe, expect, test } from 'vitest'
import { bytesEqual, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { COMMANDS, type CommandName } from '../../../src/card/multiflex/commands.ts'
import { multiflexNvm } from '../../../src/card/multiflex/memory.ts'
import { Chance, mutated } from '../../fuzz/chance.ts'
import { Tally } from '../../fuzz/tally.ts'
import {
  Bench,
  contentsOf,
  differences,
  hex,
  KEY,
  OTHER_PIN,
  personalised,
  PIN,
  VERIFY_KEY,
  VERIFY_PIN,
  type Contents,
} from './cards.ts'
import { ModelCard } from './model.ts'
import { arrange, ROWS } from './rows.ts'

export interface Campaign {
  /** Commands that a model answers as well. */
  readonly modelled: number
  /** Bytes of any kind, to a card whose PIN and key are known to the sender. */
  readonly raw: number
  /** The same, by a sender who knows neither, to a card that lets nobody write. */
  readonly stranger: number
}

const NAMES = Object.keys(COMMANDS) as CommandName[]
/** Commands to a card until it is a new one again. */
const PER_CARD = 250

/** Everything that this card may say, with data before it or without. */
const STATUS =
  /(9000|61..|6283|6300|6500|67..|6981|6982|6983|6985|6986|6a80|6a82|6a83|6a84|6b00|6c..|6d00|6e00|9850)$/
const SUCCESS = /^(9000|61..)$/
/** Where tries are: of the PIN, of what unblocks it, of the external keys. */
const TRIES_AT: ReadonlyMap<string, readonly number[]> = new Map([
  ['3f00/0000', [12, 22]],
  ['3f00/0011', [12, 24, 36]],
])

const CORPUS: readonly Bytes[] = NAMES.flatMap((name) =>
  ROWS[name].map((row) => hex(arrange(row).apdu)),
)

export function defineCampaign({ modelled, raw, stranger }: Campaign): void {
  describe('random APDUs', () => {
    test(`${modelled} as a model predicts them`, { timeout: timeout(modelled) }, () => {
      const tally = new Tally()
      const chance = new Chance(11)
      let model = new ModelCard(chance)
      for (let sent = 0; sent < modelled; sent++) {
        if (sent % PER_CARD === 0) {
          expect(model.differences()).toEqual([])
          model = new ModelCard(chance)
        }
        const { name, answer, expected } = model.step()
        if (!expected.test(answer))
          throw new Error(`${name}: ${answer}, expected ${expected.source}`)
        note(tally, name, answer)
      }
      expect(model.differences()).toEqual([])
      report(tally, modelled)
    })

    test(
      `${raw} of any kind: an answer, and no change but by a command that succeeds`,
      { timeout: timeout(raw) },
      () => {
        const tally = new Tally()
        const chance = new Chance(12)
        const fresh = personalised()
        let bench = new Bench(fresh)
        let before = bench.card.nvm.snapshot()
        for (let sent = 0; sent < raw; sent++) {
          if (sent % PER_CARD === 0) {
            bench = begun(fresh, chance)
            before = bench.card.nvm.snapshot()
          }
          const apdu = anything(chance, bench)
          const status = answerOf(bench, apdu)
          const after = bench.card.nvm.snapshot()
          if (!SUCCESS.test(status) && !bytesEqual(before, after)) {
            const changed = differences(withoutTries(before), withoutTries(after))
            expect({ apdu: toHex(apdu), status, changed }).toMatchObject({ changed: [] })
          }
          before = after
          note(tally, nameOf(apdu), status)
        }
        report(tally, raw)
      },
    )

    test(
      `${stranger} of any kind from a stranger: tries are all that changes`,
      { timeout: timeout(stranger) },
      () => {
        const tally = new Tally()
        const chance = new Chance(13)
        const locked = lockedImage()
        for (let sent = 0; sent < stranger;) {
          const bench = new Bench(locked, '8K', chance)
          const before = bench.card.nvm.snapshot()
          if (chance.below(2) === 0) bench.select('2000')
          for (const end = Math.min(sent + PER_CARD, stranger); sent < end; sent++) {
            const apdu = anything(chance, bench)
            const status = answerOf(bench, apdu)
            note(tally, nameOf(apdu), status)
          }
          const after = bench.card.nvm.snapshot()
          expect(differences(withoutTries(before), withoutTries(after))).toEqual([])
          for (const [index, tries] of triesOf(before).entries()) {
            expect(triesOf(after)[index]).toBeLessThanOrEqual(tries)
          }
        }
        report(tally, stranger)
      },
    )
  })
}

function timeout(commands: number): number {
  return 60_000 + commands * 5
}

/** A command, and the answer: both have a line of the tally. */
function note(tally: Tally, name: string, answer: string): void {
  const status = answer.slice(-4)
  const isCounted = /^(61|67|6c)/.test(status)
  tally.count('status words', isCounted ? `${status.slice(0, 2)}xx` : status)
  tally.count('commands', name)
}

function report(tally: Tally, total: number): void {
  console.log(`multiflex, ${total} random APDUs:\n${tally.lines().join('\n')}`)
  expect(tally.total('commands')).toBe(total)
}

/** A card some way into a session. */
function begun(fresh: Bytes, chance: Chance): Bench {
  const bench = new Bench(fresh, '8K', chance)
  const proofs = [VERIFY_PIN, VERIFY_KEY].filter(() => chance.below(2) === 0)
  bench.do(...proofs)
  const files = ['2001', '2002', '2003', '2004', '2005', '2006', '2007', '2008', '2009', '2010']
  if (chance.below(4) > 0) bench.select('2000', chance.one(files))
  return bench
}

/** One with other secrets, where nothing can be written without them. */
function lockedImage(): Bytes {
  const bench = new Bench(personalised()).do(VERIFY_KEY, VERIFY_PIN).select('2000')
  for (const id of ['2004', '2007', '2008', '2009', '200b', '200c']) bench.do(`f0e4000002 ${id}`)
  bench.select('2000', '2001').do('f004000000').select('0000')
  bench.do(`c0d6000308 e1e2e3e4e5e6e7e8`, 'c0d6000d08 d1d2d3d4d5d6d7d8')
  return bench.select('0011').do('c0d6000f08 c1c2c3c4c5c6c7c8').card.nvm.snapshot()
}

function filesOf(image: Bytes): Contents {
  return contentsOf({ nvm: multiflexNvm('8K', image) })
}

function withoutTries(image: Bytes): Contents {
  const files = [...filesOf(image)].map(([path, file]) => {
    const tries = TRIES_AT.get(path) ?? []
    const body = file.body.map((byte, at) => (tries.includes(at) ? 0 : byte))
    return [path, { ...file, body }] as const
  })
  return new Map(files)
}

function triesOf(image: Bytes): readonly number[] {
  const files = filesOf(image)
  return [...TRIES_AT].flatMap(([path, places]) =>
    places.map((at) => files.get(path)?.body[at] ?? 0),
  )
}

function answerOf(bench: Bench, apdu: Bytes): string {
  const answer = bench.field.transmit(apdu)
  const text = toHex(answer)
  if (answer.length < 2 || answer.length > 258 || !STATUS.test(text)) {
    throw new Error(`${toHex(apdu)} was answered ${text}`)
  }
  return text.slice(-4)
}

function anything(chance: Chance, bench: Bench): Bytes {
  switch (chance.below(8)) {
    case 0:
      return chance.bytes(chance.below(chance.one([6, 30, 300])))
    case 1:
      return header(chance, chance.bytes(4))
    case 2:
    case 3:
      return known(chance)
    case 4:
      return mutated(chance, chance.one(CORPUS))
    case 5:
      return hex(bench.protect(toHex(chance.one(CORPUS)), chance.one([KEY, KEY, PIN, OTHER_PIN])))
    default:
      return chance.one(CORPUS)
  }
}

/** A command of the table with parameters and lengths by chance. */
function known(chance: Chance): Bytes {
  const { cla, ins } = COMMANDS[chance.one(NAMES)]
  const small = () => chance.one([0, 0, 0, 0, 1, 4, chance.below(256)])
  return header(chance, Uint8Array.of(cla, ins, small(), small()))
}

function header(chance: Chance, four: Bytes): Bytes {
  const p3 = chance.one([0, 1, 2, 3, 4, 6, 7, 8, 11, 16, 17, 19, 20, 27, 255])
  const size = chance.one([0, p3, p3, p3, p3 + 1, chance.below(8)])
  return new Uint8Array([...four, p3, ...chance.bytes(size)])
}

function nameOf([cla, ins]: Bytes): string {
  const name = NAMES.find((one) => COMMANDS[one].cla === cla && COMMANDS[one].ins === ins)
  return name ?? 'no command'
}
