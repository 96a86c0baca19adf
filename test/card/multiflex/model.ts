import { toHex } from '../../../src/kernel/bytes.ts'
import type { Chance } from '../../fuzz/chance.ts'
import {
  Bench,
  create,
  OTHER_PIN,
  personalised,
  PIN,
  protectedForm,
  KEY,
  STAMP_KEY,
  UNBLOCKING,
  VERIFY_KEY,
} from './cards.ts'

type Kind = 'transparent' | 'linear' | 'cyclic'
const KINDS: readonly Kind[] = ['transparent', 'linear', 'cyclic', 'cyclic']
const TYPES = { transparent: '01', linear: '02', cyclic: '06' } as const

/** Anybody, the PIN, key 1, both, a cryptogram of key 1, nobody. */
const GUARDS = ['0', '1', '4', '8', '3', '3', 'f'] as const
type Guard = (typeof GUARDS)[number]
/** What the six nibbles of bytes 9 to 11 guard. */
const NIBBLE = {
  read: 0,
  update: 1,
  increase: 2,
  append: 3,
  rehabilitate: 4,
  invalidate: 5,
} as const

interface ModelFile {
  readonly id: string
  readonly kind: Kind
  readonly guards: readonly Guard[]
  readonly byte8: string
  active: boolean
  /** Hexadecimal. Of a transparent file there is one; of a cyclic one the newest is first. */
  records: readonly string[]
}

export interface Step {
  readonly name: string
  readonly answer: string
  readonly expected: RegExp
}

/** What a command on the selected file is, apart from what guards it. */
interface Operation {
  readonly name: string
  readonly apdu: string
  readonly kinds: readonly Kind[]
  readonly wrongKind?: string
  readonly nibble: number
  readonly protectable: boolean
  /** Carries it out in the model; what the card must answer. */
  run(file: ModelFile): string
}

const IDS = ['2101', '2102', '2103', '2104', '2105', '2106']
const RECORD_SIZE = 4
const BINARY_SIZE = 8
const LINEAR_MAX = 4
const MAX_VALUE = 0xffffff
const TRIES = 3
const CHALLENGE = 'a1a2a3a4a5a6a7a8'
const ALL: readonly Kind[] = ['transparent', 'linear', 'cyclic']
const RECORDS: readonly Kind[] = ['linear', 'cyclic']
const FRESH = personalised()

/**
 * A card and what its page says of it: the model says what the card must answer to commands by chance
 * on files by chance in one directory.
 */
export class ModelCard {
  readonly #chance: Chance
  readonly #bench: Bench
  readonly #files = new Map<string, ModelFile>()
  #selected: ModelFile | undefined
  #record: number | undefined
  #pin = PIN
  #pinTries = TRIES
  #keyTries = TRIES
  #pinShown = false
  #keyShown = false
  #given = false

  constructor(chance: Chance) {
    this.#chance = chance
    this.#bench = new Bench(FRESH, '8K', chance).select('2000')
  }

  step(): Step {
    const given = this.#given
    this.#given = false
    const steps: readonly (() => Step)[] = [
      () => this.#select(),
      () => this.#create(),
      () => this.#delete(),
      () => this.#verifyPin(),
      () => this.#verifyKey(),
      () => this.#changePin(),
      () => this.#authenticate(),
      () => this.#giveChallenge(),
      () => this.#forget(),
      () => this.#operate(this.#onStatus()),
      ...Array.from({ length: 8 }, () => () => this.#operate(this.#onSelected())),
    ]
    // A stamped command has to come at once.
    return given ? this.#operate(this.#onValue(given)) : this.#chance.one(steps)()
  }

  /** Files of the card that hold something else than the model's. */
  differences(): readonly string[] {
    const contents = this.#bench.contents()
    return [...this.#files.values()].flatMap(({ id, kind, records, active }) => {
      const found = contents.get(`3f00/2000/${id}`)
      if (!found || found.active !== active) return [`${id} ${found ? 'blocked' : 'gone'}`]
      const size = kind === 'transparent' ? BINARY_SIZE : RECORD_SIZE
      const expected = records.join('').padEnd(found.body.length * 2, '0')
      const turned = found.body.length === 0 ? 0 : found.newest * size
      const body = toHex(
        new Uint8Array([...found.body.slice(turned), ...found.body.slice(0, turned)]),
      )
      return body === expected ? [] : [`${id} ${body} ${expected}`]
    })
  }

  #send(name: string, apdu: string, expected: string): Step {
    return { name, answer: this.#bench.send(apdu), expected: new RegExp(`^${expected}$`) }
  }

  #coin(outOf = 2): boolean {
    return this.#chance.below(outOf) === 0
  }

  #select(): Step {
    const id = this.#chance.one(IDS)
    const file = this.#files.get(id)
    if (file) this.#enter(file)
    return this.#send('Select', `c0a4000002${id}`, file ? '610f' : '6a82')
  }

  #enter(file: ModelFile): void {
    this.#selected = file
    this.#record = file.kind === 'cyclic' ? 1 : undefined
  }

  #create(): Step {
    const kind = this.#chance.one(KINDS)
    const file: ModelFile = {
      id: this.#chance.one(IDS),
      kind,
      guards: Array.from({ length: 6 }, () => this.#chance.one(GUARDS)),
      byte8: this.#chance.one(['ff', 'bf', '7f', '3f', 'ff']),
      active: true,
      records: kind === 'transparent' ? ['00'.repeat(BINARY_SIZE)] : ['00000000', '00000000'],
    }
    const size =
      kind === 'transparent' ? BINARY_SIZE : RECORD_SIZE * (kind === 'linear' ? LINEAR_MAX : 2)
    const apdu = create({
      id: file.id,
      type: TYPES[kind],
      size,
      access: file.guards.join(''),
      byte8: file.byte8,
      ...(kind === 'transparent' ? {} : { records: 2, recordLength: RECORD_SIZE }),
    })
    if (!this.#keyShown) return this.#send('Create File', apdu, '6982')
    if (this.#files.has(file.id)) return this.#send('Create File', apdu, '6a80')
    this.#files.set(file.id, file)
    this.#enter(file)
    return this.#send('Create File', apdu, '9000')
  }

  #delete(): Step {
    const id = this.#chance.one(IDS)
    const apdu = `f0e4000002${id}`
    if (!this.#keyShown || this.#coin()) {
      const wrong = `f0e4000002 2fff`
      return this.#send('Delete File', wrong, this.#keyShown ? '6a82' : '6982')
    }
    if (this.#selected?.id === id) this.#selected = undefined
    return this.#send('Delete File', apdu, this.#files.delete(id) ? '9000' : '6a82')
  }

  /** One try of the PIN; whether it fits is known. The status word. */
  #tryPin(fits: boolean): string {
    this.#pinShown = false
    if (this.#pinTries === 0) return '6983'
    this.#pinTries = fits ? TRIES : this.#pinTries - 1
    if (fits) return '9000'
    return this.#pinTries === 0 ? '6983' : '6300'
  }

  #tryKey(fits: boolean): string {
    if (this.#keyTries === 0) return '6983'
    this.#keyTries = fits ? TRIES : this.#keyTries - 1
    if (fits) return '9000'
    return this.#keyTries === 0 ? '6983' : '6300'
  }

  #verifyPin(): Step {
    const pin = this.#coin(5) ? '9'.repeat(16) : this.#pin
    const expected = this.#tryPin(pin === this.#pin)
    this.#pinShown = expected === '9000'
    return this.#send('Verify PIN', `c020000108${pin}`, expected)
  }

  #changePin(): Step {
    const next = this.#chance.one([PIN, OTHER_PIN])
    if (this.#pinTries === 0 || this.#coin()) {
      this.#pin = next
      this.#pinTries = TRIES
      this.#pinShown = false
      return this.#send('Unblock PIN', `f02c000110${UNBLOCKING}${next}`, '9000')
    }
    const given = this.#coin(4) ? '9'.repeat(16) : this.#pin
    const expected = this.#tryPin(given === this.#pin)
    if (expected === '9000') this.#pin = next
    return this.#send('Change PIN', `f024000110${given}${next}`, expected)
  }

  #verifyKey(): Step {
    const fits = !this.#coin(8)
    const expected = this.#tryKey(fits)
    this.#keyShown = expected === '9000'
    return this.#send('Verify Key', fits ? VERIFY_KEY : 'f02a000108 0000000000000000', expected)
  }

  #authenticate(): Step {
    const fits = !this.#coin(8)
    const apdu = this.#bench.authenticate(fits ? KEY : STAMP_KEY)
    const expected = this.#tryKey(fits)
    this.#keyShown = expected === '9000'
    return this.#send('External Authentication', apdu, expected)
  }

  #giveChallenge(): Step {
    this.#given = true
    return this.#send('Give Challenge', `f086000008${CHALLENGE}`, '9000')
  }

  #forget(): Step {
    if (!this.#coin(4)) return this.#select()
    this.#pinShown = false
    this.#keyShown = false
    if (this.#coin()) return this.#send('Logout', 'f0220700', '9000')
    this.#bench.reset()
    this.#selected = undefined
    return this.#send('Select', 'c0a40000022000', '6114')
  }

  #operate(operation: Operation): Step {
    const { name, apdu, kinds, wrongKind = '6a80', nibble, protectable } = operation
    const file = this.#selected
    // Without a file it would be about the directory.
    if (!file && nibble >= NIBBLE.rehabilitate) return this.#select()
    if (!file) return this.#send(name, apdu, '6986')
    if (!kinds.includes(file.kind)) return this.#send(name, apdu, wrongKind)
    const guard = file.guards[nibble]
    const usable = file.active || nibble === NIBBLE.rehabilitate
    if (guard === '3' && protectable) return this.#operateProtected(operation, file, usable)
    if (!usable) return this.#send(name, apdu, '6283')
    return this.#send(name, apdu, this.#fulfils(guard) ? operation.run(file) : '6982')
  }

  #operateProtected(operation: Operation, file: ModelFile, usable: boolean): Step {
    const { name, apdu } = operation
    switch (this.#chance.below(6)) {
      case 0:
        return this.#send(name, apdu, '67..')
      case 1: {
        const unchallenged = protectedForm(apdu, CHALLENGE, KEY)
        return this.#send(name, unchallenged, usable ? '6985' : '6283')
      }
      default: {
        const fits = !this.#coin(8)
        const ready = this.#bench.protect(apdu, fits ? KEY : STAMP_KEY)
        if (!usable) return this.#send(name, ready, '6283')
        const status = this.#tryKey(fits)
        return this.#send(name, ready, status === '9000' ? operation.run(file) : status)
      }
    }
  }

  #fulfils(guard: Guard | undefined): boolean {
    if (guard === '0') return true
    if (guard === '1') return this.#pinShown
    if (guard === '4') return this.#keyShown
    return guard === '8' && this.#pinShown && this.#keyShown
  }

  /** Mostly a command that suits the selected file. */
  #onSelected(): Operation {
    const kind = this.#coin(6) ? this.#chance.one(ALL) : (this.#selected?.kind ?? 'cyclic')
    if (kind === 'transparent') return this.#onBinary()
    return kind === 'linear' || this.#coin(3) ? this.#onRecord() : this.#onValue(false)
  }

  #onBinary(): Operation {
    const [offset, size] = [this.#chance.below(10), 1 + this.#chance.below(9)]
    const at = offset.toString(16).padStart(4, '0')
    const kinds: readonly Kind[] = ['transparent']
    const length = `0${size.toString(16)}`
    if (this.#coin()) {
      return {
        name: 'Read Binary',
        apdu: `c0b0${at}${length}`,
        kinds,
        nibble: NIBBLE.read,
        protectable: false,
        run: ({ records: [content = ''] }) => {
          if (offset >= BINARY_SIZE) return '6b00'
          const left = BINARY_SIZE - offset
          return size > left
            ? `6c0${left}`
            : `${content.slice(offset * 2, (offset + size) * 2)}9000`
        },
      }
    }
    const data = toHex(this.#chance.bytes(size))
    return {
      name: 'Update Binary',
      apdu: `c0d6${at}${length}${data}`,
      kinds,
      nibble: NIBBLE.update,
      protectable: true,
      run: (file) => {
        if (offset + size > BINARY_SIZE) return '6b00'
        const [content = ''] = file.records
        file.records = [content.slice(0, offset * 2) + data + content.slice((offset + size) * 2)]
        return '9000'
      },
    }
  }

  #onRecord(): Operation {
    const data = toHex(this.#chance.bytes(RECORD_SIZE))
    if (this.#coin(4)) {
      return {
        name: 'Create Record',
        apdu: `c0e200000${RECORD_SIZE}${data}`,
        kinds: ['linear'],
        nibble: NIBBLE.append,
        protectable: true,
        run: (file) => {
          if (file.records.length === LINEAR_MAX) return '6a84'
          file.records = [...file.records, data]
          this.#record = file.records.length
          return '9000'
        },
      }
    }
    const mode = this.#chance.below(5)
    const index = mode === 4 ? this.#chance.below(LINEAR_MAX + 2) : 0
    const address = `0${index}0${mode}0${RECORD_SIZE}`
    if (this.#coin()) {
      return {
        name: 'Read Record',
        apdu: `c0b2${address}`,
        kinds: RECORDS,
        nibble: NIBBLE.read,
        protectable: false,
        run: (file) => {
          const number = this.#number(file, mode, index)
          if (number === undefined) return '6a83'
          this.#record = number
          return `${file.records[number - 1]}9000`
        },
      }
    }
    return {
      name: 'Update Record',
      apdu: `c0dc${address}${data}`,
      kinds: RECORDS,
      nibble: NIBBLE.update,
      protectable: true,
      run: (file) => this.#updateRecord(file, mode, index, data),
    }
  }

  #updateRecord(file: ModelFile, mode: number, index: number, data: string): string {
    const isCyclic = file.kind === 'cyclic'
    const oldest = isCyclic && mode === 3
    const number = oldest ? 1 : this.#number(file, mode, index)
    if (number === undefined) return '6a83'
    if (isCyclic && file.byte8 === 'ff') return '6982'
    file.records = oldest
      ? [data, ...file.records.slice(0, -1)]
      : file.records.with(number - 1, data)
    this.#record = number
    return '9000'
  }

  #number(file: ModelFile, mode: number, index: number): number | undefined {
    const count = file.records.length
    const current = this.#record
    const wanted = [
      1,
      count,
      (current ?? 0) + 1,
      (current ?? count + 1) - 1,
      index === 0 ? (current ?? 0) : index,
    ][mode]
    if (wanted === undefined) return undefined
    const round = file.kind === 'cyclic' && (mode === 2 || mode === 3)
    const number = round ? ((wanted + count - 1) % count) + 1 : wanted
    return number >= 1 && number <= count ? number : undefined
  }

  #onStatus(): Operation {
    const active = this.#coin(3)
    return {
      name: active ? 'Invalidate' : 'Rehabilitate',
      apdu: active ? 'f004000000' : 'f044000000',
      kinds: ALL,
      nibble: active ? NIBBLE.invalidate : NIBBLE.rehabilitate,
      protectable: true,
      run: (file) => {
        file.active = !active
        return '9000'
      },
    }
  }

  #onValue(given: boolean): Operation {
    const increase = this.#coin()
    const stamped = given || this.#coin(8)
    const amount = this.#chance.one([0, 1, 0x100, MAX_VALUE, this.#chance.below(MAX_VALUE + 1)])
    const text = amount.toString(16).padStart(6, '0')
    const ins = stamped ? (increase ? '36' : '34') : increase ? '32' : '30'
    return {
      name: `${increase ? 'Increase' : 'Decrease'}${stamped ? ' Stamped' : ''}`,
      apdu: `f0${ins}000003${text}`,
      kinds: ['cyclic'],
      wrongKind: '6986',
      nibble: increase ? NIBBLE.increase : NIBBLE.update,
      protectable: true,
      run: (file) => {
        if (stamped && !given) return '6985'
        const allowed = increase ? ['ff', '7f'] : ['ff', 'bf']
        if (!allowed.includes(file.byte8)) return '6982'
        const [newest = ''] = file.records
        const value = Number.parseInt(newest.slice(-6), 16) + (increase ? amount : -amount)
        if (value < 0 || value > MAX_VALUE) return '9850'
        // The rest of the oldest record stays.
        const rest = file.records.at(-1)?.slice(0, -6) ?? ''
        const record = rest + value.toString(16).padStart(6, '0')
        file.records = [record, ...file.records.slice(0, -1)]
        this.#record = 1
        return stamped ? '610c' : '9000'
      },
    }
  }
}
