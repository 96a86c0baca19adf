import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { sha256 } from '../../../kernel/hash.ts'
import { message, octets, uint16 } from '../../../kernel/message.ts'
import type { Amount } from '../../../kernel/money.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { AtomicMemory, MemoryPart } from '../../../card/applet.ts'
import type { ErasablePuf } from '../../../card/puf/erasable-puf.ts'
import { RecordTampered } from '../../../card/puf/rooted-memory.ts'
import type { Stock } from './coin-selector.ts'
import { PAGE_SIZE, readSized, writeSized } from './memory.ts'
import { REGISTERS } from '../message.ts'
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

const ENTRY_DIGEST_SIZE = 8
/** Which register holds the coin of a seed, and which bytes: others in their place are none of its making. */
const entry = message('entry', {
  seed: uint16({}, 'its number and 1; 0 of a register that is free'),
  digest: octets(ENTRY_DIGEST_SIZE),
})
const ENTRY_SIZE = 2 + ENTRY_DIGEST_SIZE
/** Bytes of the directory, in an element’s notes. */
export const DIRECTORY_SIZE = REGISTERS * ENTRY_SIZE
/** Of a register: its length and the register. */
export const REGISTER_SIZE = 7 * PAGE_SIZE

/**
 * Where an element keeps seeds, helpers and encrypted coins. A register whose seed is erased is free
 * again: spending writes nothing here. What is in a register counts from when the directory names it: that is
 * in the notes, from their first byte on.
 */
export class CoinRegisters {
  readonly #memory: AtomicMemory
  readonly #puf: ErasablePuf
  readonly #start: number

  /** `start`: where in the memory the registers lie. */
  constructor(memory: AtomicMemory, puf: ErasablePuf, start: number) {
    this.#memory = memory
    this.#puf = puf
    this.#start = start
  }

  /** The coins that are there. @throws {RecordTampered} as everything that asks the PUF. */
  list(): readonly CoinRegister[] {
    const used = this.#entries()
    const remaining = new Set(this.#puf.remaining(used.map(({ seed }) => seed)))
    return used.filter(({ seed }) => remaining.has(seed)).map((known) => this.#known(known))
  }

  free(): readonly number[] {
    const taken = new Set(this.list().map(({ index }) => index))
    return Array.from({ length: REGISTERS }, (_, index) => index).filter(
      (index) => !taken.has(index),
    )
  }

  read({ index }: Pick<CoinRegister, 'index'>): Bytes {
    return readSized(this.#memory, this.#start + index * REGISTER_SIZE, REGISTER_SIZE)
  }

  /**
   * Fills a free register. It counts once the part that this gives is noted.
   *
   * @throws {FormatError} if it is no register.
   */
  fill(index: number, bytes: Bytes): MemoryPart {
    invariant(bytes.length <= REGISTER_SIZE - 2, 'a register has room for any coin')
    const { seed } = register.decode(bytes)
    writeSized(this.#memory, this.#start + index * REGISTER_SIZE, bytes)
    return {
      offset: index * ENTRY_SIZE,
      bytes: entry.encode({ seed: seed + 1, digest: digestOf(bytes) }),
    }
  }

  /** What stands on a register beside the coin. */
  #known({ index, digest }: Entry): CoinRegister {
    const bytes = this.read({ index })
    if (!bytesEqual(digestOf(bytes), digest)) {
      throw new RecordTampered('a register was put there from outside')
    }
    const { seed, value, bank, expires, hops } = register.decode(bytes)
    return { index, seed, value, bank, expires, hops }
  }

  #entries(): readonly Entry[] {
    const directory = this.#puf.notes.read(0, DIRECTORY_SIZE)
    return Array.from({ length: REGISTERS }, (_, index) => {
      const { seed, digest } = entry.decode(
        directory.slice(index * ENTRY_SIZE, (index + 1) * ENTRY_SIZE),
      )
      return { index, seed: seed - 1, digest }
    }).filter(({ seed }) => seed >= 0)
  }
}

interface Entry {
  readonly index: number
  readonly seed: number
  readonly digest: Bytes
}

function digestOf(bytes: Bytes): Bytes {
  return sha256(bytes).slice(0, ENTRY_DIGEST_SIZE)
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
