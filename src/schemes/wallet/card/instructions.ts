import { response, SW, type ResponseApdu, type StatusWord } from '../../../kernel/apdu.ts'
import type { MemoryPart } from '../../../card/applet.ts'
import { bytesEqual, concat, type Bytes } from '../../../kernel/bytes.ts'
import { FormatError, invariant } from '../../../kernel/errors.ts'
import { publicKeyFrom } from '../../../kernel/p256.ts'
import { slotsOf, type Signer } from './certificates.ts'
import type { CardParts } from './parts.ts'
import { paidPart, triesPart, type CardStatus } from './store.ts'
import { type Signed } from '../../../kernel/signed-message.ts'
import {
  CARRIED_BLOCKS,
  instruction,
  NONCE_SIZE,
  order,
  PIN_TRIES,
  policy,
  statement,
  WALLET_SW,
  type Instruction,
  type Order,
} from '../message.ts'

/** An order as it came, and what it says. */
interface Received {
  readonly bytes: Bytes
  readonly order: Order
  readonly instruction: Signed<Instruction>
}

/** What a card’s office tells it. */
export class CardInstructions {
  readonly #parts: CardParts

  constructor(parts: CardParts) {
    this.#parts = parts
  }

  /** The answer: a record, if the order makes one, and a statement. */
  execute(bytes: Bytes): ResponseApdu {
    const { chip, certificates, store } = this.#parts
    const received = order.decode(bytes)
    const told = chip.open(instruction, received.instruction)
    checkForm(told.content)
    const { office } = store.personalisation
    const signer = certificates.find({ kind: 'office', office })
    invariant(signer, 'a card in use has the certificate of its office')
    const all = { bytes, order: received, instruction: told }
    const stranger = this.#refusalOfSender(told, signer)
    if (stranger !== undefined) return response(stranger)
    if (this.#isLast(told)) return this.#answer()
    const refused = this.#refusalOf(all)
    if (refused !== undefined) return response(refused)
    this.#carryOut(all, signer)
    return this.#answer()
  }

  #refusalOfSender(told: Signed<Instruction>, signer: Signer): StatusWord | undefined {
    const { chip, store } = this.#parts
    const { office, card, currency } = store.personalisation
    const { content } = told
    if (!chip.isSignedBy(told, signer.key)) return WALLET_SW.BAD_SIGNATURE
    if (content.office !== office || !bytesEqual(content.card, card)) return WALLET_SW.NOT_ADDRESSED
    return content.currency === currency ? undefined : WALLET_SW.FOREIGN_CURRENCY
  }

  /** In the order of {@link WALLET_SW}. */
  #refusalOf(received: Received): StatusWord | undefined {
    const { time, instruction: last } = this.#parts.store.state
    const { number, expires } = received.instruction.content
    if (expires < time) return WALLET_SW.EXPIRED
    if (number !== last + 1) return WALLET_SW.OUT_OF_NUMBER
    if (!this.#isPermitted(received)) return WALLET_SW.NOT_PERMITTED
    return this.#refusalByKind(received.instruction.content)
  }

  #isLast({ content, digest }: Signed<Instruction>): boolean {
    const { instruction: last, instructionDigest } = this.#parts.store.state
    return content.number === last && bytesEqual(digest, instructionDigest)
  }

  /** What makes money needs the notary, if there is one. */
  #isPermitted({ order: { instruction: signed, permit }, instruction: told }: Received): boolean {
    const { chip, store } = this.#parts
    const [notary] = store.personalisation.notary
    if (!notary || !makesRecord(told.content)) return true
    const [given] = permit
    return given !== undefined && chip.verify(publicKeyFrom(notary), signed, given)
  }

  #refusalByKind(content: Instruction): StatusWord | undefined {
    switch (content.kind) {
      case 'load':
        return this.#refusalOfLoad(content)
      case 'restore':
        return this.#refusalOfRestore(content)
      case 'acknowledge':
        return this.#refusalOfAcknowledgement(content)
      case 'void':
      case 'unblock':
        return undefined
    }
  }

  /** The requests of this card that are open count as if they were paid. */
  #refusalOfLoad({ amount }: Instruction): StatusWord | undefined {
    const { store, log, requests } = this.#parts
    const full = log.refusalOfMore(amount, 'office')
    if (full === WALLET_SW.LOG_FULL) return full
    const expected = store.state.balance + requests.openAmount() + amount
    return expected > store.policy.balanceMax ? WALLET_SW.BALANCE_TOO_HIGH : full
  }

  #refusalOfRestore({ sequence, record }: Instruction): StatusWord | undefined {
    const { store, log } = this.#parts
    const { sequence: newest, last } = store.state
    if (sequence !== newest || !bytesEqual(record, last)) return WALLET_SW.OTHER_HISTORY
    if (log.room + 1 <= 0) return WALLET_SW.LOG_FULL
    return log.isExhausted ? WALLET_SW.SEQUENCE_EXHAUSTED : undefined
  }

  #refusalOfAcknowledgement({
    sequence,
    record,
    policy: next,
  }: Instruction): StatusWord | undefined {
    const { store, log } = this.#parts
    const isOlder = next.some((bytes) => policy.decode(bytes).version <= store.policy.version)
    if (isOlder) return WALLET_SW.OLDER_POLICY
    const digest = log.digestOf(sequence)
    return digest && bytesEqual(digest, record) ? undefined : WALLET_SW.OTHER_HISTORY
  }

  #carryOut(received: Received, signer: Signer): void {
    const { chip, store, log } = this.#parts
    const { content, digest } = received.instruction
    const { state } = store
    const told: Partial<CardStatus> = {
      instruction: content.number,
      instructionDigest: digest,
      instructionRecord: makesRecord(content) ? state.sequence + 1 : 0,
      time: Math.max(state.time, content.madeAt),
    }
    if (!makesRecord(content)) {
      const { change, parts } = this.#effectOf(content)
      store.commit({ ...told, nonce: chip.nonce(), ...change }, ...parts)
      return
    }
    const { kind, amount, madeAt, office } = content
    log.append(
      {
        kind: kind === 'load' ? 'load' : 'restore',
        amount,
        balance: kind === 'load' ? state.balance + amount : amount,
        counterparty: { kind: 'office', office },
        cause: digest,
        madeAt,
      },
      { ...slotsOf(signer), cause: received.bytes, request: [] },
      { state: told },
    )
  }

  #effectOf(content: Instruction): Effect {
    if (content.kind === 'unblock') {
      return { change: {}, parts: [triesPart({ ...this.#parts.store.tries, pin: PIN_TRIES })] }
    }
    return content.kind === 'acknowledge' ? this.#acknowledged(content) : { change: {}, parts: [] }
  }

  /** The records up to there are gone, and what the card carried for others: the office has it all. */
  #acknowledged({ sequence, record, madeAt, policy: [next] }: Instruction): Effect {
    const { store, requests } = this.#parts
    const time = Math.max(store.state.time, madeAt)
    return {
      change: {
        acknowledged: sequence,
        acknowledgedDigest: record,
        acknowledgedAt: madeAt,
        carried: new Uint8Array(2 * CARRIED_BLOCKS),
        ...(next ? { policy: next } : {}),
      },
      parts: [paidPart(requests.paidAfter(sequence, time))],
    }
  }

  /** The same however often the last order comes: its record while that is in the log, and how the card stands. */
  #answer(): ResponseApdu {
    const { store, log } = this.#parts
    const { instructionRecord } = store.state
    const made = log.entries().find(({ content }) => content.sequence === instructionRecord)
    const signed = this.statement(new Uint8Array(NONCE_SIZE)).data
    return response(SW.OK, made ? concat(made.signed, signed) : signed)
  }

  /** How the card stands, signed for whoever asks. */
  statement(nonce: Bytes): ResponseApdu {
    const { store, chip } = this.#parts
    const { office, card } = store.personalisation
    const { bytes } = chip.sign(statement, {
      ...store.state,
      office,
      card,
      nonce,
      policyVersion: store.policy.version,
    })
    return response(SW.OK, bytes)
  }
}

interface Effect {
  readonly change: Partial<CardStatus>
  readonly parts: readonly MemoryPart[]
}

function makesRecord({ kind }: Instruction): boolean {
  return kind === 'load' || kind === 'restore'
}

/** What an instruction of its kind does not use is 0. @throws {FormatError} naming the field. */
function checkForm({ kind, amount, sequence, record, policy: next }: Instruction): void {
  if (amount !== 0n && kind !== 'load' && kind !== 'restore') unused('amount')
  if (kind !== 'acknowledge') {
    if (next.length > 0) unused('policy')
    if (kind !== 'restore' && sequence !== 0) unused('sequence')
    if (kind !== 'restore' && record.some((byte) => byte !== 0)) unused('record')
  }
  for (const bytes of next) policy.decode(bytes)
}

function unused(field: string): never {
  throw new FormatError(`instruction.${field}`, 'expected nothing for that kind')
}
