import { randomBytes } from 'node:crypto'
import {
  batchDigest,
  NO_BATCH,
  signBatch,
  type Batch,
  type Outcome,
} from '../../src/kernel/batch.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { cardIdOf, type CardId, type TillNumber } from '../../src/kernel/ids.ts'
import { currency } from '../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey } from '../../src/kernel/p256.ts'
import type { RandomSource } from '../../src/kernel/ports.ts'
import {
  chipKeys,
  evidence,
  openBlock,
  passcodeHmac,
  sealBlock,
  tillSecrets,
  type Block,
  type BlockKind,
} from '../../src/schemes/block/message.ts'

/**
 * Makes what tills make, honest or not, without tills or cards: for tests of the office that need
 * bytes no till of ours would sign, and for load. Everything it makes is really encrypted and signed.
 */
export const random: RandomSource = { bytes: (size) => new Uint8Array(randomBytes(size)) }

export interface MintTill {
  readonly number: TillNumber
  readonly key: PrivateKey
  /** The batches sent so far, as sent. */
  readonly sent: Bytes[]
}

export interface MintCard {
  readonly id: CardId
  readonly uid: Bytes
  readonly passcode: string
  /** The block that the card holds. */
  head: Bytes
}

export interface Making {
  readonly kind?: BlockKind
  readonly amount?: bigint
  readonly at?: number
  readonly tokens?: readonly Bytes[]
  readonly policyVersion?: number
  /** Instead of what an honest till writes. */
  readonly lie?: Partial<Block>
  /** Instead of the block that the card holds. */
  readonly on?: Bytes
  /** Instead of `on`, in the evidence only. */
  readonly show?: Bytes
  readonly passcode?: string
  /** Whether the card takes it. */
  readonly keep?: boolean
}

export interface Made {
  readonly till: MintTill
  readonly block: Bytes
  readonly evidence: Bytes
  readonly at: number
}

export function mintTill(number: TillNumber): MintTill {
  return { number, key: generatePrivateKey(), sent: [] }
}

export class Mint {
  readonly secrets: Bytes
  readonly #master: Bytes
  #now = Date.UTC(2026, 0, 1)

  constructor(secrets: Bytes) {
    this.secrets = secrets
    this.#master = tillSecrets.decode(secrets).master
  }

  now(): number {
    return (this.#now += 1000)
  }

  open(card: MintCard, bytes: Uint8Array): Block {
    return openBlock(bytes, chipKeys(this.#master, card.uid))
  }

  /** Encrypts a block of one's own content and signs it as `till`. */
  seal(card: MintCard, block: Block, till: MintTill): Bytes {
    return sealBlock(block, chipKeys(this.#master, card.uid), till.key)
  }

  make(till: MintTill, card: MintCard, making: Making = {}): Made {
    const { kind = 'pay', amount = 100n, tokens = [], policyVersion = 1, keep = true } = making
    const on = making.on ?? card.head
    const before = this.open(card, on)
    const change = kind === 'pay' ? -amount : kind === 'load' ? amount : 0n
    const hmacKey = random.bytes(8)
    const block: Block = {
      ...before,
      kind,
      generation: 1,
      vendor: till.number,
      timestamp: making.at ?? this.now(),
      balance: before.balance + change,
      sequence: before.sequence + 1,
      hmacKey,
      passcodeHmac: passcodeHmac(making.passcode ?? card.passcode, hmacKey),
      ...making.lie,
    }
    const sealed = this.seal(card, block, till)
    if (keep) card.head = sealed
    return {
      till,
      block: sealed,
      at: block.timestamp,
      evidence: evidence.encode({
        uid: card.uid,
        block: sealed,
        previous: [making.show ?? on],
        amount: Number(amount),
        policyVersion,
        tokens,
        newPasscode: new Uint8Array(),
      }),
    }
  }

  /** A till's next batch; the caller says what it leaves out or lies about. */
  batch(
    till: MintTill,
    items: readonly { readonly evidence: Bytes; readonly outcome?: Outcome; readonly at: number }[],
    lies: Partial<Batch> = {},
  ): Bytes {
    const last = till.sent.at(-1)
    const made = Math.max(this.#now, ...items.map(({ at }) => at))
    const signed = signBatch(till.key, {
      type: 'batch',
      version: 1,
      till: till.number,
      generation: 1,
      number: till.sent.length + 1,
      previous: last ? batchDigest(last) : NO_BATCH,
      madeAt: made,
      completeUpTo: made,
      documents: { policy: 1 },
      totals: { paid: 0n, loaded: 0n, cash: 1_000_000n },
      software: new Uint8Array(32),
      items: items.map(({ evidence: bytes, outcome = 'confirmed' }) => ({
        scheme: 'block',
        outcome,
        evidence: bytes,
      })),
      ...lies,
    })
    till.sent.push(signed)
    return signed
  }
}

export function newCardId(): CardId {
  return cardIdOf(random.bytes(8))
}

export const USD = currency('USD')
