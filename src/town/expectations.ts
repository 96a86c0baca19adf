import { isDeepStrictEqual } from 'node:util'
import { formatAmount, parseAmount, type Currency } from '../kernel/money.ts'
import type { AccountRow, CaseResult, CashUpRow, LedgerRow, PlayResult, TillRow } from './result.ts'
import type { Path } from './scenario/check-names.ts'
import type { AmountText } from './scenario/values.ts'
import { NOTARY_NAME } from './scenario/scenario.ts'
import type { ExpectedCase, ExpectedRow, Expectations } from './scenario/expected-words.ts'

/** What there is at one moment, as far as a scenario can ask. */
export interface Snapshot extends Pick<
  PlayResult,
  'ledgers' | 'accounts' | 'cases' | 'tills' | 'pufs'
> {
  /** What the chips hold; a sentence where that cannot be read. */
  readonly chips: ReadonlyMap<string, { readonly balance: string } | { readonly problem: string }>
  /** The last of each till. */
  readonly cashUps: ReadonlyMap<string, CashUpRow>
  /** The cards that the office issued: no copies. */
  readonly issued: readonly string[]
  /** Those whose money is coins. */
  readonly ofCoins: readonly string[]
}

/** An expectation that did not hold, and where it stands. */
export interface Miss {
  readonly path: Path
  readonly expected: string
  readonly found: string
}

export function checkExpectations(
  expected: Expectations,
  path: Path,
  snapshot: Snapshot,
  currency: Currency,
): readonly Miss[] {
  const check = new Checker(snapshot, currency)
  const at = (key: string) => [...path, key]
  const { cases, only, ledger, cards, accounts, tills, cashUps, pufFailures, conservation } =
    expected
  return [
    ...(cases === undefined ? [] : check.cases(cases, only === true, at('cases'))),
    ...each(ledger, at('ledger'), (card, rows, here) => check.ledger(card, rows, here)),
    ...each(cards, at('cards'), (card, balance, here) => check.chip(card, balance, here)),
    ...each(accounts, at('accounts'), (kind, wanted, here) => check.accounts(kind, wanted, here)),
    ...each(tills, at('tills'), (till, wanted, here) => check.till(till, wanted, here)),
    ...each(cashUps, at('cashUps'), (till, wanted, here) => check.cashUp(till, wanted, here)),
    ...each(pufFailures, at('pufFailures'), (chip, count, here) =>
      check.pufFailures(chip, count, here),
    ),
    ...(conservation ? check.conservation(at('conservation')) : []),
  ]
}

/** Whether another order of arrival came to the same. */
export function checkSameEnd(
  order: string,
  wanted: Snapshot,
  found: Snapshot,
  path: Path,
): readonly Miss[] {
  if (isDeepStrictEqual(comparable(found), comparable(wanted))) return []
  const expected = `the same end in the order ${order}: ${JSON.stringify(comparable(wanted))}`
  return [{ path, expected, found: JSON.stringify(comparable(found)) }]
}

/** What must not depend on the order: suspicions may come and go. */
function comparable({ ledgers, accounts, cases }: Snapshot) {
  const proven = cases.filter(
    ({ strength, state }) => strength === 'proven' && state !== 'withdrawn',
  )
  return { ledgers, accounts, proven }
}

function each<T>(
  record: Readonly<Partial<Record<string, T>>> | undefined,
  path: Path,
  check: (key: string, value: T, path: Path) => readonly Miss[],
): readonly Miss[] {
  return Object.entries(record ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : check(key, value, [...path, key]),
  )
}

class Checker {
  readonly #snapshot: Snapshot
  readonly #currency: Currency

  constructor(snapshot: Snapshot, currency: Currency) {
    this.#snapshot = snapshot
    this.#currency = currency
  }

  cases(wanted: readonly ExpectedCase[] | 'none', only: boolean, path: Path): readonly Miss[] {
    const there = this.#snapshot.cases.filter(({ state }) => state !== 'withdrawn')
    const found = there.length === 0 ? 'no case' : there.map(caseText).join('; ')
    if (wanted === 'none') {
      return there.length === 0 ? [] : [{ path, expected: 'no case', found }]
    }
    const { unmatched, left } = assign(wanted, there, (a, b) => this.#fits(a, b))
    return [
      ...unmatched.map((index) => ({
        path: [...path, index],
        expected: `a case ${this.#wantedText(wanted[index])}`,
        found,
      })),
      ...(only && unmatched.length === 0 && left.length > 0
        ? [{ path, expected: 'no other case', found: left.map(caseText).join('; ') }]
        : []),
    ]
  }

  #fits(wanted: ExpectedCase | undefined, found: CaseResult): boolean {
    if (!wanted) return false
    const { kind, card, suspect, suspects, strength, amount } = wanted
    return (
      kind === found.kind &&
      (card === undefined || card === found.card) &&
      (suspect === undefined || suspect === found.suspects[0]) &&
      (suspects === undefined || sameSet(suspects, found.suspects)) &&
      (strength === undefined || strength === found.strength) &&
      (amount === undefined || (found.amount !== null && this.#money(amount) === found.amount))
    )
  }

  #wantedText(wanted: ExpectedCase | undefined): string {
    if (!wanted) return ''
    const { kind, card, suspect, suspects, strength, amount } = wanted
    return [
      kind,
      strength,
      suspect === undefined ? undefined : `against ${suspect} first`,
      suspects === undefined ? undefined : `against ${suspects.join(', ')}`,
      card === undefined ? undefined : `of ${card}`,
      amount === undefined ? undefined : `over ${this.#money(amount)}`,
    ]
      .filter((part) => part !== undefined)
      .join(' ')
  }

  ledger(card: string, wanted: readonly ExpectedRow[], path: Path): readonly Miss[] {
    const rows = this.#snapshot.ledgers[card] ?? []
    const different = wanted.findIndex((row, index) => !this.#rowFits(row, rows[index]))
    if (different !== -1) {
      return [
        {
          path: [...path, different],
          expected: `row ${different + 1}: ${this.#rowText(wanted[different])}`,
          found: rows[different] ? foundRowText(rows[different]) : `${rows.length} rows`,
        },
      ]
    }
    if (rows.length === wanted.length) return []
    return [{ path, expected: `${wanted.length} rows`, found: `${rows.length} rows` }]
  }

  #rowFits(wanted: ExpectedRow, found: LedgerRow | undefined): boolean {
    if (!found) return false
    const { sequence, till, balance, timestamp, complete } = wanted
    const { previousTill, previousBalance, previousTimestamp } = wanted
    return (
      (sequence === undefined || sequence === found.sequence) &&
      (till === undefined || till === found.till) &&
      (balance === undefined || this.#money(balance) === found.balance) &&
      (timestamp === undefined || timestamp === Date.parse(found.timestamp)) &&
      (complete === undefined || complete === found.complete) &&
      (previousTill === undefined || previousTill === (found.previousTill ?? '-')) &&
      (previousBalance === undefined || this.#money(previousBalance) === found.previousBalance) &&
      (previousTimestamp === undefined ||
        previousTimestamp ===
          (found.previousTimestamp === null ? '-' : Date.parse(found.previousTimestamp)))
    )
  }

  #rowText(wanted: ExpectedRow | undefined): string {
    const { balance, previousBalance, timestamp, previousTimestamp, ...rest } = wanted ?? {}
    const time = (value: number | '-' | undefined) =>
      typeof value === 'number' ? new Date(value).toISOString() : value
    return fieldsText({
      ...rest,
      balance: balance && this.#money(balance),
      timestamp: time(timestamp),
      previousBalance: previousBalance && this.#money(previousBalance),
      previousTimestamp: time(previousTimestamp),
    })
  }

  chip(card: string, balance: AmountText, path: Path): readonly Miss[] {
    const chip = this.#snapshot.chips.get(card)
    const expected = this.#money(balance)
    if (chip && 'balance' in chip && chip.balance === expected) return []
    const found = !chip ? 'no such chip' : 'balance' in chip ? chip.balance : chip.problem
    return [{ path, expected: `${expected} on ${card}`, found }]
  }

  accounts(
    kind: string,
    wanted: AmountText | Readonly<Record<string, AmountText>>,
    path: Path,
  ): readonly Miss[] {
    const rows = this.#snapshot.accounts.filter((row) => row.kind === kind)
    if ('text' in wanted && typeof wanted.text === 'string') {
      return this.#compare(wanted as AmountText, this.#sum(rows), `all of ${kind}`, path)
    }
    return Object.entries(wanted).flatMap(([owner, amount]) =>
      this.#compare(
        amount,
        this.#sum(rows.filter((row) => row.owner === owner)),
        `${kind} of ${owner}`,
        [...path, owner],
      ),
    )
  }

  #compare(wanted: AmountText, found: bigint, what: string, path: Path): readonly Miss[] {
    if (wanted.in(this.#currency) === found) return []
    const expected = `${what}: ${this.#money(wanted)}`
    return [{ path, expected, found: formatAmount(found, this.#currency) }]
  }

  till(
    name: string,
    wanted: { readonly queue?: number | undefined; readonly lastBatch?: number | undefined },
    path: Path,
  ): readonly Miss[] {
    const found = this.#snapshot.tills.find((till) => till.name === name)
    const fits =
      found !== undefined &&
      (wanted.queue === undefined || wanted.queue === found.queue) &&
      (wanted.lastBatch === undefined || wanted.lastBatch === found.lastBatch)
    if (fits) return []
    return [{ path, expected: fieldsText(wanted), found: found ? tillText(found) : 'no such till' }]
  }

  cashUp(
    name: string,
    wanted: NonNullable<Expectations['cashUps']>[string],
    path: Path,
  ): readonly Miss[] {
    const { batch, count, ...amounts } = wanted
    const expected = {
      batch,
      count,
      ...Object.fromEntries(
        Object.entries(amounts).map(([field, amount]) => [field, amount && this.#money(amount)]),
      ),
    }
    const found = this.#snapshot.cashUps.get(name)
    const fits = Object.entries(expected).every(
      ([field, value]) => value === undefined || value === found?.[field as keyof CashUpRow],
    )
    if (found && fits) return []
    return [
      { path, expected: fieldsText(expected), found: found ? fieldsText(found) : 'no cash-up' },
    ]
  }

  pufFailures(name: string, wanted: number, path: Path): readonly Miss[] {
    const found = this.#snapshot.pufs.find((puf) => puf.name === name)
    if (found?.failures === wanted) return []
    const expected = `${wanted} readings of the PUF of ${name} that gave nothing`
    return [{ path, expected, found: String(found?.failures ?? 'no such PUF') }]
  }

  conservation(path: Path): readonly Miss[] {
    const { accounts, issued, ofCoins, cases, chips } = this.#snapshot
    const total = this.#sum(accounts.filter(({ office }) => office !== NOTARY_NAME))
    const books =
      total === 0n
        ? []
        : [
            {
              path,
              expected: 'accounts that add up to 0',
              found: formatAmount(total, this.#currency),
            },
          ]
    const disputed = new Set(cases.flatMap(({ card, suspects }) => [card, ...suspects]))
    const cards = issued.filter((card) => !disputed.has(card) && !ofCoins.includes(card))
    return [
      ...books,
      ...this.#backing(path),
      ...(ofCoins.some((card) => disputed.has(card)) ? [] : this.#coinsOutside(path)),
      ...cards.flatMap((card) => {
        const shadow = this.#sum(
          accounts.filter(({ kind, owner }) => kind === 'shadow' && owner === card),
        )
        const chip = chips.get(card)
        const held = formatAmount(shadow, this.#currency)
        if (chip && 'balance' in chip && chip.balance === held) return []
        const found = chip && 'balance' in chip ? chip.balance : (chip?.problem ?? 'nothing')
        return [{ path, expected: `${held} on ${card}, as its shadow account says`, found }]
      }),
    ]
  }

  /** Of whatever bank, on whatever card: vendors have no coins once their tills have cashed up. */
  #coinsOutside(path: Path): readonly Miss[] {
    const { accounts, ofCoins, chips } = this.#snapshot
    const outside = this.#sum(accounts.filter(({ kind }) => kind === 'coin-float'))
    const held = ofCoins.flatMap((card) => {
      const chip = chips.get(card)
      return chip && 'balance' in chip ? [chip] : []
    })
    const found = this.#sum(held)
    if (held.length === ofCoins.length && found === outside) return []
    const [there, all] = [found, outside].map((amount) => formatAmount(amount, this.#currency))
    const readable = `${there} on ${held.length} that can be read`
    return [{ path, expected: `${all} in coins on ${ofCoins.length} cards`, found: readable }]
  }

  /** What the notary says is on an office's cards is what the office has reserved for them. */
  #backing(path: Path): readonly Miss[] {
    const { accounts } = this.#snapshot
    const offices = new Set(
      accounts.filter(({ kind }) => kind === 'free' || kind === 'issued').map(({ owner }) => owner),
    )
    return [...offices].flatMap((office) => {
      const shadow = this.#sum(
        accounts.filter((row) => row.office === office && row.kind === 'shadow'),
      )
      const issued = accounts.filter(({ kind, owner }) => kind === 'issued' && owner === office)
      const held = formatAmount(shadow, this.#currency)
      const found = formatAmount(this.#sum(issued), this.#currency)
      if (held === found) return []
      return [{ path, expected: `${held} issued by ${office}, as its shadow accounts say`, found }]
    })
  }

  #sum(rows: readonly Pick<AccountRow, 'balance'>[]): bigint {
    return rows.reduce((sum, { balance }) => sum + parseAmount(balance, this.#currency), 0n)
  }

  #money(amount: AmountText): string {
    return formatAmount(amount.in(this.#currency), this.#currency)
  }
}

/**
 * Gives each of `wanted` one of `found` of its own, as many as possible: two forks that are expected
 * are two cases.
 */
function assign<W, F>(
  wanted: readonly W[],
  found: readonly F[],
  fits: (wanted: W, found: F) => boolean,
): { readonly unmatched: readonly number[]; readonly left: readonly F[] } {
  const takenBy = new Map<number, number>()
  const place = (want: number, tried: Set<number>): boolean => {
    const item = wanted[want]
    if (item === undefined) return false
    for (const [index, candidate] of found.entries()) {
      if (tried.has(index) || !fits(item, candidate)) continue
      tried.add(index)
      const holder = takenBy.get(index)
      if (holder === undefined || place(holder, tried)) {
        takenBy.set(index, want)
        return true
      }
    }
    return false
  }
  const unmatched = wanted.flatMap((_, index) => (place(index, new Set()) ? [] : [index]))
  return { unmatched, left: found.filter((_, index) => !takenBy.has(index)) }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length
}

export function caseText({ kind, strength, suspects, card, amount }: CaseResult): string {
  return [
    kind,
    strength,
    `against ${suspects.join(', ')}`,
    ...(card === null ? [] : [`of ${card}`]),
    ...(amount === null ? [] : [`over ${amount}`]),
  ].join(' ')
}

function foundRowText(row: LedgerRow): string {
  const { previousTill, previousTimestamp } = row
  return fieldsText({
    ...row,
    previousTill: previousTill ?? '-',
    previousTimestamp: previousTimestamp ?? '-',
  })
}

function tillText({ queue, lastBatch }: TillRow): string {
  return fieldsText({ queue, lastBatch })
}

function fieldsText(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}
