import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createNotaryApi } from '../notary/http.ts'
import { openNotaryDatabase, type NotaryDb } from '../notary/database.ts'
import { createNotary, type Notary } from '../notary/notary.ts'
import { loadDataKey } from '../office/data-key.ts'
import { listen } from './listen.ts'
import { systemClock, systemRandom } from './system.ts'

export interface NotaryPlaceOptions {
  /** Data key and, without a database of the caller's, the embedded one. */
  readonly data: string
  readonly database: string | undefined
}

/** A notary that answers nobody yet: for what its operator does. */
export interface OpenNotary {
  readonly db: NotaryDb
  readonly notary: Notary
  readonly dataKey: Uint8Array<ArrayBuffer>
  close(): Promise<void>
}

export async function openNotary({ data, database }: NotaryPlaceOptions): Promise<OpenNotary> {
  await mkdir(data, { recursive: true })
  const opened = await openNotaryDatabase(
    database === undefined ? { directory: join(data, 'database') } : { url: database },
  )
  try {
    const { db } = opened
    const dataKey = await loadDataKey(join(data, 'data.key'), systemRandom)
    const parts = { db, clock: systemClock, random: systemRandom, dataKey }
    return { db, notary: await createNotary(parts), dataKey, close: () => opened.close() }
  } catch (error) {
    await opened.close()
    throw error
  }
}

export interface NotaryServer {
  readonly url: string
  readonly notary: Notary
  /** Rejects if the notary breaks: then the process must stop. */
  readonly broken: Promise<never>
  /** Takes no more, finishes what is under way, and stops. */
  stop(): Promise<void>
}

/** A whole notary, listening. */
export async function startNotaryServer(
  options: NotaryPlaceOptions & { readonly host: string; readonly port: number },
): Promise<NotaryServer> {
  const opened = await openNotary(options)
  const { promise: broken, reject: fail } = Promise.withResolvers<never>()
  // Whoever waits for it gets it; until somebody does, it must not end the process unsaid.
  broken.catch(() => {})
  try {
    const api = await createNotaryApi(opened.notary, { fail })
    const stop = async () => {
      await api.close()
      await opened.close()
    }
    const url = await listen(api, options.host, options.port).catch(async (error: unknown) => {
      await api.close()
      throw error
    })
    return { url, notary: opened.notary, broken, stop }
  } catch (error) {
    await opened.close()
    throw error
  }
}
