import type { Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { amount, choice, instant, message, uint16, uint8 } from '../../../kernel/message.ts'
import type { Amount } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { AtomicMemory, MemoryPart } from '../../../card/applet.ts'
import type { ErasablePuf } from '../../../card/puf/erasable-puf.ts'
import type { Stock } from './coin-selector.ts'
import { REGISTERS, VALUE_MAX } from '../message.ts'
import { register } from '../plans.ts'

/** What an element knows of a coin without computing it. */
export interface CoinRegister {
  readonly index: number
  /** Coin seed: the challenge of the PUF. */
  readonly seed: number
  readonly value: Amount
  readonly bank: number
  readonly expires: Instant
  readonly hops: number
}

const entry = message('entry', {
  state: choice(['free', 'used']),
  seed: uint16(),
  value: amount(4, { max: VALUE_MAX }),
  bank: uint16(),
  hops: uint8(),
  expires: instant('of the coin'),
})
const ENTRY_SIZE = 18
const PAGE_SIZE = 256
const ENTRIES_PER_PAGE = Math.floor(PAGE_SIZE / ENTRY_SIZE)
/** Bytes of the directory: whole pages, so that a write touches few. */
export const DIRECTORY_SIZE = Math.ceil(REGISTERS / ENTRIES_PER_PAGE) * PAGE_SIZE
/** Of a register: its length and the register. */
export const REGISTER_SIZE = 7 * PAGE_SIZE
/** Pages that one write may change, less those that go along with the last part. */
const STAGE_SIZE = 4 * PAGE_SIZE

export interface RegisterPlaces {
  readonly directoryAt: number
  readonly registersAt: number
}

/**
 * Where an element keeps seeds, helpers and encrypted coins. A register whose seed is erased is free
 * again: spending writes nothing here. What is in a register counts from when the directory names it.
 */
export class CoinRegisters {
  readonly #memory: AtomicMemory
  readonly #puf: ErasablePuf
  readonly #places: RegisterPlaces

  constructor(memory: AtomicMemory, puf: ErasablePuf, places: RegisterPlaces) {
    this.#memory = memory
    this.#puf = puf
    this.#places = places
  }

  /** The coins that are there. @throws {RecordTampered} as everything that asks the PUF. */
  list(): readonly CoinRegister[] {
    const used = this.#entries()
    const remaining = new Set(this.#puf.remaining(used.map(({ seed }) => seed)))
    return used.filter(({ seed }) => remaining.has(seed))
  }

  free(): readonly number[] {
    const taken = new Set(this.list().map(({ index }) => index))
    return Array.from({ length: REGISTERS }, (_, index) => index).filter(
      (index) => !taken.has(index),
    )
  }

  read({ index }: Pick<CoinRegister, 'index'>): Bytes {
    const at = this.#places.registersAt + index * REGISTER_SIZE
    const size = uint16Of(this.#memory.read(at, 2))
    return this.#memory.read(at + 2, Math.min(size, REGISTER_SIZE - 2))
  }

  /**
   * Fills a free register. It counts once the part that this gives is written.
   *
   * @throws {FormatError} if it is no register.
   */
  fill(index: number, bytes: Bytes): MemoryPart {
    invariant(bytes.length <= REGISTER_SIZE - 2, 'a register has room for any coin')
    const { seed, value, bank, expires, hops } = register.decode(bytes)
    const at = this.#places.registersAt + index * REGISTER_SIZE
    const size = uint16().write(bytes.length, 'size')
    writeLong(this.#memory, at, new Uint8Array([...size, ...bytes]))
    return {
      offset: this.#entryAt(index),
      bytes: entry.encode({ state: 'used', seed, value, bank, hops, expires }),
    }
  }

  #entries(): readonly CoinRegister[] {
    return Array.from({ length: REGISTERS }, (_, index) => {
      const { state, ...known } = entry.decode(this.#memory.read(this.#entryAt(index), ENTRY_SIZE))
      return { index, state, ...known }
    }).flatMap(({ state, ...known }) => (state === 'used' ? [known] : []))
  }

  #entryAt(index: number): number {
    const page = Math.floor(index / ENTRIES_PER_PAGE)
    return this.#places.directoryAt + page * PAGE_SIZE + (index % ENTRIES_PER_PAGE) * ENTRY_SIZE
  }
}

/** Writes what is longer than one write may be: not in one, so nothing may count on it yet. */
export function writeLong(memory: AtomicMemory, offset: number, bytes: Bytes): void {
  for (let done = 0; done < bytes.length; done += STAGE_SIZE) {
    memory.write({ offset: offset + done, bytes: bytes.slice(done, done + STAGE_SIZE) })
  }
}

/** Denominations, the largest first. */
export function stockOf(coins: readonly Pick<CoinRegister, 'value'>[]): readonly Stock[] {
  const counts = new Map<Amount, number>()
  for (const { value } of coins) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((a, b) => Number(b.value - a.value))
}

/** A register for each denomination: those that expire first. */
export function registersFor(
  values: readonly Amount[],
  coins: readonly CoinRegister[],
): readonly CoinRegister[] {
  const left = [...coins].toSorted((a, b) => a.expires - b.expires)
  return values.map((value) => {
    const at = left.findIndex((candidate) => candidate.value === value)
    const [found] = left.splice(at, 1)
    invariant(at >= 0 && found, 'the selector takes what is there')
    return found
  })
}

function uint16Of(bytes: Bytes): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(0)
}
