import { concat, type Bytes } from '../../src/kernel/bytes.ts'

/** Draws that come again for the same seed; fast, and never for anything secret. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `below` − 1 (mulberry32). */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }

  one<T>(items: readonly [T, ...T[]]): T
  one<T>(items: readonly T[]): T
  one<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)]
  }

  bytes(size: number): Bytes {
    return new Uint8Array(size).map(() => this.below(256))
  }

  text(size: number): string {
    return Array.from({ length: size }, () => this.one([...LETTERS])).join('')
  }
}

/** What has broken programs before: ends of text, paths, quotes, marks, half a surrogate pair. */
const LETTERS = [
  'a',
  '0',
  ' ',
  '/',
  '.',
  '"',
  "'",
  '\\',
  '%',
  '\0',
  '\n',
  'ß',
  '水',
  '\ud800',
  '\ufeff',
  '😀',
  '${',
]

const INTERESTING = [
  0x00, 0x01, 0x7f, 0x80, 0xff, 0x17, 0x18, 0x1b, 0x5f, 0x9f, 0xa0, 0xd2, 0xf6,
] as const

/** Other bytes, made from these by a few of the accidents that happen to bytes. */
export function mutated(chance: Chance, bytes: Uint8Array): Bytes {
  for (;;) {
    let result: Bytes = new Uint8Array(bytes)
    for (let times = 1 + chance.below(4); times > 0; times -= 1) result = accident(chance, result)
    if (Buffer.compare(result, bytes) !== 0) return result
  }
}

function accident(chance: Chance, bytes: Bytes): Bytes {
  const at = chance.below(bytes.length + 1)
  const to = at + chance.below(Math.min(40, bytes.length - at + 1))
  const [before, within, after] = [
    bytes.subarray(0, at),
    bytes.subarray(at, to),
    bytes.subarray(to),
  ]
  const changed = new Uint8Array(bytes)
  switch (chance.below(8)) {
    case 0:
      changed[at] = (changed[at] ?? 0) ^ (1 << chance.below(8))
      return changed
    case 1:
      changed[at] = chance.one(INTERESTING)
      return changed
    case 2:
      return concat(before, after)
    case 3:
      return concat(before, within, within, after)
    case 4:
      return concat(before, chance.bytes(1 + chance.below(20)), bytes.subarray(at))
    case 5:
      return concat(before, chance.bytes(within.length), after)
    case 6:
      return new Uint8Array(before)
    default:
      return concat(after, within, before)
  }
}

/** A value that CBOR can carry, of any kind and size. */
export function anything(chance: Chance, depth = 0): unknown {
  switch (chance.below(depth > 3 ? 9 : 12)) {
    case 0:
      return chance.one([
        0,
        1,
        -1,
        23,
        24,
        255,
        256,
        65_536,
        2 ** 31,
        2 ** 32,
        Number.MAX_SAFE_INTEGER,
      ])
    case 1:
      return chance.one([
        2n ** 53n,
        2n ** 63n - 1n,
        2n ** 63n,
        2n ** 64n - 1n,
        -(2n ** 63n),
        -(2n ** 64n),
      ])
    case 2:
      return chance.below(2 ** 31)
    case 3:
      return chance.one([true, false, null])
    case 4:
      return ''
    case 5:
      return chance.text(1 + chance.below(20))
    case 6:
      return new Uint8Array()
    case 7:
      return chance.bytes(1 + chance.below(80))
    case 8:
      return chance.one(['__proto__', 'constructor', 'toString', 'type', 'block'])
    case 9:
      return Array.from({ length: chance.below(5) }, () => anything(chance, depth + 1))
    default:
      return new Map(
        Array.from({ length: chance.below(5) }, () => [
          chance.one([chance.text(3), chance.below(100), '__proto__', 'type']),
          anything(chance, depth + 1),
        ]),
      )
  }
}

/** The same value with something somewhere in it replaced, left out or added. */
export function warped(chance: Chance, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items: unknown[] = [...value]
    const at = chance.below(items.length + 1)
    if (at === items.length) return [...items, anything(chance)]
    if (chance.below(4) === 0) return items.toSpliced(at, 1)
    return items.with(at, warped(chance, items[at]))
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value)
    const at = chance.below(entries.length + 1)
    const entry = entries[at]
    if (!entry) return new Map([...entries, [chance.text(4), anything(chance)]])
    const [key, part] = entry
    if (chance.below(5) === 0) return new Map(entries.toSpliced(at, 1))
    return new Map(entries.with(at, [key, warped(chance, part)]))
  }
  return anything(chance)
}
