import {
  response,
  SW,
  type CommandApdu,
  type ResponseApdu,
  type StatusWord,
} from '../../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { amount } from '../../../kernel/message.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import { sum } from '../../../kernel/money.ts'
import { lasting, wiping } from '../../../kernel/wiping.ts'
import type { Applet, AppletHost, AppletSession, CommandHandler } from '../../../card/applet.ts'
import type { Silicon } from '../../../card/puf/silicon.ts'
import {
  arePaired,
  isGoodAt,
  NO_ELEMENT,
  readCertificate,
  type Confirmed,
} from '../certificates.ts'
import { Chunks } from '../chunks.ts'
import { CoinCheck, readCoinPlan, type CoinData } from './coin-check.ts'
import { registersFor, stockOf, type CoinRegister } from './coin-registers.ts'
import { selectCoins } from './coin-selector.ts'
import {
  answering,
  confirmedBank,
  ElementCore,
  isRefused,
  OWN_AREA_AT,
  STAGES,
  type Refused,
} from './core.ts'
import { refusalOfForm, type Forms } from './forms.ts'
import { COIN_SW, INS } from '../instructions.ts'
import { openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  COINS_MAX,
  COIN_AID,
  CONTEXT,
  HOPS_MAX,
  IDENTITY_AID,
  passedOn,
  payment,
  readCoin,
  request,
  requestId,
  settlement,
  status,
  transfer,
  VALUE_MAX,
  valueOf,
  type ReadCoin,
  type Request,
  type Settlement,
  type Transfer,
} from '../message.ts'
import { claim, preparation, prepared } from '../orders.ts'
import { Slots, SLOTS_SIZE, type Slot } from './slots.ts'

/**
 * The coin element: docs/protocol/coin.md, "The coin element". A reader makes it and loads it; of
 * payments it talks to the identity element of its card, and to nobody else.
 */
export function coinElement(silicon: Silicon): Applet {
  const session = (host: AppletHost) => new CoinSession(host, silicon)
  return {
    aid: COIN_AID,
    memorySize: OWN_AREA_AT + SLOTS_SIZE,
    open: session,
    serve(host, client) {
      if (!bytesEqual(client, IDENTITY_AID)) return undefined
      const served = session(host)
      return { process: (command) => served.serve(command) }
    },
  }
}

/** The interface inside the card: how the identity element finds it. */
export function coinElementOf(host: AppletHost): CommandHandler | undefined {
  return host.neighbour(COIN_AID)
}

/** A request that may be paid, until the identity element has authorised it. */
interface Prepared {
  readonly asked: Signed<Request>
  readonly digest: Bytes
  readonly vendor: Confirmed
  readonly bank: Confirmed
  readonly coins: readonly CoinRegister[]
}

class CoinSession implements AppletSession {
  readonly #core: ElementCore
  readonly #slots: Slots
  readonly #chunks = new Chunks()
  #plan: CoinData | undefined
  #prepared: Prepared | undefined

  constructor(host: AppletHost, silicon: Silicon) {
    this.#core = new ElementCore(host, { name: COIN_AID, silicon })
    this.#slots = new Slots(this.#core)
  }

  get selected(): ResponseApdu {
    return this.#core.selected(() => this.#own.own.element)
  }

  /** What a reader may: making it, and loading coins that only this PUF opens. */
  process(command: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(command, OUTSIDE)
    if (refusal !== undefined) return response(refusal)
    return answering(() => {
      switch (command.ins) {
        case INS.GENERATE:
          return this.#core.generate()
        case INS.ENROL:
          return this.#core.enrol(command)
        default:
          return this.#long(command)
      }
    })
  }

  #long(command: CommandApdu): ResponseApdu {
    const data = this.#chunks.take(command)
    if (data === 'more') return response(SW.OK)
    if (data === 'broken') return response(COIN_SW.MALFORMED)
    return command.ins === INS.LOAD ? this.#load(data) : this.#personalise(data)
  }

  /** What the identity element of its card may. Commands come whole. */
  serve(command: CommandApdu): ResponseApdu {
    return answering(() => {
      if (command.ins === INS.PAIR) return this.#pair(command.data)
      if (this.#core.stage !== STAGES.inUse) return response(COIN_SW.NOT_NOW)
      switch (command.ins) {
        case INS.PREPARE:
          return this.#prepare(command.data)
        case INS.RELEASE:
          return this.#release(command.data)
        case INS.SETTLE:
          return this.#settle(command.data)
        case INS.STATUS:
          return this.#status()
        case INS.CERTIFICATE:
          return response(SW.OK, this.#own.own.bytes)
        case INS.CLAIM:
          return this.#claim(command.p1)
        default:
          return response(SW.INS_NOT_SUPPORTED)
      }
    })
  }

  #personalise(data: Bytes): ResponseApdu {
    if (this.#core.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    readCoinPlan(data)
    return this.#core.personalise(data, STAGES.keyed)
  }

  #load(data: Bytes): ResponseApdu {
    return this.#core.load(data, (read) => {
      const { bank, own } = this.#own
      return this.#check.isGood(read, bank, own.element)
    })
  }

  /** Both certificates by one bank, and each names the other: the card is in use from here on. */
  #pair(data: Bytes): ResponseApdu {
    if (this.#core.stage === STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { bank, own } = this.#own
    const identity = readCertificate(data)
    const paired = arePaired(identity, own) && this.#core.crypto.isConfirmedBy(identity, bank)
    if (!paired) return response(COIN_SW.UNCONFIRMED)
    if (this.#core.stage === STAGES.keyed) this.#core.activate()
    return response(SW.OK, own.bytes)
  }

  /**
   * Whether a request may be paid, and with which coins: nothing changes. One that was paid before is
   * answered with the same payment, for the same vendor, whatever has become of the session since.
   */
  #prepare(data: Bytes): ResponseApdu {
    this.#prepared = undefined
    const given = preparation.decode(data)
    const signers = this.#signersOf(given)
    if (isRefused(signers)) return response(signers)
    const inner = this.#core.crypto.open(given.inner, CONTEXT.request)
    if (!inner) return response(COIN_SW.NOT_FOR_ME)
    const asked = openMessage(request, inner)
    const { vendor, bank } = signers
    if (!this.#core.crypto.verify(asked, vendor.publicKey)) return response(COIN_SW.BAD_SIGNATURE)
    if (!this.#isForMe(asked.content, vendor)) return response(COIN_SW.NOT_FOR_ME)
    this.#core.host.spend('sha-256')
    const digest = asked.digest
    const known = this.#slots.find(requestId(digest))
    const body = known && this.#slots.body(known)
    if (body) return again(body.sealed)
    const coins = this.#choose(asked.content, given, { vendor, bank })
    if ('sw' in coins) return coins
    this.#prepared = { asked, digest, vendor, bank, coins }
    return response(SW.OK, prepared.encode({ kind: 'fresh', bytes: digest }))
  }

  #signersOf(given: {
    readonly bank: readonly Bytes[]
    readonly vendor: Bytes
  }): { readonly vendor: Confirmed; readonly bank: Confirmed } | Refused {
    const { root, bank: own } = this.#own
    const { crypto } = this.#core
    const [shown] = given.bank
    const bank = shown ? confirmedBank(shown, root, crypto) : own
    const vendor = readCertificate(given.vendor)
    const isVendor = bank && vendor.role === 'vendor element' && crypto.isConfirmedBy(vendor, bank)
    return isVendor ? { vendor, bank } : COIN_SW.UNCONFIRMED
  }

  #isForMe({ vendor, element, identity }: Request, by: Confirmed): boolean {
    const { own } = this.#own
    return (
      bytesEqual(vendor, by.element) &&
      bytesEqual(element, own.element) &&
      bytesEqual(identity, own.partner)
    )
  }

  /** In the order of {@link COIN_SW}. */
  #choose(
    asked: Request,
    { nonce, pin }: { readonly nonce: Bytes; readonly pin: 'not given' | 'verified' },
    signers: { readonly vendor: Confirmed; readonly bank: Confirmed },
  ): readonly CoinRegister[] | ResponseApdu {
    const { currency, pinFreeMax } = this.#own
    if (!bytesEqual(nonce, asked.nonce)) return response(COIN_SW.STALE)
    const good = [signers.vendor, signers.bank].every((signer) => isGoodAt(signer, asked.madeAt))
    if (!good) return response(COIN_SW.UNCONFIRMED)
    if (asked.currency !== currency) return response(COIN_SW.WRONG_CURRENCY)
    if (asked.amount > pinFreeMax && pin !== 'verified') return response(COIN_SW.PIN_NEEDED)
    if (!this.#slots.next()) return response(COIN_SW.FULL)
    const all = this.#core.registers.list()
    const usable = all.filter(
      ({ bank, expires, hops }) =>
        asked.banks.includes(bank) && expires >= asked.madeAt && hops < HOPS_MAX,
    )
    const limits = { paidMax: COINS_MAX, changeMax: Math.min(COINS_MAX, this.#core.room) }
    const chosen = selectCoins(stockOf(usable), asked.float, asked.amount, limits)
    if ('paid' in chosen) return registersFor(chosen.paid, usable)
    const write = (value: bigint) => amount(4).write(value, 'by')
    const { shortBy, overBy } = chosen
    // What no request can ask for is no way out.
    const more = asked.amount + overBy > VALUE_MAX ? 0n : overBy
    return response(COIN_SW.CANNOT_PAY, new Uint8Array([...write(shortBy), ...write(more)]))
  }

  /**
   * Computes the coins, uses them up and answers the payment, sealed for the vendor. It is stored before
   * it leaves, in one write with the erasure of the coins.
   */
  #release(countersignature: Bytes): ResponseApdu {
    const ready = this.#prepared
    this.#prepared = undefined
    const slot = this.#slots.next()
    if (!ready || !slot) return response(COIN_SW.NOT_NOW)
    const { asked, vendor, digest, bank } = ready
    const sealed = this.#core.spend(ready.coins, (coins) => {
      const sequence = this.#core.sequence + 1
      const signed = this.#sign(coins, ready, sequence)
      const content = {
        request: asked.bytes,
        transfer: signed,
        countersignature,
        coins: coins.map(({ held }) => held),
      }
      const answer = this.#core.crypto.seal(
        vendor.publicKey,
        payment.encode(content),
        CONTEXT.payment,
      )
      const { till, madeAt, amount: due } = asked.content
      const known = { request: requestId(digest), vendor: vendor.element, till, madeAt, sequence }
      const paid = valueOf(coins)
      const part = this.#slots.fill(slot, known, {
        vendorKey: vendor.publicKey.bytes,
        bank: bank.bank,
        bankKey: bank.publicKey.bytes,
        paid,
        due: paid - due,
        request: asked.bytes,
        transfer: signed,
        sealed: answer,
      })
      return { parts: [part, this.#core.countPart({ sequence })], result: answer }
    })
    return response(SW.OK, sealed)
  }

  #sign(coins: readonly ReadCoin[], { vendor, digest }: Prepared, sequence: number): Bytes {
    return this.#core.crypto.sign(transfer, {
      kind: 'pay',
      giver: this.#own.own.element,
      taker: vendor.element,
      sequence,
      request: requestId(digest),
      coins: coins.map(({ digest: held }) => held),
    })
  }

  /** Receipt and change from a vendor element; or a bank that has settled it in another way. */
  #settle(data: Bytes): ResponseApdu {
    return response(wiping(() => this.#settled(data)))
  }

  /** A status word. */
  #settled(data: Bytes): StatusWord {
    const opened = this.#core.crypto.open(data, CONTEXT.settlement)
    if (!opened) return COIN_SW.NOT_FOR_ME
    const content = settlement.decode(opened)
    const signed = openMessage(transfer, content.transfer)
    const { giver, taker, request: id } = signed.content
    const slot = this.#slots.find(id)
    if (!slot || !bytesEqual(taker, this.#own.own.element)) return COIN_SW.NOT_FOUND
    if (bytesEqual(giver, NO_ELEMENT)) return this.#close(signed, slot)
    if (!bytesEqual(giver, slot.vendor)) return COIN_SW.NOT_FOUND
    const body = this.#slots.body(slot)
    if (!body) return COIN_SW.NOT_FOUND
    if (!this.#core.crypto.verify(signed, publicKeyFrom(body.vendorKey))) {
      return COIN_SW.BAD_SIGNATURE
    }
    if (slot.state === 'settled') return SW.OK
    const coins = content.coins.map(readCoin)
    const refusal = this.#check.refusalOfCoins(coins, signed.content, slot, body)
    return refusal ?? this.#take(content, signed, slot)
  }

  /** Its bank makes good for coins that no vendor can redeem any more: none is to get them again. */
  #close(signed: Signed<Transfer>, slot: Slot): StatusWord {
    const { kind, coins } = signed.content
    if (!this.#core.crypto.verify(signed, this.#own.bank.publicKey)) {
      return COIN_SW.BAD_SIGNATURE
    }
    if (kind !== 'return' || coins.length > 0) return COIN_SW.BAD_COIN
    this.#core.puf.notes.write(this.#slots.free(slot))
    return SW.OK
  }

  #take(content: Settlement, signed: Signed<Transfer>, slot: Slot): StatusWord {
    const enclosed = this.#core.enclose(content.coins.map((held) => passedOn(held, signed)))
    if (isRefused(enclosed)) return enclosed
    const { parts, ownSeeds } = enclosed
    this.#core.puf.notes.write(
      ...parts,
      this.#core.countPart({ ownSeeds }),
      this.#slots.settle(slot),
    )
    return SW.OK
  }

  #status(): ResponseApdu {
    const { own, currency } = this.#own
    const coins = this.#core.registers.list()
    const newest = this.#slots.newest()
    const answer = status.encode({
      element: own.element,
      currency,
      total: sum(coins.map(({ value }) => value)),
      coins: coins.length,
      sequence: this.#core.sequence,
      lastTill: newest?.till ?? 0,
      lastAt: newest?.madeAt ?? 0,
      open: this.#slots
        .list()
        .filter(({ state }) => state === 'open')
        .map(({ request: id, vendor }) => ({ request: id, vendor })),
    })
    return response(SW.OK, answer)
  }

  /** P1: which of the open payments. What it gave, for a bank to look into. */
  #claim(which: number): ResponseApdu {
    const slot = this.#slots.list().filter(({ state }) => state === 'open')[which]
    if (!slot) return response(COIN_SW.NOT_FOUND)
    const body = this.#slots.body(slot)
    if (!body) return response(COIN_SW.NOT_FOUND)
    return response(SW.OK, claim.encode({ request: body.request, transfer: body.transfer }))
  }

  get #check(): CoinCheck {
    return new CoinCheck(this.#core, this.#own)
  }

  /** What the bank wrote: read once a session. @throws {FormatError} if somebody else has. */
  get #own(): CoinData {
    this.#plan ??= lasting(() => readCoinPlan(this.#core.plan))
    return this.#plan
  }
}

function again(sealed: Bytes): ResponseApdu {
  return response(SW.OK, prepared.encode({ kind: 'again', bytes: sealed }))
}

const OUTSIDE: Forms = new Map([
  [INS.GENERATE, { p1: [0], p2: [0], sizes: [0] }],
  [INS.ENROL, { p1: undefined, p2: undefined, sizes: [0] }],
  [INS.PERSONALISE, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.LOAD, { p1: [0, 1], p2: undefined, sizes: undefined }],
])
