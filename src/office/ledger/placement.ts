import type { Transaction } from 'kysely'
import type { Outcome } from '../../kernel/batch.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import { OFFICE } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Instant } from '../../kernel/ports.ts'
import { openAccounts, post, type Transfer } from './accounts.ts'
import {
  CardChain,
  evaluate,
  isEffective,
  type ChainRecord,
  type Decision,
  type Source,
} from './chain.ts'
import type { Finding } from './findings.ts'
import { decidePayments, NOTHING_PAID, placePayments, shadowOf, type Paid } from './payments.ts'
import {
  insertRecords,
  insertTokenUses,
  LAST_POSITION,
  loadSpans,
  loadTokenUses,
  updateRecords,
  type Span,
  type Upload,
} from './placement-store.ts'
import type { OfficeScheme, VerifiedEntry } from '../scheme.ts'
import { settle } from './settlement.ts'
import type { Tables } from '../tables.ts'
import {
  excessOfReversal,
  isEquivocal,
  tracePolicy,
  tracePosition,
  traceTokens,
  type Allowed,
  type PositionFindings,
  type TokenFacts,
} from './tracing.ts'

/** What placement asks of the registry, for one group. That of the uploads' cards is loaded beforehand. */
export interface GroupFacts {
  /** Loads what it lacks of these cards. */
  prepare(cards: readonly CardId[]): Promise<void>
  schemeOf(card: CardId): OfficeScheme
  currencyOf(card: CardId): CurrencyCode
  merchantOf(till: number): string
  allowed(till: number, policyVersion: number): Allowed
  /** Everything the office knows of the card's holder's secrets. */
  known(card: CardId): readonly Bytes[]
  /** Earlier entries of cards of which the office has learnt something since: to be judged again. */
  readonly reopened: readonly VerifiedEntry[]
}

/** As much of it as tracing asks for. */
export type TracingFacts = Pick<GroupFacts, 'schemeOf' | 'allowed' | 'known'>

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
): Promise<Placed> {
  const group = new Group(uploads, facts)
  const tokenFindings = await placeTokens(trx, group)
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
  const { inserted, updated } = group.changes()
  await insertRecords(trx, inserted, at)
  await updateRecords(trx, updated)
  const accounts = transfers.flatMap(({ debit, credit }) => [debit, credit])
  await placePayments(trx, paid, accounts, at)
  await post(trx, transfers)
  return {
    findings: [...group.findings, ...traced.findings],
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
): readonly Finding[] {
  const group = new Group(uploads, facts)
  for (const chain of group.chains.values()) chain.markTailLoaded(0)
  const tokenFindings = uploads.flatMap(({ entry }) => traceTokens(entry, tokenFacts))
  merge(group, facts, tokenFindings)
  markRefuted(group, [])
  return [...group.findings, ...traceAll(group, facts).findings]
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

/** The working copy of the chains that a group of uploads touches. */
class Group {
  readonly uploads: readonly Upload[]
  readonly chains = new Map<CardId, CardChain>()
  readonly findings: Finding[] = []
  readonly withdrawn: PositionFindings['withdrawn'][number][] = []
  readonly fresh = new Set<Digest>()
  /** Records of which this group shows that their cards took them. */
  readonly taken: ChainRecord[] = []
  readonly dirty = new Map<CardId, Set<number>>()
  /** Positions to trace: those that were looked at and have changed. */
  readonly touched = new Map<CardId, Set<number>>()

  readonly #facts: Pick<GroupFacts, 'schemeOf'>

  constructor(uploads: readonly Upload[], facts: Pick<GroupFacts, 'schemeOf'>) {
    this.uploads = uploads
    this.#facts = facts
    for (const { entry } of uploads) this.chain(entry.card)
  }

  chain(card: CardId): CardChain {
    const known = this.chains.get(card)
    if (known) return known
    const chain = new CardChain(this.#facts.schemeOf(card).recordsAreSigned)
    this.chains.set(card, chain)
    return chain
  }

  load(record: ChainRecord): void {
    this.chain(record.card).load(record)
  }

  /** A record that is new, or was only shown until now. */
  add(record: ChainRecord): void {
    const isLoaded = this.chain(record.card).isLoaded(record.sequence)
    invariant(isLoaded, 'what is there is known before a record is put beside it')
    this.change(record)
  }

  change(record: ChainRecord): void {
    this.chain(record.card).put(record)
    // A record that is only shown is never complete, and nobody's rival.
    if (record.uploaded) touch(this.dirty, record.card, record.sequence)
    touch(this.touched, record.card, record.sequence)
  }

  /** Takes note that its card did take it, if that is news. */
  take(record: ChainRecord): void {
    if (isEffective(record)) return
    const taken = { ...record, taken: true }
    this.change(taken)
    this.taken.push(taken)
  }

  /** What is to be written: whole rows, and rows of which only the flags have changed. */
  changes(): {
    readonly inserted: readonly ChainRecord[]
    readonly updated: readonly ChainRecord[]
  } {
    const inserted: ChainRecord[] = []
    const updated: ChainRecord[] = []
    for (const chain of this.chains.values()) {
      for (const { record, stored } of chain.placements()) {
        if (!stored || record.uploaded !== stored.uploaded || record.source !== stored.source) {
          inserted.push(record)
        } else if (differs(record, stored)) updated.push(record)
      }
    }
    return { inserted, updated }
  }
}

function touch(positions: Map<CardId, Set<number>>, card: CardId, sequence: number): void {
  const known = positions.get(card)
  if (known) known.add(sequence)
  else positions.set(card, new Set([sequence]))
}

function differs(a: ChainRecord, b: ChainRecord): boolean {
  if (a === b) return false
  return (
    a.outcome !== b.outcome ||
    a.complete !== b.complete ||
    a.contested !== b.contested ||
    a.refuted !== b.refuted ||
    a.taken !== b.taken ||
    a.decision !== b.decision ||
    a.settlement !== b.settlement
  )
}

/** Writes down which tokens were used; what is wrong with them refutes the records that used them. */
async function placeTokens(trx: Transaction<Tables>, group: Group) {
  const uses = group.uploads.flatMap(({ entry }) =>
    entry.tokens.map(({ digest }) => ({
      token: digest,
      card: entry.card,
      sequence: entry.sequence,
      record: entry.digest,
      till: entry.maker,
    })),
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
  const findings = group.uploads.flatMap(({ entry }) => traceTokens(entry, factsOf))
  const guilty = new Set(findings.flatMap(({ records }) => records))
  return {
    findings,
    // A token used twice refutes its first use too, which may be of another card and long placed.
    refuted: rows.filter(({ record }) => guilty.has(record)),
  }
}

/** Where each upload lies, what is beside it, and where what it shows lies. */
async function loadNeighbours(trx: Transaction<Tables>, group: Group): Promise<void> {
  await load(
    trx,
    group,
    group.uploads.flatMap(({ entry: { card, sequence, predecessor } }) => [
      { card, sequence: sequence - 1 },
      { card, sequence },
      { card, sequence: sequence + 1 },
      // Who lies about its own sequence can show a record from anywhere.
      { card, sequence: predecessor?.sequence ?? sequence },
    ]),
  )
}

async function load(
  trx: Transaction<Tables>,
  group: Group,
  positions: readonly Position[],
): Promise<void> {
  const wanted = positions.filter(({ card, sequence }) => !group.chain(card).isLoaded(sequence))
  for (const record of await loadSpans(trx, spansOf(wanted))) group.load(record)
  for (const { card, sequence } of wanted) group.chain(card).markLoaded(sequence)
}

interface Position {
  readonly card: CardId
  readonly sequence: number
}

/** The positions as runs: uploads of one card mostly lie side by side. */
function spansOf(positions: readonly Position[]): Span[] {
  const spans: Span[] = []
  for (const [card, own] of Map.groupBy(positions, (position) => position.card)) {
    let from: number | undefined
    let to = Number.NEGATIVE_INFINITY
    for (const { sequence } of own.toSorted((a, b) => a.sequence - b.sequence)) {
      if (from !== undefined && sequence > to + 1) {
        spans.push({ card, from, to })
        from = undefined
      }
      from ??= sequence
      to = sequence
    }
    if (from !== undefined) spans.push({ card, from, to })
  }
  return spans
}

function merge(group: Group, facts: TracingFacts, tokenFindings: readonly Finding[]): void {
  const guilty = new Set(tokenFindings.flatMap(({ records }) => records))
  group.findings.push(...tokenFindings)
  for (const upload of group.uploads) {
    const findings = judgeRecord(upload, facts)
    group.findings.push(...findings)
    mergeUpload(group, upload, findings.length > 0 || guilty.has(upload.entry.digest))
    showPredecessor(group, upload.entry)
  }
}

/** What the office has learnt of a card may show what was wrong with records that are long placed. */
async function rejudge(trx: Transaction<Tables>, group: Group, facts: GroupFacts): Promise<void> {
  const guilty = facts.reopened.flatMap((entry) => {
    const findings = facts.schemeOf(entry.card).judge(entry, facts.known(entry.card))
    return findings.length > 0 ? { entry, findings } : []
  })
  await load(
    trx,
    group,
    guilty.map(({ entry }) => entry),
  )
  for (const { entry, findings } of guilty) {
    group.findings.push(...findings)
    const record = group.chain(entry.card).get(entry.sequence, entry.digest)
    if (record && !record.refuted) group.change({ ...record, refuted: true })
  }
}

/** What one record shows by itself, with what the office knows. */
function judgeRecord({ entry, isHearsay }: Upload, facts: TracingFacts): Finding[] {
  return [
    // Tracing tells that one, with the amount that only the true predecessor shows.
    ...entry.findings.filter(({ kind }) => kind !== 'previous-balance-altered'),
    ...facts.schemeOf(entry.card).judge(entry, facts.known(entry.card)),
    ...(entry.maker === OFFICE || isHearsay
      ? []
      : tracePolicy(entry, facts.allowed(entry.maker, entry.policyVersion))),
  ]
}

function mergeUpload(group: Group, upload: Upload, guilty: boolean): void {
  const { entry } = upload
  const chain = group.chain(entry.card)
  const known = chain.get(entry.sequence, entry.digest)
  // What a card has signed it did, whatever a till did wrong besides.
  const refuted =
    !chain.isSignedByCard &&
    (guilty || (entry.predecessor !== undefined && !entry.predecessor.shown))
  if (known?.uploaded && chain.isSignedByCard) {
    const outcome = strongest(known.outcome, outcomeOf(upload, chain))
    group.change({ ...known, outcome, source: bestSource(known, upload) })
    return
  }
  if (known?.uploaded) {
    const conflicting =
      known.previous !== entry.predecessor?.digest || known.amount !== entry.amount
    if (conflicting) group.findings.push(contradiction(entry))
    group.change({
      ...known,
      outcome: strongest(known.outcome, outcomeOf(upload, chain)),
      refuted: known.refuted || refuted || conflicting,
    })
    return
  }
  // When a card signed is known to nobody: no till can have kept it back.
  if (!chain.isSignedByCard) group.fresh.add(entry.digest)
  if (known) group.withdrawn.push({ kind: 'missing-transaction', about: entry.digest })
  const record: ChainRecord = {
    card: entry.card,
    sequence: entry.sequence,
    digest: entry.digest,
    kind: entry.kind,
    maker: entry.maker,
    generation: entry.generation,
    madeAt: entry.madeAt,
    balance: entry.balance,
    uploaded: true,
    amount: entry.amount,
    outcome: outcomeOf(upload, chain),
    previous: entry.predecessor?.digest,
    previousMaker: entry.predecessor?.maker,
    previousBalance: entry.predecessor?.balance,
    previousAt: entry.predecessor?.madeAt,
    previousShown: entry.predecessor?.shown ?? true,
    source: upload.source,
    taken: known?.taken ?? false,
    refuted,
    decision: undefined,
    complete: false,
    contested: false,
    settlement: 'none',
    step: 0,
  }
  group.add(record)
  // What stands on it was there first, perhaps: it then depends on this.
  touch(group.dirty, entry.card, entry.sequence + 1)
  touch(group.touched, entry.card, entry.sequence + 1)
}

/** Rather what the card has signed than what a till expects, and rather with the till's tokens than without. */
function bestSource(known: ChainRecord, { entry, source, isHearsay }: Upload): Source | undefined {
  const saysMore = !isEffective(known) || (entry.maker !== OFFICE && !isHearsay)
  return entry.isAttested && saysMore ? source : known.source
}

/** One record, told in two ways by the till that signed it. */
function contradiction({ card, digest, maker, amount }: VerifiedEntry): Finding {
  return {
    kind: 'rewritten-journal',
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card,
    about: digest,
    amount,
    records: [digest],
  }
}

/** Where a card says itself that it took a record, a till's word for it does not count. */
function outcomeOf({ entry, outcome }: Upload, chain: CardChain): Outcome {
  if (chain.isSignedByCard && entry.isAttested) return 'confirmed'
  return outcome === 'confirmed' && entry.isAttested === false ? 'unconfirmed' : outcome
}

/** Later knowledge wins, and a till's `confirmed` is its claim to the money. */
function strongest(a: Outcome, b: Outcome): Outcome {
  const order: readonly Outcome[] = ['unconfirmed', 'void', 'confirmed']
  return order.indexOf(a) > order.indexOf(b) ? a : b
}

/**
 * The predecessor that an upload shows with its maker's signature: the card did take it, as a till has
 * read or, where cards say so themselves, as the card has said.
 */
function showPredecessor(group: Group, entry: VerifiedEntry): void {
  const shown = entry.predecessor
  if (!shown?.shown) return
  const chain = group.chain(entry.card)
  const own = chain.get(entry.sequence, entry.digest)
  const taken = entry.isAttested !== false || (own !== undefined && isEffective(own))
  const known = chain.get(shown.sequence, shown.digest)
  if (known) {
    if (taken) group.take(known)
    return
  }
  const record: ChainRecord = {
    card: entry.card,
    sequence: shown.sequence,
    digest: shown.digest,
    kind: shown.kind,
    maker: shown.maker,
    generation: shown.generation,
    madeAt: shown.madeAt,
    balance: shown.balance,
    uploaded: false,
    amount: 0n,
    outcome: 'unconfirmed',
    previous: undefined,
    previousMaker: undefined,
    previousBalance: undefined,
    previousAt: undefined,
    previousShown: false,
    source: undefined,
    taken,
    refuted: false,
    decision: undefined,
    complete: false,
    contested: false,
    settlement: 'none',
    step: 0,
  }
  group.add(record)
}

/** A card that took a record had taken the one before it: leftwards as far as nobody knew that. */
async function passOnTaken(trx: Transaction<Tables>, group: Group): Promise<void> {
  for (let done = 0; done < group.taken.length;) {
    const news = group.taken.slice(done).filter(({ previousShown }) => previousShown)
    done = group.taken.length
    const positions = news.map(({ card, sequence }) => ({ card, sequence: sequence - 1 }))
    await load(trx, group, positions)
    for (const { card, sequence, previous } of news) {
      const before = previous && group.chain(card).get(sequence - 1, previous)
      if (before) group.take(before)
    }
  }
}

interface RecordName {
  readonly card: CardId
  readonly sequence: number
  readonly record: Digest
}

/** Takes note of every record that is now proven bad, wherever it lies. */
function markRefuted(group: Group, byTokens: readonly RecordName[]): void {
  const refute = (record: ChainRecord | undefined) => {
    if (record && !record.refuted) group.change({ ...record, refuted: true })
  }
  for (const { card, sequence, record } of byTokens) {
    const chain = group.chain(card)
    if (!chain.isSignedByCard) refute(chain.get(sequence, record))
  }
  for (const [card, positions] of group.touched) {
    const chain = group.chain(card)
    if (chain.isSignedByCard) continue
    for (const sequence of [...positions]) {
      for (const record of chain.at(sequence)) {
        if (isEquivocal(chain, record) || excessOfReversal(chain, record) > 0n) refute(record)
      }
    }
  }
}

async function evaluateAll(trx: Transaction<Tables>, group: Group): Promise<void> {
  for (;;) {
    const positions: { card: CardId; sequence: number }[] = []
    const tails: Span[] = []
    for (const [card, dirty] of group.dirty) {
      const missing = evaluate(group.chain(card), dirty)
      if (missing.what === 'positions') {
        positions.push(...missing.positions.map((sequence) => ({ card, sequence })))
      } else if (missing.what === 'tail')
        tails.push({ card, from: missing.from, to: LAST_POSITION })
    }
    if (positions.length === 0 && tails.length === 0) return
    await load(trx, group, positions)
    for (const record of await loadSpans(trx, tails)) group.load(record)
    for (const { card, from } of tails) group.chain(card).markTailLoaded(from)
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
    for (const { record } of [...chain.placements()]) {
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
