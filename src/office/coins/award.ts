import { sql, type Transaction } from 'kysely'
import type { TillNumber } from '../../kernel/ids.ts'
import { OfficeError } from '../errors.ts'
import { lockLedger } from '../ledger/lock.ts'
import type { Office } from '../office.ts'
import type { Tables } from '../tables.ts'
import { noteChanged } from './banks/standing.ts'
import type { CoinId, ElementId } from './coinage.ts'
import { coinSchemeOf, ownersOf, type Owner } from './elements.ts'
import { claimsTo } from './placement.ts'
import { moveSpends } from './settlement.ts'

/** Who is to have a coin: the till that claims it, or the vendor element, which may be another bank’s. */
export type Awarded = { readonly till: TillNumber } | { readonly vendor: ElementId }

/**
 * Says whose a coin is that several claim: it lies in suspense until somebody does. For good, whatever
 * comes in later.
 *
 * @returns the till that has it now; undefined if that is another bank’s.
 * @throws {OfficeError} `not_found`, or `conflict` if that one does not claim it, or it is not this bank’s to say.
 */
export async function awardCoin(
  office: Office,
  trx: Transaction<Tables>,
  coin: CoinId,
  to: Awarded,
): Promise<TillNumber | undefined> {
  await lockLedger(trx)
  const scheme = coinSchemeOf(office)
  const claims = (await claimsTo(trx, [coin])).get(coin)
  if (!scheme || !claims) {
    throw new OfficeError('not_found', `Nobody claims a coin ${coin}.`, 'params.id')
  }
  const bank = scheme.coinage.bank(office.secretsOf(scheme.name))
  const maker = claims.find((claim) => claim.bank !== bank)?.bank
  if (maker !== undefined) {
    const advice = `Ask bank ${maker}, which has made it: what it says comes in through the notary.`
    throw new OfficeError(
      'conflict',
      `Whose coin ${coin} is, is not for this bank to say. ${advice}`,
    )
  }
  const owners = await ownersOf(
    trx,
    claims.map(({ creditor }) => creditor),
  )
  const found = [...owners].find(([element, owner]) => isMeant(to, element, owner))
  if (!found) {
    const [name, field] =
      'till' in to ? [`Till ${to.till}`, 'till'] : [`Vendor element ${to.vendor}`, 'vendor']
    throw new OfficeError('conflict', `${name} does not claim coin ${coin}.`, `body.${field}`)
  }
  const [creditor, { till }] = found
  await refuseAccepted(trx, coin, creditor)
  await trx
    .updateTable('coin_spend')
    .set({ creditor, decided: true })
    .where('coin', '=', coin)
    .execute()
  await noteChanged(trx, [coin])
  await moveSpends(trx, [{ coin, claims, creditor, cases: [] }], bank, office.clock.now())
  return till
}

function isMeant(to: Awarded, element: ElementId, { till }: Owner): boolean {
  return 'till' in to ? till === to.till : element === to.vendor
}

/** What another bank was told that it gets, it has relied on. */
async function refuseAccepted(
  trx: Transaction<Tables>,
  coin: CoinId,
  creditor: ElementId,
): Promise<void> {
  const { rows } = await sql<{ office: number }>`
    select office from coin_decision
    where coin = ${coin} and verdict = 'accepted' and creditor <> ${creditor}`.execute(trx)
  const [accepted] = rows
  if (!accepted) return
  const message = `Coin ${coin} is bank ${accepted.office}’s: that was told the notary, and stays.`
  throw new OfficeError('conflict', message)
}
