import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import {
  appendRecord,
  readRecord,
  recordNumber,
  seekRecord,
  updateRecord,
} from '../../../src/card/files/records.ts'
import {
  externalKeySize,
  internalKey,
  verifyKey,
  verifyPin,
} from '../../../src/card/files/secrets.ts'
import { FileSession, SECRET_FILES } from '../../../src/card/files/session.ts'
import type { FileTree } from '../../../src/card/files/tree.ts'
import { changeValue, purseValue, VALUE_MAX } from '../../../src/card/files/values.ts'
import { made, newTree, spec } from './trees.ts'

type Step =
  | { readonly kind: 'append'; readonly bytes: Bytes }
  | { readonly kind: 'update'; readonly number: number; readonly bytes: Bytes }

const KINDS = {
  'linear-fixed': { records: 2, recordSize: 3 },
  'linear-variable': { records: 0, recordSize: 0 },
  cyclic: { records: 4, recordSize: 3 },
} as const
type Kind = keyof typeof KINDS
const SIZE = 24

const record = fc.uint8Array({ minLength: 2, maxLength: 4 }).map((bytes) => new Uint8Array(bytes))
const sequences = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('append' as const), bytes: record }),
    fc.record({
      kind: fc.constant('update' as const),
      number: fc.integer({ min: 1, max: 9 }),
      bytes: record,
    }),
  ),
  { maxLength: 30, size: 'max' },
)

/** What the records are after a step, or undefined if it is refused. */
function expected(kind: Kind, records: readonly Bytes[], step: Step): readonly Bytes[] | undefined {
  const { recordSize } = KINDS[kind]
  const { bytes } = step
  if (recordSize > 0 && bytes.length !== recordSize) return undefined
  if (step.kind === 'update') {
    return records[step.number - 1]?.length === bytes.length
      ? records.with(step.number - 1, bytes)
      : undefined
  }
  if (kind === 'cyclic') return [bytes, ...records.slice(0, -1)]
  const overhead = kind === 'linear-variable' ? 1 : 0
  const used = [...records, bytes].reduce((sum, { length }) => sum + length + overhead, 0)
  return used <= SIZE ? [...records, bytes] : undefined
}

describe.each(Object.keys(KINDS) as Kind[])('%s', (kind) => {
  test('has the records that were written', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const { tree } = newTree(203)
        const { records: count, recordSize } = KINDS[kind]
        const { slot } = made(tree, tree.root, spec(1, kind, SIZE, count, recordSize))
        let model: readonly Bytes[] = Array.from(
          { length: count },
          () => new Uint8Array(recordSize),
        )
        for (const step of sequence) {
          const next = expected(kind, model, step)
          expect(apply(tree, slot, step)).toBe(next !== undefined)
          model = next ?? model
          const file = tree.file(slot)
          expect(file.records).toBe(model.length)
          expect(model.map((_, index) => toHex(readRecord(tree, file, index + 1)))).toEqual(
            model.map(toHex),
          )
        }
      }),
      { numRuns: 40 },
    )
  })
})

/** Whether the step was done. */
function apply(tree: FileTree, slot: number, step: Step): boolean {
  const file = tree.file(slot)
  if (step.kind === 'append') return typeof appendRecord(tree, file, step.bytes) === 'number'
  const number = recordNumber(new FileSession(tree), file, step.number)
  return typeof number === 'number' && updateRecord(tree, file, number, step.bytes) === undefined
}

test('a linear file has at most 255 records', () => {
  const { tree } = newTree(1003)
  const { slot } = made(tree, tree.root, spec(1, 'linear-variable', 900))
  for (let count = 0; count < 255; count++) {
    expect(appendRecord(tree, tree.file(slot), Uint8Array.of(count))).toBe(count + 1)
  }
  expect(appendRecord(tree, tree.file(slot), Uint8Array.of(0))).toBe('no-space')
  expect(seekRecord(tree, tree.file(slot), 1, 0, Uint8Array.of(254))).toBe(255)
})

test('a ring of one record is a purse as well', () => {
  const { tree } = newTree(103)
  const { slot } = made(tree, tree.root, spec(1, 'cyclic', 5, 1, 5))
  expect(changeValue(tree, tree.file(slot), 'increase', VALUE_MAX)).toBe(VALUE_MAX)
  expect(changeValue(tree, tree.file(slot), 'increase', 1)).toBe('above-maximum')
  expect(changeValue(tree, tree.file(slot), 'decrease', 1)).toBe(VALUE_MAX - 1)
  expect(purseValue(tree, tree.file(slot))).toBe(VALUE_MAX - 1)
  expect(changeValue(tree, tree.file(slot), 'decrease', VALUE_MAX)).toBe('below-minimum')
})

describe('key files', () => {
  const key = (size: number, algorithm = 0) =>
    concat(Uint8Array.of(size, algorithm), new Uint8Array(size).fill(size), Uint8Array.of(3, 3))

  function withKeys(content: Bytes): FileSession {
    const { tree } = newTree(603)
    for (const id of [SECRET_FILES.EXTERNAL_KEYS, SECRET_FILES.INTERNAL_KEYS]) {
      const file = made(tree, tree.root, spec(id, 'transparent', content.length))
      tree.write(tree.bodyPart(file, 0, content))
    }
    return new FileSession(tree)
  }

  test('hold keys of any length, 16 of them; DES takes those of 8 bytes', () => {
    const keys = Array.from({ length: 17 }, (_, number) => key(number % 2 === 0 ? 8 : 5))
    const session = withKeys(concat(Uint8Array.of(0xff), ...keys, Uint8Array.of(0)))
    expect(externalKeySize(session, 15)).toBe(5)
    expect(externalKeySize(session, 16)).toBe('no-secret')
    expect(verifyKey(session, 1, new Uint8Array(5).fill(5))).toBeUndefined()
    expect(verifyKey(session, 1, new Uint8Array(5).fill(6))).toBe('wrong-secret')
    expect(internalKey(session, 14)).toEqual(new Uint8Array(8).fill(8))
    expect(internalKey(session, 15)).toBe('no-secret')
  })

  test.each([
    ['of another algorithm', concat(Uint8Array.of(0xff), key(8, 2))],
    ['cut off by the end of the file', concat(Uint8Array.of(0xff), key(8)).slice(0, -1)],
    ['not there', fromHex('ff00')],
    ['in an empty file', fromHex('')],
  ])('a key %s is none', (_, content) => {
    expect(internalKey(withKeys(content), 0)).toBe('no-secret')
  })

  test('without any file there is neither key nor PIN', () => {
    const session = new FileSession(newTree(103).tree)
    expect(internalKey(session, 0)).toBe('no-secret')
    expect(verifyPin(session, 2, new Uint8Array(8))).toBe('no-secret')
  })
})
