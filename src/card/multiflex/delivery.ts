import { concat, fromHex, utf8, type Bytes } from '../../kernel/bytes.ts'
import { DES_KEY_SIZE } from '../../kernel/des.ts'
import { FormatError, invariant } from '../../kernel/errors.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { updateBinary } from '../files/binary.ts'
import type { FileSpec } from '../files/file.ts'
import { FileSession } from '../files/session.ts'
import { formatTree } from '../files/tree.ts'
import { decodeCreateFile } from './header.ts'
import {
  EXTERNAL_KEYS_SIZE,
  journalled,
  masterFileSize,
  multiflexNvm,
  SERIAL_SIZE,
} from './memory.ts'
import type { ModelName } from './models.ts'

/** External key 1 of the cards that were sold with the developer's kit. */
export const KIT_TRANSPORT_KEY: Bytes = utf8('GFXI2Vx@')
const TRIES = 3

export interface Delivery {
  /** Series number 4, customer 1, site 2, usage 1. */
  readonly serial: Bytes
  /** {@link KIT_TRANSPORT_KEY} without. */
  readonly transportKey?: Bytes
  /** For the external keys 0 and 2, which nobody is told. */
  readonly random: RandomSource
}

/**
 * The image of a new card: master file, serial number 0002, external keys 0011. Whoever has the
 * transport key may create and delete in the master file and change the keys.
 *
 * @throws {FormatError} if the serial number or the key has not 8 bytes.
 */
export function deliveredMultiflex(model: ModelName, delivery: Delivery): Bytes {
  const { serial, transportKey = KIT_TRANSPORT_KEY, random } = delivery
  checkSize('serial', serial, SERIAL_SIZE)
  checkSize('transportKey', transportKey, DES_KEY_SIZE)
  const nvm = multiflexNvm(model)
  const tree = formatTree(
    journalled(nvm),
    headerOf(masterFileSize(model), '3f00 38 ff 0f4444', 'ff1111'),
  )
  const session = new FileSession(tree)
  const keys = [random.bytes(DES_KEY_SIZE), transportKey, random.bytes(DES_KEY_SIZE)].map((key) =>
    concat(Uint8Array.of(key.length, 0), key, Uint8Array.of(TRIES, TRIES)),
  )
  const files = [
    [headerOf(SERIAL_SIZE, '0002 01 ff 0fffff', 'ffffff'), serial],
    [
      headerOf(EXTERNAL_KEYS_SIZE, '0011 01 ff f4ff44', 'f1ff11'),
      concat(Uint8Array.of(0xff), ...keys, Uint8Array.of(0)),
    ],
  ] as const
  for (const [spec, content] of files) {
    const file = session.create(spec)
    invariant(typeof file !== 'string', 'a new card has room for its files')
    const refusal = updateBinary(session, file, 0, content)
    invariant(refusal === undefined, 'a file has room for its content')
  }
  return nvm.snapshot()
}

/** @param described identifier 2 ‖ type 1 ‖ byte 8 ‖ access conditions 3, @param keys their keys 3. */
function headerOf(size: number, described: string, keys: string): FileSpec {
  const data = concat(
    Uint8Array.of(0xff, 0xff, size >> 8, size & 0xff),
    fromHex(`${described} 01 03 ${keys}`.replaceAll(' ', '')),
  )
  const spec = decodeCreateFile(data, 0)
  invariant(spec, 'a header of ours is one')
  return spec
}

function checkSize(field: string, bytes: Bytes, size: number): void {
  if (bytes.length !== size) {
    throw new FormatError(field, `expected ${size} bytes, got ${bytes.length}`)
  }
}
