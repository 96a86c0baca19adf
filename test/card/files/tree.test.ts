import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/kernel/bytes.ts'
import {
  accessRule,
  decodeRule,
  encodeRule,
  type AccessRule,
} from '../../../src/card/files/access.ts'
import { HEADER_SIZE, type FileSpec, type StoredFile } from '../../../src/card/files/file.ts'
import { PowerLost, TEARS } from '../../../src/card/nvm.ts'
import type { FileTree } from '../../../src/card/files/tree.ts'
import { dump, made, newTree, openTree, ROOT, spec } from './trees.ts'

let cuts = 0
let steps = 0
afterAll(() => console.log(`trees: ${steps} steps of random trees, ${cuts} cuts`))

describe('rules of access', () => {
  test.each<[number, AccessRule]>([
    [0x00, 'always'],
    [0x10, { pin: 1 }],
    [0x20, { pin: 2 }],
    [0x35, { key: { number: 5, by: 'command' } }],
    [0x4f, { key: { number: 15, by: 'session' } }],
    [0x61, { pin: 1, key: { number: 1, by: 'command' } }],
    [0x71, { pin: 2, key: { number: 1, by: 'command' } }],
    [0x82, { pin: 1, key: { number: 2, by: 'session' } }],
    [0x92, { pin: 2, key: { number: 2, by: 'session' } }],
    [0xff, 'never'],
  ])('%i', (byte, rule) => {
    expect(encodeRule(rule)).toBe(byte)
    expect(decodeRule(byte)).toEqual(rule)
  })

  test.each([0x5, 0xa, 0xb, 0xc, 0xd, 0xe])('%i has no meaning: never', (code) => {
    expect(accessRule(code, 1)).toBe('never')
  })
})

describe('a tree', () => {
  test('keeps all that a file is made with', () => {
    const { tree } = newTree(1003)
    const file: FileSpec = {
      ...spec(0x1234, 'cyclic', 40, 5, 7),
      active: false,
      valueChanges: { update: false, increase: true, decrease: false },
      rules: { read: 'always', increase: { pin: 1, key: { number: 3, by: 'command' } } },
      label: fromHex('0102030405060708'),
    }
    const { rules, ...stored } = tree.file(made(tree, tree.root, file).slot)
    const { rules: given, ...rest } = file
    expect(stored).toMatchObject({ ...rest, newest: 0, parent: 0 })
    expect(rules).toMatchObject({ ...given, decrease: 'never', invalidate: 'never' })
  })

  test('gives a directory as much as its size, headers included', () => {
    const { tree } = newTree(1003)
    const directory = made(tree, tree.root, spec(0x2000, 'directory', 100))
    expect(tree.free(tree.root)).toBe(1003 - HEADER_SIZE - 100)
    expect(tree.create(directory, spec(1, 'transparent', 69))).toBe('no-space')
    made(tree, directory, spec(1, 'transparent', 68))
    expect(tree.free(directory)).toBe(0)
    expect(tree.free(tree.root)).toBe(1003 - HEADER_SIZE - 100)
  })

  test('shows nothing of a deleted file in the next', () => {
    const { tree } = newTree(203)
    const secret = made(tree, tree.root, spec(1, 'transparent', 150))
    tree.write(tree.bodyPart(secret, 0, new Uint8Array(150).fill(0xee)))
    tree.remove(secret)
    const next = made(tree, tree.root, spec(2, 'transparent', 150))
    expect(tree.read(next, 0, 150)).toEqual(new Uint8Array(150))
  })

  test('does not bring files of a deleted directory back when its slot is used again', () => {
    const { tree } = newTree(1003)
    const directory = made(tree, tree.root, spec(0x2000, 'directory', 500))
    made(tree, directory, spec(1, 'transparent', 8))
    const deeper = made(tree, directory, spec(0x2010, 'directory', 100))
    made(tree, deeper, spec(2, 'transparent', 8))
    tree.remove(directory)
    expect([...dump(tree).keys()]).toEqual([''])
    expect(tree.free(tree.root)).toBe(1003)
    const again = made(tree, tree.root, spec(0x2001, 'directory', 500))
    expect(again.slot).toBe(directory.slot)
    expect(tree.children(again)).toEqual([])
    expect(tree.free(again)).toBe(500)
  })

  test('has room for 254 files and no more', () => {
    const { tree } = newTree(20_003)
    for (let id = 1; id < 255; id++) made(tree, tree.root, spec(id, 'transparent', 1))
    expect(tree.create(tree.root, spec(0x1000, 'transparent', 1))).toBe('no-space')
    expect(tree.children(tree.root)).toHaveLength(254)
  })

  test('tells what fits in one piece, once files were deleted in between', () => {
    const { tree } = newTree(403)
    const files = [1, 2, 3].map((id) => made(tree, tree.root, spec(id, 'transparent', 100)))
    // The 7 bytes that are left are no header.
    expect(tree.free(tree.root)).toBe(0)
    tree.remove(files[1] ?? tree.root)
    expect(tree.free(tree.root)).toBe(100 + HEADER_SIZE)
    expect(tree.create(tree.root, spec(4, 'transparent', 101))).toBe('no-space')
    made(tree, tree.root, spec(4, 'transparent', 100))
  })
})

type Step =
  | {
      readonly kind: 'create'
      readonly where: number
      readonly isDirectory: boolean
      readonly size: number
    }
  | { readonly kind: 'remove'; readonly which: number }

const someSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('create' as const),
        where: fc.nat(20),
        isDirectory: fc.boolean(),
        size: fc.nat(200),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(20) }),
    },
  ),
  { maxLength: 40, size: 'max' },
)

/** Bytes that tell one file from another. */
const marked = (id: number, size: number) =>
  new Uint8Array(size).map((_, at) => id * 31 + at * 7 + 1)

function all(tree: FileTree): readonly StoredFile[] {
  const below = (file: StoredFile): readonly StoredFile[] => [
    file,
    ...tree.children(file).flatMap(below),
  ]
  return below(tree.root)
}

/** Does one step, and says which file it made. */
function apply(tree: FileTree, step: Step, id: number): StoredFile | undefined {
  const files = all(tree)
  const directories = files.filter(({ kind }) => kind === 'directory')
  if (step.kind === 'remove') {
    const victim = files[step.which % files.length]
    if (victim && victim.id !== ROOT) tree.remove(victim)
    return undefined
  }
  const directory = directories[step.where % directories.length] ?? tree.root
  const fits = HEADER_SIZE + step.size <= tree.free(directory)
  const kind = step.isDirectory ? 'directory' : 'transparent'
  const file = tree.create(directory, spec(id, kind, step.size))
  expect(typeof file !== 'string').toBe(fits)
  if (typeof file === 'string') return undefined
  if (!step.isDirectory) tree.write(tree.bodyPart(file, 0, marked(id, step.size)))
  return file
}

test('whatever is made and deleted, no file touches another', () => {
  fc.assert(
    fc.property(someSteps, (sequence) => {
      const { tree } = newTree(1203)
      for (const [index, step] of sequence.entries()) {
        const before = new Set(all(tree).map(({ id }) => id))
        const created = apply(tree, step, index + 1)
        const files = all(tree)
        const expected = new Set([...before, ...(created ? [created.id] : [])])
        if (step.kind === 'create') expect(new Set(files.map(({ id }) => id))).toEqual(expected)
        for (const file of files) {
          if (file.kind === 'directory') {
            const used = tree.children(file).reduce((sum, { size }) => sum + HEADER_SIZE + size, 0)
            expect(used).toBeLessThanOrEqual(file.size)
            expect(tree.free(file)).toBeLessThanOrEqual(file.size - used)
          } else {
            expect(toHex(tree.read(file, 0, file.size))).toBe(toHex(marked(file.id, file.size)))
          }
        }
        steps++
      }
    }),
    { numRuns: 60 },
  )
})

test('what is empty again can be used again, all of it', () => {
  fc.assert(
    fc.property(someSteps, (sequence) => {
      const { tree } = newTree(1203)
      for (const [index, step] of sequence.entries()) apply(tree, step, index + 1)
      for (const file of tree.children(tree.root)) tree.remove(file)
      expect(tree.free(tree.root)).toBe(1203)
      made(tree, tree.root, spec(0x7777, 'transparent', 1203 - HEADER_SIZE))
    }),
    { numRuns: 40 },
  )
})

test('cut at every page write, a step has happened or has not, and the next one works', () => {
  fc.assert(
    fc.property(someSteps, fc.constantFrom(...TEARS), (sequence, tear) => {
      const { nvm } = newTree(1203)
      const setup = openTree(nvm)
      for (const [index, step] of sequence.entries()) apply(setup, step, index + 1)
      const image = nvm.snapshot()
      const last: Step = { kind: 'create', where: 1, isDirectory: false, size: 30 }
      for (const step of [last, { kind: 'remove', which: 1 }] as const) {
        nvm.restore(image)
        const tree = openTree(nvm)
        const [before, writes] = [dump(tree), nvm.writes]
        create(tree, step)
        const [after, count] = [dump(tree), nvm.writes - writes]
        for (let atWrite = 1; atWrite <= count; atWrite++) {
          nvm.restore(image)
          const torn = openTree(nvm)
          nvm.arm({ atWrite, tear })
          expect(() => create(torn, step)).toThrow(PowerLost)
          const again = openTree(nvm)
          expect([before, after]).toContainEqual(dump(again))
          const left = again.free(again.root)
          if (left >= HEADER_SIZE)
            made(again, again.root, spec(0x7777, 'transparent', left - HEADER_SIZE))
          cuts++
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('cut where the new header lies on what was a body, no file appears that nobody made', () => {
  const { nvm } = newTree(203)
  const setup = openTree(nvm)
  const large = made(setup, setup.root, spec(1, 'transparent', 203 - HEADER_SIZE))
  // Wherever it is read as a header, it is one.
  setup.write(setup.bodyPart(large, 0, new Uint8Array(large.size).fill(2)))
  setup.remove(large)
  made(setup, setup.root, spec(2, 'transparent', 4))
  const [image, before, writes] = [nvm.snapshot(), dump(setup), nvm.writes]
  made(setup, setup.root, spec(3, 'transparent', 4))
  const [after, count] = [dump(setup), nvm.writes - writes]
  for (let atWrite = 1; atWrite <= count; atWrite++) {
    for (const tear of TEARS) {
      nvm.restore(image)
      const torn = openTree(nvm)
      nvm.arm({ atWrite, tear })
      expect(() => made(torn, torn.root, spec(3, 'transparent', 4))).toThrow(PowerLost)
      expect([before, after]).toContainEqual(dump(openTree(nvm)))
      cuts++
    }
  }
})

/** A step without content, so that it is one thing that happens or does not. */
function create(tree: FileTree, step: Step): void {
  const files = all(tree)
  if (step.kind === 'create') tree.create(tree.root, spec(0x6666, 'transparent', step.size))
  else if (files.length > 1) tree.remove(files[step.which] ?? tree.root)
}
