import type { StatusWord } from '../../../kernel/apdu.ts'
import { secretsEqual, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import type { CardChip } from './chip.ts'
import type { CardStore, Tries } from './store.ts'
import { PIN_TRIES, pinContext } from '../message.ts'

/** SW1 ‖ C0: a wrong code; the last digit is how many tries are left. */
const WRONG_CODE = 0x63c0

/** PIN and unblocking code. */
export class CardPin {
  readonly #store: CardStore
  readonly #chip: CardChip

  constructor(store: CardStore, chip: CardChip) {
    this.#store = store
    this.#chip = chip
  }

  isBlocked(code: keyof Tries): boolean {
    return this.#store.tries[code] === 0
  }

  /**
   * What was sealed to this card, for its nonce of now and this subject.
   *
   * @throws {FormatError} if it was not.
   */
  unseal(sealed: Bytes, subject: Bytes): Bytes {
    return this.#chip.unseal(sealed, pinContext(this.#store.state.nonce, subject))
  }

  /** Undefined if the code, which is not blocked, is right. Its tries count down before it is compared, and up again after. */
  refusalOf(code: keyof Tries, given: Bytes): StatusWord | undefined {
    const left = this.#store.tries
    invariant(left[code] > 0, 'a code that is blocked is not compared')
    const fewer = left[code] - 1
    this.#store.writeTries({ ...left, [code]: fewer })
    if (!secretsEqual(given, this.#store.secrets[code])) return WRONG_CODE | fewer
    this.#store.writeTries({ ...left, [code]: PIN_TRIES })
    return undefined
  }
}
