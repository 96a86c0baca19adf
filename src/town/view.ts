import { OFFICE, type CardId, type TillNumber } from '../kernel/ids.ts'
import { formatAmount, type Amount, type Currency } from '../kernel/money.ts'
import type { Party } from '../kernel/party.ts'
import { ACCOUNT_KINDS } from '../office/ledger/account-kinds.ts'
import type { AccountRow, CaseResult, LedgerRow } from './result.ts'
import type { OfficeAccount, OfficeCase, OfficeRow, TownOffice } from './town-office.ts'

/** How a town calls what one of its offices has numbers for. */
export interface Naming {
  readonly currency: Currency
  /** The office's own name. */
  readonly office: string
  /** The cards that it issued, by name. */
  readonly cards: readonly { readonly name: string; readonly id: CardId | undefined }[]
  readonly card: (id: string) => string
  readonly till: (number: TillNumber) => string
  readonly merchant: (id: string) => string
  readonly person: (id: string) => string
  readonly party: (party: Party) => string
}

/** What there is to see at an office, in the town's words and in an order that says nothing of arrival. */
export class OfficeView {
  readonly #office: TownOffice
  readonly #naming: Naming

  constructor(office: TownOffice, naming: Naming) {
    this.#office = office
    this.#naming = naming
  }

  async ledgers(): Promise<Readonly<Record<string, readonly LedgerRow[]>>> {
    const ledgers: Record<string, readonly LedgerRow[]> = {}
    for (const { name, id } of this.#naming.cards) {
      if (id !== undefined) ledgers[name] = this.#ledger(name, await this.#office.client.ledger(id))
    }
    return ledgers
  }

  /**
   * The accounts that hold money. One through which money only passed was opened in some orders of
   * arrival and not in others.
   */
  async accounts(): Promise<readonly AccountRow[]> {
    const accounts = await this.#office.client.accounts()
    return accounts
      .filter(({ balance }) => balance !== 0n)
      .map((account) => ({
        office: this.#naming.office,
        kind: account.kind,
        owner: this.#ownerName(account),
        balance: this.#money(account.balance),
      }))
      .toSorted(
        (a, b) =>
          ACCOUNT_KINDS.indexOf(a.kind) - ACCOUNT_KINDS.indexOf(b.kind) ||
          compare(a.owner, b.owner),
      )
  }

  async cases(): Promise<readonly CaseResult[]> {
    const cases = await this.#office.client.cases()
    return cases
      .map((found) => this.caseResult(found))
      .toSorted(
        (a, b) =>
          compare(a.kind, b.kind) ||
          compare(a.card ?? '', b.card ?? '') ||
          compare(a.suspects.join(), b.suspects.join()) ||
          compare(a.amount ?? '', b.amount ?? ''),
      )
  }

  caseResult(found: OfficeCase): CaseResult {
    const { kind, card, strength, suspects, amount, withdrawn, resolved } = found
    return {
      office: this.#naming.office,
      kind,
      card: card === undefined ? null : this.#naming.card(card),
      suspects: suspects.map((suspect) =>
        suspect.kind === 'card' ? this.#naming.card(suspect.card) : this.#naming.till(suspect.till),
      ),
      strength,
      amount: amount === undefined ? null : this.#money(amount),
      state: withdrawn ? 'withdrawn' : resolved ? 'resolved' : 'open',
    }
  }

  #ledger(card: string, rows: readonly OfficeRow[]): readonly LedgerRow[] {
    return rows
      .filter(({ uploaded, sequence }) => uploaded && sequence > 0)
      .map((row) => this.#ledgerRow(card, row))
      .toSorted(
        (a, b) =>
          a.sequence - b.sequence ||
          compare(a.till, b.till) ||
          compare(a.timestamp, b.timestamp) ||
          compare(a.balance, b.balance),
      )
  }

  #ledgerRow(card: string, row: OfficeRow): LedgerRow {
    const { sequence, kind, balance, at, amount = 0n, previous, complete } = row
    const isFirst = previous === undefined || previous.till === OFFICE
    return {
      card,
      sequence,
      till: row.till === OFFICE ? this.#naming.office : this.#naming.till(row.till),
      counterparty: row.counterparty ? this.#naming.party(row.counterparty) : null,
      kind,
      amount: this.#money(amount),
      balance: this.#money(balance),
      timestamp: new Date(at).toISOString(),
      previousTill: isFirst ? null : this.#naming.till(previous.till),
      previousBalance: this.#money(previous?.balance ?? 0n),
      previousTimestamp: isFirst ? null : new Date(previous.at).toISOString(),
      complete,
    }
  }

  #ownerName({ kind, owner }: OfficeAccount): string {
    switch (kind) {
      case 'shadow':
        return this.#naming.card(owner)
      case 'till-cash':
        return this.#naming.till(Number(owner))
      case 'merchant':
        return this.#naming.merchant(owner)
      case 'online':
        return this.#naming.person(owner)
      case 'world':
      case 'suspense':
      case 'coin-float':
      case 'fees':
      case 'losses':
      case 'pool':
        return owner
      case 'reserve':
        return this.#reserveName(owner)
    }
  }

  /** `bank 2` is what another office has to get or to pay for coins; nobody’s is what is at the notary. */
  #reserveName(owner: string): string {
    const [, number] = /^bank (\d+)$/.exec(owner) ?? []
    return number === undefined
      ? owner
      : this.#naming.party({ kind: 'office', office: Number(number) })
  }

  #money(amount: Amount): string {
    return formatAmount(amount, this.#naming.currency)
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
