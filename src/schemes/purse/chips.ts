import { contact, contactless } from '../../card/iso/link.ts'
import type { IsoCardDesign } from '../../card/iso-card.ts'
import { utf8 } from '../../kernel/bytes.ts'
import { purseApplet } from './card.ts'
import { moduleApplet } from './module.ts'

/** The card that a holder has: contactless. */
export const purseChip: IsoCardDesign = {
  applets: [purseApplet],
  historicalBytes: utf8('KONTANT'),
  link: contactless(106),
}

/** The card in a till’s second slot: T=1 with contacts, at the rate of TA1 = 18. */
export const moduleChip: IsoCardDesign = {
  applets: [moduleApplet],
  historicalBytes: utf8('KONTANT SAM'),
  link: contact('T=1', 115_200),
}
