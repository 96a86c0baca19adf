import { bytesEqual, toHex, type Bytes } from '../../../kernel/bytes.ts'
import { FormatError, unlessMalformed } from '../../../kernel/errors.ts'
import { digestOf, type Digest } from '../../../kernel/ids.ts'
import { currencyByNumber } from '../../../kernel/money.ts'
import { openSealed, verify, type PrivateKey, type PublicKey } from '../../../kernel/p256.ts'
import type {
  CoinClaim,
  CoinEntry,
  CoinFinding,
  CoinId,
  CoinStep,
  CoinVerdict as BookedVerdict,
  ElementId,
  HeldCoin,
  PaidRequest,
  TillWords,
} from '../../../office/coins/coinage.ts'
import { isConfirmedBy, NO_ELEMENT, readCertificate, type Confirmed } from '../certificates.ts'
import { isSignedBy, openMessage, type Signed } from '../../../kernel/signed-message.ts'
import {
  authorisation,
  bankRecord,
  coinId,
  CONTEXT,
  evidence,
  HOPS_MAX,
  isHop,
  namesExactly,
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

export type CoinVerdict =
  | { readonly ok: true; readonly entry: CoinEntry }
  | { readonly ok: false; readonly reason: CoinRejection }

/** Who signs what. */
export interface CoinDirectory {
  /** Any bank under the common root. */
  bank(number: number): Confirmed | undefined
  /** Any element of any bank, revoked or not; undefined if nobody has ever heard of it. */
  element(id: ElementId): Confirmed | undefined
}

export interface CoinContext extends CoinDirectory {
  readonly officeKey: PrivateKey
}

export function elementIdOf(bytes: Uint8Array): ElementId {
  return toHex(bytes)
}

/** Checks one item of evidence. Pure. */
export function verifyCoins(bytes: Uint8Array, context: CoinContext): CoinVerdict {
  const opened = openShown(bytes, context.officeKey)
  return opened.ok ? readOpened(opened.bytes, context) : opened
}

/** What a vendor element has signed in an item of evidence: sealed to the office, or shown by another bank. */
export function openShown(bytes: Uint8Array, officeKey: PrivateKey): Opened {
  const byBank = unlessMalformed(() => bankRecord.decode(bytes))
  if (byBank) return { ok: true, bytes: byBank.evidence }
  const record = unlessMalformed(() => tillRecord.decode(bytes))
  if (!record) return rejected('malformed')
  const [shown] = record.outcome
  if (!shown) return rejected('no_outcome')
  const opened = unlessMalformed(() => openSealed(officeKey, shown.sealed, CONTEXT.evidence))
  return opened ? { ok: true, bytes: opened } : rejected('not_for_this_office')
}

/** What a till says for itself, beside what elements have sealed. */
export function tillWords(bytes: Uint8Array): TillWords | undefined {
  const record = unlessMalformed(() => tillRecord.decode(bytes))
  if (!record) return undefined
  const { request: digest, tokens, policyVersion, presentation } = record
  // What it adopts from its vendor element it has shown no card.
  const knows = presentation.length > 0 ? 'the order' : 'the outcome'
  return { request: digestOf(digest), tokens, policyVersion, knows }
}

export type Opened = { readonly ok: true; readonly bytes: Bytes } | Rejected
type Rejected = Extract<CoinVerdict, { ok: false }>

/** The rest of {@link verifyCoins}: it takes no secret. Pure. */
export function readOpened(opened: Uint8Array, directory: CoinDirectory): CoinVerdict {
  const signed = unlessMalformed(() => openMessage(evidence, opened))
  if (!signed) return rejected('malformed')
  const vendor = directory.element(elementIdOf(signed.content.vendor))
  if (vendor?.role !== 'vendor element') return rejected('unknown_vendor')
  if (!isSignedBy(signed, vendor.publicKey)) return rejected('bad_signature')
  try {
    return { ok: true, entry: new Reading(signed, directory).entry() }
  } catch (error) {
    if (error instanceof FormatError) return rejected('malformed')
    if (error instanceof UnknownElement) return rejected('unknown_element')
    throw error
  }
}

/** Only what is in a currency that there is can be booked. */
export function bookable(verdict: CoinVerdict): BookedVerdict {
  if (!verdict.ok) return verdict
  const { entry } = verdict
  const isKnown = entry.claims.every(({ currency }) =>
    unlessMalformed(() => currencyByNumber(currency)),
  )
  return isKnown ? { ok: true, coins: entry } : { ok: false, reason: 'unknown_currency' }
}

function rejected(reason: CoinRejection): Rejected {
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
  readonly #directory: CoinDirectory
  readonly #digest: Digest
  readonly #vendor: ElementId
  readonly #findings: CoinFinding[] = []
  readonly #steps = new Map<Digest, CoinStep>()
  /** Everybody’s whose signature was looked for, and every coin’s. */
  readonly #banks = new Set<number>()

  constructor({ content, digest }: Signed<Evidence>, directory: CoinDirectory) {
    this.#content = content
    this.#directory = directory
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
    const { kind, giver, taker } = settled.content
    const isSurrender =
      this.#content.kind === 'surrender' &&
      kind === 'surrender' &&
      bytesEqual(giver, this.#content.vendor) &&
      bytesEqual(taker, NO_ELEMENT) &&
      namesExactly(settled.content, coins)
    if (!isSurrender) this.#findNotSigned()
    const claims = isSurrender ? coins.flatMap((read) => this.#claim(read, settled)) : []
    return this.#entry(claims, [], undefined)
  }

  #payment(paid: Paid, settled: Signed<Transfer>, back: readonly ReadCoin[]): CoinEntry {
    const { asked, transfer: given, coins } = paid
    const isPaid = this.#isPayment(paid, settled, back)
    const isTaken = settled.content.kind === 'change'
    if (!isPaid || !this.#isAuthorised(paid)) this.#findNotSigned()
    // Of what is not a payment to this vendor nobody is owed anything.
    if (!isPaid) return this.#entry([], [], undefined)
    // A receipt without change has its number as well.
    this.#note(settled)
    const kept = this.#content.kept
    const passed = coins.flatMap((read) => this.#claim(read, given))
    const isKept = ({ coin }: CoinClaim) => kept.some((id) => toHex(id) === coin)
    const claims = isTaken ? passed.filter((claim) => !isKept(claim)) : []
    const moved = [
      ...(isTaken ? passed.filter(isKept) : []),
      ...back.flatMap((read) => this.#claim(read, settled)),
    ]
    const due = isTaken ? valueOf(coins) - asked.content.amount : valueOf(coins)
    if (valueOf(back) !== due) this.#find('wrong-change', this.#vendor, undefined)
    return this.#entry(claims, moved, isTaken ? paidRequest(asked) : undefined)
  }

  #entry(
    claims: readonly CoinClaim[],
    moved: readonly HeldCoin[],
    paid: PaidRequest | undefined,
  ): CoinEntry {
    return {
      digest: this.#digest,
      vendor: this.#vendor,
      paid,
      claims,
      moved,
      steps: [...this.#steps.values()],
      findings: this.#findings,
      banks: [...this.#banks].toSorted((a, b) => a - b),
    }
  }

  /**
   * Whether it was given to this vendor, for a request of his, and whether what he gave back went to whom
   * it came from. Somebody else’s payment is no claim of his.
   */
  #isPayment(
    { asked, transfer: given, coins }: Paid,
    settled: Signed<Transfer>,
    back: readonly ReadCoin[],
  ): boolean {
    const { vendor, kind } = this.#content
    const { kind: answered, giver, taker, request: id } = settled.content
    const isOurs = [asked.content.vendor, given.content.taker, giver]
    return (
      kind === 'payment' &&
      isOurs.every((element) => bytesEqual(element, vendor)) &&
      given.content.kind === 'pay' &&
      (answered === 'change' || answered === 'return') &&
      bytesEqual(taker, given.content.giver) &&
      bytesEqual(id, given.content.request) &&
      namesExactly(given.content, coins) &&
      namesExactly(settled.content, back) &&
      isSignedBy(settled, this.#keyOf(vendor))
    )
  }

  /** Whether the customer’s elements answered this request, and no other. */
  #isAuthorised({ bytes, asked, transfer: given }: Paid): boolean {
    const { identity, element, vendor } = asked.content
    const body = authorisation.encode({ identity, element, request: asked.digest })
    return (
      bytesEqual(given.content.giver, element) &&
      bytesEqual(given.content.request, requestId(asked.digest)) &&
      isSignedBy(asked, this.#keyOf(vendor)) &&
      verify(this.#keyOf(identity), body, bytes.countersignature)
    )
  }

  /** A vendor element of ours signs for nothing of that kind. */
  #findNotSigned(): void {
    this.#find('broken-chain', this.#vendor, undefined)
  }

  /** A coin that the vendor was given, or gives up: nothing if it is not what it looks like. */
  #claim(read: ReadCoin, last: Signed<Transfer>): readonly CoinClaim[] {
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
  #chainOf(read: ReadCoin, last: Signed<Transfer>): readonly CoinStep[] | undefined {
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
    const bank = this.#directory.bank(coin.content.bank)
    if (!bank) throw new UnknownElement('there is no such bank')
    this.#banks.add(bank.bank)
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
    const element = this.#directory.element(elementIdOf(id)) ?? this.#shown(id)
    if (!element) throw new UnknownElement(`nobody knows ${toHex(id)}`)
    this.#banks.add(element.bank)
    return element.publicKey
  }

  /** Of an element that the office has not heard of, but a bank has signed. */
  #shown(id: Bytes): Confirmed | undefined {
    for (const bytes of this.#content.certificates) {
      const certificate = readCertificate(bytes)
      const bank = this.#directory.bank(certificate.bank)
      const confirmed = bank && isConfirmedBy(certificate, bank)
      if (confirmed && bytesEqual(certificate.element, id)) return certificate
    }
    return undefined
  }

  #find(kind: CoinFinding['kind'], suspect: ElementId, coin: CoinId | undefined): void {
    this.#findings.push({ kind, suspect, coin })
  }
}

function paidRequest({ content, digest }: Signed<Request>): PaidRequest {
  const { till, amount, currency } = content
  return { request: digestOf(digest), till, amount, currency }
}

function coinIdOf({ coin }: ReadCoin): CoinId {
  return toHex(coinId(coin.content))
}

export function stepOf({ content, digest }: Signed<Transfer>): CoinStep {
  const { kind, giver, taker, sequence } = content
  return {
    kind,
    giver: elementIdOf(giver),
    taker: elementIdOf(taker),
    sequence,
    digest: digestOf(digest),
  }
}
