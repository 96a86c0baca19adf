import type { Transaction } from 'kysely'
import type { BatchItem } from '../../kernel/batch.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { ChangedCase } from '../ledger/cases.ts'
import type { CoinLedger } from '../ledger/placer.ts'
import type { Office } from '../office.ts'
import { setCardStatus } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import { isOfCoins } from './cases.ts'
import type { Coinage, CoinVerdict } from './coinage.ts'
import { certificatesOf, coinSchemeOf } from './elements.ts'
import { placeCoins } from './placement.ts'

/** The ledger of coins, for the placer: without a scheme that has any, it has nothing to do. */
export function coinLedger(office: Office): CoinLedger {
  const scheme = coinSchemeOf(office)
  return {
    read: async (items) =>
      scheme ? readCoins(office, scheme.name, scheme.coinage, items) : items.map(() => undefined),
    async place(trx, entries) {
      if (!scheme) return []
      const bank = scheme.coinage.bank(office.secretsOf(scheme.name))
      return placeCoins(trx, entries, bank, office.clock.now())
    },
  }
}

/** The elements that they name are looked up at once, whatever the items. */
async function readCoins(
  office: Office,
  name: string,
  coinage: Coinage,
  items: readonly BatchItem[],
): Promise<readonly (CoinVerdict | undefined)[]> {
  const secrets = office.secretsOf(name)
  const named = items.map(({ scheme, evidence }) =>
    scheme === name ? coinage.named(evidence, secrets) : undefined,
  )
  const wanted = [...new Set(named.flatMap((ids) => ids ?? []))]
  const certificates = await certificatesOf(office.db, wanted)
  return items.map(({ evidence }, index) => {
    const ids = named[index]
    if (!ids) return undefined
    const known = ids.flatMap((id) => certificates.get(id) ?? [])
    return coinage.read(evidence, secrets, known)
  })
}

/** A card of whose element there are two, or whose key somebody has, pays nothing until somebody has looked. */
export async function freezeCloned(
  trx: Transaction<Tables>,
  changed: readonly ChangedCase[],
  at: Instant,
): Promise<void> {
  for (const { id, kind, strength, card } of changed) {
    if (card === undefined || strength !== 'proven' || !isOfCoins(kind)) continue
    await setCardStatus(trx, card, 'frozen', `case ${id}: ${kind}`, at)
  }
}
