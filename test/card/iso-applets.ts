import { response, SW, type CommandApdu, type ResponseApdu } from '../../src/kernel/apdu.ts'
import { fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import type { RandomSource } from '../../src/kernel/ports.ts'
import type { Applet, AppletHost, AppletSession } from '../../src/card/applet.ts'
import { Field } from '../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../src/card/iso-card.ts'

export const AID = fromHex('f04b6f6e74616e7401')

/** 01, 02, 03 … */
export function countingRandom(): RandomSource {
  let next = 1
  return { bytes: (size) => new Uint8Array(size).map(() => next++) }
}

/**
 * A sum of 4 bytes, the number of additions 4 and a note of 32, changed together. Its commands:
 *
 *     80 10  adds the data, at most 4 bytes; answers the sum. Only after 80 20
 *     80 20  opens, with the secret 2a; 6982 otherwise
 *     80 30  answers P1 × 256 + P2 bytes
 *     80 40  answers 4 random bytes
 *     80 50  has data that nobody can decode
 */
export class SumApplet implements Applet {
  readonly aid: Bytes
  readonly memorySize = 40

  constructor(aid: Bytes = AID) {
    this.aid = aid
  }

  open(host: AppletHost): AppletSession {
    return new SumSession(this.aid, host)
  }
}

class SumSession implements AppletSession {
  readonly selected: ResponseApdu
  readonly #host: AppletHost
  #open = false

  constructor(aid: Bytes, host: AppletHost) {
    this.selected = response(SW.OK, aid)
    this.#host = host
  }

  process({ cla, ins, p1, p2, data }: CommandApdu): ResponseApdu {
    if (cla !== 0x80) return response(SW.CLA_NOT_SUPPORTED)
    switch (ins) {
      case 0x10:
        return this.#open ? this.#add(data) : response(SW.SECURITY_NOT_SATISFIED)
      case 0x20:
        this.#open = toHex(data) === '2a'
        return response(this.#open ? SW.OK : SW.SECURITY_NOT_SATISFIED)
      case 0x30:
        return response(SW.OK, new Uint8Array((p1 << 8) | p2).fill(0x5a))
      case 0x40:
        this.#host.spend('random')
        return response(SW.OK, this.#host.random.bytes(4))
      case 0x50:
        throw new FormatError('data', 'nobody can read it')
      default:
        return response(SW.INS_NOT_SUPPORTED)
    }
  }

  #add(data: Bytes): ResponseApdu {
    if (data.length > 4) return response(SW.WRONG_LENGTH)
    const { memory } = this.#host
    const sum = number(memory.read(0, 4)) + number(data)
    if (sum > 0xffffffff) return response(SW.CONDITIONS_NOT_SATISFIED)
    const count = number(memory.read(4, 4)) + 1
    memory.write(
      { offset: 0, bytes: uint32(sum) },
      { offset: 4, bytes: uint32(count) },
      { offset: 8, bytes: new Uint8Array(32).fill(count) },
    )
    return response(SW.OK, uint32(sum))
  }
}

function number(bytes: Bytes): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export function insertedCard(design: Partial<IsoCardDesign> = {}) {
  const whole: IsoCardDesign = { applets: [new SumApplet()], ...design }
  const card = new IsoCard(isoCardNvm(whole), whole, countingRandom())
  const field = new Field(card)
  field.powerOn()
  return { card, field, send: (apdu: string) => send(field, apdu) }
}

/** Hexadecimal in and out. */
export function send(field: Field, apdu: string): string {
  return toHex(field.transmit(fromHex(apdu.replaceAll(' ', ''))))
}
