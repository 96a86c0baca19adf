import type { Transaction } from 'kysely'
import type { Outcome } from '../../kernel/batch.ts'
import type { CardId, Digest } from '../../kernel/ids.ts'
import { OFFICE } from '../../kernel/ids.ts'
import { isEffective, type CardChain, type ChainRecord, type Source } from './chain.ts'
import type { Finding } from './findings.ts'
import { load, touch, type Group } from './group.ts'
import type { GroupFacts, TracingFacts } from './group-facts.ts'
import type { Upload } from './placement-store.ts'
import type { VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import { excessOfReversal, isEquivocal, tracePolicy } from './tracing.ts'

/** How uploads change the chains that they belong to. Flags that follow from these come afterwards. */

export function merge(group: Group, facts: TracingFacts, tokenFindings: readonly Finding[]): void {
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
export async function rejudge(
  trx: Transaction<Tables>,
  group: Group,
  facts: GroupFacts,
): Promise<void> {
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
export async function passOnTaken(trx: Transaction<Tables>, group: Group): Promise<void> {
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
export function markRefuted(group: Group, byTokens: readonly RecordName[]): void {
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
