import type { ReaderProfile } from '../kernel/storage-apdu.ts'
import { profileOf } from '../reader/pcsc/profiles.ts'
import type { PcscSlot } from '../reader/pcsc/slot.ts'
import { SCHEME as BLOCK } from '../schemes/block/message.ts'
import { blockTillFor } from '../schemes/block/till.ts'
import { tillSchemes } from '../schemes/till.ts'
import type { TillScheme } from '../till/scheme.ts'
import { chooseReader, openReaders } from './pcsc.ts'

/** The PC/SC reader of a till. */
export interface TillReader {
  readonly slot: PcscSlot
  /** What it can do for MIFARE cards. */
  readonly profile: ReaderProfile
  close(): Promise<void>
}

/** The readers of a till: for its customers' cards, and for its security module. */
export interface TillReaders {
  readonly customer: TillReader | undefined
  readonly module: TillReader | undefined
  close(): Promise<void>
}

/** As people say them; undefined: none. @throws {CommandFailed} if there is no such reader. */
export async function openTillReaders(
  customer: string | undefined,
  module: string | undefined,
): Promise<TillReaders> {
  const opened: TillReader[] = []
  const open = async (wanted: string | undefined) => {
    const reader = wanted === undefined ? undefined : await openTillReader(wanted)
    if (reader) opened.push(reader)
    return reader
  }
  const close = async () => {
    await Promise.all(opened.map((reader) => reader.close()))
  }
  try {
    return { customer: await open(customer), module: await open(module), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openTillReader(wanted: string): Promise<TillReader> {
  const readers = await openReaders()
  try {
    const name = chooseReader([...readers.states.keys()], wanted)
    return { slot: readers.slot(name), profile: profileOf(name), close: () => readers.close() }
  } catch (error) {
    await readers.close()
    throw error
  }
}

/** Whether block cards can be served: they are committed by value operations. */
export function servesBlock({ valueOperations }: ReaderProfile): boolean {
  return valueOperations !== 'none'
}

/** What a till serves whose cards lie in such a reader. */
export function schemesFor(profile: ReaderProfile): readonly TillScheme[] {
  return tillSchemes.flatMap((scheme) => {
    if (scheme.name !== BLOCK) return [scheme]
    return servesBlock(profile) ? [blockTillFor(profile)] : []
  })
}
