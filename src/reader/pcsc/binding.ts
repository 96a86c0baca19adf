import type { Bytes } from '../../kernel/bytes.ts'

/**
 * What we use of PC/SC, as the narrowest interface that a binding for Node.js can be put behind. Every
 * rejection is a {@link PcscError}.
 */
export interface PcscBinding {
  /** Of its npm package. */
  readonly name: string
  /** Readers that it can watch at once. */
  readonly readersMax: number
  /**
   * Begins to watch. Resolves once all readers that are there have been told.
   *
   * @throws {PcscError} `no_service` if there is nobody to ask.
   */
  open(watcher: ReaderWatcher): Promise<PcscClient>
}

export interface ReaderWatcher {
  /** A reader is there, or something about it changed. */
  changed(reader: string, state: ReaderState): void
  /** A reader was unplugged. */
  gone(reader: string): void
  /** The service ended, and with it all that the client gave out. */
  broken(error: PcscError): void
}

export const READER_STATES = [
  'empty',
  'card',
  /** There is a card, which another program keeps to itself. */
  'exclusive',
  /** There is something that gives no answer to reset. */
  'mute',
] as const
export type ReaderState = (typeof READER_STATES)[number]

export interface PcscClient {
  /** Shares the card with other programs. */
  connect(reader: string): Promise<PcscCard>
  /** Ends the watch. To be called once no card is held any more. */
  close(): Promise<void>
}

/** A card as one program holds it. */
export interface PcscCard {
  readonly atr: Bytes
  /** An answer may be cut short, to nothing: that is no error to PC/SC. */
  transmit(apdu: Bytes): Promise<Bytes>
  /**
   * Waits until no other program uses the card, and keeps them off until the function that it gives is
   * called. Undefined where the binding has no transactions.
   */
  readonly begin: (() => Promise<() => Promise<void>>) | undefined
  /** Goes on after another program's reset. */
  reconnect(): Promise<void>
  /** Leaves the card as it is to whoever else uses it. */
  disconnect(): Promise<void>
}

export const PCSC_PROBLEMS = [
  /** No daemon, or it stopped. */
  'no_service',
  'no_reader',
  'no_card',
  /** The card went while we held it. For good: what comes back is another connection. */
  'removed',
  /** Another program reset the card. */
  'reset',
  /** It gives no answer to reset. */
  'mute',
  /** Another program keeps it to itself. */
  'sharing',
  /** The APDU failed on its way. */
  'not_transacted',
  'other',
] as const
export type PcscProblem = (typeof PCSC_PROBLEMS)[number]

export class PcscError extends Error {
  override readonly name = 'PcscError'
  readonly problem: PcscProblem

  constructor(problem: PcscProblem, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.problem = problem
  }
}

/** For when one leaves a card: whether it was still there makes no difference then. */
export function ignorePcscError(error: unknown): undefined {
  if (error instanceof PcscError) return undefined
  throw error
}

/** The longest answer: 65536 bytes of data and a status word (ISO/IEC 7816-4, 5.1). */
export const ANSWER_MAX = 65_538
