import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Clock, RandomSource } from '../kernel/ports.ts'

/** The real world, as the engines want it handed in. */
export const systemClock: Clock = { now: () => Date.now() }

export const systemRandom: RandomSource = {
  bytes: (size) => new Uint8Array(randomBytes(size)),
}

/** Where `npm run build` puts a page; undefined if it has not been built. */
export function builtPage(name: 'console' | 'till'): string | undefined {
  const directory = fileURLToPath(new URL(`../../web/dist/${name}`, import.meta.url))
  return existsSync(directory) ? directory : undefined
}

/** Without letters and digits that look alike. */
const PASSWORD_LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

/** Four groups of four: 79 bits. */
export function makePassword(random: RandomSource): string {
  const letters = Array.from({ length: 16 }, () => letter(random))
  return [0, 4, 8, 12].map((start) => letters.slice(start, start + 4).join('')).join('-')
}

/** Each as likely as any other: bytes beyond the last whole round are drawn again. */
function letter(random: RandomSource): string {
  const rounds = Math.floor(256 / PASSWORD_LETTERS.length)
  for (;;) {
    const [byte = 0] = random.bytes(1)
    if (byte < rounds * PASSWORD_LETTERS.length) {
      return PASSWORD_LETTERS.charAt(byte % PASSWORD_LETTERS.length)
    }
  }
}

/** The text of a system error's code, such as `EADDRINUSE`; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string'
  return isCoded ? String(error.code) : undefined
}
