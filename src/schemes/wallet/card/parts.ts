import type { AppletHost } from '../../../card/applet.ts'
import { cardIdOf } from '../../../kernel/ids.ts'
import type { Party } from '../../../kernel/party.ts'
import { CardCertificates } from './certificates.ts'
import { CardChip } from './chip.ts'
import { CardLog } from './log.ts'
import { CardPin } from './pin.ts'
import { CardRequests } from './requests.ts'
import { CardStore } from './store.ts'

/** What the commands of a wallet work with. */
export class CardParts {
  readonly store: CardStore
  readonly chip: CardChip
  readonly log: CardLog
  readonly certificates: CardCertificates
  readonly requests: CardRequests
  readonly pin: CardPin

  constructor(host: AppletHost) {
    this.store = new CardStore(host.memory)
    this.chip = new CardChip(host, this.store)
    this.log = new CardLog(this.store, this.chip)
    this.certificates = new CardCertificates(this.store, this.chip, this.log)
    this.requests = new CardRequests(this.store, this.log)
    this.pin = new CardPin(this.store, this.chip)
  }

  /** This card, once it is personalised. */
  get self(): Party {
    const { office, card } = this.store.personalisation
    return { kind: 'card', office, card: cardIdOf(card) }
  }
}
