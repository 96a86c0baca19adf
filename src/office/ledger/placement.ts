import type { Transaction } from 'kysely'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import { openAccounts, post, type Transfer } from './accounts.ts'
import { traceSale, type CoinSale } from '../coins/sales.ts'
import { evaluate, type ChainRecord, type Decision } from './chain.ts'
import type { Finding } from './findings.ts'
import { Group, load, loadNeighbours, loadWhole } from './group.ts'
import type { GroupFacts, TracingFacts } from './group-facts.ts'
import { markRefuted, merge, passOnTaken, rejudge } from './merging.ts'
import { decidePayments, NOTHING_PAID, placePayments, shadowOf, type Paid } from './payments.ts'
import {
  handInRecords,
  insertRecords,
  insertTokenUses,
  LAST_POSITION,
  loadTokenUses,
  updateRecords,
  type Span,
  type Upload,
} from './placement-store.ts'
import type { OfficeScheme, VerifiedEntry } from '../scheme.ts'
import { settle } from './settlement.ts'
import type { Tables } from '../tables.ts'
import {
  tracePosition,
  traceTokens,
  type PositionFindings,
  type Sale,
  type TokenFacts,
} from './tracing.ts'

/** What a group of uploads did to the ledger, besides the ledger itself. */
export interface Placed {
  readonly findings: readonly Finding[]
  readonly withdrawn: PositionFindings['withdrawn']
  /** Records shown and not handed in, new in this group. */
  readonly shown: readonly ChainRecord[]
  /** Records that were handed in for the first time; none that cards have signed. */
  readonly fresh: ReadonlySet<Digest>
}

/**
 * Puts uploads where they belong in their cards' chains, moves the money that this decides and says
 * what it shows. The caller holds the ledger's lock, so that no other placement runs.
 */
export async function place(
  trx: Transaction<Tables>,
  uploads: readonly Upload[],
  facts: GroupFacts,
  at: Instant,
  paid: Paid = NOTHING_PAID,
  sold: readonly CoinSale[] = [],
): Promise<Placed> {
  const group = new Group(uploads, facts)
  const tokenFindings = await placeTokens(trx, [...salesIn(uploads, facts), ...sold])
  await facts.prepare([...tokenFindings.refuted.map(({ card }) => card)])
  await load(trx, group, tokenFindings.refuted)
  await loadNeighbours(trx, group)
  await rejudge(trx, group, facts)
  merge(group, facts, tokenFindings.findings)
  await passOnTaken(trx, group)
  markRefuted(group, tokenFindings.refuted)
  await evaluateAll(trx, group)
  const traced = traceAll(group, facts)
  const transfers = settleAll(group, facts, at)
  const { inserted, handedIn, updated } = group.changes()
  await insertRecords(trx, inserted, at)
  await handInRecords(trx, handedIn)
  await updateRecords(trx, updated)
  const accounts = transfers.flatMap(({ debit, credit }) => [debit, credit])
  await placePayments(trx, paid, accounts, at)
  await post(trx, transfers)
  return {
    findings: [...group.findings, ...traced.findings, ...traceSales(sold, facts)],
    withdrawn: [...group.withdrawn, ...traced.withdrawn],
    shown: inserted.filter(({ uploaded }) => !uploaded),
    fresh: group.fresh,
  }
}

/**
 * What these uploads show by themselves, were nothing else in the ledger. Pure: whoever has their
 * evidence finds the same.
 */
export function traceAlone(
  uploads: readonly Upload[],
  facts: TracingFacts,
  tokenFacts: (token: Digest) => TokenFacts,
  sold: readonly CoinSale[],
): readonly Finding[] {
  const group = new Group(uploads, facts)
  for (const chain of group.chains.values()) chain.markTailLoaded(0)
  const sales = [...salesIn(uploads, facts), ...sold]
  merge(
    group,
    facts,
    sales.flatMap((sale) => traceTokens(sale, tokenFacts)),
  )
  markRefuted(group, [])
  return [...group.findings, ...traceAll(group, facts).findings, ...traceSales(sold, facts)]
}

/** What was sold. Where the card signs, what it has not signed yet may never have been paid. */
export function salesIn(
  uploads: readonly Upload[],
  { schemeOf }: Pick<TracingFacts, 'schemeOf'>,
): readonly Sale[] {
  return uploads.flatMap(({ entry }) => {
    const isPaid = schemeOf(entry.card).recordsAreSigned === 'by their maker' || entry.isAttested
    return isPaid ? entry : []
  })
}

function traceSales(sold: readonly CoinSale[], { allowed }: TracingFacts): readonly Finding[] {
  return sold.flatMap((sale) => traceSale(sale, allowed(sale.maker, sale.policyVersion)))
}

/** What somebody who has looked says of one record. */
export interface RecordDecision {
  readonly card: CardId
  readonly sequence: number
  readonly record: Digest
  readonly decision: Decision
}

/**
 * Moves the money as somebody has decided; what hangs on the decided records follows by the rules.
 * The caller holds the ledger's lock.
 */
export async function decide(
  trx: Transaction<Tables>,
  decisions: readonly RecordDecision[],
  facts: GroupFacts,
  at: Instant,
): Promise<PositionFindings> {
  const group = new Group([], facts)
  await facts.prepare(decisions.map(({ card }) => card))
  await load(trx, group, decisions)
  for (const { card, sequence, record: digest, decision } of decisions) {
    const record = group.chain(card).get(sequence, digest)
    invariant(record, 'the decided record was looked up')
    group.change({ ...record, decision })
  }
  await evaluateAll(trx, group)
  const traced = traceAll(group, facts)
  const transfers = settleAll(group, facts, at)
  await updateRecords(trx, group.changes().updated)
  const signed = decisions.filter(({ card }) => group.chain(card).isSignedByCard)
  await decidePayments(trx, signed, at)
  await post(trx, transfers)
  return traced
}

/** Writes down which tokens were used; what is wrong with them refutes the records that used them. */
async function placeTokens(trx: Transaction<Tables>, sales: readonly Sale[]) {
  const uses = sales.flatMap(({ tokens, card, sequence, digest: record, maker: till }) =>
    tokens.map(({ digest: token }) => ({ token, card, sequence, record, till })),
  )
  await insertTokenUses(trx, uses)
  const rows = await loadTokenUses(trx, [...new Set(uses.map(({ token }) => token))])
  const byToken = Map.groupBy(rows, ({ token }) => token)
  const factsOf = (token: Digest) => {
    const known = byToken.get(token) ?? []
    const [issued] = known
    return {
      digest: token,
      issued:
        issued?.price != null
          ? { price: BigInt(issued.price), till: Number(issued.issuedTo) }
          : undefined,
      uses: known.map(({ till, record }) => ({ till: Number(till), record })),
    }
  }
  const findings = sales.flatMap((sale) => traceTokens(sale, factsOf))
  const guilty = new Set(findings.flatMap(({ records }) => records))
  return {
    findings,
    // A token used twice refutes its first use too, which may be of another card and long placed.
    // Coins are whose they are, whatever was sold for them.
    refuted: rows.flatMap(({ card, sequence, record }) =>
      card === null || sequence === null || !guilty.has(record) ? [] : { card, sequence, record },
    ),
  }
}

/**
 * How much of a chain is looked at first, to the right of what has changed, in positions; then twice as much,
 * and so on. What came before its predecessors lies behind a gap, and need not be looked at.
 */
const FIRST_REACH = 16

async function evaluateAll(trx: Transaction<Tables>, group: Group): Promise<void> {
  const reaches = new Map<CardId, number>()
  for (;;) {
    const positions: { card: CardId; sequence: number }[] = []
    const tails: Span[] = []
    for (const [card, dirty] of group.dirty) {
      const missing = evaluate(group.chain(card), dirty)
      if (missing.what === 'positions') {
        positions.push(...missing.positions.map((sequence) => ({ card, sequence })))
      } else if (missing.what === 'tail') {
        const { from } = missing
        const reach = reaches.get(card) ?? FIRST_REACH
        reaches.set(card, 2 * reach)
        tails.push({ card, from, to: Math.min(from + reach - 1, LAST_POSITION) })
      }
    }
    if (positions.length === 0 && tails.length === 0) return
    await load(trx, group, positions)
    await loadWhole(trx, group, tails)
  }
}

function traceAll(group: Group, facts: TracingFacts): PositionFindings {
  const findings: Finding[] = []
  const withdrawn: PositionFindings['withdrawn'][number][] = []
  for (const [card, positions] of group.touched) {
    const chain = group.chain(card)
    const { cardSigns } = facts.schemeOf(card)
    for (const sequence of positions) {
      const traced = tracePosition(chain, sequence, cardSigns)
      findings.push(...traced.findings)
      withdrawn.push(...traced.withdrawn)
    }
  }
  return { findings, withdrawn }
}

function settleAll(group: Group, facts: GroupFacts, at: Instant): Transfer[] {
  const transfers: Transfer[] = []
  for (const [card, chain] of group.chains) {
    const currency = facts.currencyOf(card)
    for (const record of chain.records()) {
      const parties = chain.isSignedByCard
        ? undefined
        : { currency, merchant: facts.merchantOf(record.maker) }
      const settled = settle(record, parties, at)
      if (settled.record !== record) chain.put(settled.record)
      if (settled.transfer) transfers.push(settled.transfer)
    }
  }
  return transfers
}

/**
 * Puts the record a card is issued with into its chain, in the transaction that makes the card:
 * nothing else can be there yet.
 */
export async function placeIssue(
  trx: Transaction<Tables>,
  entry: VerifiedEntry,
  scheme: OfficeScheme,
  at: Instant,
): Promise<void> {
  const facts: GroupFacts = {
    prepare: async () => {},
    schemeOf: () => scheme,
    currencyOf: () => entry.currency.code,
    merchantOf: () => '',
    allowed: () => ({ mayLoad: false, freeAmounts: false }),
    known: () => [],
    reopened: [],
  }
  if (scheme.recordsAreSigned === 'by the card') {
    await openAccounts(trx, [shadowOf(entry.card, entry.currency.code)])
  }
  await place(trx, [{ entry, outcome: 'confirmed', source: undefined }], facts, at)
}
