import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CurrencyCode } from '../kernel/money.ts'
import { loadDataKey } from '../office/data-key.ts'
import { openDatabase } from '../office/database.ts'
import { createOffice, type Office } from '../office/office.ts'
import { officeSchemes } from '../schemes/office.ts'
import { systemClock, systemRandom } from './system.ts'

export interface OpenOffice {
  readonly office: Office
  readonly close: () => Promise<void>
}

export interface OfficePlace {
  /** Directory of the data key and, without a database of the caller's, of the embedded one. */
  readonly data: string
  /** URL; undefined: the embedded one. */
  readonly database: string | undefined
  /** Of new tills and cards of which nothing else is said. */
  readonly currency: CurrencyCode
  /** As `OfficeParts` has it. */
  readonly handInMax?: number | undefined
}

/** Opens the office of a directory, or makes it. */
export async function openOffice(place: OfficePlace): Promise<OpenOffice> {
  const { data, database, currency, handInMax } = place
  await mkdir(data, { recursive: true })
  const opened = await openDatabase(
    database === undefined ? { directory: join(data, 'database') } : { url: database },
  )
  try {
    const office = await createOffice({
      db: opened.db,
      schemes: officeSchemes,
      clock: systemClock,
      random: systemRandom,
      dataKey: await loadDataKey(join(data, 'data.key'), systemRandom),
      currency,
      ...(handInMax !== undefined && { handInMax }),
    })
    return { office, close: () => opened.close() }
  } catch (error) {
    await opened.close()
    throw error
  }
}
