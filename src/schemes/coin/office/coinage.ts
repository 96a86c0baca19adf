import { toHex, type Bytes } from '../../../kernel/bytes.ts'
import { invariant, unlessMalformed } from '../../../kernel/errors.ts'
import { sha256 } from '../../../kernel/hash.ts'
import { currencyByNumber } from '../../../kernel/money.ts'
import { openSealed } from '../../../kernel/p256.ts'
import type { Instant, RandomSource } from '../../../kernel/ports.ts'
import type {
  Coinage,
  CoinOrder,
  CoinVerdict,
  ElementId,
  NewCoin,
  NewVendorElement,
  VendorElementOrder,
} from '../../../office/coins/coinage.ts'
import { lifeOf, readBank, type BankAuthority } from './authority.ts'
import { denominate, enrolment, makeCoins, makeVendor } from './bank.ts'
import { isConfirmedBy, readCertificate, type Confirmed } from '../certificates.ts'
import { openMessage } from '../../../kernel/signed-message.ts'
import {
  CONTEXT,
  evidence,
  payment,
  readCoin,
  request,
  settlement,
  tillRecord,
  transfer,
} from '../message.ts'
import { cardPlan, vendorPlan } from '../plans.ts'
import { elementIdOf, verifyCoins, type CoinContext } from './redemption.ts'

/** Payments up to this need no PIN: 25 of a currency with cents, as with the purse. */
export const PIN_FREE_MAX = 25_00n
/** Coins of one denomination that a vendor element keeps as change. */
const KEEP_MAX = 4
/** Minor units. Each twice and a half the one before, as cash has them. */
const DENOMINATIONS = [
  1n,
  2n,
  5n,
  10n,
  20n,
  50n,
  1_00n,
  2_00n,
  5_00n,
  10_00n,
  20_00n,
  50_00n,
  100_00n,
] as const

/** What the office’s coin ledger asks of the scheme. */
export const coinage: Coinage = {
  bank: (secrets) => bankOf(secrets).bank.number,
  vendor,
  make,
  left: (known, sold) => enrolment.decode(known).responses.length - sold,
  goodUntil: (certificate) => readCertificate(certificate).certificate.to,
  denominations: DENOMINATIONS,
  denominate: (amount) => denominate(amount, DENOMINATIONS),
  named,
  read,
}

/** The last that was read: a process has one office, or a few. */
const banks = new Map<string, BankAuthority>()
const BANKS_KEPT = 8

/** By their content: a thread gets its own copy of the bytes with every job. */
function bankOf(secrets: Bytes): BankAuthority {
  const name = toHex(sha256(secrets))
  const known = banks.get(name)
  if (known) return known
  if (banks.size >= BANKS_KEPT) banks.clear()
  const bank = readBank(secrets)
  banks.set(name, bank)
  return bank
}

function vendor(
  { element, report, till, currency }: VendorElementOrder,
  secrets: Bytes,
  at: Instant,
): NewVendorElement {
  const { bank, others, readingKey } = bankOf(secrets)
  const made = makeVendor(bank, report, {
    element,
    till,
    currency,
    keepMax: KEEP_MAX,
    otherBanks: others.map(({ bytes }) => bytes),
    office: readingKey.publicKey,
    ...lifeOf('element', at),
  })
  const { own } = vendorPlan.decode(cardPlan.decode(made.plan).element)
  return {
    plan: made.plan,
    element: {
      id: elementIdOf(element),
      role: 'vendor element',
      certificate: own,
      known: enrolment.encode(made.enrolment),
    },
  }
}

function make(
  known: Bytes,
  { sold, ...order }: CoinOrder,
  secrets: Bytes,
  random: RandomSource,
): readonly NewCoin[] {
  const all = enrolment.decode(known)
  const left = { ...all, next: all.next + sold, responses: all.responses.slice(sold) }
  const { registers, coins } = makeCoins(bankOf(secrets).bank, left, order, random)
  return coins.map(({ id, value }, index) => {
    const register = registers[index]
    invariant(register, 'every coin has its register')
    return { id: toHex(id), value, register }
  })
}

function named(bytes: Uint8Array, secrets: Bytes): readonly ElementId[] {
  return unlessMalformed(() => namedIn(bytes, bankOf(secrets))) ?? []
}

/** @throws {FormatError} if it cannot be read. */
function namedIn(bytes: Uint8Array, { readingKey }: BankAuthority): readonly ElementId[] {
  const [shown] = tillRecord.decode(bytes).outcome
  if (!shown) return []
  const opened = openSealed(readingKey, shown.sealed, CONTEXT.evidence)
  const { content } = openMessage(evidence, opened)
  const answer = settlement.decode(content.settlement)
  const paid = content.payment.map((one) => payment.decode(one))
  const coins = [answer, ...paid].flatMap((one) => one.coins.map(readCoin))
  const transfers = [answer, ...paid].map((one) => openMessage(transfer, one.transfer))
  const hops = [...transfers, ...coins.flatMap(({ hops: own }) => own)]
  const asked = paid.map((one) => openMessage(request, one.request).content)
  const ids = [
    content.vendor,
    ...asked.flatMap(({ identity, element }) => [identity, element]),
    ...hops.flatMap((hop) => [hop.content.giver, hop.content.taker]),
  ]
  return [...new Set(ids.map(elementIdOf))]
}

function read(bytes: Uint8Array, secrets: Bytes, certificates: readonly Bytes[]): CoinVerdict {
  const verdict = verifyCoins(bytes, contextOf(bankOf(secrets), certificates))
  if (!verdict.ok) return verdict
  const { entry } = verdict
  const isKnown = entry.claims.every(({ currency }) =>
    unlessMalformed(() => currencyByNumber(currency)),
  )
  return isKnown ? { ok: true, coins: entry } : { ok: false, reason: 'unknown_currency' }
}

function contextOf(
  { own, others, readingKey }: BankAuthority,
  certificates: readonly Bytes[],
): CoinContext {
  const bankOfNumber = (number: number) => [own, ...others].find(({ bank }) => bank === number)
  const known = new Map<string, Confirmed>()
  for (const bytes of certificates) {
    const certificate = readCertificate(bytes)
    const bank = bankOfNumber(certificate.bank)
    if (bank && isConfirmedBy(certificate, bank)) {
      known.set(elementIdOf(certificate.element), certificate)
    }
  }
  return { officeKey: readingKey, bank: bankOfNumber, element: (id) => known.get(id) }
}
