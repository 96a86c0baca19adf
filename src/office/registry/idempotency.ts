import type { Transaction } from 'kysely'
import { bytesEqual, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { Instant } from '../../kernel/ports.ts'
import { OfficeError } from '../errors.ts'
import type { Tables } from '../tables.ts'
import type { Vault } from '../vault.ts'

export interface IdempotentRequest {
  /** Whose key it is: two people may choose one alike. */
  readonly person: string
  readonly key: string
  /** SHA-256 of what is asked. */
  readonly digest: Bytes
}

/**
 * Does something once a key: who comes again, or at the same time, gets the first one's answer.
 * The answer is kept sealed, since it may hold secrets, and in the transaction of the act.
 *
 * @throws {OfficeError} `key_reused` if the key was used for another request.
 */
export async function once(
  trx: Transaction<Tables>,
  vault: Vault,
  { person, key, digest }: IdempotentRequest,
  at: Instant,
  act: () => Promise<Bytes>,
): Promise<Bytes> {
  const place = `idempotent_answer ${person} ${key}`
  // Whoever inserts second waits here until the first has committed, and then finds its row.
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('idempotent_answer')
    .values({ person: BigInt(person), key, request: digest, at })
    .onConflict((conflict) => conflict.columns(['person', 'key']).doNothing())
    .executeTakeFirst()
  if (numInsertedOrUpdatedRows === 1n) {
    const answer = await act()
    await trx
      .updateTable('idempotent_answer')
      .set({ sealed_answer: vault.seal(place, answer) })
      .where('person', '=', BigInt(person))
      .where('key', '=', key)
      .execute()
    return answer
  }
  const earlier = await trx
    .selectFrom('idempotent_answer')
    .selectAll()
    .where('person', '=', BigInt(person))
    .where('key', '=', key)
    .executeTakeFirst()
  invariant(earlier?.sealed_answer, 'an answer is there when its transaction has committed')
  if (!bytesEqual(earlier.request, digest)) {
    throw new OfficeError(
      'key_reused',
      'Something else was done under this Idempotency-Key: see what came of it, then make a new one.',
      'headers.idempotency-key',
    )
  }
  return vault.open(place, earlier.sealed_answer)
}
