import { toHex } from '../../kernel/bytes.ts'
import { FormatError } from '../../kernel/errors.ts'
import { PASSCODE_FORM, PIN_SIZE } from '../../kernel/pin.ts'
import { isProcessorCard } from '../../reader/atr.ts'
import { CardRefused, CardTorn, type Channel } from '../../reader/channel.ts'
import type {
  Desk,
  Order,
  Refusal,
  RefundOrder,
  ShowResult,
  TapCost,
  TapResult,
  TillScheme,
} from '../../till/scheme.ts'
import { isSignedBy } from '../../kernel/signed-message.ts'
import {
  CARD_STATE_SIZE,
  NONCE_SIZE,
  SCHEME,
  SIGNED_RECORD_SIZE,
  SIGNED_REQUEST_SIZE,
  WALLET_AID,
} from './message.ts'
import { refusalOfCard } from './till/plan.ts'
import { refused } from './till/statuses.ts'
import { meet, viewOf, type Met } from './till/meeting.ts'
import { refusalOf } from './till/records.ts'
import { Tap } from './till/tap.ts'

/** The till’s side of the scheme `wallet`: docs/protocol/wallet.md. */
export const walletTill: TillScheme = {
  name: SCHEME,
  recognises: isProcessorCard,
  show,
  perform: (channel, order, desk) => {
    checkOrder(order)
    return atCard(channel, desk, (tap) => tap.perform(order))
  },
  refunds: {
    refuse: refusalOf,
    perform: (channel, order: RefundOrder, desk) =>
      atCard(channel, desk, (tap) => tap.refund(order)),
  },
  cost,
}

/** @throws {FormatError} if no till could carry it out at any card. */
function checkOrder(order: Order): void {
  if (order.passcode !== '' && !PASSCODE_FORM.test(order.passcode)) {
    throw new FormatError('order.passcode', 'expected 4 to 8 digits, or nothing')
  }
  if (order.kind === 'passcode') {
    if (!PASSCODE_FORM.test(order.newPasscode)) {
      throw new FormatError('order.newPasscode', 'expected 4 to 8 digits')
    }
  } else if (order.amount <= 0n) {
    throw new FormatError('order.amount', `expected more than 0, got ${order.amount}`)
  }
}

/** @throws {CardTorn} if the card goes before anything was written on it or in the journal. */
async function atCard(
  channel: Channel,
  desk: Desk,
  work: (tap: Tap) => Promise<TapResult>,
): Promise<TapResult> {
  const met = await unlessDamaged(() => meet(channel, desk))
  if ('result' in met) return met
  const refusal = refusalOfCard(met.card.state, met.papers, desk)
  return refusal ?? work(new Tap(met, desk))
}

async function show(channel: Channel, desk: Desk): Promise<ShowResult> {
  try {
    return await unlessDamaged(async () => {
      const met = await meet(channel, desk)
      if ('result' in met) return met
      return (await isThere(met, desk))
        ? { result: 'shown', view: viewOf(met.card.state, desk) }
        : refused('counterfeit_card')
    })
  } catch (error) {
    if (error instanceof CardTorn) return { result: 'torn' }
    throw error
  }
}

/** Whether it is the card itself that says so, and now: whoever has heard one could repeat it. */
async function isThere({ card, certificates }: Met, { random }: Desk): Promise<boolean> {
  const nonce = random.bytes(NONCE_SIZE)
  const answer = await card.statement(nonce)
  if (!answer.ok) return false
  const { content } = answer.value
  return (
    isSignedBy(answer.value, certificates.card.certificate.publicKey) &&
    toHex(content.nonce) === toHex(nonce) &&
    content.balance === card.state.balance &&
    content.sequence === card.state.sequence
  )
}

async function unlessDamaged<T>(work: () => Promise<T>): Promise<T | Refusal> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CardRefused) return refused('damaged_card')
    throw error
  }
}

/** Header, Lc and Le of a command; status word of an answer; FCI around a state: 6F, 84, AID, 85. */
const COMMAND_FRAME = 6
const ANSWER_FRAME = 2
const FCI_FRAME = 2 + 2 + 2
/** Ephemeral key, nonce, PIN block and tag. */
const SEALED_PIN_SIZE = 64 + 12 + PIN_SIZE + 16

/** At a card that was here before and knows this till: SELECT and PAY. */
function cost({ kind, passcode }: Order): TapCost {
  const pin = passcode === '' ? 0 : SEALED_PIN_SIZE
  const select = { out: WALLET_AID.length, back: FCI_FRAME + WALLET_AID.length + CARD_STATE_SIZE }
  const acts = {
    pay: [{ out: SIGNED_REQUEST_SIZE + pin, back: SIGNED_RECORD_SIZE }],
    // Old and new.
    passcode: [{ out: SEALED_PIN_SIZE + PIN_SIZE, back: 0 }],
    load: [],
  }
  const steps = [select, ...acts[kind]]
  return {
    apdus: steps.length,
    bytesOut: steps.reduce((sum, { out }) => sum + COMMAND_FRAME + out, 0),
    bytesIn: steps.reduce((sum, { back }) => sum + ANSWER_FRAME + back, 0),
  }
}
