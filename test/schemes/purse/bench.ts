import { journalSize } from '../../../src/card/atomic-memory.ts'
import { SECURE_ELEMENT } from '../../../src/card/chip-times.ts'
import {
  command,
  encodeCommand,
  type CommandApdu,
  type ResponseApdu,
} from '../../../src/kernel/apdu.ts'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { cardIdBytes, type CardId } from '../../../src/kernel/ids.ts'
import { sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import {
  cancelLock,
  cardKey,
  cardState,
  CLA,
  executeP1,
  fci,
  INS,
  mac,
  masters,
  pinPad,
  PURSE_AID,
  record,
  RECORD_SIZE,
  STATE_SIZE,
  xor,
  type CardKeys,
  type KeyName,
  type PurseKind,
  type PurseRecord,
} from '../../../src/schemes/purse/message.ts'
import { balanceAfter, countersAfter, isReversal } from '../../../src/schemes/purse/rules.ts'
import { held, type Held } from '../../../src/schemes/purse/terminal.ts'
import { Chip, PASSCODE, random, type Issued, type World } from './world.ts'

/** Card and module without a till between: whoever has the keys, and every rule of a till broken. */
const NOTHING: Bytes = new Uint8Array()
export const NEW_PASSCODE = '97531'
/** Who knows it takes back what was made at this bench. */
export const CANCEL_KEY: Bytes = new Uint8Array(16).fill(0xca)
/** Memory of the applet: stage, PIN tries, unblocking tries. */
const MEMORY_AT = journalSize(SECURE_ELEMENT.pageSize, { capacity: SECURE_ELEMENT.commitCapacity })

export function transmit(chip: Chip, apdu: CommandApdu): ResponseApdu {
  const answer = chip.field.transmit(encodeCommand(apdu))
  const [sw1 = 0, sw2 = 0] = answer.subarray(-2)
  return { data: answer.slice(0, -2), sw: (sw1 << 8) | sw2 }
}

export function send(chip: Chip, ins: number, data = NOTHING, p1 = 0, p2 = 0): ResponseApdu {
  return transmit(chip, command(CLA, ins, p1, p2, data, 256))
}

/** After a reset. */
export function select(chip: Chip, aid: Bytes) {
  chip.field.powerOn()
  const { data } = transmit(chip, command(0x00, 0xa4, 0x04, 0x00, aid, 256))
  return fci.decode(data)
}

export function keysOf(world: World, card: CardId): CardKeys {
  const own = masters.decode(world.secrets)
  const key = (name: KeyName) => cardKey(own[name], cardIdBytes(card), name)
  return { debit: key('debit'), load: key('load'), pin: key('pin'), issuer: key('issuer') }
}

/** What of an order is as no module makes it. */
export interface Lies {
  readonly record?: Partial<PurseRecord>
  readonly key?: Bytes
  readonly extra?: Bytes
  readonly p1?: number
  readonly signer?: PrivateKey
}

/** The record after `last`, honest but for its lies. */
export function nextRecord(
  { content: before, digest }: Held,
  kind: PurseKind,
  amount: bigint,
  lies: Partial<PurseRecord> = {},
): PurseRecord {
  return {
    ...before,
    ...countersAfter(before, kind),
    kind,
    amount,
    balance: balanceAfter(before.balance, kind, amount),
    maker: 7,
    generation: 1,
    madeAt: before.madeAt + 1000,
    moduleSequence: before.sequence + 1,
    moduleBatch: 1,
    challenge: new Uint8Array(8),
    cancelLock: cancelLock(CANCEL_KEY),
    previous: digest,
    ...lies,
  }
}

/** A purse card before somebody who has its keys. */
export class Bench {
  readonly chip: Chip
  readonly keys: CardKeys
  #nonce: Bytes = NOTHING

  constructor(world: World, { card, chip }: Pick<Issued, 'card' | 'chip'>) {
    this.chip = chip
    this.keys = keysOf(world, card)
    this.reset()
  }

  reset(): void {
    this.#nonce = select(this.chip, PURSE_AID).nonce
  }

  send(ins: number, data = NOTHING, p1 = 0, p2 = 0): ResponseApdu {
    return send(this.chip, ins, data, p1, p2)
  }

  /** @param passcode as the holder enters it, hidden; undefined if he enters none. */
  initializing(passcode?: string, challenge = random.bytes(8)): CommandApdu {
    const pad = pinPad(this.keys.pin, this.#nonce, challenge)
    const hidden = passcode === undefined ? NOTHING : xor(pinBlock(passcode), pad)
    return command(CLA, INS.INITIALIZE, 0, 0, concat(challenge, hidden), 256)
  }

  initialize(passcode?: string): ResponseApdu {
    return transmit(this.chip, this.initializing(passcode))
  }

  executing(kind: PurseKind, amount: bigint, lies: Lies = {}): CommandApdu {
    const content = nextRecord(this.last, kind, amount, lies.record)
    const bytes = record.encode(content)
    const signature = lies.signer ? sign(lies.signer, bytes) : new Uint8Array(64)
    const key = lies.key ?? (kind === 'load' ? this.keys.load : this.keys.debit)
    const extra = lies.extra ?? this.#extra(kind, bytes)
    return command(
      CLA,
      INS.EXECUTE,
      lies.p1 ?? executeP1(kind),
      0,
      concat(bytes, signature, mac(key, 'authorisation', bytes), extra),
      256,
    )
  }

  execute(kind: PurseKind, amount: bigint, lies: Lies = {}): ResponseApdu {
    return transmit(this.chip, this.executing(kind, amount, lies))
  }

  #extra(kind: PurseKind, bytes: Bytes): Bytes {
    if (isReversal(kind)) return CANCEL_KEY
    if (kind !== 'passcode') return NOTHING
    return xor(pinBlock(NEW_PASSCODE), pinPad(this.keys.pin, bytes))
  }

  get last(): Held {
    return stateOf(this.chip).last
  }
}

/** What a card says of itself, asked on a copy: the card does not notice. */
export function stateOf(chip: Chip) {
  const copy = chip.clone()
  select(copy, PURSE_AID)
  const { data, sw } = send(copy, INS.INITIALIZE, new Uint8Array(8))
  invariant(sw === 0x9000, 'a card in use introduces itself')
  const { last, pinTries } = cardState.decode(data.slice(0, STATE_SIZE))
  const [, , unblockTries = 0] = copy.nvm.snapshot().slice(MEMORY_AT)
  return { last: held(last), balance: held(last).content.balance, pinTries, unblockTries }
}

/** Whether a PIN opens the card, tried on a copy. */
export function opensWith(world: World, { card, chip }: Issued, passcode: string): boolean {
  return new Bench(world, { card, chip: chip.clone() }).initialize(passcode).sw === 0x9000
}

/** Of the applet, as it is after its next reset at the latest. */
export function memoryOf(chip: Chip): Bytes {
  return chip.nvm.snapshot().slice(MEMORY_AT)
}

/** Changes the memory of an applet past all rules, as a thief with a microscope would. */
export function rewrite(chip: Chip, change: (memory: Bytes) => void): void {
  const image = chip.nvm.snapshot()
  // Without what the next reset would write again.
  image.fill(0, 0, MEMORY_AT)
  change(image.subarray(MEMORY_AT))
  chip.nvm.restore(image)
}

/** The same for the card's newest record; `by`: signed anew. */
export function plant(
  { chip }: Pick<Issued, 'chip'>,
  change: Partial<PurseRecord>,
  by?: PrivateKey,
): void {
  const { signed, content } = stateOf(chip).last
  const bytes = record.encode({ ...content, ...change })
  rewrite(chip, (memory) => {
    const at = Buffer.from(memory).indexOf(signed)
    invariant(at >= 0, 'the newest record is in the memory')
    memory.set(concat(bytes, by ? sign(by, bytes) : signed.slice(RECORD_SIZE)), at)
  })
}

/** Each takes a try. */
export function wrongPins(bench: Bench, count: number): void {
  for (let n = 0; n < count; n++) bench.initialize('0000')
}

export function unblocking(code: string, passcode = PASSCODE): Bytes {
  return concat(pinBlock(code), pinBlock(passcode))
}
