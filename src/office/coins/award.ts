import type { Transaction } from 'kysely'
import type { TillNumber } from '../../kernel/ids.ts'
import { OfficeError } from '../errors.ts'
import { lockLedger } from '../ledger/lock.ts'
import type { Office } from '../office.ts'
import type { Tables } from '../tables.ts'
import type { CoinId } from './coinage.ts'
import { coinSchemeOf, ownersOf } from './elements.ts'
import { noteChanged } from './banks/standing.ts'
import { claimsTo } from './placement.ts'
import { moveSpends } from './settlement.ts'

/**
 * Says whose a coin is that several claim: it lies in suspense until somebody does. For good, whatever
 * comes in later.
 *
 * @throws {OfficeError} `not_found`, or `conflict` if that till does not claim it.
 */
export async function awardCoin(
  office: Office,
  trx: Transaction<Tables>,
  { coin, till }: { readonly coin: CoinId; readonly till: TillNumber },
): Promise<void> {
  await lockLedger(trx)
  const scheme = coinSchemeOf(office)
  const claims = (await claimsTo(trx, [coin])).get(coin)
  if (!scheme || !claims) {
    throw new OfficeError('not_found', `Nobody claims a coin ${coin}.`, 'params.id')
  }
  const creditors = claims.map(({ creditor }) => creditor)
  const owners = await ownersOf(trx, creditors)
  const creditor = creditors.find((element) => owners.get(element)?.till === till)
  if (creditor === undefined) {
    throw new OfficeError('conflict', `Till ${till} does not claim coin ${coin}.`, 'body.till')
  }
  await trx
    .updateTable('coin_spend')
    .set({ creditor, decided: true })
    .where('coin', '=', coin)
    .execute()
  const bank = scheme.coinage.bank(office.secretsOf(scheme.name))
  await noteChanged(trx, [coin])
  await moveSpends(trx, [{ coin, claims, creditor, cases: [] }], bank, office.clock.now())
}
