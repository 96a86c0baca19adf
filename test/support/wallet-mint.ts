import { concat, type Bytes } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { cardIdBytes, cardIdOf, type CardId, type TillNumber } from '../../src/kernel/ids.ts'
import { currency } from '../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey } from '../../src/kernel/p256.ts'
import type { Party } from '../../src/kernel/party.ts'
import {
  certifyCard,
  certifyTill,
  readAuthority,
  type WalletAuthority,
} from '../../src/schemes/wallet/office/authority.ts'
import { signMessage } from '../../src/kernel/signed-message.ts'
import {
  evidence,
  instruction,
  order,
  record,
  refusal,
  request,
  shownRecord,
  type InstructionKind,
  type RecordKind,
  type WalletRecord,
} from '../../src/schemes/wallet/message.ts'
import { random } from './mint.ts'

/**
 * Makes what wallet cards, tills and phones make, honest or not, without any of them: for tests that
 * need bytes no card of ours would sign. Everything it makes is really signed and certified.
 */
export const SEK = currency('SEK')
const NOW = Date.UTC(2026, 5, 1, 12)
const DAY = 24 * 3600 * 1000

/** Who pays or is paid: with a key, and a certificate that shows it is his. */
export interface Signer {
  readonly party: Party
  readonly key: PrivateKey
  readonly certificate: Bytes
  /** Certificate of its office, if that is another than this mint’s. */
  readonly office?: Bytes
}

export interface WalletCard extends Signer {
  readonly id: CardId
  readonly party: Extract<Party, { readonly kind: 'card' }>
  sequence: number
  /** Digest of the newest record; of the certificate before the first. */
  last: Bytes
  balance: bigint
}

export interface Request {
  readonly payee: Signer
  readonly bytes: Bytes
  readonly digest: Bytes
  readonly amount: bigint
}

/** A signed record with everything that shows it. */
export interface Made {
  readonly card: WalletCard
  readonly content: WalletRecord
  /** Record and signature. */
  readonly signed: Bytes
  readonly digest: Bytes
  /** As in `evidence.shown`. */
  readonly shown: Bytes
  readonly evidence: Bytes
}

/** What of a record is as no honest card makes it. */
export interface Lies {
  readonly record?: Partial<WalletRecord>
  readonly signer?: PrivateKey
  /** Whether the card remembers it. */
  readonly keep?: boolean
}

/** An instruction as its office signs it. */
export interface Instructed {
  readonly bytes: Bytes
  readonly digest: Bytes
}

export class WalletMint {
  readonly authority: WalletAuthority
  #now = NOW
  #orders = 0

  constructor(secrets: Bytes) {
    this.authority = readAuthority(secrets)
  }

  now(): number {
    return (this.#now += 1000)
  }

  card(): WalletCard {
    const key = generatePrivateKey()
    const id = cardIdOf(random.bytes(8))
    const certificate = certifyCard(this.authority, id, key.publicKey, NOW)
    const party = { kind: 'card', office: this.authority.office, card: id } as const
    return { id, party, key, certificate, sequence: 0, last: sha256(certificate), balance: 0n }
  }

  till(number: TillNumber, key = generatePrivateKey()): Signer {
    const equipped = { till: number, publicKey: key.publicKey, generation: 1 }
    const certificate = certifyTill(this.authority, equipped, NOW)
    const party = { kind: 'till', office: this.authority.office, till: number } as const
    return { party, key, certificate }
  }

  office(): Signer {
    const { office, key, certificates } = this.authority
    return { party: { kind: 'office', office }, key, certificate: certificates[0].bytes }
  }

  /** @param payer whose it is to pay; whoever pays without. */
  request(payee: Signer, amount: bigint, payer?: CardId): Request {
    const madeAt = this.now()
    const content = {
      payee: payee.party,
      currency: SEK.numeric,
      amount,
      nonce: random.bytes(8),
      payer: payer === undefined ? new Uint8Array(8) : cardIdBytes(payer),
      payerNonce: new Uint8Array(8),
      madeAt,
      expires: madeAt + DAY,
    }
    const bytes = signMessage(request, content, payee.key)
    return { payee, bytes, digest: sha256(request.encode(content)), amount }
  }

  pay(card: WalletCard, asked: Request, lies: Lies = {}): Made {
    const { payee, amount } = asked
    const kind = payee.party.kind === 'office' ? 'unload' : 'pay'
    const counterparty = payee.party
    return this.#make(
      card,
      { kind, amount, counterparty, cause: asked.digest },
      { bytes: asked.bytes, certificates: this.#certificatesOf(payee) },
      lies,
    )
  }

  /** Till or card asks, card pays. */
  buy(card: WalletCard, payee: Signer, amount: bigint, lies: Lies = {}): Made {
    return this.pay(card, this.request(payee, amount, card.id), lies)
  }

  receive(card: WalletCard, payment: Made, lies: Lies = {}): Made {
    const { content } = payment
    return this.#make(
      card,
      {
        kind: 'receive',
        amount: content.amount,
        counterparty: payment.card.party,
        cause: payment.digest,
        madeAt: content.madeAt,
      },
      { bytes: payment.signed, certificates: this.#certificatesOf(payment.card), payment },
      lies,
    )
  }

  refuse(payee: Signer, asked: Request): Bytes {
    const content = { payee: payee.party, request: asked.digest, madeAt: this.now() }
    return signMessage(refusal, content, payee.key)
  }

  refund(card: WalletCard, refused: Bytes, payment: Made, lies: Lies = {}): Made {
    const { amount, counterparty } = payment.content
    const body = refused.subarray(0, refused.length - 64)
    const payee = shownRecord.decode(payment.shown).counterparty
    return this.#make(
      card,
      { kind: 'refund', amount, counterparty, cause: sha256(body) },
      { bytes: refused, certificates: payee },
      lies,
    )
  }

  /** A load or restore by the office’s order. */
  told(card: WalletCard, kind: 'load' | 'restore', amount: bigint, lies: Lies = {}): Made {
    return this.carryOut(card, kind, amount, this.instruct(card, kind, amount), undefined, lies)
  }

  /** What {@link instruct} made, with the notary’s permit if there is one. */
  carryOut(
    card: WalletCard,
    kind: 'load' | 'restore',
    amount: bigint,
    told: Instructed,
    permit?: Bytes,
    lies: Lies = {},
  ): Made {
    const bytes = order.encode({ instruction: told.bytes, permit: permit ? [permit] : [] })
    return this.#make(
      card,
      { kind, amount, counterparty: this.office().party, cause: told.digest },
      { bytes, certificates: [] },
      lies,
    )
  }

  /** A payment that a till expects of a card that went away. */
  expected({ shown, content }: Made, tokens: readonly Bytes[] = []): Bytes {
    const unsigned = shownRecord.encode({ ...shownRecord.decode(shown), signature: [] })
    return this.evidence(unsigned, { policyVersion: content.kind === 'pay' ? 1 : 0, tokens })
  }

  /** The payment once more, with what its payee says of it. */
  refused({ shown }: Made, by: Bytes): Bytes {
    return this.evidence(shown, { refusal: [by], policyVersion: 1 })
  }

  evidence(shown: Bytes, more: Partial<Parameters<typeof evidence.encode>[0]> = {}): Bytes {
    return evidence.encode({
      shown,
      payment: [],
      refusal: [],
      policyVersion: 0,
      tokens: [],
      ...more,
    })
  }

  instruct(card: WalletCard, kind: InstructionKind, amount: bigint): Instructed {
    const madeAt = this.now()
    const content = {
      kind,
      office: this.authority.office,
      card: cardIdBytes(card.id),
      number: (this.#orders += 1),
      madeAt,
      expires: madeAt + DAY,
      currency: SEK.numeric,
      amount,
      sequence: kind === 'restore' ? card.sequence : 0,
      record: kind === 'restore' ? card.last : new Uint8Array(32),
      policy: [],
    }
    const bytes = signMessage(instruction, content, this.authority.key)
    return { bytes, digest: sha256(instruction.encode(content)) }
  }

  #certificatesOf({ party, certificate, office }: Signer): readonly Bytes[] {
    if (party.kind === 'office') return []
    return [certificate, office ?? this.authority.certificates[0].bytes]
  }

  #make(
    card: WalletCard,
    what: Pick<WalletRecord, 'kind' | 'amount' | 'counterparty' | 'cause'> & Partial<WalletRecord>,
    cause: { bytes: Bytes; certificates: readonly Bytes[]; payment?: Made },
    { record: lie, signer = card.key, keep = true }: Lies,
  ): Made {
    const content: WalletRecord = {
      currency: SEK.numeric,
      office: this.authority.office,
      card: cardIdBytes(card.id),
      sequence: card.sequence + 1,
      balance: balanceAfter(card.balance, what.kind, what.amount),
      madeAt: this.now(),
      previous: card.last,
      ...what,
      ...lie,
    }
    const signed = signMessage(record, content, signer)
    const body = signed.subarray(0, signed.length - 64)
    const digest = sha256(body)
    if (keep) {
      card.sequence = content.sequence
      card.last = digest
      card.balance = content.balance
    }
    const shown = shownRecord.encode({
      record: body,
      signature: [signed.subarray(body.length)],
      certificate: card.certificate,
      office: this.authority.certificates[0].bytes,
      cause: cause.bytes,
      counterparty: cause.certificates,
    })
    const payment = cause.payment ? [cause.payment.shown] : []
    // As its till hands it in.
    const policyVersion = content.counterparty.kind === 'till' ? 1 : 0
    return {
      card,
      content,
      signed: concat(body, signed.subarray(body.length)),
      digest,
      shown,
      evidence: this.evidence(shown, { payment, policyVersion }),
    }
  }
}

function balanceAfter(before: bigint, kind: RecordKind, amount: bigint): bigint {
  switch (kind) {
    case 'pay':
    case 'unload':
      return before - amount
    case 'load':
    case 'receive':
    case 'refund':
      return before + amount
    case 'restore':
      return amount
  }
}
