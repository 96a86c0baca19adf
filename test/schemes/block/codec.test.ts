import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { cardIdOf } from '../../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { cardHeader, cardPlan, committedSequence } from '../../../src/schemes/block/card.ts'
import { Recent } from '../../../src/kernel/recent.ts'
import {
  BLOCK_KINDS,
  BLOCK_SIZE,
  blockSignedBy,
  chipKeys,
  evidence,
  openBlock,
  passcodeFits,
  passcodeHmac,
  sealBlock,
  type Block,
} from '../../../src/schemes/block/message.ts'

const bytes = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((array) => new Uint8Array(array))

const blocks: fc.Arbitrary<Block> = fc.record({
  kind: fc.constantFrom(...BLOCK_KINDS),
  currency: fc.nat(0xffff),
  generation: fc.integer({ min: 1, max: 0xffff }),
  card: bytes(8).map(cardIdOf),
  vendor: fc.nat(0xffffffff),
  timestamp: fc.maxSafeNat(),
  balance: fc.bigInt(0n, 0xffffn),
  sequence: fc.nat(0xffff),
  hmacKey: bytes(8),
  passcodeHmac: bytes(32),
})

const master = new Uint8Array(16).fill(7)
const uid = new Uint8Array([1, 2, 3, 4])
const keys = chipKeys(master, uid)
const signer = generatePrivateKey()

/** What a till believes. */
function accepted(received: Bytes): Block | undefined {
  try {
    const block = openBlock(received, keys)
    return blockSignedBy(received, signer.publicKey) ? block : undefined
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/** Whether all that it throws is the one error that names a field. */
function namesField(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    return error instanceof FormatError && error.field.length > 0
  }
}

describe('the block', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const sealed = sealBlock(block, keys, signer)
        expect(sealed).toHaveLength(BLOCK_SIZE)
        expect(accepted(sealed)).toEqual(block)
      }),
    )
  })

  test('with one byte changed is never accepted', () => {
    const change = fc.record({ at: fc.nat(BLOCK_SIZE - 1), by: fc.integer({ min: 1, max: 255 }) })
    fc.assert(
      fc.property(blocks, change, (block, { at, by }) => {
        const sealed = sealBlock(block, keys, signer)
        sealed[at] = (sealed[at] ?? 0) ^ by
        expect(accepted(sealed)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('of another size is never accepted', () => {
    const sealed = sealBlock(fc.sample(blocks, 1)[0] as Block, keys, signer)
    for (let size = 0; size < BLOCK_SIZE; size++) {
      expect(accepted(sealed.slice(0, size))).toBeUndefined()
    }
    expect(accepted(new Uint8Array([...sealed, 0]))).toBeUndefined()
  })

  test('of one chip does not open on another', () => {
    fc.assert(
      fc.property(blocks, bytes(4), (block, otherUid) => {
        fc.pre(toHex(otherUid) !== toHex(uid))
        const moved = sealBlock(block, chipKeys(master, otherUid), signer)
        const opened = accepted(moved)
        expect(opened?.passcodeHmac).not.toEqual(block.passcodeHmac)
      }),
    )
  })

  test('random bytes name a field or are read, and nothing else happens', () => {
    const anything = fc.uint8Array({ maxLength: 400 }).map((array) => new Uint8Array(array))
    const decoders = [
      (input: Bytes) => openBlock(input, keys),
      (input: Bytes) => evidence.decode(input),
      (input: Bytes) => cardPlan.decode(input),
      (input: Bytes) => cardHeader.decode(input),
    ]
    const sizes = fc.oneof(anything, bytes(BLOCK_SIZE), bytes(16))
    fc.assert(
      fc.property(sizes, fc.constantFrom(...decoders), (input, decode) => {
        expect(namesField(() => decode(input))).toBe(true)
        expect(accepted(input)).toBeUndefined()
      }),
      { numRuns: 2000 },
    )
  })

  test('ranges are checked before anything is signed', () => {
    const block = fc.sample(blocks, 1)[0] as Block
    for (const change of [
      { balance: 65_536n },
      { balance: -1n },
      { sequence: 65_536 },
      { generation: 0 },
      { timestamp: -1 },
      { hmacKey: new Uint8Array(7) },
      { passcodeHmac: new Uint8Array(31) },
    ]) {
      const [field] = Object.keys(change)
      expect(() => sealBlock({ ...block, ...change }, keys, signer)).toThrow(String(field))
    }
  })
})

test('a passcode fits its own HMAC and no other', () => {
  fc.assert(
    fc.property(
      bytes(8),
      fc.stringMatching(/^\d{4,8}$/),
      fc.stringMatching(/^\d{4,8}$/),
      (key, a, b) => {
        const block = { hmacKey: key, passcodeHmac: passcodeHmac(a, key) }
        expect(passcodeFits(a, block)).toBe(true)
        expect(passcodeFits(b, block)).toBe(a === b)
      },
    ),
  )
})

test.for([
  [0, 0, 0],
  [7, 7, 7],
  [8, 7, 8],
  [7, 8, 8],
  [7, undefined, 7],
  [undefined, 7, 7],
  [9, 7, undefined],
  [undefined, undefined, undefined],
] as const)('counters %s and %s commit to %s', ([first, second, committed]) => {
  expect(committedSequence([first, second])).toBe(committed)
})

test('the bounded memory keeps what was used last and forgets the rest', () => {
  const memory = new Recent<string, number>(2)
  const held = () => ['a', 'b', 'c', 'd', 'e'].filter((key) => memory.get(key) !== undefined)
  memory.set('a', 1)
  memory.set('b', 2)
  memory.set('c', 3)
  expect(memory.get('a')).toBe(1)
  memory.set('d', 4)
  memory.set('e', 5)
  expect(memory.get('b')).toBeUndefined()
  expect(memory.get('d')).toBe(4)
  expect(memory.get('e')).toBe(5)
  expect(held().length).toBeLessThanOrEqual(4)
})
