import type { Bytes } from '../../kernel/bytes.ts'
import { JournalledMemory, journalSize } from '../atomic-memory.ts'
import { EEPROM_CHIP } from '../chip-times.ts'
import { HEADER_SIZE } from '../files/file.ts'
import { Nvm } from '../nvm.ts'
import { MODELS, type ModelName } from './models.ts'

const { pageSize } = EEPROM_CHIP
const JOURNAL = { capacity: EEPROM_CHIP.commitCapacity }

/** Sizes of the two files of a new card: serial number, external keys 0 to 2. */
export const SERIAL_SIZE = 8
export const EXTERNAL_KEYS_SIZE = 1 + 3 * 12 + 1

/** Size of the master file, so that a new card has as much free as its model says. */
export function masterFileSize(model: ModelName): number {
  return MODELS[model].free + 2 * HEADER_SIZE + SERIAL_SIZE + EXTERNAL_KEYS_SIZE
}

/** Bytes of a card's memory, that of its journal included: the size of its image. */
export function multiflexImageSize(model: ModelName): number {
  return journalSize(pageSize, JOURNAL) + MODELS[model].eeprom
}

/** A memory for a card of this model: as {@link deliveredMultiflex} makes it, or 00 without an image. */
export function multiflexNvm(model: ModelName, image?: Bytes): Nvm {
  return new Nvm({ size: multiflexImageSize(model), pageSize, ...(image && { image }) })
}

export function journalled(nvm: Nvm): JournalledMemory {
  return new JournalledMemory(nvm, JOURNAL)
}
