import { contact, contactless } from '../../card/iso/link.ts'
import type { IsoCardDesign } from '../../card/iso-card.ts'
import type { Silicon } from '../../card/puf/silicon.ts'
import { utf8 } from '../../kernel/bytes.ts'
import { coinElement } from './element/coin-element.ts'
import { identityElement } from './element/identity-element.ts'
import { vendorElement } from './element/vendor-element.ts'

/** The card that a customer has: both elements on one chip with one PUF, contactless. */
export function coinChip(silicon: Silicon, rate: 106 | 424 = 106): IsoCardDesign {
  return {
    applets: [identityElement(silicon), coinElement(silicon)],
    historicalBytes: utf8('KONTANT COIN'),
    link: contactless(rate),
  }
}

/** What stands in a till’s second slot: T=1 with contacts, at the rate of TA1 = 18. */
export function vendorChip(silicon: Silicon): IsoCardDesign {
  return {
    applets: [vendorElement(silicon)],
    historicalBytes: utf8('KONTANT VENDOR'),
    link: contact('T=1', 115_200),
  }
}
