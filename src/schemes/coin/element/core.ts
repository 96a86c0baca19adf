import { response, SW, type CommandApdu, type ResponseApdu } from '../../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../kernel/bytes.ts'
import { invariant } from '../../../kernel/errors.ts'
import { uint16, uint32 } from '../../../kernel/message.ts'
import type { AppletHost, MemoryPart } from '../../../card/applet.ts'
import {
  CHALLENGES,
  ErasablePuf,
  RecordTampered,
  RECORD_SIZE,
} from '../../../card/puf/erasable-puf.ts'
import type { Silicon } from '../../../card/puf/silicon.ts'
import { readCertificate, type Confirmed } from '../certificates.ts'
import { encloseCoin, reconstructCoin } from './coin-reconstructor.ts'
import {
  CoinRegisters,
  DIRECTORY_SIZE,
  REGISTER_SIZE,
  writeLong,
  type CoinRegister,
} from './coin-registers.ts'
import { CryptographicElement, PufFailed } from './cryptographic-element.ts'
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

/**
 * The part of the memory that coin element and vendor element have alike, in pages of 256 bytes. What
 * changes in one write with an erasure lies close together.
 */
invariant(RECORD_SIZE <= 576, 'the record of the PUF lies before the header')
const STAGE_AT = 576
const OWN_SEEDS_AT = 577
const SEQUENCE_AT = 579
/** Where an element has a few bytes of its own, up to 768. */
export const OWN_AT = 592
const HELPER_AT = 768
const PLAN_AT = 1024
const DIRECTORY_AT = PLAN_AT + ELEMENT_PLAN_MAX
/** A page for an element’s own. */
export const OWN_PAGE_AT = DIRECTORY_AT + DIRECTORY_SIZE
const REGISTERS_AT = OWN_PAGE_AT + 256
/** From here on all is an element’s own. */
export const OWN_AREA_AT = REGISTERS_AT + REGISTERS * REGISTER_SIZE

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
    this.puf = new ErasablePuf({ puf, record: memory, root: silicon.root() })
    const places = { directoryAt: DIRECTORY_AT, registersAt: REGISTERS_AT }
    this.registers = new CoinRegisters(memory, this.puf, places)
    this.crypto = new CryptographicElement(host, puf, () => memory.read(HELPER_AT, HELPER_SIZE))
    host.spend('random')
    this.nonce = host.random.bytes(8)
  }

  selected(id: Bytes): ResponseApdu {
    return response(SW.OK, fci.encode({ name: this.#name, id, nonce: this.nonce }))
  }

  get stage(): number {
    const [stage = STAGES.blank] = this.host.memory.read(STAGE_AT, 1)
    return stage
  }

  /** Of the newest transfer that it signed. */
  get sequence(): number {
    return new DataView(this.host.memory.read(SEQUENCE_AT, 4).buffer).getUint32(0)
  }

  sequencePart(sequence: number): MemoryPart {
    return { offset: SEQUENCE_AT, bytes: uint32().write(sequence, 'sequence') }
  }

  /** What the bank wrote, or empty. */
  get plan(): Bytes {
    const { memory } = this.host
    const size = new DataView(memory.read(PLAN_AT, 2).buffer).getUint16(0)
    return memory.read(PLAN_AT + 2, Math.min(size, ELEMENT_PLAN_MAX - 2))
  }

  /** Fixes the key. Again as often as needed, until there is a plan. */
  generate(): ResponseApdu {
    if (this.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    const { helper, publicKey } = this.crypto.generate()
    this.host.memory.write({ offset: HELPER_AT, bytes: helper })
    return response(SW.OK, publicKey.bytes)
  }

  /** What the PUF answers to a challenge: for the bank, before anybody else has the chip. */
  enrol({ p1, p2 }: CommandApdu): ResponseApdu {
    const challenge = (p1 << 8) | p2
    if (this.stage !== STAGES.blank) return response(COIN_SW.NOT_NOW)
    if (challenge >= CHALLENGES) return response(COIN_SW.NOT_FOUND)
    this.host.spend('puf-enrol')
    const enrolled = this.puf.enrol(challenge)
    return enrolled ? response(SW.OK, enrolled) : response(COIN_SW.DEAD_REGISTER)
  }

  /** Keeps what the bank wrote, and closes the factory’s commands for good. */
  personalise(plan: Bytes, stage: (typeof STAGES)['keyed' | 'inUse']): ResponseApdu {
    const size = uint16().write(plan.length, 'size')
    writeLong(this.host.memory, PLAN_AT, concat(size, plan))
    this.host.memory.write({ offset: STAGE_AT, bytes: Uint8Array.of(stage) })
    return response(SW.OK)
  }

  activate(): void {
    this.host.memory.write({ offset: STAGE_AT, bytes: Uint8Array.of(STAGES.inUse) })
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
    const [index] = this.registers.free()
    if (this.registers.list().some((known) => known.seed === seed)) return response(SW.OK)
    if (seed >= BANK_SEEDS || this.puf.isErased(seed)) return response(COIN_SW.DEAD_REGISTER)
    if (index === undefined) return response(COIN_SW.NO_ROOM)
    const held = this.#peek(bytes, seed)
    if (!held) return response(COIN_SW.DEAD_REGISTER)
    if (!isGood(readCoin(held))) return response(COIN_SW.BAD_COIN)
    this.host.memory.write(this.registers.fill(index, bytes))
    return response(SW.OK)
  }

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
   * and only then leaves.
   *
   * @throws {PufFailed} if one does not come out of the PUF. Then none is used up.
   */
  spend<T>(
    coins: readonly CoinRegister[],
    work: (coins: readonly ReadCoin[]) => { parts: readonly MemoryPart[]; result: T },
  ): T {
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

  /** Registers for coins that came from another element: they count once the parts are written. */
  enclose(coins: readonly HeldCoin[]): readonly MemoryPart[] | Refused {
    if (coins.length === 0) return []
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
    const used = uint16().write(first + coins.length, 'own seeds')
    return [...parts, { offset: OWN_SEEDS_AT, bytes: used }]
  }

  /** How many coins it can still take. */
  get room(): number {
    return Math.min(this.registers.free().length, OWN_SEEDS - this.#ownSeeds)
  }

  /** Seeds that it has made registers with by itself: from the highest down. */
  get #ownSeeds(): number {
    return new DataView(this.host.memory.read(OWN_SEEDS_AT, 2).buffer).getUint16(0)
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
