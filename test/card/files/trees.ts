import { invariant } from '../../../src/kernel/errors.ts'
import { journalSize, JournalledMemory } from '../../../src/card/atomic-memory.ts'
import { LABEL_SIZE, type FileSpec, type StoredFile } from '../../../src/card/files/file.ts'
import { FileTree, formatTree, TREE_OVERHEAD } from '../../../src/card/files/tree.ts'
import { Nvm } from '../../../src/card/nvm.ts'

const PAGE_SIZE = 4
const JOURNAL = { capacity: 72 }
export const ROOT = 0x3f00

/** A file that anybody may do anything with. */
export function spec(
  id: number,
  kind: FileSpec['kind'],
  size: number,
  records = 0,
  recordSize = 0,
): FileSpec {
  return {
    id,
    kind,
    size,
    records,
    recordSize,
    active: true,
    valueChanges: { update: true, increase: true, decrease: true },
    rules: {},
    label: new Uint8Array(LABEL_SIZE),
  }
}

/** A memory with a tree whose root may use so many bytes, a multiple of 4 and 3 more. */
export function newTree(rootSize: number) {
  const size = journalSize(PAGE_SIZE, JOURNAL) + rootSize + TREE_OVERHEAD
  const nvm = new Nvm({ size, pageSize: PAGE_SIZE })
  formatTree(new JournalledMemory(nvm, JOURNAL), spec(ROOT, 'directory', rootSize))
  return { nvm, tree: openTree(nvm) }
}

/** As after a reset. */
export function openTree(nvm: Nvm): FileTree {
  nvm.powerOn()
  const memory = new JournalledMemory(nvm, JOURNAL)
  memory.recover()
  return new FileTree(memory)
}

/** A file that must fit. */
export function made(tree: FileTree, directory: StoredFile, file: FileSpec): StoredFile {
  const result = tree.create(directory, file)
  invariant(typeof result !== 'string', 'the file fits')
  return result
}

/** Every file by its path, with its body and what is left for others. */
export function dump(tree: FileTree): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const visit = (file: StoredFile, path: string) => {
    const body = file.kind === 'directory' ? [] : [...tree.read(file, 0, file.size)]
    found.set(
      path,
      `${file.kind} ${file.size} ${file.records}/${file.newest} ${file.active} ${body.join()}`,
    )
    for (const child of tree.children(file)) visit(child, `${path}/${child.id.toString(16)}`)
  }
  visit(tree.root, '')
  return found
}
