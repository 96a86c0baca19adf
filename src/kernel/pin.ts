import { utf8, type Bytes } from './bytes.ts'
import { FormatError } from './errors.ts'
import type { RandomSource } from './ports.ts'

/** What a holder types in: a passcode, called PIN where a card checks it itself. */
export const PASSCODE_FORM = /^\d{4,8}$/
export const PIN_SIZE = 8
const FILLER = 0xff

/** @throws {FormatError} if it is not 4 to 8 digits. */
export function checkPasscode(passcode: string, field = 'passcode'): void {
  if (!PASSCODE_FORM.test(passcode)) throw new FormatError(field, 'expected 4 to 8 digits')
}

/** ASCII digits, filled up with FF. @throws {FormatError} if they are not 4 to 8 digits. */
export function pinBlock(passcode: string): Bytes {
  checkPasscode(passcode)
  const block = new Uint8Array(PIN_SIZE).fill(FILLER)
  block.set(utf8(passcode))
  return block
}

export function isPinBlock(block: Uint8Array): boolean {
  return block.length === PIN_SIZE && /^[0-9]{4,8}ÿ*$/.test(String.fromCharCode(...block))
}

/** Each as likely as any other. */
export function randomDigits(random: RandomSource, count: number): string {
  let digits = ''
  while (digits.length < count) {
    const [byte = 0] = random.bytes(1)
    if (byte < 250) digits += String(byte % 10)
  }
  return digits
}
