import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm } from '../../../src/card/iso-card.ts'
import { JournalledMemory } from '../../../src/card/atomic-memory.ts'
import { SECURE_ELEMENT } from '../../../src/card/chip-times.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { exportPrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { CardStore, MEMORY_SIZE, secretsPart } from '../../../src/schemes/wallet/card/store.ts'
import { walletChip } from '../../../src/schemes/wallet/chips.ts'
import { chipKey, writeCardPlan } from '../../../src/schemes/wallet/issuing.ts'

/**
 * The chip of the page’s example: it draws these bytes whenever it draws, and its key is one that the
 * page can print. A chip makes its own, so this one is put in its place under a microscope.
 */
export async function exampleChip(plan: Bytes, key: PrivateKey, drawn: Bytes): Promise<Field> {
  const nvm = isoCardNvm(walletChip)
  const field = new Field(new IsoCard(nvm, walletChip, { bytes: () => drawn.slice() }))
  field.powerOn()
  await chipKey(inProcessChannel(field))
  const memory = new JournalledMemory(nvm, { capacity: SECURE_ELEMENT.commitCapacity })
  const store = new CardStore(memory.part(0, MEMORY_SIZE))
  store.write(secretsPart({ ...store.secrets, key: exportPrivateKey(key) }))
  field.powerOff()
  field.powerOn()
  const status = await writeCardPlan(inProcessChannel(field), plan)
  if (status !== 'written') throw new Error(`the example’s chip is ${status}`)
  field.powerOff()
  field.powerOn()
  return field
}
