import { response, SW, type CommandApdu, type ResponseApdu } from '../../../kernel/apdu.ts'
import { bytesEqual, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { DIGEST_SIZE, sha256 } from '../../../kernel/hash.ts'
import { message, octets, uint16, uint32, uint8, type ValueOf } from '../../../kernel/message.ts'
import { wiping } from '../../../kernel/wiping.ts'
import type { AppletHost, MemoryPart } from '../../../card/applet.ts'
import {
  CHALLENGES,
  ErasablePuf,
  recordSize,
  type Consumption,
} from '../../../card/puf/erasable-puf.ts'
import { RecordTampered } from '../../../card/puf/rooted-memory.ts'
import type { Silicon } from '../../../card/puf/silicon.ts'
import { NO_ELEMENT, readCertificate, type Confirmed } from '../certificates.ts'
import { encloseCoin, reconstructCoin } from './coin-reconstructor.ts'
import {
  CoinRegisters,
  DIRECTORY_SIZE,
  REGISTER_SIZE,
  type CoinRegister,
} from './coin-registers.ts'
import { CryptographicElement, PufFailed } from './cryptographic-element.ts'
import { readSized, writeSized } from './memory.ts'
import { COIN_SW } from '../instructions.ts'
import {
  fci,
  HELPER_SIZE,
  holderOf,
  isChain,
  readCoin,
  REGISTERS,
  type HeldCoin,
  type ReadCoin,
} from '../message.ts'
import { ELEMENT_PLAN_MAX, register } from '../plans.ts'

/** How far an element is: blank, with its key, in use for good. */
export const STAGES = { blank: 0, keyed: 1, inUse: 2 } as const

/** What an element must not be made to forget, beside what its PUF has erased and where its coins are. */
const header = message('header', {
  stage: uint8({}, '0 blank, 1 keyed, 2 in use'),
  ownSeeds: uint16({}, 'seeds that it has made registers with by itself: from the highest down'),
  sequence: uint32({}, 'of the newest transfer that it signed'),
  plan: octets(DIGEST_SIZE, 'SHA-256 of what the bank wrote'),
})
type Header = ValueOf<typeof header>
/** In the notes of its PUF, after the directory: the header, and then an element’s own. */
const HEADER_AT = DIRECTORY_SIZE
const OWN_NOTES_AT = HEADER_AT + 39
const OWN_NOTES_SIZE = 240
const NOTES_SIZE = OWN_NOTES_AT + OWN_NOTES_SIZE

/** The part of the memory that coin element and vendor element have alike, in pages of 256 bytes. */
const HELPER_AT = 1280
invariant(recordSize(NOTES_SIZE) <= HELPER_AT, 'the record of the PUF lies before the helper')
const PLAN_AT = 1536
const REGISTERS_AT = PLAN_AT + ELEMENT_PLAN_MAX
/** From here on all is an element’s own. */
export const OWN_AREA_AT = REGISTERS_AT + REGISTERS * REGISTER_SIZE

/** Registers that were filled, and what has to be noted for them to count. */
export interface Enclosed {
  readonly parts: readonly MemoryPart[]
  readonly ownSeeds: number
}

/** A status word in the place of what was asked for. */
export type Refused = number

export function isRefused(value: unknown): value is Refused {
  return typeof value === 'number'
}

/** What an element is made with. */
export interface ElementDesign {
  readonly name: Bytes
  readonly silicon: Silicon
}

/** The components that coin element and vendor element are made of. */
export class ElementCore {
  readonly host: AppletHost
  readonly puf: ErasablePuf
  /** Coin registers. */
  readonly registers: CoinRegisters
  /** Cryptographic element, with its key generator. */
  readonly crypto: CryptographicElement
  readonly nonce: Bytes
  readonly #name: Bytes

  constructor(host: AppletHost, { name, silicon }: ElementDesign) {
    const { memory } = host
    const puf = silicon.part(name)
    this.host = host
    this.#name = name
    this.crypto = new CryptographicElement(host, puf, () => memory.read(HELPER_AT, HELPER_SIZE))
    this.puf = new ErasablePuf({
      puf,
      record: memory,
      notesSize: NOTES_SIZE,
      root: silicon.root(0),
      mark: (bytes) => this.crypto.mark(bytes),
    })
    this.registers = new CoinRegisters(memory, this.puf, REGISTERS_AT)
    host.spend('random')
    this.nonce = host.random.bytes(8)
  }

  /** `id`: of one that is not blank. */
  selected(id: () => Bytes): ResponseApdu {
    return answering(() => {
      const known = this.stage === STAGES.blank ? NO_ELEMENT : id()
      return response(SW.OK, fci.encode({ name: this.#name, id: known, nonce: this.nonce }))
    })
  }

  get stage(): number {
    return this.#header.stage
  }

  /** Of the newest transfer that it signed. */
  get sequence(): number {
    return this.#header.sequence
  }

  /** Counts once it is noted: with the coins that the transfer moves. */
  countPart(change: Partial<Pick<Header, 'sequence' | 'ownSeeds'>>): MemoryPart {
    return this.#headerPart(change)
  }

  /** Notes of an element’s own: {@link OWN_NOTES_SIZE} bytes. */
  get notes(): Bytes {
    return this.puf.notes.read(OWN_NOTES_AT, OWN_NOTES_SIZE)
  }

  notesPart(offset: number, bytes: Bytes): MemoryPart {
    invariant(offset + bytes.length <= OWN_NOTES_SIZE, 'an element has room for its notes')
    return { offset: OWN_NOTES_AT + offset, bytes }
  }

  /** What the bank wrote, or empty. @throws {RecordTampered} if somebody else has written it. */
  get plan(): Bytes {
    const plan = readSized(this.host.memory, PLAN_AT, ELEMENT_PLAN_MAX)
    if (bytesEqual(sha256(plan), this.#header.plan)) return plan
    throw new RecordTampered('the plan was put there from outside')
  }

  get #header(): Header {
    return header.decode(this.puf.notes.read(HEADER_AT, OWN_NOTES_AT - HEADER_AT))
  }

  #headerPart(change: Partial<Header>): MemoryPart {
    return { offset: HEADER_AT, bytes: header.encode({ ...this.#header, ...change }) }
  }

  /** Fixes the key. Again as often as needed, until there is a plan. */
  generate(): ResponseApdu {
    if (this.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { helper, publicKey } = this.crypto.generate()
    this.host.memory.write({ offset: HELPER_AT, bytes: helper })
    return response(SW.OK, publicKey.bytes)
  }

  /** What the PUF answers to a bank’s challenge: before anybody else has the chip. */
  enrol({ p1, p2 }: CommandApdu): ResponseApdu {
    const challenge = (p1 << 8) | p2
    if (this.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    if (challenge >= BANK_SEEDS) return response(COIN_SW.NOT_FOUND)
    this.host.spend('puf-enrol')
    const enrolled = this.puf.enrol(challenge)
    return enrolled ? response(SW.OK, enrolled) : response(COIN_SW.DEAD_REGISTER)
  }

  /** Keeps what the bank wrote, and closes the factory’s commands for good. */
  personalise(plan: Bytes, stage: (typeof STAGES)['keyed' | 'inUse']): ResponseApdu {
    writeSized(this.host.memory, PLAN_AT, plan)
    this.puf.notes.write(this.#headerPart({ stage, plan: sha256(plan) }))
    return response(SW.OK)
  }

  activate(): void {
    this.puf.notes.write(this.#headerPart({ stage: STAGES.inUse }))
  }

  /**
   * Takes a register from a bank that has enrolled its seed. The coin is computed to see that it is
   * there, and nothing is erased.
   *
   * @throws {FormatError} if it is no register.
   */
  load(bytes: Bytes, isGood: (coin: ReadCoin) => boolean): ResponseApdu {
    if (this.stage === STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { seed } = register.decode(bytes)
    if (this.registers.list().some((known) => known.seed === seed)) return response(SW.OK)
    if (seed >= BANK_SEEDS) return response(COIN_SW.DEAD_REGISTER)
    const refusal = wiping(() => {
      const held = this.#peek(bytes, seed)
      if (!held) return COIN_SW.DEAD_REGISTER
      return isGood(readCoin(held)) ? undefined : COIN_SW.BAD_COIN
    })
    if (refusal !== undefined) return response(refusal)
    const [index] = this.registers.free()
    if (index === undefined) return response(COIN_SW.NO_ROOM)
    this.puf.notes.write(this.registers.fill(index, bytes))
    return response(SW.OK)
  }

  /** Undefined also if the seed is erased. */
  #peek(bytes: Bytes, seed: number): HeldCoin | undefined {
    let held: HeldCoin | undefined
    this.#spendOnCoins(1)
    this.puf.once([seed], ([read = new Uint8Array()]) => {
      held = reconstructCoin(bytes, read)
      return undefined
    })
    return held
  }

  /**
   * Computes coins on the fly and uses them up: what `work` makes of them is durable with their erasure,
   * and only then leaves. All that shows them is wiped.
   *
   * @throws {PufFailed} if one does not come out of the PUF. Then none is used up.
   */
  spend(
    coins: readonly CoinRegister[],
    work: (coins: readonly ReadCoin[]) => Consumption<Bytes>,
  ): Bytes {
    return wiping(() => this.#spend(coins, work))
  }

  #spend(
    coins: readonly CoinRegister[],
    work: (coins: readonly ReadCoin[]) => Consumption<Bytes>,
  ): Bytes {
    this.#spendOnCoins(coins.length)
    const registers = coins.map((known) => this.registers.read(known))
    const done = this.puf.once(
      coins.map(({ seed }) => seed),
      (responses) => {
        const held = responses.map((read, index) => {
          const bytes = registers[index]
          return bytes && reconstructCoin(bytes, read)
        })
        const whole = held.filter((coin) => coin !== undefined)
        if (whole.length < coins.length) return undefined
        this.host.spend('puf-erase')
        const { parts, result } = work(whole.map(readCoin))
        return { parts, result: { result } }
      },
    )
    if (!done) throw new PufFailed('a coin did not come out of the PUF')
    return done.result
  }

  /** Registers for coins that came from another element: they count once the parts are noted. */
  enclose(coins: readonly HeldCoin[]): Enclosed | Refused {
    const free = this.registers.free()
    const first = this.#ownSeeds
    if (free.length < coins.length || first + coins.length > OWN_SEEDS) return COIN_SW.NO_ROOM
    const parts = coins.map((held, index) => {
      const seed = CHALLENGES - 1 - first - index
      const place = free[index]
      this.host.spend('puf-enrol')
      this.host.spend('aes-gcm')
      const read = this.puf.enrol(seed)
      invariant(place !== undefined, 'there is room')
      if (!read) throw new RecordTampered('seeds of its own are used once')
      const bytes = encloseCoin(held, seed, read, this.host.random)
      read.fill(0)
      return this.registers.fill(place, bytes)
    })
    return { parts, ownSeeds: first + coins.length }
  }

  /** How many coins it can still take. */
  get room(): number {
    return Math.min(this.registers.free().length, OWN_SEEDS - this.#ownSeeds)
  }

  /** Seeds that it has made registers with by itself: from the highest down. */
  get #ownSeeds(): number {
    return this.#header.ownSeeds
  }

  /** A reading of the PUF and a decryption each: every coin has a key of its own. */
  #spendOnCoins(count: number): void {
    for (let index = 0; index < count; index++) {
      this.host.spend('puf')
      this.host.spend('aes-gcm')
    }
  }
}

/** The lower half is for the bank, the upper one for coins that come from other elements. */
const BANK_SEEDS = CHALLENGES / 2
const OWN_SEEDS = CHALLENGES - BANK_SEEDS

/** Whether a coin is this holder’s and its bank made it, with a chain that holds together. */
export function isGoodCoin(
  read: ReadCoin,
  { holder, currency, bank, crypto }: CoinExpectation,
): boolean {
  const { coin } = read
  return (
    bank !== undefined &&
    coin.content.currency === currency &&
    isChain(read) &&
    bytesEqual(holderOf(read), holder) &&
    crypto.verify(coin, bank.publicKey)
  )
}

export interface CoinExpectation {
  readonly holder: Bytes
  readonly currency: number
  /** The one that says to have made it, if it is known. */
  readonly bank: Pick<Confirmed, 'publicKey'> | undefined
  readonly crypto: CryptographicElement
}

/** A bank’s certificate that came from outside, if the root signed it. */
export function confirmedBank(
  bytes: Bytes,
  root: Confirmed,
  crypto: CryptographicElement,
): Confirmed | undefined {
  const bank = readCertificate(bytes)
  return bank.role === 'bank' && crypto.isConfirmedBy(bank, root) ? bank : undefined
}

/** Runs a command; what fails without anybody’s fault is a status. */
export function answering(work: () => ResponseApdu): ResponseApdu {
  try {
    return work()
  } catch (error) {
    if (error instanceof PufFailed) return response(COIN_SW.PUF_FAILED)
    if (error instanceof RecordTampered) return response(COIN_SW.TAMPERED)
    throw error
  }
}
