import { command, response, SW, type CommandApdu, type ResponseApdu } from '../../../kernel/apdu.ts'
import { bytesEqual, secretsEqual, utf8, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { DIGEST_SIZE, hmacSha256, sha256 } from '../../../kernel/hash.ts'
import { message, octets, uint8, type ValueOf } from '../../../kernel/message.ts'
import { isPinBlock, PIN_SIZE } from '../../../kernel/pin.ts'
import type { Applet, AppletHost, AppletSession, CommandHandler } from '../../../card/applet.ts'
import { RecordTampered, RootedMemory, ROOTED_OVERHEAD } from '../../../card/puf/rooted-memory.ts'
import type { Silicon } from '../../../card/puf/silicon.ts'
import { arePaired, NO_ELEMENT, readCertificate } from '../certificates.ts'
import { Chunks } from '../chunks.ts'
import { CryptographicElement } from './cryptographic-element.ts'
import { answering, STAGES } from './core.ts'
import { coinElementOf } from './coin-element.ts'
import { refusalOfForm, type Forms } from './forms.ts'
import { readSized, writeSized } from './memory.ts'
import { CLA, COIN_SW, INS } from '../instructions.ts'
import {
  authorisation,
  CONTEXT,
  envelope,
  fci,
  HELPER_SIZE,
  IDENTITY_AID,
  NONCE_SIZE,
  PIN_TRIES,
  presentation,
} from '../message.ts'
import { preparation, prepared } from '../orders.ts'
import { identityPlan, IDENTITY_PLAN_MAX } from '../plans.ts'

/** Bytes that a code is known by. */
const CODE_SIZE = 16
/** What it must not be made to forget, nor be told otherwise. Its codes are what their PUF makes of them. */
const state = message('state', {
  stage: uint8({}, '0 blank, 1 keyed, 2 in use'),
  pinTries: uint8(),
  unblockTries: uint8(),
  pin: octets(CODE_SIZE),
  unblocking: octets(CODE_SIZE),
  plan: octets(DIGEST_SIZE, 'SHA-256 of what the bank wrote'),
})
type State = ValueOf<typeof state>
const STATE_SIZE = 3 + 2 * CODE_SIZE + DIGEST_SIZE
const HELPER_AT = 144
invariant(STATE_SIZE + ROOTED_OVERHEAD <= HELPER_AT, 'the state lies before the helper')
const PLAN_AT = 256
/** With its length. */
const PLAN_SIZE = 2 + IDENTITY_PLAN_MAX
const MEMORY_SIZE = PLAN_AT + PLAN_SIZE

/**
 * The identity element: docs/protocol/coin.md, "The identity element". The only one that a vendor talks
 * to. It knows its holder by a PIN and takes the outer seal off; what is inside it cannot read.
 */
export function identityElement(silicon: Silicon): Applet {
  return {
    aid: IDENTITY_AID,
    memorySize: MEMORY_SIZE,
    open: (host) => new IdentitySession(host, silicon),
  }
}

type Envelope = ValueOf<typeof envelope>
type PinState = 'not given' | 'verified'

class IdentitySession implements AppletSession {
  readonly #host: AppletHost
  readonly #crypto: CryptographicElement
  readonly #memory: RootedMemory
  readonly #nonce: Bytes
  readonly #chunks = new Chunks()
  #plan: Plan | undefined
  readonly #coinElement: CommandHandler | undefined

  constructor(host: AppletHost, silicon: Silicon) {
    this.#host = host
    this.#crypto = new CryptographicElement(host, silicon.part(IDENTITY_AID), () =>
      host.memory.read(HELPER_AT, HELPER_SIZE),
    )
    this.#memory = new RootedMemory({
      memory: host.memory,
      size: STATE_SIZE,
      root: silicon.root(1),
      mark: (bytes) => this.#crypto.mark(bytes),
    })
    host.spend('random')
    this.#nonce = host.random.bytes(NONCE_SIZE)
    this.#coinElement = coinElementOf(host)
  }

  get selected(): ResponseApdu {
    return answering(() => {
      const id = this.#stage === STAGES.inUse ? this.#own.certificate.element : NO_ELEMENT
      return response(SW.OK, fci.encode({ name: IDENTITY_AID, id, nonce: this.#nonce }))
    })
  }

  process(apdu: CommandApdu): ResponseApdu {
    const refusal = refusalOfForm(apdu, FORMS)
    if (refusal !== undefined) return response(refusal)
    return answering(() => (LONG.has(apdu.ins) ? this.#long(apdu) : this.#short(apdu)))
  }

  #long(apdu: CommandApdu): ResponseApdu {
    const data = this.#chunks.take(apdu)
    if (data === 'more') return response(SW.OK)
    if (data === 'broken') return response(COIN_SW.MALFORMED)
    if (apdu.ins === INS.PERSONALISE) return this.#personalise(data)
    if (this.#stage !== STAGES.inUse) return response(COIN_SW.NOT_NOW)
    return apdu.ins === INS.PAY ? this.#pay(data) : this.#ask(INS.SETTLE, data)
  }

  #short(apdu: CommandApdu): ResponseApdu {
    this.#chunks.forget()
    if (apdu.ins === INS.GENERATE) return this.#generate()
    if (apdu.ins === INS.ACTIVATE) return this.#activate()
    if (this.#stage !== STAGES.inUse) return response(COIN_SW.NOT_NOW)
    switch (apdu.ins) {
      case INS.CERTIFICATE:
        return this.#certificate(apdu.p1)
      case INS.UNBLOCK_PIN:
        return this.#unblockPin(apdu.data)
      case INS.CLAIM:
        return this.#ask(INS.CLAIM, NOTHING, apdu.p1)
      default:
        return this.#ask(INS.STATUS, NOTHING)
    }
  }

  #generate(): ResponseApdu {
    if (this.#stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { helper, publicKey } = this.#crypto.generate()
    this.#host.memory.write({ offset: HELPER_AT, bytes: helper })
    return response(SW.OK, publicKey.bytes)
  }

  #personalise(data: Bytes): ResponseApdu {
    if (this.#stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { passcode, unblocking, ...certificates } = identityPlan.decode(data)
    if (!isPinBlock(passcode) || !isPinBlock(unblocking)) return response(COIN_SW.MALFORMED)
    readPlan(data)
    const plan = identityPlan.encode({ ...certificates, passcode: NO_CODE, unblocking: NO_CODE })
    writeSized(this.#host.memory, PLAN_AT, plan)
    this.#note({
      stage: STAGES.keyed,
      pinTries: PIN_TRIES,
      unblockTries: PIN_TRIES,
      pin: this.#known(passcode),
      unblocking: this.#known(unblocking),
      plan: sha256(plan),
    })
    return response(SW.OK)
  }

  /** Pairs it with the coin element of its card: each checks the other’s certificate. */
  #activate(): ResponseApdu {
    if (this.#stage === STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { certificate, bank } = this.#own
    const { data, sw } = this.#ask(INS.PAIR, certificate.bytes)
    if (sw !== SW.OK) return response(sw)
    const coinElement = readCertificate(data)
    const paired =
      arePaired(certificate, coinElement) && this.#crypto.isConfirmedBy(coinElement, bank)
    if (!paired) return response(COIN_SW.UNCONFIRMED)
    this.#note({ stage: STAGES.inUse })
    return response(SW.OK)
  }

  /** P1: 0 identity element, 1 coin element, 2 bank. */
  #certificate(which: number): ResponseApdu {
    if (which === 1) return this.#ask(INS.CERTIFICATE, NOTHING)
    const { certificate, bank } = this.#own
    return response(SW.OK, which === 0 ? certificate.bytes : bank.bytes)
  }

  #pay(data: Bytes): ResponseApdu {
    const shown = presentation.decode(data)
    const opened = this.#crypto.open(shown.sealed, CONTEXT.envelope)
    if (!opened) return response(COIN_SW.NOT_FOR_ME)
    const content = envelope.decode(opened)
    const pin = this.#pinOf(content)
    if (typeof pin !== 'string') return pin
    const { bank, vendor } = shown
    const { inner } = content
    const given = preparation.encode({ bank, vendor, nonce: this.#nonce, pin, inner })
    const answer = this.#ask(INS.PREPARE, given)
    if (answer.sw !== SW.OK) return answer
    const { kind, bytes } = prepared.decode(answer.data)
    return kind === 'again' ? response(SW.OK, bytes) : this.#authorise(bytes)
  }

  #authorise(request: Bytes): ResponseApdu {
    const { element: identity, partner: element } = this.#own.certificate
    const body = authorisation.encode({ identity, element, request })
    return this.#ask(INS.RELEASE, this.#crypto.signature(body))
  }

  /**
   * The PIN counts in the session that it was entered for. Otherwise somebody who has overheard a
   * payment could show it again between two guesses, to have his tries back.
   */
  #pinOf({ nonce, pin: [entered] }: Envelope): PinState | ResponseApdu {
    if (!entered || !bytesEqual(nonce, this.#nonce)) return 'not given'
    return this.#tryCode('pin', 'pinTries', entered) ?? 'verified'
  }

  /** Undefined if the code is right. Its tries count down before and up again after. */
  #tryCode(
    code: 'pin' | 'unblocking',
    counter: 'pinTries' | 'unblockTries',
    given: Bytes,
  ): ResponseApdu | undefined {
    const { [counter]: tries, [code]: right } = this.#state
    if (tries === 0) return response(COIN_SW.BLOCKED)
    const known = this.#known(given)
    this.#note({ [counter]: tries - 1 })
    if (!secretsEqual(known, right)) return response(0x63c0 | (tries - 1))
    this.#note({ [counter]: PIN_TRIES })
    return undefined
  }

  /** Unblocking code ‖ new PIN, in clear: for the bank’s desk and the holder’s own reader. */
  #unblockPin(data: Bytes): ResponseApdu {
    const pin = data.slice(PIN_SIZE)
    if (!isPinBlock(pin)) return response(COIN_SW.MALFORMED)
    const refusal = this.#tryCode('unblocking', 'unblockTries', data.slice(0, PIN_SIZE))
    if (refusal) return refusal
    this.#note({ pin: this.#known(pin), pinTries: PIN_TRIES })
    return response(SW.OK)
  }

  /** How a code is known without being in the memory: few have four digits, so it takes the PUF as well. */
  #known(code: Bytes): Bytes {
    const key = this.#crypto.secret(CODE)
    const known = hmacSha256(key, code).slice(0, CODE_SIZE)
    key.fill(0)
    return known
  }

  #ask(ins: number, data: Bytes, p1 = 0): ResponseApdu {
    return this.#coinElement?.process(command(CLA, ins, p1, 0, data)) ?? response(COIN_SW.NOT_NOW)
  }

  get #stage(): number {
    return this.#state.stage
  }

  get #state(): State {
    return state.decode(this.#memory.read(0, STATE_SIZE))
  }

  #note(change: Partial<State>): void {
    this.#memory.write({ offset: 0, bytes: state.encode({ ...this.#state, ...change }) })
  }

  /** What the bank wrote: read once a session. @throws {RecordTampered} if somebody else has. */
  get #own(): Plan {
    this.#plan ??= this.#readPlan()
    return this.#plan
  }

  #readPlan(): Plan {
    const bytes = readSized(this.#host.memory, PLAN_AT, PLAN_SIZE)
    if (bytesEqual(sha256(bytes), this.#state.plan)) return readPlan(bytes)
    throw new RecordTampered('the plan was put there from outside')
  }
}

const NOTHING: Bytes = new Uint8Array()
const NO_CODE: Bytes = new Uint8Array(PIN_SIZE)
const CODE: Bytes = utf8('code')

type Plan = ReturnType<typeof readPlan>

/** @throws {FormatError} if it is no plan of an identity element. */
function readPlan(bytes: Bytes) {
  const { bank, own } = identityPlan.decode(bytes)
  return { bank: readCertificate(bank), certificate: readCertificate(own) }
}

const LONG: ReadonlySet<number> = new Set([INS.PERSONALISE, INS.PAY, INS.SETTLE])
const FORMS: Forms = new Map([
  [INS.GENERATE, { p1: [0], p2: [0], sizes: [0] }],
  [INS.PERSONALISE, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.ACTIVATE, { p1: [0], p2: [0], sizes: [0] }],
  [INS.CERTIFICATE, { p1: [0, 1, 2], p2: [0], sizes: [0] }],
  [INS.STATUS, { p1: [0], p2: [0], sizes: [0] }],
  [INS.PAY, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.SETTLE, { p1: [0, 1], p2: undefined, sizes: undefined }],
  [INS.CLAIM, { p1: [0, 1, 2, 3], p2: [0], sizes: [0] }],
  [INS.UNBLOCK_PIN, { p1: [0], p2: [0], sizes: [2 * PIN_SIZE] }],
])
