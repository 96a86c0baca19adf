import { journalSize } from '../../../src/card/atomic-memory.ts'
import { SECURE_ELEMENT } from '../../../src/card/chip-times.ts'
import { fuzzyExtractor } from '../../../src/card/puf/fuzzy-extractor.ts'
import { KeyGenerator } from '../../../src/card/puf/key-generator.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { importPrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import {
  COIN_AID,
  HELPER_SIZE,
  IDENTITY_AID,
  VENDOR_AID,
} from '../../../src/schemes/coin/message.ts'
import type { Chip } from './world.ts'

/** Where the applets of a chip have the helper of their key: journal, then applets, in whole pages. */
const { pageSize, commitCapacity } = SECURE_ELEMENT
const JOURNAL = journalSize(pageSize, { capacity: commitCapacity })
const IDENTITY_SIZE = 1024
const HELPERS = {
  'identity element': { aid: IDENTITY_AID, at: JOURNAL + 144 },
  'coin element': { aid: COIN_AID, at: JOURNAL + IDENTITY_SIZE + 1280 },
  'vendor element': { aid: VENDOR_AID, at: JOURNAL + 1280 },
} as const

/** The private key of an element that somebody has taken to pieces while it was working. */
export function crackedKey(chip: Chip, element: keyof typeof HELPERS): PrivateKey {
  const { aid, at } = HELPERS[element]
  const helper = chip.nvm.snapshot().slice(at, at + HELPER_SIZE)
  const generator = new KeyGenerator(chip.silicon.part(aid), fuzzyExtractor())
  const key = generator.use(helper, ({ pkcs8 }) => importPrivateKey(pkcs8))
  invariant(key, 'the PUF gives the key')
  return key
}

export function contains(haystack: Uint8Array, needle: Uint8Array): boolean {
  return Buffer.from(haystack).includes(Buffer.from(needle))
}

/** Whether any 16 bytes of `secret` in a row are there. */
export function leaks(haystack: Uint8Array, secret: Bytes): boolean {
  for (let at = 0; at + 16 <= secret.length; at += 8) {
    if (contains(haystack, secret.subarray(at, at + 16))) return true
  }
  return false
}
