import { sql, type Kysely } from 'kysely'
import type { Bytes } from '../kernel/bytes.ts'
import { officeKeyId } from '../kernel/documents.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import type { CurrencyCode } from '../kernel/money.ts'
import type { PrivateKey } from '../kernel/p256.ts'
import type { Clock, Instant, RandomSource } from '../kernel/ports.ts'
import { Events } from './events.ts'
import { loadOfficeKey, loadSchemeSecrets } from './registry/office-secrets.ts'
import { PASSWORD_COST, type PasswordCost } from './passwords.ts'
import type { OfficeScheme } from './scheme.ts'
import type { Tables } from './tables.ts'
import { Vault } from './vault.ts'

/** What an office stands on; every act of it takes this first. */
export interface Office {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly random: RandomSource
  readonly vault: Vault
  /** What tills and cards know the office by. */
  readonly key: PrivateKey
  readonly generation: number
  readonly keyId: string
  /** Of new tills and cards of which nothing else is said. */
  readonly currency: CurrencyCode
  /** Of a guess at a password that is set from now on. */
  readonly passwordCost: PasswordCost
  /** What one card may have stored within a day before all of it has to be its own records, in bytes. */
  readonly handInMax: number
  readonly schemes: ReadonlyMap<string, OfficeScheme>
  /** That scheme's secrets, opened. */
  secretsOf(scheme: string): Bytes
  /** When the newest of them was made, by the office's clock. */
  readonly secretsSince: Instant
  readonly events: Events
}

export interface OfficeParts {
  readonly db: Kysely<Tables>
  readonly schemes: readonly OfficeScheme[]
  readonly clock: Clock
  readonly random: RandomSource
  /** 32 bytes; see data-key.ts. */
  readonly dataKey: Bytes
  readonly currency: CurrencyCode
  /** {@link PASSWORD_COST} unless it is said. */
  readonly passwordCost?: PasswordCost
  /** {@link HAND_IN_MAX} unless it is said. */
  readonly handInMax?: number
}

/** Many times what a card with a full log has to hand in, in bytes. */
export const HAND_IN_MAX = 4 * 1024 * 1024

/**
 * An office on a migrated database; what it does not have yet, its key and secrets, is made.
 *
 * @throws {WrongDataKey} if the database was sealed with another data key.
 */
export async function createOffice(parts: OfficeParts): Promise<Office> {
  const { db, clock, random, currency } = parts
  const { passwordCost = PASSWORD_COST, handInMax = HAND_IN_MAX } = parts
  const schemes = new Map(parts.schemes.map((scheme) => [scheme.name, scheme]))
  const vault = new Vault(parts.dataKey, random)
  const { key, generation, secrets } = await db.transaction().execute(async (trx) => {
    // Two offices that start at once must not each make a key.
    await sql`lock table office_key, scheme_secret in exclusive mode`.execute(trx)
    const at = clock.now()
    return {
      ...(await loadOfficeKey(trx, vault, at)),
      secrets: await loadSchemeSecrets(trx, schemes.values(), vault, random, at),
    }
  })
  return {
    db,
    clock,
    random,
    vault,
    key,
    generation,
    keyId: officeKeyId(generation),
    currency,
    passwordCost,
    handInMax,
    schemes,
    secretsOf(scheme) {
      const secret = secrets.get(scheme)
      invariant(secret !== undefined, `the secrets of ${scheme} were made at the start`)
      return secret.bytes
    },
    secretsSince: Math.max(0, ...[...secrets.values()].map(({ madeAt }) => madeAt)),
    events: new Events(),
  }
}

/** @throws {FormatError} if this office has no such scheme. */
export function schemeOf(office: Office, name: string, field = 'scheme'): OfficeScheme {
  const scheme = office.schemes.get(name)
  if (scheme) return scheme
  throw new FormatError(field, `expected one of ${[...office.schemes.keys()].join(', ')}`)
}
