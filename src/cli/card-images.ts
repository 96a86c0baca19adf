import {
  CardKinds,
  classicKind,
  isoKind,
  multiflexKind,
  type CardKind,
} from '../card/image-kinds.ts'
import type { ReaderProfile } from '../kernel/storage-apdu.ts'
import { walletChip } from '../schemes/wallet/chips.ts'
import { CARD_SCHEMES } from '../town/chips.ts'
import { CARD, DUMP, MODULE, type Ending } from './card-endings.ts'

const PURSE_MODULE = CARD_SCHEMES.purse.module.kind
const VENDOR_ELEMENT = CARD_SCHEMES.coin.module.kind

/** Every kind of card that can lie in a directory; `profile`: of the reader that they are held to. */
export function cardKinds(profile?: ReaderProfile): CardKinds {
  return new CardKinds([
    classicKind(profile),
    multiflexKind('3K'),
    multiflexKind('8K'),
    CARD_SCHEMES.purse.card.kind,
    PURSE_MODULE,
    isoKind('wallet-card', walletChip),
    CARD_SCHEMES.coin.card.kind,
    VENDOR_ELEMENT,
  ])
}

/** Of the file of a new card of that kind. */
export function endingOf({ name }: CardKind): Ending {
  if (name === CARD_SCHEMES.block.card.kind.name) return DUMP
  return [PURSE_MODULE.name, VENDOR_ELEMENT.name].includes(name) ? MODULE : CARD
}
