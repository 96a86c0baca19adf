import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { VPCD_SLOTS } from '../reader/vpcd.ts'
import { codeOf } from './system.ts'

/** A reader for emulated cards. */
export interface VirtualReader {
  /** As PC/SC names it. */
  readonly name: string
  /** On this machine, where its card connects. */
  readonly port: number
}

/** Where pcscd is told of readers that are not on USB; vsmartcard-vpcd puts its file there. */
const DIRECTORY = '/etc/reader.conf.d'

/** The virtual readers that this machine's PC/SC service is set up with. */
export async function virtualReaders(directory = DIRECTORY): Promise<readonly VirtualReader[]> {
  try {
    const files = (await readdir(directory)).toSorted()
    const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')))
    return texts.flatMap(readVirtualReaders)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/**
 * Out of a reader.conf(5): entries that begin with FRIENDLYNAME, of which vpcd's have the port in
 * DEVICENAME, `/dev/null:0x8C7B`. Each makes two readers, at that port and the next.
 */
export function readVirtualReaders(text: string): readonly VirtualReader[] {
  return text.split(/^(?=[ \t]*FRIENDLYNAME)/m).flatMap((entry) => {
    const valueOf = (key: string) =>
      new RegExp(`^[ \\t]*${key}[ \\t]+(?:"([^"]*)"|(\\S+))`, 'm')
        .exec(entry)
        ?.slice(1)
        .find(Boolean)
    const name = valueOf('FRIENDLYNAME')
    const port = Number(/^\/dev\/null:(0x[0-9a-f]+|\d+)$/i.exec(valueOf('DEVICENAME') ?? '')?.[1])
    if (name === undefined || !valueOf('LIBPATH')?.includes('vpcd') || Number.isNaN(port)) return []
    return Array.from({ length: VPCD_SLOTS }, (_, slot) => ({
      name: `${name} 00 0${slot}`,
      port: port + slot,
    }))
  })
}
