import { response, SW, type CommandApdu, type ResponseApdu } from '../../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../../../kernel/hash.ts'
import type { ValueOf } from '../../../kernel/message.ts'
import { sum } from '../../../kernel/money.ts'
import { lasting, wiping } from '../../../kernel/wiping.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import type { Applet, AppletHost, AppletSession } from '../../../card/applet.ts'
import type { Silicon } from '../../../card/puf/silicon.ts'
import { NO_ELEMENT, type Confirmed } from '../certificates.ts'
import { Chunks } from '../chunks.ts'
import { registersFor, stockOf, type CoinRegister } from './coin-registers.ts'
import { selectExact } from './coin-selector.ts'
import { answering, ElementCore, isRefused, OWN_AREA_AT, STAGES, type Refused } from './core.ts'
import { refusalOfForm, type Forms } from './forms.ts'
import { COIN_SW, INS } from '../instructions.ts'
import { openMessage } from '../../../kernel/signed-message.ts'
import {
  BANKS_MAX,
  coinId,
  COINS_MAX,
  CONTEXT,
  envelope,
  evidence,
  FLOAT_MAX,
  HOPS_MAX,
  passedOn,
  presentation,
  readCoin,
  request,
  requestId,
  settlement,
  transfer,
  valueOf,
  VENDOR_AID,
  type ReadCoin,
  type Request,
  type Transfer,
  type TransferKind,
} from '../message.ts'
import {
  acceptOrder,
  outcome,
  requested,
  requestOrder,
  vendorStatus,
  type Outcome,
} from '../orders.ts'
import {
  isUnbound,
  PaymentCheck,
  readVendorPlan,
  type Received,
  type VendorData,
} from './payment-check.ts'
import { DECIDED_WINDOW, Outbox, OUTBOX_SIZE } from './outbox.ts'

/**
 * The vendor element: the vendor’s own coin element, in the second slot of a till. It asks for money,
 * takes it, gives change from its registers, and tells the office. A till only carries its bytes.
 */
export function vendorElement(silicon: Silicon): Applet {
  return {
    aid: VENDOR_AID,
    memorySize: OWN_AREA_AT + OUTBOX_SIZE,
    open: (host) => new VendorSession(host, silicon),
  }
}

/** What becomes of it. */
interface Decision {
  readonly kind: 'paid' | 'returned'
  readonly change: readonly CoinRegister[]
  readonly kept: readonly ReadCoin[]
}

class VendorSession implements AppletSession {
  readonly #core: ElementCore
  readonly #outbox: Outbox
  readonly #chunks = new Chunks()
  #plan: VendorData | undefined

  constructor(host: AppletHost, silicon: Silicon) {
    this.#core = new ElementCore(host, { name: VENDOR_AID, silicon })
    this.#outbox = new Outbox(this.#core)
  }

  get selected(): ResponseApdu {
    return this.#core.selected(() => this.#own.own.element)
  }

  process(command: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(command, FORMS)
    if (refusal !== undefined) return response(refusal)
    return answering(() => (LONG.has(command.ins) ? this.#long(command) : this.#short(command)))
  }

  #long(command: CommandApdu): ResponseApdu {
    const data = this.#chunks.take(command)
    if (data === 'more') return response(SW.OK)
    if (data === 'broken') return response(COIN_SW.MALFORMED)
    if (command.ins === INS.PERSONALISE) return this.#personalise(data)
    if (this.#core.stage !== STAGES.inUse) return response(COIN_SW.NOT_NOW)
    if (command.ins === INS.LOAD) return this.#load(data)
    return command.ins === INS.REQUEST ? this.#request(data) : this.#accept(data)
  }

  #short(command: CommandApdu): ResponseApdu {
    this.#chunks.forget()
    if (command.ins === INS.GENERATE) return this.#core.generate()
    if (command.ins === INS.ENROL) return this.#core.enrol(command)
    if (this.#core.stage !== STAGES.inUse) return response(COIN_SW.NOT_NOW)
    switch (command.ins) {
      case INS.STATUS:
        return this.#status()
      case INS.OUTCOME:
        return this.#lastOutcome()
      case INS.CONFIRM:
        return this.#confirm(command.data)
      default:
        return this.#surrender()
    }
  }

  #personalise(data: Bytes): ResponseApdu {
    if (this.#core.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    readVendorPlan(data)
    return this.#core.personalise(data, STAGES.inUse)
  }

  #load(data: Bytes): ResponseApdu {
    const { own } = this.#own
    return this.#core.load(
      data,
      (read) => isUnbound(read) && this.#check.isGood(read, own.element, this.#own.banks),
    )
  }

  #status(): ResponseApdu {
    const { till, currency } = this.#own
    const coins = this.#core.registers.list()
    const answer = vendorStatus.encode({
      till,
      currency,
      number: this.#outbox.number,
      total: sum(coins.map(({ value }) => value)),
      coins: coins.length,
      outcome: this.#outbox.isWaiting ? 'waiting' : 'none',
      float: stockOf(coins),
    })
    return response(SW.OK, answer)
  }

  /** Signs a request and seals it twice: to the coin element, and around that to the identity element. */
  #request(data: Bytes): ResponseApdu {
    const order = requestOrder.decode(data)
    const customer = this.#check.customerOf(order, order.madeAt)
    if (isRefused(customer)) return response(customer)
    if (order.number <= this.#outbox.number) return response(COIN_SW.NOT_NOW)
    const { own, till, currency, banks } = this.#own
    const { identity, element, bank } = customer
    const content: Request = {
      vendor: own.element,
      till,
      identity: identity.element,
      element: element.element,
      nonce: order.nonce,
      number: order.number,
      amount: order.amount,
      currency,
      madeAt: order.madeAt,
      banks: this.#banksFor(bank),
      float: stockOf(this.#changeFor(bank, order.madeAt))
        .slice(0, FLOAT_MAX)
        .map(({ value, count }) => ({ value, count: Math.min(count, 0xff) })),
    }
    const asked = this.#core.crypto.sign(request, content)
    const inner = this.#core.crypto.seal(element.publicKey, asked, CONTEXT.request)
    const { nonce, pin } = order
    const outer = envelope.encode({ nonce, pin, inner })
    const sealed = this.#core.crypto.seal(identity.publicKey, outer, CONTEXT.envelope)
    this.#core.puf.notes.write(this.#outbox.numberPart(order.number))
    const ownBank = banks[0]
    const shown = ownBank && ownBank.bank !== bank.bank ? [ownBank.bytes] : []
    const answer = requested.encode({
      request: openMessage(request, asked).digest,
      presentation: presentation.encode({ bank: shown, vendor: own.bytes, sealed }),
    })
    return response(SW.OK, answer)
  }

  /** Whose coins this card may pay with: it has shown its bank, which may be younger than this element. */
  #banksFor({ bank }: Confirmed): readonly number[] {
    const others = this.#own.banks.map((known) => known.bank).filter((known) => known !== bank)
    return [bank, ...others].slice(0, BANKS_MAX)
  }

  /** Coins that this customer’s element can check, and can spend again somewhere else. */
  #changeFor(bank: Confirmed, at: number): readonly CoinRegister[] {
    const known = [this.#own.banks[0]?.bank, bank.bank]
    return this.#core.registers
      .list()
      .filter((held) => known.includes(held.bank) && held.hops + 1 < HOPS_MAX && held.expires >= at)
  }

  /**
   * Takes a payment, or gives it back, and decides once: whoever asks again for the same one gets the
   * same outcome, until another one is decided.
   */
  #accept(data: Bytes): ResponseApdu {
    const answer = wiping(() => this.#accepted(data))
    return isRefused(answer) ? response(answer) : response(SW.OK, answer)
  }

  /** The outcome. */
  #accepted(data: Bytes): Bytes | Refused {
    const order = acceptOrder.decode(data)
    const customer = this.#check.customerOf(order, undefined)
    if (isRefused(customer)) return customer
    const opened = this.#core.crypto.open(order.sealed, CONTEXT.payment)
    if (!opened) return COIN_SW.NOT_FOR_ME
    const received = this.#check.read(opened, customer)
    if (isRefused(received)) return received
    const last = this.#outbox.last()
    if (last && bytesEqual(last.request, received.digest)) return outcome.encode(last)
    if (this.#outbox.isWaiting) return COIN_SW.NOT_NOW
    const { number } = received.asked.content
    if (this.#outbox.number - number >= DECIDED_WINDOW) return COIN_SW.TOO_OLD
    if (this.#outbox.isDecided(number)) return COIN_SW.DECIDED
    const refusal = this.#check.refusalOfCoins(received)
    if (refusal !== undefined) return refusal
    const decision = order.mode === 'take' ? this.#decide(received) : RETURN
    return this.#carryOut(received, decision)
  }

  /** Gives everything back if the change that was there when it asked has gone to somebody else. */
  #decide({ coins, asked, customer }: Received): Decision {
    const { amount, madeAt } = asked.content
    const available = this.#changeFor(customer.bank, madeAt)
    const values = selectExact(stockOf(available), valueOf(coins) - amount, COINS_MAX)
    if (!values) return RETURN
    return { kind: 'paid', change: registersFor(values, available), kept: this.#toKeep(coins) }
  }

  /** What can be given as change once more: bound to nobody, with two hops to go, not too many of it. */
  #toKeep(coins: readonly ReadCoin[]): readonly ReadCoin[] {
    const { banks, keepMax } = this.#own
    const counts = new Map(
      stockOf(this.#core.registers.list()).map(({ value, count }) => [value, count]),
    )
    const kept: ReadCoin[] = []
    for (const read of coins) {
      const { value, bank } = read.coin.content
      const count = counts.get(value) ?? 0
      const isUseful =
        isUnbound(read) &&
        read.hops.length + 2 < HOPS_MAX &&
        banks.some((known) => known.bank === bank)
      if (!isUseful || count >= keepMax || kept.length >= this.#core.room) continue
      counts.set(value, count + 1)
      kept.push(read)
    }
    return kept
  }

  /** From here on it is decided: one write, then the outcome. */
  #carryOut(received: Received, decision: Decision): Bytes {
    const { customer, paid, asked, digest, coins } = received
    const { kind, kept } = decision
    return this.#core.spend(decision.change, (change) => {
      const taken = coins.map(({ held }) => readCoin(passedOn(held, paid)))
      const back = kind === 'paid' ? change : taken
      const sequence = this.#core.sequence + 1
      const settled = settlement.encode({
        transfer: this.#sign(kind === 'paid' ? 'change' : 'return', sequence, {
          taker: customer.element.element,
          request: requestId(digest),
          coins: back.map(({ digest: held }) => held),
        }),
        coins: back.map(({ held }) => held),
      })
      const enclosed = this.#core.enclose(kept.map(({ held }) => passedOn(held, paid)))
      invariant(!isRefused(enclosed), 'there is room for what is kept')
      const decided: Outcome = {
        kind,
        request: digest,
        element: customer.element.element,
        amount: kind === 'paid' ? asked.content.amount : 0n,
        change: valueOf(back),
        settlement: this.#core.crypto.seal(customer.element.publicKey, settled, CONTEXT.settlement),
        evidence: this.#evidence({
          kind: 'payment',
          payment: [received.bytes],
          settlement: settled,
          kept: kept.map(({ coin }) => coinId(coin.content)),
          certificates: [customer.identity.bytes, customer.element.bytes],
        }),
      }
      const parts = [
        ...enclosed.parts,
        this.#core.countPart({ sequence, ownSeeds: enclosed.ownSeeds }),
        this.#outbox.decide(decided, asked.content.number),
      ]
      return { parts, result: outcome.encode(decided) }
    })
  }

  /** Gives up to ten of its coins, those that expire first, to its bank: whatever it held as change. */
  #surrender(): ResponseApdu {
    if (this.#outbox.isWaiting) return response(COIN_SW.NOT_NOW)
    const all = this.#core.registers.list().toSorted((a, b) => a.expires - b.expires)
    if (all.length === 0) return response(COIN_SW.NOT_FOUND)
    const done = this.#core.spend(all.slice(0, COINS_MAX), (coins) => {
      const sequence = this.#core.sequence + 1
      const signed = this.#sign('surrender', sequence, {
        taker: NO_ELEMENT,
        request: requestId(this.#core.host.random.bytes(DIGEST_SIZE)),
        coins: coins.map(({ digest: held }) => held),
      })
      const given = settlement.encode({ transfer: signed, coins: coins.map(({ held }) => held) })
      const decided: Outcome = {
        kind: 'surrendered',
        request: sha256(signed),
        element: NO_ELEMENT,
        amount: valueOf(coins),
        change: 0n,
        settlement: NOTHING,
        evidence: this.#evidence({
          kind: 'surrender',
          payment: [],
          settlement: given,
          kept: [],
          certificates: [],
        }),
      }
      const parts = [this.#core.countPart({ sequence }), this.#outbox.decide(decided, undefined)]
      return { parts, result: outcome.encode(decided) }
    })
    return response(SW.OK, done)
  }

  #sign(
    kind: TransferKind,
    sequence: number,
    content: Pick<Transfer, 'taker' | 'request' | 'coins'>,
  ): Bytes {
    const giver = this.#own.own.element
    return this.#core.crypto.sign(transfer, { kind, giver, sequence, ...content })
  }

  #evidence(content: Omit<ValueOf<typeof evidence>, 'vendor'>): Bytes {
    const { own, office } = this.#own
    const signed = this.#core.crypto.sign(evidence, { ...content, vendor: own.element })
    return this.#core.crypto.seal(publicKeyFrom(office), signed, CONTEXT.evidence)
  }

  #lastOutcome(): ResponseApdu {
    const last = this.#outbox.last()
    return last ? response(SW.OK, outcome.encode(last)) : response(COIN_SW.NOT_FOUND)
  }

  /** The till has the newest outcome where it is safe. */
  #confirm(digest: Bytes): ResponseApdu {
    const last = this.#outbox.last()
    if (!last || !bytesEqual(last.request, digest)) return response(COIN_SW.NOT_FOUND)
    this.#core.puf.notes.write(this.#outbox.confirmPart())
    return response(SW.OK)
  }

  get #check(): PaymentCheck {
    return new PaymentCheck(this.#core, this.#own)
  }

  /** What the bank wrote: read once a session. @throws {FormatError} if somebody else has. */
  get #own(): VendorData {
    this.#plan ??= lasting(() => readVendorPlan(this.#core.plan))
    return this.#plan
  }
}

const NOTHING: Bytes = new Uint8Array()
const RETURN: Decision = { kind: 'returned', change: [], kept: [] }

const LONG: ReadonlySet<number> = new Set([INS.PERSONALISE, INS.LOAD, INS.REQUEST, INS.ACCEPT])
const FORMS: Forms = new Map([
  [INS.GENERATE, { p1: [0], p2: [0], sizes: [0] }],
  [INS.ENROL, { p1: undefined, p2: undefined, sizes: [0] }],
  [INS.PERSONALISE, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.LOAD, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.STATUS, { p1: [0], p2: [0], sizes: [0] }],
  [INS.REQUEST, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.ACCEPT, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.OUTCOME, { p1: [0], p2: [0], sizes: [0] }],
  [INS.CONFIRM, { p1: [0], p2: [0], sizes: [DIGEST_SIZE] }],
  [INS.SURRENDER, { p1: [0], p2: [0], sizes: [0] }],
])
