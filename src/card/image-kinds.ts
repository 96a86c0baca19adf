import { bytesEqual, toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError, invariant } from '../kernel/errors.ts'
import { CARD_SIZE } from '../kernel/mifare-classic.ts'
import type { RandomSource } from '../kernel/ports.ts'
import type { ReaderProfile } from '../kernel/storage-apdu.ts'
import type { PoweredCard } from './field.ts'
import { decodeCardImage, decodeMfd, encodeCardImage, isCardImage } from './image.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from './iso-card.ts'
import { classicNvm, MifareClassic } from './mifare-classic.ts'
import { MultiflexCard } from './multiflex/card.ts'
import { multiflexImageSize, multiflexNvm } from './multiflex/memory.ts'
import type { ModelName } from './multiflex/models.ts'
import type { Nvm } from './nvm.ts'
import type { Silicon } from './puf/silicon.ts'
import { StorageReader } from './storage-reader.ts'

/** A sort of card that can be kept in a file. */
export interface CardKind {
  /** As the file names it, see {@link CardImage}. Another layout of the memory is another kind. */
  readonly name: string
  /** Bytes of its memory. */
  readonly memorySize: number
  /** A card with that in its memory. */
  open(memory: Bytes, random: RandomSource): OpenCard
}

/** A card with what is behind it. */
export interface OpenCard {
  readonly card: PoweredCard
  readonly nvm: Nvm
  /** All of it, where there is more to a card than what `nvm` holds. */
  readonly snapshot?: () => Bytes
  /** Of a card with a PUF: what is in no memory. */
  readonly silicon?: Silicon
}

/** A card from a file. */
export interface StoredCard extends OpenCard {
  readonly kind: CardKind
  /** The file, with what the memory holds now. */
  save(): Bytes
}

/** The kinds of card that a program knows: those of this engine, and any that schemes add. */
export class CardKinds {
  readonly #kinds: ReadonlyMap<string, CardKind>

  constructor(kinds: readonly CardKind[]) {
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]))
    invariant(this.#kinds.size === kinds.length, 'kinds of card have names of their own')
  }

  /**
   * A card from its file: an image, or the dump of a MIFARE Classic 1K without header.
   *
   * @throws {FormatError} if it is neither, or its header says other things than the kind.
   */
  open(file: Uint8Array, random: RandomSource): StoredCard {
    if (!isCardImage(file)) return this.put(CLASSIC_1K, decodeMfd(file), random)
    const { kind, atr, pageSize, memory } = decodeCardImage(file)
    const stored = this.put(kind, memory, random)
    if (!bytesEqual(stored.card.atr, atr)) {
      throw new FormatError('image.atr', `a ${kind} has ${toHex(stored.card.atr)}`)
    }
    if (stored.nvm.pageSize !== pageSize) {
      throw new FormatError('image.pageSize', `a ${kind} has pages of ${stored.nvm.pageSize} bytes`)
    }
    return stored
  }

  /**
   * A card of a kind with that in its memory: as its maker delivers it, or from a snapshot.
   *
   * @throws {FormatError} if the kind is not known, or the memory is not one of it.
   */
  put(name: string, memory: Bytes, random: RandomSource): StoredCard {
    const kind = this.#kinds.get(name)
    if (!kind) throw new FormatError('image.kind', `expected one of ${this.#names()}`)
    if (memory.length !== kind.memorySize) {
      const expected = `a ${name} has ${kind.memorySize} bytes`
      throw new FormatError('image.memory', `${expected}, got ${memory.length}`)
    }
    const { card, nvm, snapshot = () => nvm.snapshot() } = kind.open(memory, random)
    const save = () =>
      encodeCardImage({
        kind: name,
        atr: card.atr,
        pageSize: nvm.pageSize,
        memory: snapshot(),
      })
    return { kind, card, nvm, save }
  }

  #names(): string {
    return [...this.#kinds.keys()].join(', ')
  }
}

const CLASSIC_1K = 'mifare-classic-1k'

/** With the reader that is in front of it. */
export function classicKind(profile?: ReaderProfile): CardKind {
  return {
    name: CLASSIC_1K,
    memorySize: CARD_SIZE,
    open(memory) {
      const nvm = classicNvm(decodeMfd(memory))
      return { card: new StorageReader(new MifareClassic(nvm), profile), nvm }
    },
  }
}

/** `multiflex-3k` and `multiflex-8k`. */
export function multiflexKind(model: ModelName): CardKind {
  return {
    name: `multiflex-${model.toLowerCase()}`,
    memorySize: multiflexImageSize(model),
    open(memory, random) {
      const nvm = multiflexNvm(model, memory)
      return { card: new MultiflexCard(nvm, model, random), nvm }
    },
  }
}

/** A card with applets or files. The design is the kind's: it is not in the file. */
export function isoKind(name: string, design: IsoCardDesign): CardKind {
  return {
    name,
    memorySize: isoCardNvm(design).size,
    open(memory, random) {
      const nvm = isoCardNvm(design, memory)
      return { card: new IsoCard(nvm, design, random), nvm }
    },
  }
}
