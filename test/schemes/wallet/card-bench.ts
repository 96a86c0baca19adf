import { expect, test } from 'vitest'
import { JournalledMemory } from '../../../src/card/atomic-memory.ts'
import { SECURE_ELEMENT } from '../../../src/card/chip-times.ts'
import { command, encodeCommand, type ResponseApdu } from '../../../src/kernel/apdu.ts'
import { concat, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { sealTo } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import { readCertificate } from '../../../src/schemes/wallet/certificates.ts'
import { certificatePart, CardStore, MEMORY_SIZE } from '../../../src/schemes/wallet/card/store.ts'
import {
  CERTIFICATES,
  CLA,
  INS,
  ISO_CLA,
  pinContext,
  WALLET_AID,
  WALLET_SW,
} from '../../../src/schemes/wallet/message.ts'
import { random, type Card } from './card-world.ts'

/** A wallet card before somebody who sends it what he likes, and looks into its memory. */
export const NOTHING: Bytes = new Uint8Array()
export const OK = 0x9000

export function transmit(card: Card, apdu: Bytes): ResponseApdu {
  const answer = card.field.transmit(apdu)
  const [sw1 = 0, sw2 = 0] = answer.subarray(-2)
  return { data: answer.slice(0, -2), sw: (sw1 << 8) | sw2 }
}

/** Puts the card in again and selects it. */
export function select(card: Card): ResponseApdu {
  card.field.powerOff()
  card.field.powerOn()
  return transmit(card, encodeCommand(command(0x00, 0xa4, 0x04, 0x00, WALLET_AID, 256)))
}

/** One command of the session that is open. */
export function send(card: Card, ins: number, data = NOTHING, p1 = 0, p2 = 0): ResponseApdu {
  return transmit(card, encodeCommand(command(CLA, ins, p1, p2, data, 256)))
}

/** The first command after a reset. */
export function sendAfresh(card: Card, ins: number, data = NOTHING, p1 = 0, p2 = 0): ResponseApdu {
  select(card)
  return send(card, ins, data, p1, p2)
}

export function showCertificate(card: Card, certificate: Bytes): number {
  select(card)
  const apdu = command(ISO_CLA, INS.VERIFY_CERTIFICATE, 0x00, 0xbe, certificate)
  return transmit(card, encodeCommand(apdu)).sw
}

export function certificateOf(card: Card, which: keyof typeof CERTIFICATES): Bytes {
  select(card)
  const apdu = command(ISO_CLA, INS.GET_DATA, 0x00, CERTIFICATES[which], NOTHING, 256)
  return transmit(card, encodeCommand(apdu)).data
}

/** The memory of the applet, as somebody with a microscope reads and writes it. */
export function memoryOf(card: Card): CardStore {
  card.nvm.powerOn()
  const memory = new JournalledMemory(card.nvm, { capacity: SECURE_ELEMENT.commitCapacity })
  memory.recover()
  return new CardStore(memory.part(0, MEMORY_SIZE))
}

/** All of it but the tries of codes, which a refusal may take. As text, which is compared at once. */
export function contentOf(card: Card): string {
  const memory = new JournalledMemory(card.nvm, { capacity: SECURE_ELEMENT.commitCapacity })
  const all = memory.read(0, MEMORY_SIZE)
  return toHex(concat(all.subarray(0, 256), all.subarray(512)))
}

/** Codes as a phone seals them to that card, for its nonce of now. */
export function sealed(card: Card, subject: Bytes, ...codes: readonly string[]): Bytes {
  return sealedBytes(card, subject, concat(...codes.map(pinBlock)))
}

/** The same of anything. */
export function sealedBytes(card: Card, subject: Bytes, content: Bytes): Bytes {
  const memory = memoryOf(card)
  const { nonce } = memory.state
  const { publicKey } = readCertificate(memory.certificate).certificate
  return sealTo(publicKey, content, pinContext(nonce, subject), random)
}

/** One thing that is wrong with a command, or with the card that it meets. */
export interface Fault<S> {
  readonly what: string
  readonly sw: keyof typeof WALLET_SW | 'WRONG_PIN'
  /** Two faults that touch the same cannot both be there. */
  readonly touches?: string
  readonly change: (scene: S) => S
}

const ORDER: readonly string[] = Object.keys(WALLET_SW)
/** Between `BLOCKED` and `PIN_NEEDED`, which say what is wrong with a PIN, a wrong one is as good as either. */
const PLACE_OF_WRONG_PIN = ORDER.indexOf('PIN_NEEDED')

function place({ sw }: Pick<Fault<unknown>, 'sw'>): number {
  return sw === 'WRONG_PIN' ? PLACE_OF_WRONG_PIN : ORDER.indexOf(sw)
}

const NEIGHBOURS = 3

type Touches = Pick<Fault<unknown>, 'touches'>

function canMeet(a: Touches, b: Touches): boolean {
  return a.touches === undefined || a.touches !== b.touches
}

/**
 * The base is taken, each fault by itself is refused by its name, and of two faults the one that stands
 * earlier in WALLET_SW is named. What is refused changes nothing.
 */
export function testFaults<S>(
  base: S,
  faults: readonly Fault<S>[],
  prepare: (scene: S) => Promise<{ readonly card: Card; readonly run: () => ResponseApdu }>,
): void {
  const swOf = ({ sw }: Fault<S>) => (sw === 'WRONG_PIN' ? 0x63c2 : WALLET_SW[sw])

  async function refusalOf(scene: S): Promise<string> {
    const { card, run } = await prepare(scene)
    const before = contentOf(card)
    const { sw, data } = run()
    // 61xx: done, and there is more to fetch than one answer holds.
    if (sw >> 8 === 0x61) return OK.toString(16)
    if (sw !== OK) {
      expect(data).toHaveLength(0)
      expect(contentOf(card)).toEqual(before)
    }
    return sw.toString(16)
  }

  test('is taken', async () => {
    expect(await refusalOf(base)).toBe('9000')
  })

  test('faults stand in the order of the checks', () => {
    const places = faults.map((fault) => place(fault))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  test.for(faults.map((fault) => [fault.what, fault] as const))('%s', async ([, fault]) => {
    expect(await refusalOf(fault.change(base))).toBe(swOf(fault).toString(16))
  })

  // The checks stand one after the other: who is before his next neighbours is before all.
  test('of two faults the first is named', async () => {
    for (const [index, first] of faults.entries()) {
      const later = faults.slice(index + 1).filter((other) => canMeet(first, other))
      for (const second of later.slice(0, NEIGHBOURS)) {
        const said = await refusalOf(first.change(second.change(base)))
        expect(`${first.what} and ${second.what}: ${said}`).toBe(
          `${first.what} and ${second.what}: ${swOf(first).toString(16)}`,
        )
      }
    }
  })
}

export function flipped(at: number, by = 1): (data: Bytes) => Bytes {
  return (data) => data.map((byte, index) => (index === at ? byte ^ by : byte))
}

/** Forgets a certificate, past all rules. */
export function clearCertificate(card: Card, slot: number): void {
  memoryOf(card).write(certificatePart(slot, NOTHING))
}

/** Copies of cards that take many commands to make: each is made once. */
export class Originals {
  readonly #made = new Map<string, Promise<Card>>()

  async copy(name: unknown, make: () => Promise<Card>): Promise<Card> {
    const key = JSON.stringify(name)
    const made = this.#made.get(key) ?? make()
    this.#made.set(key, made)
    return (await made).clone()
  }
}

/** Every command that passes from now on. */
export function overhear({ field }: Card, hear: (apdu: Bytes, answer: Bytes) => void): void {
  const transmitUnheard = field.transmit.bind(field)
  field.transmit = (apdu) => {
    const answer = transmitUnheard(apdu)
    hear(apdu, answer)
    return answer
  }
}
