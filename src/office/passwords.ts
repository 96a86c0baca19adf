import { scrypt } from 'node:crypto'
import { secretsEqual, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import type { RandomSource } from '../kernel/ports.ts'

/** scrypt (RFC 7914). 32 MB and about 50 ms a guess: OWASP's second choice, kind to a small office. */
const COST = { N: 32_768, r: 8, p: 1 } as const
const SALT_SIZE = 16
const HASH_SIZE = 32
const MEMORY_MAX = 64 * 1024 * 1024

export const PASSWORD_MIN = 10
export const PASSWORD_MAX = 256

/** `scrypt$N$r$p$salt$hash`, base64url: what it takes to check it later, whatever the cost is then. */
export async function hashPassword(password: string, random: RandomSource): Promise<string> {
  const salt = random.bytes(SALT_SIZE)
  const hash = await derive(password, salt, COST)
  return ['scrypt', COST.N, COST.r, COST.p, text(salt), text(hash)].join('$')
}

export async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [kind, n, r, p, salt, hash] = stored.split('$')
  invariant(kind === 'scrypt' && salt !== undefined && hash !== undefined, 'a password is hashed')
  const derived = await derive(password, read(salt), { N: Number(n), r: Number(r), p: Number(p) })
  return secretsEqual(derived, read(hash))
}

/** Takes as long as a check that fails, so that a login that nobody has cannot be told by the clock. */
export async function spendAsLong(password: string): Promise<void> {
  await derive(password, new Uint8Array(SALT_SIZE), COST)
}

interface Cost {
  readonly N: number
  readonly r: number
  readonly p: number
}

async function derive(password: string, salt: Uint8Array, cost: Cost): Promise<Bytes> {
  const { promise, resolve, reject } = Promise.withResolvers<Bytes>()
  const options = { ...cost, maxmem: MEMORY_MAX }
  scrypt(password.normalize('NFKC'), salt, HASH_SIZE, options, (error, key) => {
    if (error) reject(error)
    else resolve(new Uint8Array(key))
  })
  return promise
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const read = (encoded: string) => new Uint8Array(Buffer.from(encoded, 'base64url'))
