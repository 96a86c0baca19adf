import type { AccessRule, Operation, PinNumber } from './access.ts'
import type { FileKind, FileSpec, StoredFile } from './file.ts'
import type { Refusal } from './refusals.ts'
import type { FileTree } from './tree.ts'

/** Identifiers of the files that the card itself looks into, as on Multiflex and Cryptoflex. */
export const SECRET_FILES = {
  PIN: { 1: 0x0000, 2: 0x0100 },
  INTERNAL_KEYS: 0x0001,
  EXTERNAL_KEYS: 0x0011,
} as const

/** What it takes to carry out a command: nothing more, or a cryptogram in it under this key. */
export type Permission = 'granted' | { readonly cryptogramUnder: number }

/**
 * What a card knows from a reset to the next: the current directory, the selected elementary file, its
 * current record, and which PINs and keys were shown.
 *
 * A PIN or key counts in the directory of its file and in those below that have no such file of their
 * own, until a reset, a failed try, or a change of its file.
 */
export class FileSession {
  readonly tree: FileTree
  #directory = 0
  #file: number | undefined
  /** Of the selected file; numbers begin with 1. */
  record: number | undefined
  /** `slot of the file:number` of keys, `slot of the file:` of PINs. */
  readonly #shown = new Set<string>()

  /** As after a reset: the root is selected. */
  constructor(tree: FileTree) {
    this.tree = tree
  }

  get directory(): StoredFile {
    return this.tree.file(this.#directory)
  }

  /** The selected elementary file. */
  get file(): StoredFile | undefined {
    return this.#file === undefined ? undefined : this.tree.file(this.#file)
  }

  /** The selected file, be it elementary or the directory itself. */
  get target(): StoredFile {
    return this.file ?? this.directory
  }

  /**
   * Selects the root, a file of the directory, the directory itself or the one above. An invalidated
   * file can be selected; nothing in an invalidated directory can.
   */
  select(id: number): StoredFile | Refusal {
    const { directory, tree } = this
    const child = tree.child(directory, id)
    const around = [tree.root, directory, tree.directoryOf(directory)]
    const found = child ?? around.find((file) => file.id === id)
    if (!found) return 'no-such-file'
    if (found === child && !directory.active) return 'invalidated'
    this.enter(found)
    return found
  }

  /** Makes a file the current one. */
  enter(file: StoredFile): void {
    const isDirectory = file.kind === 'directory'
    this.#directory = isDirectory ? file.slot : file.parent
    this.#file = isDirectory ? undefined : file.slot
    // A purse has a balance from the start; in a linear file nothing is current until it is sought.
    this.record = file.kind === 'cyclic' ? 1 : undefined
  }

  /** Makes a file in the current directory and selects it. */
  create(spec: FileSpec): StoredFile | Refusal {
    const made = this.tree.create(this.directory, spec)
    if (typeof made !== 'string') this.enter(made)
    return made
  }

  /** Deletes a file of the current directory. */
  remove(id: number): Refusal | undefined {
    const file = this.tree.child(this.directory, id)
    if (!file) return 'no-such-file'
    this.tree.remove(file)
    if (this.#file === file.slot) this.enter(this.directory)
    for (const shown of this.#shown) {
      if (!this.tree.has(Number.parseInt(shown, 10))) this.#shown.delete(shown)
    }
    return undefined
  }

  /** The selected elementary file, if it is of one of these kinds. */
  opened(kinds: readonly FileKind[]): StoredFile | Refusal {
    const { file } = this
    if (!file) return 'no-file'
    return kinds.includes(file.kind) ? file : 'wrong-kind'
  }

  /** Whether an operation on a file, that is selected or the current directory, is allowed now. */
  permit(file: StoredFile, operation: Operation): Permission | Refusal {
    // The way out of being invalidated must stay open.
    if (!file.active && operation !== 'rehabilitate') return 'invalidated'
    return this.#fulfilled(file.rules[operation] ?? 'never')
  }

  /** The nearest file of that identifier, from the current directory up. */
  secretFile(id: number): StoredFile | undefined {
    for (let directory = this.directory; ; directory = this.tree.directoryOf(directory)) {
      const file = this.tree.child(directory, id)
      if (file) return file
      if (directory.slot === directory.parent) return undefined
    }
  }

  /** Notes that the PIN of a file, or one of its keys, was shown. */
  show(file: StoredFile, key?: number): void {
    this.#shown.add(nameOf(file, key))
  }

  /** Forgets one PIN or key of a file. */
  forget(file: StoredFile, key?: number): void {
    this.#shown.delete(nameOf(file, key))
  }

  /** Forgets all PINs and keys, or those of one file. */
  forgetAll(file?: StoredFile): void {
    for (const shown of this.#shown) {
      if (!file || shown.startsWith(`${file.slot}:`)) this.#shown.delete(shown)
    }
  }

  #fulfilled(rule: AccessRule): Permission | Refusal {
    if (rule === 'always') return 'granted'
    if (rule === 'never') return 'access-refused'
    const { pin, key } = rule
    if (pin !== undefined && !this.#pinShown(pin)) return 'access-refused'
    if (!key) return 'granted'
    if (key.by === 'command') return { cryptogramUnder: key.number }
    return this.#isShown(SECRET_FILES.EXTERNAL_KEYS, key.number) ? 'granted' : 'access-refused'
  }

  #pinShown(pin: PinNumber): boolean {
    return this.#isShown(SECRET_FILES.PIN[pin])
  }

  #isShown(id: number, key?: number): boolean {
    const file = this.secretFile(id)
    return file !== undefined && this.#shown.has(nameOf(file, key))
  }
}

function nameOf(file: StoredFile, key?: number): string {
  return `${file.slot}:${key ?? ''}`
}
