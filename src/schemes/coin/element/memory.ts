import { concat, type Bytes } from '../../../kernel/bytes.ts'
import { uint16 } from '../../../kernel/message.ts'
import type { AtomicMemory } from '../../../card/applet.ts'

export const PAGE_SIZE = 256
/** Pages that one write may change, less those that go along with the last part. */
const STAGE_SIZE = 4 * PAGE_SIZE
/** Of the length before the bytes. */
const LENGTH_SIZE = 2

/** Writes what is longer than one write may be: not in one, so nothing may count on it yet. */
export function writeLong(memory: AtomicMemory, offset: number, bytes: Bytes): void {
  for (let done = 0; done < bytes.length; done += STAGE_SIZE) {
    memory.write({ offset: offset + done, bytes: bytes.slice(done, done + STAGE_SIZE) })
  }
}

/** The same, so that {@link readSized} finds their end. */
export function writeSized(memory: AtomicMemory, offset: number, bytes: Bytes): void {
  writeLong(memory, offset, concat(uint16().write(bytes.length, 'length'), bytes))
}

/** @param space of it all: whatever length is there, no more is read. */
export function readSized(memory: AtomicMemory, offset: number, space: number): Bytes {
  const length = new DataView(memory.read(offset, LENGTH_SIZE).buffer).getUint16(0)
  return memory.read(offset + LENGTH_SIZE, Math.min(length, space - LENGTH_SIZE))
}
