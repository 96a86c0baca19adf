import { decodeMfd } from '../card/image.ts'
import type { PoweredCard } from '../card/field.ts'
import { classicNvm, MifareClassic } from '../card/mifare-classic.ts'
import type { Nvm } from '../card/nvm.ts'
import { StorageReader } from '../card/storage-reader.ts'
import type { Bytes } from '../kernel/bytes.ts'
import type { ReaderProfile } from '../kernel/storage-apdu.ts'

/** A card as a program, and the memory that its image is. */
export interface EmulatedCard {
  readonly card: PoweredCard
  readonly nvm: Nvm
}

export interface ImageKind {
  /** Of its files. */
  readonly ending: string
  /** For people. */
  readonly what: string
  /** `profile`: how the reader before it does. @throws {FormatError} if it is no such image. */
  open(image: Bytes, profile: ReaderProfile): EmulatedCard
}

/** Every kind of card that can lie in a directory of images. */
export const IMAGE_KINDS = {
  mifareClassic: {
    ending: '.mfd',
    what: 'a MIFARE Classic 1K',
    open(image, profile) {
      const nvm = classicNvm(decodeMfd(image))
      return { card: new StorageReader(new MifareClassic(nvm), profile), nvm }
    },
  },
} as const satisfies Record<string, ImageKind>
