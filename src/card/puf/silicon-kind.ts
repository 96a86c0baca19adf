import { concat, type Bytes } from '../../kernel/bytes.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import type { CardKind } from '../image-kinds.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../iso-card.ts'
import { Silicon } from './silicon.ts'

const STRUCTURE_SIZE = 32

export type DesignOfSilicon = (silicon: Silicon) => IsoCardDesign

/**
 * A chip with a PUF that can be kept in a file: structure ‖ memory of the control logic ‖ memory. Of a real
 * chip only the last can be read. The file of an emulated one is the chip itself: whoever copies it has
 * made what nobody can make. A structure of 00 is that of a chip that was not made yet.
 */
export function siliconKind(name: string, designOf: DesignOfSilicon): CardKind {
  const none: RandomSource = { bytes: (size) => new Uint8Array(size) }
  const blank = new Silicon({ structure: new Uint8Array(STRUCTURE_SIZE), noise: none })
  const controlEnd = STRUCTURE_SIZE + blank.control.size
  const memorySize = controlEnd + isoCardNvm(designOf(blank)).size
  return {
    name,
    memorySize,
    open(memory, random) {
      const structure = structureIn(memory, random)
      const control = memory.slice(STRUCTURE_SIZE, controlEnd)
      const silicon = new Silicon({ structure, noise: random, control })
      const design = designOf(silicon)
      const nvm = isoCardNvm(design, memory.slice(controlEnd))
      return {
        card: new IsoCard(nvm, design, random),
        nvm,
        silicon,
        snapshot: () => concat(structure, silicon.control.snapshot(), nvm.snapshot()),
      }
    },
  }
}

function structureIn(memory: Bytes, random: RandomSource): Bytes {
  const structure = memory.slice(0, STRUCTURE_SIZE)
  return structure.some((byte) => byte !== 0) ? structure : random.bytes(STRUCTURE_SIZE)
}
