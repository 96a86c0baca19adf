import type { Transaction } from 'kysely'
import type { z } from 'zod'
import { utf8 } from '../kernel/bytes.ts'
import { sha256 } from '../kernel/hash.ts'
import type { Instant } from '../kernel/ports.ts'
import type { Office } from './office.ts'
import { once } from './registry/idempotency.ts'
import type { Person } from './registry/people.ts'
import type { Tables } from './tables.ts'

/**
 * Does something in a transaction, once for each Idempotency-Key of that person; without a key, each
 * time it is asked.
 *
 * @param asked what is asked for: the same key with something else is refused.
 */
export async function answerOnce<T extends z.ZodType>(
  { db, vault, clock }: Office,
  headers: { readonly 'idempotency-key'?: string | undefined },
  actor: Person,
  asked: object,
  answer: T,
  act: (trx: Transaction<Tables>, at: Instant) => Promise<z.output<T>>,
): Promise<z.output<T>> {
  const at = clock.now()
  const key = headers['idempotency-key']
  return db.transaction().execute(async (trx) => {
    if (key === undefined) return act(trx, at)
    const digest = sha256(utf8(JSON.stringify(asked)))
    const stored = await once(trx, vault, { person: actor.id, key, digest }, at, async () =>
      utf8(JSON.stringify(await act(trx, at))),
    )
    return answer.parse(JSON.parse(new TextDecoder().decode(stored)))
  })
}
