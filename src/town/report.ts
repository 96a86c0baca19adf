import { formatAmount, parseAmount, type Amount, type Currency } from '../kernel/money.ts'
import type { Instant } from '../kernel/ports.ts'
import type { AccountRow, CaseResult, CashUpRow, LedgerRow, PufRow, TillRow } from './result.ts'

/** Tables for people. A ledger has the columns and the wording of Shah et al., tables I to IV. */

export interface Table {
  readonly title: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export const LEDGER_HEADER = [
  'vendor',
  'balance',
  'timestamp',
  'prev vendor',
  'prev balance',
  'prev timestamp',
  'sequence number',
  'complete',
] as const

/** What stands for nobody and never. */
const NONE = '-'

/** `$95`, `$95.50`: as people write it, without decimals that say nothing. */
export function money(amount: Amount, currency: Currency): string {
  return moneyText(formatAmount(amount, currency), currency)
}

function moneyText(decimal: string, { code, decimals }: Currency): string {
  const form = new Intl.NumberFormat('en', {
    style: 'currency',
    currency: code,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    trailingZeroDisplay: 'stripIfInteger',
    useGrouping: false,
  })
  // As text, so that no amount goes through a floating-point number.
  return form.format(decimal as `${number}`)
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

/** `8th September 12:03 PM`, with seconds and year where they tell something. */
export function dayAndTime(instant: Instant, year: 'with-year' | 'without-year'): string {
  const date = new Date(instant)
  const day = `${ordinal(date.getUTCDate())} ${MONTHS[date.getUTCMonth()] ?? ''}`
  const hour = date.getUTCHours()
  const clock = `${hour % 12 === 0 ? 12 : hour % 12}:${digits(date.getUTCMinutes())}${seconds(date)}`
  const half = hour < 12 ? 'AM' : 'PM'
  return `${day}${year === 'with-year' ? ` ${date.getUTCFullYear()}` : ''} ${clock} ${half}`
}

function seconds(date: Date): string {
  const [whole, part] = [date.getUTCSeconds(), date.getUTCMilliseconds()]
  if (whole === 0 && part === 0) return ''
  return `:${digits(whole)}${part === 0 ? '' : `.${String(part).padStart(3, '0')}`}`
}

function digits(number: number): string {
  return String(number).padStart(2, '0')
}

function ordinal(day: number): string {
  const isTeen = day > 10 && day < 14
  const ending = isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th')
  return `${day}${ending}`
}

export function ledgerTable(
  card: string,
  rows: readonly LedgerRow[],
  currency: Currency,
  title = `Ledger of ${card}`,
): Table {
  const instants = rows.flatMap(({ timestamp, previousTimestamp }) =>
    previousTimestamp === null ? [timestamp] : [timestamp, previousTimestamp],
  )
  const year = yearShown(instants)
  const time = (text: string) => dayAndTime(Date.parse(text), year)
  return {
    title,
    header: LEDGER_HEADER,
    rows: rows.map((row) => [
      row.counterparty ?? row.till,
      moneyText(row.balance, currency),
      time(row.timestamp),
      row.previousTill ?? NONE,
      moneyText(row.previousBalance, currency),
      row.previousTimestamp === null ? NONE : time(row.previousTimestamp),
      String(row.sequence),
      row.complete ? 'yes' : 'no',
    ]),
  }
}

/** The document leaves the year out, and so do we while there is only one. */
function yearShown(instants: readonly string[]): 'with-year' | 'without-year' {
  return new Set(instants.map((text) => text.slice(0, 4))).size > 1 ? 'with-year' : 'without-year'
}

/** What a card did, in the order that it happened. */
export interface Transaction {
  readonly till: string
  /** By the till's clock. */
  readonly at: Instant
  readonly kind: string
  readonly amount: Amount
}

/** As the document's table I; the kind only where not everything is a payment. */
export function transactionTable(
  card: string,
  transactions: readonly Transaction[],
  currency: Currency,
): Table {
  const onlyPayments = transactions.every(({ kind }) => kind === 'pay')
  const year = yearShown(transactions.map(({ at }) => new Date(at).toISOString()))
  return {
    title: `Transactions of ${card} at the tills`,
    header: ['vendor', 'timestamp', ...(onlyPayments ? [] : ['kind']), 'amount'],
    rows: transactions.map(({ till, at, kind, amount }) => [
      till,
      dayAndTime(at, year),
      ...(onlyPayments ? [] : [kind]),
      money(amount, currency),
    ]),
  }
}

export function accountTable(accounts: readonly AccountRow[], currency: Currency): Table {
  // With one office, everybody knows whose.
  const isOne = new Set(accounts.map(({ office }) => office)).size < 2
  const whose = ({ office }: AccountRow) => (isOne ? [] : [office])
  return {
    title: 'Accounts',
    header: [...(isOne ? [] : ['at']), 'account', 'of', 'balance'],
    rows: accounts.map((account) => [
      ...whose(account),
      account.kind,
      account.owner === '' ? NONE : account.owner,
      moneyText(account.balance, currency),
    ]),
  }
}

export function caseTable(cases: readonly CaseResult[], currency: Currency): Table {
  return {
    title: cases.length === 0 ? 'Cases: none' : 'Cases',
    header: ['case', 'strength', 'suspects, most suspect first', 'card', 'amount', 'state'],
    rows: cases.map(({ kind, strength, suspects, card, amount, state }) => [
      kind,
      strength,
      suspects.join(', '),
      card ?? NONE,
      amount === null ? NONE : moneyText(amount, currency),
      state,
    ]),
  }
}

export function tillTable(tills: readonly TillRow[]): Table {
  return {
    title: 'Tills',
    header: ['till', 'queue', 'last batch'],
    rows: tills.map(({ name, queue, lastBatch }) => [name, String(queue), String(lastBatch)]),
  }
}

export function pufTable(pufs: readonly PufRow[]): Table {
  return {
    title: 'PUFs',
    header: ['chip of', 'bits read wrong', 'readings that gave no key or coin'],
    rows: pufs.map(({ name, bitErrorRate, failures }) => [
      name,
      percent(bitErrorRate),
      String(failures),
    ]),
  }
}

/** `5 %`, `12.5 %`. */
export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`
}

/** `batch 2: 3 transactions, $12 paid, $4 paid back`; sums of nothing are left out. */
export function cashUpText(row: CashUpRow, currency: Currency): string {
  const sums = [
    [row.paid, 'paid'],
    [row.paidBack, 'paid back'],
    [row.loaded, 'added'],
    [row.loadedBack, 'taken off again'],
  ] as const
  const texts = sums
    .filter(([sum]) => parseAmount(sum, currency) !== 0n)
    .map(([sum, what]) => `${moneyText(sum, currency)} ${what}`)
  const count = row.count === 1 ? '1 transaction' : `${row.count} transactions`
  return `batch ${row.batch}: ${[count, ...texts].join(', ')}`
}

/** Title, header, rule and rows; columns as wide as their widest cell, two spaces between. */
export function renderTable({ title, header, rows }: Table): string {
  if (rows.length === 0) return title
  const widths = header.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [title, '', line(header), rule, ...rows.map(line)].join('\n')
}
