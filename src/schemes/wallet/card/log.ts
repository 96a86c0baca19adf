import type { MemoryPart } from '../../../card/applet.ts'
import type { StatusWord } from '../../../kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../kernel/bytes.ts'
import type { CardChip } from './chip.ts'
import { logPart, type CardStatus, type CardStore, type LogSlot } from './store.ts'
import { LOG_SIZE, record, VALUE_MAX, WALLET_SW, type WalletRecord } from '../message.ts'

/** A record that is not acknowledged yet. */
export interface LogEntry {
  readonly content: WalletRecord
  /** Record ‖ signature. */
  readonly signed: Bytes
  readonly slot: LogSlot
}

/** What a new record is to say; the rest follows from the card. */
export type NewRecord = Pick<
  WalletRecord,
  'kind' | 'amount' | 'balance' | 'counterparty' | 'cause' | 'madeAt'
>

/** What shows a record to others: its cause, and slots of the certificates of who signed that. */
export type Shown = Omit<LogSlot, 'record' | 'signature'>

/** No record after it: what counts records in 31 bits must not be the first to find out. */
export const SEQUENCE_MAX = 0x7fff_fffe
/** The last slot is kept for what the office tells the card: an order must not wait for another one. */
export const OWN_LOG_SIZE = LOG_SIZE - 1

/** The records since the last acknowledgement. */
export class CardLog {
  readonly #store: CardStore
  readonly #chip: CardChip

  constructor(store: CardStore, chip: CardChip) {
    this.#store = store
    this.#chip = chip
  }

  /** Oldest first. */
  entries(): readonly LogEntry[] {
    const { acknowledged, sequence } = this.#store.state
    return Array.from({ length: sequence - acknowledged }, (_, index) =>
      this.#entry(acknowledged + 1 + index),
    )
  }

  /** The record of one of these kinds with that cause. */
  find(cause: Bytes, ...kinds: readonly WalletRecord['kind'][]): LogEntry | undefined {
    return this.entries().find(
      ({ content }) => kinds.includes(content.kind) && bytesEqual(content.cause, cause),
    )
  }

  /** Of the record with that sequence; undefined if the card does not have it any more. */
  digestOf(sequence: number): Bytes | undefined {
    const { acknowledged, acknowledgedDigest, sequence: newest, last } = this.#store.state
    if (sequence === acknowledged) return acknowledgedDigest
    if (sequence === newest) return last
    if (sequence < acknowledged || sequence > newest) return undefined
    return this.#entry(sequence + 1).content.previous
  }

  /** Free slots for what this card does by itself. */
  get room(): number {
    const { acknowledged, sequence } = this.#store.state
    return OWN_LOG_SIZE - (sequence - acknowledged)
  }

  /** Why no record can be made that adds to the balance. In the order of WALLET_SW. */
  refusalOfMore(amount: bigint, of: 'card' | 'office'): StatusWord | undefined {
    const room = of === 'card' ? this.room : this.room + 1
    if (room <= 0) return WALLET_SW.LOG_FULL
    if (this.#store.state.balance + amount > VALUE_MAX) return WALLET_SW.BALANCE_TOO_HIGH
    return this.isExhausted ? WALLET_SW.SEQUENCE_EXHAUSTED : undefined
  }

  get isExhausted(): boolean {
    return this.#store.state.sequence >= SEQUENCE_MAX
  }

  /** Makes a record, and with it what else changes: balance, log and nonce at once. */
  append(
    wanted: NewRecord,
    shown: Shown,
    also: { readonly state?: Partial<CardStatus>; readonly parts?: readonly MemoryPart[] } = {},
  ): Bytes {
    const { sequence, last } = this.#store.state
    const { office, card, currency } = this.#store.personalisation
    const { bytes, body, digest } = this.#chip.sign(record, {
      ...wanted,
      office,
      card,
      currency,
      sequence: sequence + 1,
      previous: last,
    })
    const slot = { ...shown, record: body, signature: bytes.slice(body.length) }
    this.#store.commit(
      {
        sequence: sequence + 1,
        last: digest,
        balance: wanted.balance,
        nonce: this.#chip.nonce(),
        ...also.state,
      },
      logPart(sequence + 1, slot),
      ...(also.parts ?? []),
    )
    return bytes
  }

  #entry(sequence: number): LogEntry {
    const slot = this.#store.logSlot(sequence)
    return {
      content: record.decode(slot.record),
      signed: concat(slot.record, slot.signature),
      slot,
    }
  }
}
