import { bytesEqual, toHex, type Bytes } from '../../../kernel/bytes.ts'
import { FormatError, unlessMalformed } from '../../../kernel/errors.ts'
import { digestOf, type Digest } from '../../../kernel/ids.ts'
import type { Amount } from '../../../kernel/money.ts'
import { openSealed, verify, type PrivateKey, type PublicKey } from '../../../kernel/p256.ts'
import { isConfirmedBy, readCertificate, type Confirmed } from '../certificates.ts'
import { isSignedBy, openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  authorisation,
  coinId,
  CONTEXT,
  evidence,
  HOPS_MAX,
  isHop,
  payment,
  readCoin,
  request,
  requestId,
  settlement,
  tillRecord,
  transfer,
  valueOf,
  type Evidence,
  type ReadCoin,
  type Request,
  type Transfer,
} from '../message.ts'

/** An element’s id as 16 hexadecimal digits. */
export type ElementId = string & { readonly kind: 'ElementId' }
/** A coin’s id, the same. */
export type CoinId = string & { readonly kind: 'CoinId' }

/** Why evidence says nothing. The order is the order of the checks. */
export const COIN_REJECTIONS = [
  /** Not the layout of a till record, or of what is in it. */
  'malformed',
  /** The till has asked the card, and nothing has come of it yet. */
  'no_outcome',
  /** Sealed to another office, or changed. */
  'not_for_this_office',
  'unknown_vendor',
  'bad_signature',
  /** Of another bank, whose directory has not come yet: it says something once that is there. */
  'unknown_element',
] as const
export type CoinRejection = (typeof COIN_REJECTIONS)[number]

/** What the bytes of one item of evidence prove by themselves, each against an element. */
export const COIN_FINDINGS = [
  /** No bank signed the coin. */
  'forged-coin',
  /** A transfer in its chain is not signed by its giver. */
  'forged-hop',
  /** Somebody gave it who did not have it, or it had changed hands too often. */
  'broken-chain',
  /** The vendor kept more than the request says. */
  'wrong-change',
] as const
export type CoinFindingKind = (typeof COIN_FINDINGS)[number]

export interface CoinFinding {
  readonly kind: CoinFindingKind
  readonly suspect: ElementId
  readonly coin: CoinId | undefined
}

/** One change of hands. */
export interface Step {
  readonly kind: Transfer['kind']
  readonly giver: ElementId
  readonly taker: ElementId
  /** Of the giver: an element signs one transfer with a number, and never another. */
  readonly sequence: number
  /** SHA-256 of the transfer without its signature. */
  readonly digest: Digest
}

/** A coin that a vendor wants to be paid for, with all of its hands: the last step is the vendor’s own. */
export interface Claim {
  readonly coin: CoinId
  readonly bank: number
  readonly currency: number
  readonly value: Amount
  readonly expires: number
  readonly creditor: ElementId
  readonly chain: readonly Step[]
}

/** A coin with all of its hands, whoever has it now. */
export type HeldCoinShown = Omit<Claim, 'creditor'>

/** What one item of evidence comes down to. */
export interface CoinEntry {
  readonly outcome: 'paid' | 'returned' | 'surrendered'
  /** Of the evidence: the same again is no second claim. */
  readonly digest: Digest
  readonly vendor: ElementId
  readonly payer: ElementId | undefined
  readonly request: Digest | undefined
  /** That the vendor asked for and got; 0 unless paid. */
  readonly amount: Amount
  readonly madeAt: number | undefined
  readonly claims: readonly Claim[]
  /** Coins that went to somebody who does not claim them: kept as change, given as change, returned. */
  readonly moved: readonly HeldCoinShown[]
  /** Every change of hands that it shows, with a good signature. */
  readonly steps: readonly Step[]
  readonly findings: readonly CoinFinding[]
}

export type CoinVerdict =
  | { readonly ok: true; readonly entry: CoinEntry }
  | { readonly ok: false; readonly reason: CoinRejection }

export interface CoinContext {
  readonly officeKey: PrivateKey
  /** Any bank under the common root. */
  bank(number: number): Confirmed | undefined
  /** Any element of any bank, revoked or not; undefined if the office has never heard of it. */
  element(id: ElementId): Confirmed | undefined
}

export function elementIdOf(bytes: Uint8Array): ElementId {
  return toHex(bytes) as ElementId
}

/** Checks one item of evidence. Pure. */
export function verifyCoins(bytes: Uint8Array, context: CoinContext): CoinVerdict {
  const record = unlessMalformed(() => tillRecord.decode(bytes))
  if (!record) return rejected('malformed')
  const [shown] = record.outcome
  if (!shown) return rejected('no_outcome')
  const opened = unlessMalformed(() =>
    openSealed(context.officeKey, shown.sealed, CONTEXT.evidence),
  )
  if (!opened) return rejected('not_for_this_office')
  const signed = unlessMalformed(() => openMessage(evidence, opened))
  if (!signed) return rejected('malformed')
  const vendor = context.element(elementIdOf(signed.content.vendor))
  if (vendor?.role !== 'vendor element') return rejected('unknown_vendor')
  if (!isSignedBy(signed, vendor.publicKey)) return rejected('bad_signature')
  try {
    return { ok: true, entry: new Reading(signed, context).entry() }
  } catch (error) {
    if (error instanceof FormatError) return rejected('malformed')
    if (error instanceof UnknownElement) return rejected('unknown_element')
    throw error
  }
}

function rejected(reason: CoinRejection): CoinVerdict {
  return { ok: false, reason }
}

/** Nobody can say whose signature that should be: so nobody can be blamed for it. */
class UnknownElement extends Error {
  override readonly name = 'UnknownElement'
}

interface Paid {
  readonly bytes: ReturnType<typeof payment.decode>
  readonly asked: Signed<Request>
  readonly transfer: Signed<Transfer>
  readonly coins: readonly ReadCoin[]
}

/** One item of evidence whose vendor has signed it. */
class Reading {
  readonly #content: Evidence
  readonly #context: CoinContext
  readonly #digest: Digest
  readonly #vendor: ElementId
  readonly #findings: CoinFinding[] = []
  readonly #steps = new Map<Digest, Step>()

  constructor({ content, digest }: Signed<Evidence>, context: CoinContext) {
    this.#content = content
    this.#context = context
    this.#digest = digestOf(digest)
    this.#vendor = elementIdOf(content.vendor)
  }

  /** @throws {FormatError} if what is in it is not as it should be. */
  entry(): CoinEntry {
    const { payment: shown, settlement: given } = this.#content
    const answer = settlement.decode(given)
    const settled = openMessage(transfer, answer.transfer)
    const [paymentBytes] = shown
    const back = answer.coins.map(readCoin)
    if (!paymentBytes) return this.#surrender(settled, back)
    const bytes = payment.decode(paymentBytes)
    return this.#payment(
      {
        bytes,
        asked: openMessage(request, bytes.request),
        transfer: openMessage(transfer, bytes.transfer),
        coins: bytes.coins.map(readCoin),
      },
      settled,
      back,
    )
  }

  #surrender(settled: Signed<Transfer>, coins: readonly ReadCoin[]): CoinEntry {
    const claims = coins.flatMap((read) => this.#claim(read, settled))
    return {
      ...this.#common(claims, []),
      outcome: 'surrendered',
      payer: undefined,
      request: undefined,
      amount: 0n,
      madeAt: undefined,
    }
  }

  #payment(paid: Paid, settled: Signed<Transfer>, back: readonly ReadCoin[]): CoinEntry {
    const { asked, transfer: given, coins } = paid
    this.#checkAuthorisation(paid)
    const isTaken = settled.content.kind === 'change'
    const kept = this.#content.kept
    const passed = coins.flatMap((read) => this.#claim(read, given))
    const isKept = ({ coin }: Claim) => kept.some((id) => toHex(id) === coin)
    const claims = isTaken ? passed.filter((claim) => !isKept(claim)) : []
    const moved = [
      ...(isTaken ? passed.filter(isKept) : []),
      ...back.flatMap((read) => this.#claim(read, settled)),
    ]
    const due = isTaken ? valueOf(coins) - asked.content.amount : valueOf(coins)
    if (valueOf(back) !== due) this.#find('wrong-change', this.#vendor, undefined)
    return {
      ...this.#common(claims, moved),
      outcome: isTaken ? 'paid' : 'returned',
      payer: elementIdOf(given.content.giver),
      request: digestOf(asked.digest),
      amount: isTaken ? asked.content.amount : 0n,
      madeAt: asked.content.madeAt,
    }
  }

  #common(claims: readonly Claim[], moved: readonly HeldCoinShown[]) {
    return {
      digest: this.#digest,
      vendor: this.#vendor,
      claims,
      moved,
      steps: [...this.#steps.values()],
      findings: this.#findings,
    }
  }

  /** The customer’s elements answered this request, and no other. */
  #checkAuthorisation({ bytes, asked, transfer: given }: Paid): void {
    const { identity, element, vendor } = asked.content
    const body = authorisation.encode({ identity, element, request: asked.digest })
    const good =
      bytesEqual(given.content.giver, element) &&
      bytesEqual(given.content.request, requestId(asked.digest)) &&
      isSignedBy(asked, this.#keyOf(vendor)) &&
      verify(this.#keyOf(identity), body, bytes.countersignature)
    // A vendor element of ours takes nothing else.
    if (!good) this.#find('broken-chain', this.#vendor, undefined)
  }

  /** A coin that the vendor was given, or gives up: nothing if it is not what it looks like. */
  #claim(read: ReadCoin, last: Signed<Transfer>): readonly Claim[] {
    const chain = this.#chainOf(read, last)
    if (!chain) return []
    const { bank, currency, value, expires } = read.coin.content
    const coin = coinIdOf(read)
    return [{ coin, bank, currency, value, expires, creditor: this.#vendor, chain }]
  }

  /**
   * All its hands, if they hold together. Looked at from the last one back: whoever gave it on has signed
   * for all that was before, so the first that is wrong lies at his door; the vendor has for all of it.
   */
  #chainOf(read: ReadCoin, last: Signed<Transfer>): readonly Step[] | undefined {
    const { coin } = read
    const name = coinIdOf(read)
    const all = [...read.hops, last]
    const whole = readCoin({ coin: read.held.coin, hops: all.map(({ bytes }) => bytes) })
    let responsible = this.#vendor
    for (const [index, hop] of [...all.entries()].toReversed()) {
      const isSigned = isSignedBy(hop, this.#keyOf(hop.content.giver))
      if (!isSigned || !isHop(whole, index)) {
        this.#find(isSigned ? 'broken-chain' : 'forged-hop', responsible, name)
        return undefined
      }
      this.#note(hop)
      responsible = elementIdOf(hop.content.giver)
    }
    const bank = this.#context.bank(coin.content.bank)
    if (!bank) throw new UnknownElement('there is no such bank')
    if (!isSignedBy(coin, bank.publicKey)) {
      this.#find('forged-coin', responsible, name)
      return undefined
    }
    const isOver = last.content.kind === 'pay' && read.hops.length >= HOPS_MAX
    if (isOver) this.#find('broken-chain', this.#vendor, name)
    return all.map((hop) => stepOf(hop))
  }

  #note(hop: Signed<Transfer>): void {
    const step = stepOf(hop)
    this.#steps.set(step.digest, step)
  }

  #keyOf(id: Bytes): PublicKey {
    const key = this.#context.element(elementIdOf(id))?.publicKey ?? this.#shownKey(id)
    if (!key) throw new UnknownElement(`nobody knows ${toHex(id)}`)
    return key
  }

  /** Of an element that the office has not heard of, but a bank has signed. */
  #shownKey(id: Bytes): PublicKey | undefined {
    for (const bytes of this.#content.certificates) {
      const certificate = readCertificate(bytes)
      const bank = this.#context.bank(certificate.bank)
      const confirmed = bank && isConfirmedBy(certificate, bank)
      if (confirmed && bytesEqual(certificate.element, id)) return certificate.publicKey
    }
    return undefined
  }

  #find(kind: CoinFindingKind, suspect: ElementId, coin: CoinId | undefined): void {
    this.#findings.push({ kind, suspect, coin })
  }
}

function coinIdOf({ coin }: ReadCoin): CoinId {
  return toHex(coinId(coin.content)) as CoinId
}

function stepOf({ content, digest }: Signed<Transfer>): Step {
  const { kind, giver, taker, sequence } = content
  return {
    kind,
    giver: elementIdOf(giver),
    taker: elementIdOf(taker),
    sequence,
    digest: digestOf(digest),
  }
}
