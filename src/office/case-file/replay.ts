import type { Batch, BatchItem } from '../../kernel/batch.ts'
import { invariant } from '../../kernel/errors.ts'
import { digestOf, OFFICE, type CardId, type Digest, type TillNumber } from '../../kernel/ids.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { CoinEntry } from '../coins/coinage.ts'
import { saleIn, type CoinSale } from '../coins/sales.ts'
import { loadedIn, traceRewritten } from '../ledger/batch-tracing.ts'
import type { Finding } from '../ledger/findings.ts'
import type { TracingFacts } from '../ledger/group-facts.ts'
import { salesIn, traceAlone } from '../ledger/placement.ts'
import { hearsayOf } from '../ledger/sorting.ts'
import type { Upload } from '../ledger/placement-store.ts'
import { traceCash, withheld, type Sale, type TokenFacts } from '../ledger/tracing.ts'
import { runVerifyJob, type VerifyJob } from '../ledger/verifier.ts'
import type { OfficeScheme, UsedToken, Verdict, VerifiedEntry } from '../scheme.ts'

/** What was handed in at once: by a till as a batch, or by a card through somebody's phone. */
export interface HandedIn {
  readonly items: readonly BatchItem[]
  /** Its signature holds. Undefined: a card's, which nobody has signed as a whole. */
  readonly batch: Batch | undefined
  readonly digest: Digest
}

/** The same, and what its items are to whoever verified them. */
export interface Read extends HandedIn {
  readonly verdicts: readonly Verdict[]
}

type ReadBatch = Read & { readonly batch: Batch }

/** What a rule asks that is in no batch: from the office's database, or from a case file. */
export interface ReplayFacts extends Pick<TracingFacts, 'allowed' | 'known'> {
  /** What the office issued; undefined if it never issued that token. */
  readonly issued: (token: UsedToken) => TokenFacts['issued']
}

/** Verifies the items. @param secrets none of a scheme: no bytes. */
export function readAll(
  handedIn: readonly HandedIn[],
  schemes: readonly OfficeScheme[],
  { keys, secrets }: Pick<VerifyJob, 'keys' | 'secrets'>,
): readonly Read[] {
  const none = Object.fromEntries(schemes.map(({ name }) => [name, new Uint8Array()]))
  return handedIn.map((one) => ({
    ...one,
    verdicts: runVerifyJob(schemes, { items: one.items, keys, secrets: { ...none, ...secrets } }),
  }))
}

/**
 * Everything that this evidence shows, were nothing else ever handed in: by the rules that find it in
 * an office. Pure.
 */
export function replay(
  read: readonly Read[],
  schemes: readonly OfficeScheme[],
  facts: ReplayFacts,
  coins: readonly CoinEntry[] = [],
): readonly Finding[] {
  const uploads = uploadsOf(read, schemes)
  const sold = soldIn(read, schemes, coins)
  const tracing = tracingFacts(uploads, schemes, facts)
  const sales = [...salesIn(uploads, tracing), ...sold]
  const batches = read.flatMap((one) => (one.batch ? { ...one, batch: one.batch } : []))
  return [
    ...traceAlone(uploads, tracing, tokenFacts(sales, facts), sold),
    ...traceRewritten(batches.map(placeOf)),
    ...batches.flatMap(traceLoads),
    ...traceKeptBack(
      batches,
      uploads.filter(({ entry }) => !isSignedByCard(entry, schemes)),
    ),
  ]
}

/** The finding that replaying gives for what `wanted` is about, if it is the same in every part. */
export function follows(wanted: Finding, found: readonly Finding[]): boolean {
  return found.some((finding) => keyOf(finding) === keyOf(wanted))
}

function keyOf({ kind, strength, suspects, card, about, amount, records }: Finding): string {
  const accused = suspects.map((one) => (one.kind === 'card' ? one.card : one.till))
  return [kind, strength, accused, card, about, amount, records.toSorted()].join(' ')
}

/** What an item shows: its own record, and those of other cards. Nothing of a card of another office. */
export function entriesOf(verdict: Verdict | undefined): readonly VerifiedEntry[] {
  if (!verdict?.ok || verdict.entry.isForeign) return []
  return [verdict.entry, ...(verdict.others ?? [])]
}

/**
 * What makers say for themselves: tills in their own batches, cards wherever their records are. A
 * till's record in somebody else's hands is nobody's word.
 */
export function uploadsOf(
  read: readonly Read[],
  schemes: readonly OfficeScheme[],
): readonly Upload[] {
  return read.flatMap(({ batch, items, verdicts }, number) =>
    verdicts.flatMap((verdict, index) => {
      const item = items[index]
      if (!item) return []
      const { outcome } = item
      const source = { batch: BigInt(number), index }
      return entriesOf(verdict).flatMap((entry): readonly Upload[] => {
        if (entry.maker === batch?.till) return [{ entry, outcome, source }]
        if (!isSignedByCard(entry, schemes)) return []
        return [{ entry: hearsayOf(entry), outcome, source, isHearsay: true }]
      })
    }),
  )
}

/** What tills say in their batches that they have sold for coins. @param coins what those were, opened. */
export function soldIn(
  read: readonly Pick<Read, 'batch' | 'items'>[],
  schemes: readonly Pick<OfficeScheme, 'name' | 'coinage'>[],
  coins: readonly CoinEntry[],
): readonly CoinSale[] {
  if (coins.length === 0) return []
  return read.flatMap(({ batch, items }) =>
    items.flatMap(({ scheme, evidence }) => {
      const told = schemes.find(({ name }) => name === scheme)?.coinage?.proof.told(evidence)
      return told ? coins.flatMap((one) => saleIn({ coins: one, told }, batch?.till) ?? []) : []
    }),
  )
}

function isSignedByCard(
  { scheme }: Pick<VerifiedEntry, 'scheme'>,
  schemes: readonly OfficeScheme[],
): boolean {
  return schemes.find(({ name }) => name === scheme)?.recordsAreSigned === 'by the card'
}

function tracingFacts(
  uploads: readonly Upload[],
  schemes: readonly OfficeScheme[],
  { allowed, known }: ReplayFacts,
): TracingFacts {
  const names = new Map(uploads.map(({ entry }) => [entry.card, entry.scheme]))
  return {
    allowed,
    known,
    schemeOf(card) {
      const scheme = schemes.find(({ name }) => name === names.get(card))
      invariant(scheme, `a scheme has verified a record of card ${card}`)
      return scheme
    },
  }
}

function tokenFacts(sales: readonly Sale[], { issued }: Pick<ReplayFacts, 'issued'>) {
  const used = sales.flatMap(({ tokens, maker: till, digest: record }) =>
    tokens.map((token) => ({ token, till, record })),
  )
  const byToken = Map.groupBy(used, ({ token }) => token.digest)
  return (digest: Digest): TokenFacts => {
    const uses = byToken.get(digest) ?? []
    const [first] = uses
    return { digest, issued: first && issued(first.token), uses }
  }
}

function placeOf({ batch, digest }: ReadBatch) {
  const { till, number, previous } = batch
  return { till, number, digest, previous: digestOf(previous) }
}

/** Only of a batch that can be read whole: who cannot see what was taken back cannot tell. */
function traceLoads({ batch, verdicts }: ReadBatch): readonly Finding[] {
  if (!verdicts.every(({ ok }) => ok)) return []
  return traceCash(batch.till, batch, loadedIn(batch, verdicts))
}

interface Signed {
  readonly card: CardId
  readonly digest: Digest
  readonly maker: TillNumber
  readonly madeAt: Instant
}

/**
 * Records that are not in the one batch that must have them: the first of their maker's that reaches
 * to their stamp. Stamps only rise, and no batch has a record behind what it declares to be whole.
 */
function traceKeptBack(
  batches: readonly ReadBatch[],
  uploads: readonly Upload[],
): readonly Finding[] {
  const records = new Map(
    uploads.flatMap(({ entry }) => signedBy(entry)).map((one) => [one.digest, one]),
  )
  return [...records.values()].flatMap((record) => {
    const own = batches.filter(({ batch }) => batch.till === record.maker)
    const due = own.filter(({ batch }) => isDue(batch, record, own))
    return due.some((one) => !reports(one, record.digest)) ? [withheld(record)] : []
  })
}

/** What an entry shows to be signed by tills: its own record, and the one before if it shows it. */
function signedBy({ card, predecessor, ...own }: VerifiedEntry): readonly Signed[] {
  const shown = predecessor?.shown ? [predecessor] : []
  return [own, ...shown]
    .filter(({ maker }) => maker !== OFFICE)
    .map(({ digest, maker, madeAt }) => ({ card, digest, maker, madeAt }))
}

function isDue(batch: Batch, { madeAt }: Signed, own: readonly ReadBatch[]): boolean {
  const isBefore = (other: Batch) =>
    other.number === batch.number - 1 && other.completeUpTo < madeAt
  const startsBefore = batch.number === 1 || own.some((one) => isBefore(one.batch))
  return batch.completeUpTo >= madeAt && startsBefore
}

function reports({ verdicts }: ReadBatch, digest: Digest): boolean {
  return verdicts.some((verdict) => entriesOf(verdict).some((entry) => entry.digest === digest))
}
