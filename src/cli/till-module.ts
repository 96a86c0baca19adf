import type { Channel } from '../reader/channel.ts'
import { savingCard } from './card-serve.ts'
import { imageAt } from './chosen-card.ts'

/** An emulated security module in its slot. */
export interface InsertedModule {
  readonly channel: Channel
  /** Takes it out again. */
  remove(): Promise<void>
}

/**
 * Puts a module from its image into a till's slot. What it counts is in the image before the till hears
 * of it, and nobody else has the image meanwhile.
 *
 * @param wanted a name in the directory `cards`, or the path of a file.
 * @throws {InputError} if there is no such image.
 */
export async function insertModule(wanted: string, cards: string): Promise<InsertedModule> {
  const { directory, name } = imageAt(wanted, cards)
  const inserted = Promise.withResolvers<Channel>()
  const removed = Promise.withResolvers<void>()
  const taken = directory.take(name, async (card) => {
    card.field.powerOn()
    const saving = savingCard(card)
    inserted.resolve({ atr: saving.atr, transmit: async (apdu) => saving.transmit(apdu) })
    await removed.promise
    card.field.powerOff()
  })
  taken.catch(inserted.reject)
  return {
    channel: await inserted.promise,
    async remove() {
      removed.resolve()
      await taken
    },
  }
}

/** Of the module that lies in a till's own directory. */
export const OWN_MODULE = 'module'
