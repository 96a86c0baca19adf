import type { Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import { FormatError, OperatorError } from '../../kernel/errors.ts'
import { OFFICE } from '../../kernel/ids.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  type PrivateKey,
} from '../../kernel/p256.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import type { OfficeScheme } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import type { Vault } from '../vault.ts'
import { addMakerKey } from './keys.ts'

export interface OfficeKey {
  readonly key: PrivateKey
  readonly generation: number
}

/** The data key handed in is not the one that this database was sealed with. */
export class WrongDataKey extends OperatorError {
  override readonly name = 'WrongDataKey'

  constructor(cause: unknown) {
    super(
      'This database was sealed with another data key: start with the one that belongs to it, ' +
        'from the backup or from KONTANT_DATA_KEY.',
      { cause },
    )
  }
}

/**
 * The office's newest key, made at the first start.
 * The caller's transaction holds the table, so that two offices that start at once make one key.
 *
 * @throws {WrongDataKey} if it does not open.
 */
export async function loadOfficeKey(
  trx: Transaction<Tables>,
  vault: Vault,
  at: Instant,
): Promise<OfficeKey> {
  const row = await trx
    .selectFrom('office_key')
    .selectAll()
    .orderBy('generation', 'desc')
    .executeTakeFirst()
  if (row) {
    const pkcs8 = open(vault, keyPlace(row.generation), row.sealed_private_key)
    return { key: importPrivateKey(pkcs8), generation: row.generation }
  }
  const key = generatePrivateKey()
  const generation = await addMakerKey(trx, OFFICE, key.publicKey, at)
  const sealed = vault.seal(keyPlace(generation), exportPrivateKey(key))
  await trx
    .insertInto('office_key')
    .values({ generation, sealed_private_key: sealed, made_at: at })
    .execute()
  return { key, generation }
}

export interface SchemeSecrets {
  readonly bytes: Bytes
  /** By the office's clock. */
  readonly madeAt: Instant
}

/** Each scheme's secrets by its name, made at the first start with that scheme. */
export async function loadSchemeSecrets(
  trx: Transaction<Tables>,
  schemes: Iterable<OfficeScheme>,
  vault: Vault,
  random: RandomSource,
  at: Instant,
): Promise<ReadonlyMap<string, SchemeSecrets>> {
  const secrets = new Map<string, SchemeSecrets>()
  const rows = await trx.selectFrom('scheme_secret').selectAll().execute()
  for (const { scheme, sealed, made_at: madeAt } of rows) {
    const bytes = open(vault, secretPlace(scheme), sealed)
    secrets.set(scheme, { bytes, madeAt: Number(madeAt) })
  }
  for (const scheme of schemes) {
    if (secrets.has(scheme.name)) continue
    const secret = scheme.createSecrets(random, at)
    const sealed = vault.seal(secretPlace(scheme.name), secret)
    await trx
      .insertInto('scheme_secret')
      .values({ scheme: scheme.name, sealed, made_at: at })
      .execute()
    secrets.set(scheme.name, { bytes: secret, madeAt: at })
  }
  return secrets
}

/** What a scheme's secrets are from now on. Who runs this office starts it anew. */
export async function replaceSchemeSecrets(
  trx: Transaction<Tables>,
  vault: Vault,
  scheme: string,
  secrets: Bytes,
  at: Instant,
): Promise<void> {
  await trx
    .updateTable('scheme_secret')
    .set({ sealed: vault.seal(secretPlace(scheme), secrets), made_at: at })
    .where('scheme', '=', scheme)
    .execute()
}

function open(vault: Vault, place: string, sealed: Uint8Array): Bytes {
  try {
    return vault.open(place, sealed)
  } catch (error) {
    if (error instanceof FormatError) throw new WrongDataKey(error)
    throw error
  }
}

const keyPlace = (generation: number) => `office_key ${generation}`
const secretPlace = (scheme: string) => `scheme_secret ${scheme}`
