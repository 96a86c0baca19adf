import { secretsEqual, type Bytes } from '../../kernel/bytes.ts'
import { DES_KEY_SIZE } from '../../kernel/des.ts'
import type { MemoryPart } from '../applet.ts'
import type { PinNumber } from './access.ts'
import type { StoredFile } from './file.ts'
import type { Refusal } from './refusals.ts'
import { SECRET_FILES, type FileSession } from './session.ts'
import type { FileTree } from './tree.ts'

/** Bytes of a PIN and of what unblocks it. */
export const PIN_SIZE = 8
/** `activation 1 ‖ RFU 2 ‖ PIN 8 ‖ tries allowed 1 ‖ left 1 ‖ unblocking PIN 8 ‖ tries allowed 1 ‖ left 1`. */
export const PIN_FILE = {
  /** 00: the PIN is blocked until it is unblocked. */
  ACTIVATION: 0,
  PIN: 3,
  UNBLOCKING: 13,
  SIZE: 23,
} as const
const PIN_BLOCKED = 0x00
const PIN_ACTIVE = 0x01
/** A byte of a stored PIN that fits whatever is given. */
const ANY = 0xff

/**
 * A key file is `unused 1`, then for each key `length 1 ‖ algorithm 1 ‖ key ‖ tries allowed 1 ‖ left 1`,
 * then 00. The first key is number 0.
 */
const FIRST_KEY_AT = 1
/** Length, algorithm and two counters. */
const KEY_OVERHEAD = 4
const DES_ALGORITHM = 0x00
const KEY_NUMBER_MAX = 15

/** Where a secret of a file is: secret, then tries allowed, then tries left. */
interface Secret {
  readonly file: StoredFile
  readonly at: number
  readonly size: number
}

/** Checks a PIN, {@link PIN_SIZE} bytes. It counts as shown from then on. */
export function verifyPin(
  session: FileSession,
  number: PinNumber,
  pin: Bytes,
): Refusal | undefined {
  const secret = openPin(session, number)
  if (typeof secret === 'string') return secret
  const refusal = tryPin(session, secret, pin, [])
  if (refusal === undefined) session.show(secret.file)
  return refusal
}

/** Puts a new PIN in the place of the old one. Nothing counts as shown by that. */
export function changePin(
  session: FileSession,
  number: PinNumber,
  pin: Bytes,
  newPin: Bytes,
): Refusal | undefined {
  const secret = openPin(session, number)
  if (typeof secret === 'string') return secret
  return tryPin(session, secret, pin, [session.tree.bodyPart(secret.file, PIN_FILE.PIN, newPin)])
}

/** Puts a new PIN in place and gives all tries back, for who knows the unblocking PIN. */
export function unblockPin(
  session: FileSession,
  number: PinNumber,
  unblocking: Bytes,
  newPin: Bytes,
): Refusal | undefined {
  const file = pinFile(session, number)
  if (typeof file === 'string') return file
  const { tree } = session
  const [allowed = 0] = tree.read(file, PIN_FILE.PIN + PIN_SIZE, 1)
  return tryPin(session, { file, at: PIN_FILE.UNBLOCKING, size: PIN_SIZE }, unblocking, [
    tree.bodyPart(file, PIN_FILE.ACTIVATION, Uint8Array.of(PIN_ACTIVE)),
    tree.bodyPart(file, PIN_FILE.PIN, newPin),
    tree.bodyPart(file, PIN_FILE.PIN + PIN_SIZE + 1, Uint8Array.of(allowed)),
  ])
}

/** Checks an external key that is shown in clear. It counts as shown from then on. */
export function verifyKey(session: FileSession, number: number, key: Bytes): Refusal | undefined {
  const secret = keyOf(session, SECRET_FILES.EXTERNAL_KEYS, number)
  if (typeof secret === 'string') return secret
  return showKey(session, secret, number, (stored) => secretsEqual(stored, key))
}

/** Checks a proof that someone knows an external DES key. It counts as shown from then on. */
export function authenticate(
  session: FileSession,
  number: number,
  proves: (key: Bytes) => boolean,
): Refusal | undefined {
  const secret = desKeyOf(session, SECRET_FILES.EXTERNAL_KEYS, number)
  if (typeof secret === 'string') return secret
  return showKey(session, secret, number, proves)
}

/** Checks a proof that one command comes from someone who knows an external DES key. */
export function checkCommand(
  session: FileSession,
  number: number,
  proves: (key: Bytes) => boolean,
): Refusal | undefined {
  const secret = desKeyOf(session, SECRET_FILES.EXTERNAL_KEYS, number)
  if (typeof secret === 'string') return secret
  return attempt(session.tree, secret, proves, [])
}

/** The internal DES key of a number, with which the card proves itself. It has no tries. */
export function internalKey(session: FileSession, number: number): Bytes | Refusal {
  const secret = desKeyOf(session, SECRET_FILES.INTERNAL_KEYS, number)
  return typeof secret === 'string' ? secret : secretOf(session.tree, secret)
}

/** Length that a key to be verified must have. */
export function externalKeySize(session: FileSession, number: number): number | Refusal {
  const secret = keyOf(session, SECRET_FILES.EXTERNAL_KEYS, number)
  return typeof secret === 'string' ? secret : secret.size
}

function showKey(
  session: FileSession,
  secret: Secret,
  number: number,
  proves: (key: Bytes) => boolean,
): Refusal | undefined {
  session.forget(secret.file, number)
  const refusal = attempt(session.tree, secret, proves, [])
  if (refusal === undefined) session.show(secret.file, number)
  return refusal
}

function tryPin(
  session: FileSession,
  secret: Secret,
  given: Bytes,
  changes: readonly MemoryPart[],
): Refusal | undefined {
  session.forget(secret.file)
  const fits = (stored: Bytes) =>
    secretsEqual(
      stored,
      stored.map((byte, index) => (byte === ANY ? ANY : (given[index] ?? 0))),
    )
  return attempt(session.tree, secret, fits, changes)
}

/**
 * One try. It is taken away before anything is compared, by a write of its own, so that no tear gives
 * it back; what a success changes is written with the tries that it restores.
 */
function attempt(
  tree: FileTree,
  secret: Secret,
  fits: (stored: Bytes) => boolean,
  changes: readonly MemoryPart[],
): Refusal | undefined {
  const { file, at, size } = secret
  const leftAt = at + size + 1
  const [allowed = 0, left = 0] = tree.read(file, at + size, 2)
  if (left === 0) return 'blocked'
  tree.write(tree.bodyPart(file, leftAt, Uint8Array.of(left - 1)))
  // The last try that fails is told as the state that it leaves.
  if (!fits(secretOf(tree, secret))) return left === 1 ? 'blocked' : 'wrong-secret'
  tree.write(tree.bodyPart(file, leftAt, Uint8Array.of(allowed)), ...changes)
  return undefined
}

function secretOf(tree: FileTree, { file, at, size }: Secret): Bytes {
  return tree.read(file, at, size)
}

function openPin(session: FileSession, number: PinNumber): Secret | Refusal {
  const file = pinFile(session, number)
  if (typeof file === 'string') return file
  const [activation] = session.tree.read(file, PIN_FILE.ACTIVATION, 1)
  return activation === PIN_BLOCKED ? 'blocked' : { file, at: PIN_FILE.PIN, size: PIN_SIZE }
}

function pinFile(session: FileSession, number: PinNumber): StoredFile | Refusal {
  return secretFile(session, SECRET_FILES.PIN[number], PIN_FILE.SIZE)
}

/** A file that is made for other things than secrets holds none. */
function secretFile(session: FileSession, id: number, size: number): StoredFile | Refusal {
  const file = session.secretFile(id)
  if (file?.kind !== 'transparent' || file.size < size) return 'no-secret'
  return file.active ? file : 'invalidated'
}

function desKeyOf(session: FileSession, id: number, number: number): Secret | Refusal {
  const secret = keyOf(session, id, number)
  if (typeof secret === 'string') return secret
  const [algorithm] = session.tree.read(secret.file, secret.at - 1, 1)
  const isDes = algorithm === DES_ALGORITHM && secret.size === DES_KEY_SIZE
  return isDes ? secret : 'no-secret'
}

function keyOf(session: FileSession, id: number, number: number): Secret | Refusal {
  const file = secretFile(session, id, FIRST_KEY_AT)
  if (typeof file === 'string') return file
  const bytes = session.tree.read(file, 0, file.size)
  let at = FIRST_KEY_AT
  for (let index = 0; index <= KEY_NUMBER_MAX; index++) {
    const size = bytes[at] ?? 0
    const end = at + KEY_OVERHEAD + size
    if (size === 0 || end > file.size) return 'no-secret'
    if (index === number) return { file, at: at + 2, size }
    at = end
  }
  return 'no-secret'
}
