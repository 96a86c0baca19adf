import { seal, unseal } from '../../../kernel/aes.ts'
import type { Bytes } from '../../../kernel/bytes.ts'
import { unlessMalformed } from '../../../kernel/errors.ts'
import type { RandomSource } from '../../../kernel/ports.ts'
import { fuzzyExtractor } from '../../../card/puf/fuzzy-extractor.ts'
import { heldCoin, readCoin, type HeldCoin } from '../message.ts'
import { register, registerContext } from '../plans.ts'

const extractor = fuzzyExtractor()

/**
 * The register of a coin: by a bank that has read the PUF’s response to that seed before, or by an
 * element itself. What comes out is of use only where that response can be had once more.
 */
export function encloseCoin(
  held: HeldCoin,
  seed: number,
  response: Uint8Array,
  random: RandomSource,
): Bytes {
  const { key, helper } = extractor.generate(response, random)
  const { value, bank, expires } = readCoin(held).coin.content
  const open = {
    seed,
    value,
    bank,
    expires,
    hops: held.hops.length,
    helper,
    sealed: new Uint8Array(),
  }
  const sealed = seal(key, heldCoin.encode(held), registerContext(open), random)
  key.fill(0)
  return register.encode({ ...open, sealed })
}

/**
 * The coin of a register, from what the PUF answers to its seed: computed on the fly. Undefined if the
 * response is too far off, or the register is not of that PUF.
 *
 * @throws {FormatError} if it is no register.
 */
export function reconstructCoin(bytes: Uint8Array, response: Uint8Array): HeldCoin | undefined {
  const content = register.decode(bytes)
  const key = extractor.reproduce(response, content.helper)
  if (!key) return undefined
  const opened = unlessMalformed(() =>
    heldCoin.decode(unseal(key, content.sealed, registerContext(content))),
  )
  key.fill(0)
  return opened
}
