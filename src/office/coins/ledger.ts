import type { Transaction } from 'kysely'
import type { BatchItem } from '../../kernel/batch.ts'
import { invariant } from '../../kernel/errors.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { ChangedCase } from '../ledger/cases.ts'
import type { CoinLedger } from '../ledger/placer.ts'
import type { Office } from '../office.ts'
import { setCardStatus } from '../registry/cards.ts'
import type { Tables } from '../tables.ts'
import { isOfCoins } from './cases.ts'
import type { CoinVerdict } from './coinage.ts'
import { certificatesOf, coinSchemeOf, otherBanks } from './elements.ts'
import { placeCoins } from './placement.ts'
import type { CoinJob, CoinReader } from './reading.ts'

/**
 * The ledger of coins, for the placer: without a scheme that has any, it has nothing to do.
 *
 * @param reader opens and checks evidence.
 */
export function coinLedger(office: Office, reader: CoinReader): CoinLedger {
  const scheme = coinSchemeOf(office)
  return {
    read: async (items) =>
      scheme ? readCoins(office, reader, scheme.name, items) : items.map(() => undefined),
    async place(trx, entries) {
      if (!scheme) return []
      const bank = scheme.coinage.bank(office.secretsOf(scheme.name))
      return placeCoins(trx, entries, bank, office.clock.now())
    },
  }
}

/** Items that are read at once: a few hundred signatures. */
const CHUNK = 32

async function readCoins(
  office: Office,
  reader: CoinReader,
  scheme: string,
  items: readonly BatchItem[],
): Promise<readonly (CoinVerdict | undefined)[]> {
  const own = [...items.entries()].filter(([, item]) => item.scheme === scheme)
  const secrets = office.secretsOf(scheme)
  const chunks = Array.from({ length: Math.ceil(own.length / CHUNK) }, (_, n) =>
    own.slice(n * CHUNK, (n + 1) * CHUNK),
  )
  const verdicts: (CoinVerdict | undefined)[] = items.map(() => undefined)
  await Promise.all(
    chunks.map(async (chunk) => {
      const job = { scheme, evidence: chunk.map(([, { evidence }]) => evidence), secrets }
      const read = await readAtOnce(office, reader, job)
      for (const [n, [index]] of chunk.entries()) {
        invariant(read[n], 'one verdict an item')
        verdicts[index] = read[n]
      }
    }),
  )
  return verdicts
}

/** The elements that they name are looked up at once, whatever the items. */
async function readAtOnce(
  { db }: Pick<Office, 'db'>,
  reader: CoinReader,
  job: CoinJob,
): Promise<readonly CoinVerdict[]> {
  const named = await reader.named(job)
  const certificates = await certificatesOf(db, [...new Set(named.flat())])
  const banks = await otherBanks(db)
  return reader.read({ ...job, certificates: [...banks, ...certificates.values()] })
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
