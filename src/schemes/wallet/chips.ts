import { contactless } from '../../card/iso/link.ts'
import type { IsoCardDesign } from '../../card/iso-card.ts'
import { utf8 } from '../../kernel/bytes.ts'
import { walletApplet } from './card.ts'

/** The card that a holder has: contactless. */
export const walletChip: IsoCardDesign = {
  applets: [walletApplet],
  historicalBytes: utf8('KONTANT WALLET'),
  link: contactless(106),
}
