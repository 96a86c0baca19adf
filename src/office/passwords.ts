import { scrypt } from 'node:crypto'
import { secretsEqual, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import type { RandomSource } from '../kernel/ports.ts'

/** Of scrypt (RFC 7914): a guess takes 128·N·r bytes of memory, and time for N·r·p. */
export interface PasswordCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 32 MB and about 50 ms a guess: OWASP's second choice, kind to a small office. */
export const PASSWORD_COST: PasswordCost = { N: 32_768, r: 8, p: 1 }
/** Where nobody can guess, because nobody comes in from outside: in a simulated town. */
export const SIMULATED_COST: PasswordCost = { N: 2, r: 1, p: 1 }

const SALT_SIZE = 16
const HASH_SIZE = 32
const MEMORY_MAX = 64 * 1024 * 1024

export const PASSWORD_MIN = 10
export const PASSWORD_MAX = 256

/** What an office hashes with. */
export interface PasswordParts {
  readonly random: RandomSource
  readonly passwordCost: PasswordCost
}

/** `scrypt$N$r$p$salt$hash`, base64url: what it takes to check it later, whatever the cost is then. */
export async function hashPassword(
  password: string,
  { random, passwordCost }: PasswordParts,
): Promise<string> {
  const salt = random.bytes(SALT_SIZE)
  const hash = await derive(password, salt, passwordCost)
  const { N, r, p } = passwordCost
  return ['scrypt', N, r, p, text(salt), text(hash)].join('$')
}

export async function passwordMatches(password: string, stored: string): Promise<boolean> {
  const [kind, n, r, p, salt, hash] = stored.split('$')
  invariant(kind === 'scrypt' && salt !== undefined && hash !== undefined, 'a password is hashed')
  const derived = await derive(password, read(salt), { N: Number(n), r: Number(r), p: Number(p) })
  return secretsEqual(derived, read(hash))
}

/** Takes as long as a check that fails, so that a login that nobody has cannot be told by the clock. */
export async function spendAsLong(password: string, cost: PasswordCost): Promise<void> {
  await derive(password, new Uint8Array(SALT_SIZE), cost)
}

async function derive(password: string, salt: Uint8Array, cost: PasswordCost): Promise<Bytes> {
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
