import type { Applet, AppletHost, AppletSession } from '../../card/applet.ts'
import {
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { isPinBlock, PIN_SIZE } from '../../kernel/pin.ts'
import { refusalOfForm } from './card/forms.ts'
import { CardInstructions } from './card/instructions.ts'
import { paymentsLeft, spendable } from './card/limits.ts'
import { CardMaking } from './card/making.ts'
import { CardParts } from './card/parts.ts'
import { CardPayments } from './card/payments.ts'
import { CardReading } from './card/reading.ts'
import { MEMORY_SIZE, secretsPart, triesPart, type Tries } from './card/store.ts'
import {
  CARD_STATE_SIZE,
  cardState,
  fci,
  INS,
  PIN_SUBJECTS,
  PIN_TRIES,
  WALLET_AID,
  WALLET_SW,
  type CardState,
} from './message.ts'

/**
 * The wallet on a card: docs/protocol/wallet.md, “The card”. A record, the balance, the nonce and
 * whatever else a command changes are one write: it happens wholly or not at all.
 */
export const walletApplet: Applet = {
  aid: WALLET_AID,
  memorySize: MEMORY_SIZE,
  open: (host) => new WalletSession(host),
}

/** Nobody has it yet: all 00. */
const BLANK = cardState.decode(concat(Uint8Array.of(1), new Uint8Array(CARD_STATE_SIZE - 1)))

class WalletSession implements AppletSession {
  readonly #parts: CardParts
  readonly #making: CardMaking
  readonly #payments: CardPayments
  readonly #instructions: CardInstructions
  readonly #reading: CardReading
  /** The holder has shown his PIN, or paid, since the card was selected. */
  #hasShownPin = false
  #hasPaid = false

  constructor(host: AppletHost) {
    this.#parts = new CardParts(host)
    this.#making = new CardMaking(this.#parts)
    this.#payments = new CardPayments(this.#parts)
    this.#instructions = new CardInstructions(this.#parts)
    this.#reading = new CardReading(this.#parts)
  }

  get selected(): ResponseApdu {
    const state = this.#isInUse ? this.#state() : BLANK
    return response(SW.OK, fci.encode({ name: WALLET_AID, state: cardState.encode(state) }))
  }

  /** Malformed data is a `FormatError`: the card answers 6A80 to that. */
  process(apdu: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(apdu)
    if (refusal !== undefined) return response(refusal)
    if (apdu.ins === INS.GENERATE) return this.#making.generate()
    if (apdu.ins === INS.PERSONALISE) return this.#making.personalise(apdu)
    if (!this.#isInUse) return response(WALLET_SW.NOT_NOW)
    return this.#perform(apdu)
  }

  #perform(apdu: CommandApdu): ResponseApdu {
    const { data } = apdu
    switch (apdu.ins) {
      case INS.VERIFY_CERTIFICATE:
        return response(this.#parts.certificates.verify(data))
      case INS.PAY:
        return this.#pay(data)
      case INS.REQUEST:
        return this.#payments.request(data)
      case INS.RECEIVE:
        return this.#payments.receive(data)
      case INS.REFUSE:
        return this.#payments.refuse(data)
      case INS.REFUND:
        return this.#payments.refund(data)
      case INS.EXECUTE:
        return this.#instructions.execute(data)
      case INS.STATEMENT:
        return this.#instructions.statement(data)
      case INS.VERIFY_PIN:
        return response(this.#verifyPin(data))
      case INS.CHANGE_PIN:
        return response(this.#newPin('pin', data, PIN_SUBJECTS.change))
      case INS.UNBLOCK_PIN:
        return response(this.#newPin('unblocking', data, PIN_SUBJECTS.unblock))
      default:
        return this.#read(apdu)
    }
  }

  #read(apdu: CommandApdu): ResponseApdu {
    if (apdu.ins === INS.GET_DATA) return this.#reading.certificate(apdu)
    if (apdu.ins === INS.CARRY) return this.#reading.carry(apdu)
    if (!this.#mayRead) return response(WALLET_SW.PIN_NEEDED)
    return apdu.ins === INS.READ_RECORD ? this.#reading.record(apdu) : this.#reading.carried(apdu)
  }

  /** His records are the holder’s. A payee may see them whom his card is told to bring them to. */
  get #mayRead(): boolean {
    return this.#hasShownPin || (this.#hasPaid && this.#parts.store.policy.hops > 0)
  }

  #pay(data: Bytes): ResponseApdu {
    const answer = this.#payments.pay(data)
    if (answer.sw === SW.OK) this.#hasPaid = true
    return answer
  }

  /** Sealed PIN. */
  #verifyPin(sealed: Bytes): StatusWord {
    const { pin, store, chip } = this.#parts
    this.#hasShownPin = false
    if (pin.isBlocked('pin')) return WALLET_SW.BLOCKED
    const refusal = pin.refusalOf('pin', pin.unseal(sealed, PIN_SUBJECTS.verify))
    if (refusal !== undefined) return refusal
    // Whoever overheard it must not show it again.
    store.commit({ nonce: chip.nonce() })
    this.#hasShownPin = true
    return SW.OK
  }

  /** Sealed: the old PIN, or the unblocking code, and the new PIN. */
  #newPin(code: keyof Tries, sealed: Bytes, subject: Bytes): StatusWord {
    const { pin, store, chip } = this.#parts
    if (pin.isBlocked(code)) return WALLET_SW.BLOCKED
    const opened = pin.unseal(sealed, subject)
    const next = opened.slice(PIN_SIZE)
    if (!isPinBlock(next)) return WALLET_SW.MALFORMED
    const refusal = pin.refusalOf(code, opened.slice(0, PIN_SIZE))
    if (refusal !== undefined) return refusal
    store.commit(
      { nonce: chip.nonce() },
      secretsPart({ ...store.secrets, pin: next }),
      triesPart({ ...store.tries, pin: PIN_TRIES }),
    )
    return SW.OK
  }

  get #isInUse(): boolean {
    return this.#parts.store.state.stage === 'in use'
  }

  #state(): CardState {
    const { store, log, requests } = this.#parts
    const { office, card, currency } = store.personalisation
    return {
      ...store.state,
      phase: 'in use',
      office,
      card,
      currency,
      spendable: spendable(store, log),
      paymentsLeft: paymentsLeft(store, log),
      pinFreeMax: store.policy.pinFreeMax,
      pinTries: store.tries.pin,
      open: requests.open().length,
    }
  }
}
