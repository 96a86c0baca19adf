import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { Bytes } from '../../src/kernel/bytes.ts'

/** Bytes in a row of a secret that nobody has by chance. */
const WINDOW = 16
const CHUNK = 1 << 22

/** Whether this system shows the memory of a process to whoever started it: Linux does, unless it is told not to. */
export function showsMemory(pid: number): boolean {
  try {
    closeSync(openSync(`/proc/${pid}/mem`, 'r'))
    return true
  } catch {
    return false
  }
}

interface Window {
  readonly name: string
  readonly bytes: Bytes
}

/** Looks for any 16 bytes in a row of any of the secrets, in one pass. */
export class MemorySearch {
  /** By the first two bytes. */
  readonly #windows = new Map<number, Window[]>()
  readonly #begins = new Uint8Array(0x10000)

  constructor(secrets: Iterable<readonly [string, Bytes]>) {
    for (const [name, secret] of secrets) {
      for (let at = 0; at + WINDOW <= secret.length; at++) {
        const bytes = secret.slice(at, at + WINDOW)
        const begin = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
        // Half of all memory is 00: a window that begins so is found with the next one.
        if (begin === 0) continue
        this.#begins[begin] = 1
        this.#windows.set(begin, [...(this.#windows.get(begin) ?? []), { name, bytes }])
      }
    }
  }

  /** Names of what is there. */
  findIn(hay: Uint8Array): ReadonlySet<string> {
    const found = new Set<string>()
    const begins = this.#begins
    const last = hay.length - WINDOW
    let begin = hay[0] ?? 0
    for (let at = 0; at <= last; at++) {
      begin = ((begin << 8) | (hay[at + 1] ?? 0)) & 0xffff
      if (begins[begin] === 0) continue
      for (const { name, bytes } of this.#windows.get(begin) ?? []) {
        if (bytes.every((byte, index) => byte === hay[at + index])) found.add(name)
      }
    }
    return found
  }

  /** In all of its memory that is its own: what it has written, not its program as it lies in files. */
  findInProcess(pid: number): { readonly found: readonly string[]; readonly searched: number } {
    const memory = openSync(`/proc/${pid}/mem`, 'r')
    const chunk = Buffer.alloc(CHUNK)
    const found = new Set<string>()
    let searched = 0
    try {
      for (const { from, to } of ownPagesOf(pid)) {
        // Pieces overlap, so that nothing lies between two of them.
        for (let at = from; at < to; at += CHUNK - WINDOW) {
          const size = readSync(memory, chunk, 0, Math.min(CHUNK, to - at), at)
          searched += size
          for (const name of this.findIn(chunk.subarray(0, size))) found.add(name)
        }
      }
    } finally {
      closeSync(memory)
    }
    return { found: [...found].toSorted(), searched }
  }
}

interface Range {
  readonly from: number
  readonly to: number
}

const PAGE_SIZE = 4096
const ENTRY_SIZE = 8
/** Of an entry of the page map (Linux, admin-guide/mm/pagemap): in memory, swapped out; a page of a file. */
const IS_THERE = 0xc0
const IS_OF_FILE = 0x20

/** Runs of pages that a process can read and that are there. */
function ownPagesOf(pid: number): readonly Range[] {
  const pages = openSync(`/proc/${pid}/pagemap`, 'r')
  const ranges: Range[] = []
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, low = '', high = ''] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
    const [from, to] = [parseInt(low, 16), parseInt(high, 16)]
    if (Number.isNaN(from) || line.includes('[v')) continue
    const entries = Buffer.alloc(((to - from) / PAGE_SIZE) * ENTRY_SIZE)
    readSync(pages, entries, 0, entries.length, (from / PAGE_SIZE) * ENTRY_SIZE)
    for (let page = 0; page * ENTRY_SIZE < entries.length; page++) {
      // The highest byte of an entry, which is little endian.
      const flags = entries[page * ENTRY_SIZE + ENTRY_SIZE - 1] ?? 0
      if ((flags & IS_THERE) === 0 || (flags & IS_OF_FILE) !== 0) continue
      const start = from + page * PAGE_SIZE
      const last = ranges.at(-1)
      if (last?.to === start) ranges[ranges.length - 1] = { from: last.from, to: start + PAGE_SIZE }
      else ranges.push({ from: start, to: start + PAGE_SIZE })
    }
  }
  closeSync(pages)
  return ranges
}

/** As OpenSSL keeps a number: its limbs, the lowest first. */
export function limbsOf(number: Bytes): Bytes {
  return number.toReversed()
}
