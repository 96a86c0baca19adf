import type { Bytes } from '../../kernel/bytes.ts'
import type { StoredFile } from './file.ts'
import type { Refusal } from './refusals.ts'
import type { FileSession } from './session.ts'

/** Part of a transparent file. */
export function readBinary(
  session: FileSession,
  file: StoredFile,
  offset: number,
  size: number,
): Bytes | Refusal {
  return offset + size > file.size ? 'bad-offset' : session.tree.read(file, offset, size)
}

/** Overwrites part of a transparent file. What was shown of its PIN or keys counts no more. */
export function updateBinary(
  session: FileSession,
  file: StoredFile,
  offset: number,
  bytes: Bytes,
): Refusal | undefined {
  if (offset + bytes.length > file.size) return 'bad-offset'
  session.tree.write(session.tree.bodyPart(file, offset, bytes))
  session.forgetAll(file)
  return undefined
}
