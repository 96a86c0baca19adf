import { toHex, type Bytes } from '../../../kernel/bytes.ts'
import { invariant, unlessMalformed } from '../../../kernel/errors.ts'
import { sha256 } from '../../../kernel/hash.ts'
import type { Instant, RandomSource } from '../../../kernel/ports.ts'
import type {
  BankMembership,
  Coinage,
  Confirmation,
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
import { bankRecord, BANKS_MAX } from '../message.ts'
import { cardPlan, vendorPlan } from '../plans.ts'
import { proof } from './proof.ts'
import {
  bookable,
  elementIdOf,
  openShown,
  tillWords,
  verifyCoins,
  type CoinContext,
} from './redemption.ts'

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
  opened: openedBy,
  shown: (opened) => bankRecord.encode({ evidence: opened }),
  confirm,
  membership,
  proof,
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

/** Banks whose coins it takes from other banks’ cards; those of a card’s own bank it takes anyhow. */
const OTHER_BANKS_MAX = BANKS_MAX - 1

function vendor(
  { element, report, till, currency, otherBanks }: VendorElementOrder,
  secrets: Bytes,
  at: Instant,
): NewVendorElement {
  const { bank, readingKey } = bankOf(secrets)
  const made = makeVendor(bank, report, {
    element,
    till,
    currency,
    keepMax: KEEP_MAX,
    otherBanks: otherBanks.slice(0, OTHER_BANKS_MAX),
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
  const opened = openedBy(bytes, secrets)
  return opened ? proof.named(opened) : []
}

function openedBy(bytes: Uint8Array, secrets: Bytes): Bytes | undefined {
  const opened = openShown(bytes, bankOf(secrets).readingKey)
  return opened.ok ? opened.bytes : undefined
}

function read(bytes: Uint8Array, secrets: Bytes, certificates: readonly Bytes[]): CoinVerdict {
  const verdict = bookable(verifyCoins(bytes, contextOf(bankOf(secrets), certificates)))
  const told = tillWords(bytes)
  return verdict.ok && told ? { ...verdict, told } : verdict
}

function contextOf(authority: BankAuthority, certificates: readonly Bytes[]): CoinContext {
  const { banks: known, elements } = believed(authority, certificates)
  return {
    officeKey: authority.readingKey,
    bank: (number) => known.get(number),
    element: (id) => elements.get(id),
  }
}

/** Of these certificates those of banks that the root stands behind, and of elements that those do. */
function believed({ root, own }: BankAuthority, certificates: readonly Bytes[]) {
  const all = certificates.flatMap((bytes) => unlessMalformed(() => readCertificate(bytes)) ?? [])
  const known = new Map([[own.bank, own]])
  for (const bank of all) {
    const isNew = bank.role === 'bank' && !known.has(bank.bank)
    if (isNew && isConfirmedBy(bank, root)) known.set(bank.bank, bank)
  }
  const elements = new Map<string, Confirmed>()
  for (const element of all) {
    const bank = known.get(element.bank)
    const isElement = element.role !== 'bank' && element.role !== 'root'
    if (bank && isElement && isConfirmedBy(element, bank)) {
      elements.set(elementIdOf(element.element), element)
    }
  }
  return { banks: known, elements }
}

function confirm(certificates: readonly Bytes[], secrets: Bytes): Confirmation {
  const { banks: known, elements } = believed(bankOf(secrets), certificates)
  return {
    banks: [...known.values()].map(({ bank, bytes }) => ({ number: bank, certificate: bytes })),
    elements: [...elements].flatMap(([id, { role, bank, bytes }]) =>
      role === 'root' || role === 'bank' ? [] : [{ id, role, bank, certificate: bytes }],
    ),
  }
}

function membership(secrets: Bytes): BankMembership | undefined {
  const { bank, rootKey } = bankOf(secrets)
  return rootKey ? undefined : { bank: bank.number, certificate: bank.certificate }
}
