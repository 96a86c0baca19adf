import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { AppletHost, AtomicMemory, CommandHandler } from '../applet.ts'
import type { AccessRules, PinNumber } from '../files/access.ts'
import { LABEL_SIZE, type FileKind, type FileSpec } from '../files/file.ts'
import { isRefusal } from '../files/refusals.ts'
import { PIN_FILE, PIN_SIZE } from '../files/secrets.ts'
import { SECRET_FILES } from '../files/session.ts'
import { formatTree, TREE_OVERHEAD, type FileTree } from '../files/tree.ts'
import type { RootApplication } from '../iso-card.ts'
import { IsoFileSession } from './file-session.ts'
import { openRules } from './security.ts'

/** What a card with files has from the start. */
export interface IsoFilesDesign {
  /** Bytes that files may take, 32 for each of them included. */
  readonly size: number
  /** What the master file allows; everything without. */
  readonly rules?: AccessRules
  readonly pins?: Readonly<Partial<Record<PinNumber, IsoPin>>>
}

export interface IsoPin {
  /** 8 bytes, none of them FF; shorter ones are filled up with 00. */
  readonly pin: Bytes
  /** The same. */
  readonly unblocking: Bytes
  /** 1 to 15, each. */
  readonly tries: number
}

const MASTER_FILE = 0x3f00
const TRIES_MAX = 15

/**
 * The card's master file with files in it, by ISO/IEC 7816-4 and 7816-9: selection by identifier and
 * path, file control parameters, transparent and record files, two PINs of the master file.
 *
 * No short identifiers, no names of directories, no keys. PINs and rules are those of the tree of files,
 * and a file that is deleted takes what is in it along.
 */
export class IsoFiles implements RootApplication {
  readonly memorySize: number
  readonly #design: IsoFilesDesign

  constructor(design: IsoFilesDesign) {
    this.#design = design
    this.memorySize = TREE_OVERHEAD + design.size
  }

  format(memory: AtomicMemory): void {
    const { size, rules = openRules('directory'), pins = {} } = this.#design
    const master = { ...fileSpec('directory', MASTER_FILE, size), rules }
    const tree = formatTree(memory, master)
    if (pins[1]) writePin(tree, SECRET_FILES.PIN[1], pins[1])
    if (pins[2]) writePin(tree, SECRET_FILES.PIN[2], pins[2])
  }

  open(host: AppletHost): CommandHandler {
    return new IsoFileSession(host)
  }
}

function fileSpec(kind: FileKind, id: number, size: number): FileSpec {
  return {
    id,
    kind,
    size,
    recordSize: 0,
    records: 0,
    active: true,
    valueChanges: { update: true, increase: false, decrease: false },
    rules: {},
    label: new Uint8Array(LABEL_SIZE),
  }
}

/** In a file that nobody can read or write. */
function writePin(tree: FileTree, id: number, { pin, unblocking, tries }: IsoPin): void {
  const secrets = [pin, unblocking]
  const isPin = secrets.every((secret) => secret.length === PIN_SIZE && !secret.includes(0xff))
  invariant(isPin && tries >= 1 && tries <= TRIES_MAX, 'a PIN has 8 bytes and 1 to 15 tries')
  const file = tree.create(tree.root, fileSpec('transparent', id, PIN_FILE.SIZE))
  invariant(!isRefusal(file), 'the PINs fit their card')
  const counters = Uint8Array.of(tries, tries)
  const content = concat(Uint8Array.of(1, 0, 0), pin, counters, unblocking, counters)
  tree.write(tree.bodyPart(file, 0, content))
}
