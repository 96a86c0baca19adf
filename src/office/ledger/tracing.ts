import type { CardId, Digest } from '../../kernel/ids.ts'
import { OFFICE } from '../../kernel/ids.ts'
import { sum, type Amount } from '../../kernel/money.ts'
import type { BatchTotals } from '../../kernel/batch.ts'
import { isEffective, isLive, siblings, type CardChain, type ChainRecord } from './chain.ts'
import type { CaseKind, Finding } from './findings.ts'
import type { VerifiedEntry } from '../scheme.ts'

/**
 * The rules that look at more than one record. All pure: from the records at a position to what they
 * show. Ask of every rule who else could have produced these bytes.
 */
export interface PositionFindings {
  readonly findings: readonly Finding[]
  /** Cases that these records no longer support, by their `about`. */
  readonly withdrawn: readonly { readonly kind: CaseKind; readonly about: string }[]
}

/** What the records at one position show together. All of that position must be loaded. */
export function tracePosition(
  chain: CardChain,
  sequence: number,
  cardSigns: boolean,
): PositionFindings {
  if (chain.isSignedByCard) return traceSignedByCard(chain, sequence)
  const records = chain.at(sequence)
  const rivals = records.length > 1 ? traceRivals(records, cardSigns) : NOTHING_FOUND
  const findings = [...rivals.findings]
  for (const record of records) {
    findings.push(...traceReversal(chain, record))
    if (chain.isLoaded(sequence - 1)) findings.push(...traceAlteredPrevious(chain, record))
  }
  return { findings, withdrawn: rivals.withdrawn }
}

const NOTHING_FOUND: PositionFindings = { findings: [], withdrawn: [] }

/** What records show that claim one position. */
function traceRivals(records: readonly ChainRecord[], cardSigns: boolean): PositionFindings {
  const equivocations = traceEquivocation(records)
  const equivocal = new Set(equivocations.flatMap((finding) => finding.records))
  const forks = traceForks(records, cardSigns)
  return {
    findings: [...equivocations, ...forks.findings],
    withdrawn: [
      ...forks.withdrawn,
      ...records
        .filter(({ uploaded, digest }) => !uploaded && equivocal.has(digest))
        .map(({ digest }) => ({ kind: 'withheld-transaction', about: digest }) as const),
    ],
  }
}

/**
 * Where the card signs, a chain that is no chain has one author: whoever has the card's key. A card of
 * ours signs one record a position, names the one before it and adds up.
 */
function traceSignedByCard(chain: CardChain, sequence: number): PositionFindings {
  const findings = [sequence - 1, sequence].flatMap((position) =>
    traceSecondHistory(chain, position),
  )
  if (chain.isLoaded(sequence - 1)) {
    findings.push(...signedAt(chain, sequence).flatMap((record) => traceSum(chain, record)))
  }
  return { findings, withdrawn: [] }
}

/** Records that the card has signed. What a till only expects of a card that went away says nothing. */
function signedAt(chain: CardChain, sequence: number): readonly ChainRecord[] {
  return chain.at(sequence).filter(isEffective)
}

/** Two records at a position, or one there and another one that the next record stands on. */
function traceSecondHistory(chain: CardChain, position: number): Finding[] {
  if (position < 0 || !chain.isLoaded(position)) return []
  const here = signedAt(chain, position)
  const [first] = here
  if (!first) return []
  const known = new Set(here.map(({ digest }) => digest))
  const strangers = chain.isLoaded(position + 1)
    ? signedAt(chain, position + 1).filter(({ previous }) => previous && !known.has(previous))
    : []
  if (here.length < 2 && strangers.length === 0) return []
  const amounts = here.map(({ amount }) => amount)
  return [
    {
      kind: 'card-key-extracted',
      strength: 'proven',
      suspects: [{ kind: 'card', card: first.card }],
      card: first.card,
      about: `${first.card}:${position}`,
      amount: here.length > 1 ? sum(amounts) - greatest(amounts) : undefined,
      records: digestsOf([...here, ...strangers]),
    },
  ]
}

/** A record whose balance does not follow from the one before it. */
function traceSum(chain: CardChain, record: ChainRecord): Finding[] {
  const before = signedAt(chain, record.sequence - 1).find(
    ({ digest }) => digest === record.previous,
  )
  const change = changeOf(record)
  if (!before || change === undefined) return []
  const expected = before.balance + change
  if (expected === record.balance) return []
  return [
    {
      kind: 'wrong-arithmetic',
      strength: 'proven',
      suspects: [{ kind: 'card', card: record.card }],
      card: record.card,
      about: record.digest,
      amount: difference(expected, record.balance),
      records: digestsOf([before, record]),
    },
  ]
}

/** Undefined if the balance is what an instruction of the office says. */
function changeOf({ kind, amount }: ChainRecord): Amount | undefined {
  switch (kind) {
    case 'pay':
    case 'unload':
      return -amount
    case 'load':
    case 'receive':
    case 'refund':
    case 'reversal':
      return amount
    case 'issue':
    case 'passcode':
    case 'restore':
      return undefined
  }
}

/**
 * Two different records of one maker for one position. A till signs one and remembers it, so nobody
 * but a maker who lies can have made both; each is shown with that maker's signature.
 */
function traceEquivocation(records: readonly ChainRecord[]): Finding[] {
  const byMaker = Map.groupBy(
    records.filter(({ maker }) => maker !== OFFICE),
    ({ maker }) => maker,
  )
  return [...byMaker].flatMap(([maker, versions]) => {
    const [first] = versions
    if (!first || versions.length < 2) return []
    const balances = versions.map(({ balance }) => balance)
    return {
      kind: 'equivocation',
      strength: 'proven',
      suspects: [{ kind: 'till', till: maker }],
      card: first.card,
      about: `${first.card}:${first.sequence}:${maker}`,
      amount: greatest(balances) - least(balances),
      records: digestsOf(versions),
    } as const
  })
}

/** Whether tracing has shown its maker to have signed another record for the same position. */
export function isEquivocal(chain: CardChain, record: ChainRecord): boolean {
  if (record.maker === OFFICE) return false
  return chain
    .at(record.sequence)
    .some(({ maker, digest }) => maker === record.maker && digest !== record.digest)
}

/**
 * A reversal gives back what the record before it took, to the cent. That record's own evidence says
 * how much that was; both are its maker's.
 */
function traceReversal(chain: CardChain, record: ChainRecord): Finding[] {
  const excess = excessOfReversal(chain, record)
  if (excess === 0n) return []
  return [
    {
      kind: 'wrong-arithmetic',
      strength: 'proven',
      suspects: [{ kind: 'till', till: record.maker }],
      card: record.card,
      about: record.digest,
      amount: excess,
      records: [record.digest],
    },
  ]
}

/** 0 if it is none, or as long as what it reverses is not there. */
export function excessOfReversal(chain: CardChain, record: ChainRecord): Amount {
  if (record.kind !== 'reversal' || record.previous === undefined) return 0n
  const reversed = chain.get(record.sequence - 1, record.previous)
  return reversed?.uploaded ? difference(reversed.amount, record.amount) : 0n
}

/**
 * Good records of several makers on one predecessor. Where the card does not sign, a copied card looks
 * like this and so does a vendor who invents a payment: nobody is proven guilty by it.
 */
function traceForks(records: readonly ChainRecord[], cardSigns: boolean): PositionFindings {
  const findings: Finding[] = []
  const withdrawn: { kind: CaseKind; about: string }[] = []
  const kind = 'fork'
  for (const [previous, group] of siblings(records)) {
    const [first] = group
    if (!first || group.length < 2) continue
    const live = group.filter(isLive)
    const makers = [...new Set(live.map(({ maker }) => maker))].toSorted((a, b) => a - b)
    const about = `${first.card}:${first.sequence}:${previous}`
    if (makers.length < 2) {
      withdrawn.push({ kind, about })
      continue
    }
    const amounts = live.map(({ amount }) => amount)
    findings.push({
      kind,
      strength: cardSigns ? 'proven' : 'suspected',
      suspects: [
        { kind: 'card', card: first.card },
        ...(cardSigns ? [] : makers.map((till) => ({ kind: 'till', till }) as const)),
      ],
      card: first.card,
      about,
      amount: sum(amounts) - greatest(amounts),
      records: digestsOf(live),
    })
  }
  return { findings, withdrawn }
}

/**
 * A record whose predecessor its uploader could not show. The bytes alone prove that; how much it was
 * altered by shows when the true predecessor is there.
 */
function traceAlteredPrevious(chain: CardChain, record: ChainRecord): Finding[] {
  if (!record.uploaded || record.previousShown || record.previous === undefined) return []
  const candidates = chain.at(record.sequence - 1)
  const named = candidates.filter(({ maker }) => maker === record.previousMaker)
  // Where several are there, the same one whatever the order they came in.
  const [truth] = (named.length > 0 ? named : candidates).toSorted((a, b) =>
    a.digest < b.digest ? -1 : 1,
  )
  const claimed = record.previousBalance
  const known = truth !== undefined && claimed !== undefined
  return [alteredPrevious(record, known ? difference(truth.balance, claimed) : undefined)]
}

function alteredPrevious(
  { card, digest, maker }: ChainRecord,
  amount: Amount | undefined,
): Finding {
  return {
    kind: 'previous-balance-altered',
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card,
    about: digest,
    amount,
    records: [digest],
  }
}

/** What the office knows of a token that was used. */
export interface TokenFacts {
  readonly digest: string
  /** As issued; undefined if the office never issued it. */
  readonly issued: { readonly price: Amount; readonly till: number } | undefined
  /** Every record that used it, this one among them. */
  readonly uses: readonly { readonly till: number; readonly record: Digest }[]
}

/** What a till sold, in whatever scheme. */
export interface Sale extends Pick<
  VerifiedEntry,
  'digest' | 'maker' | 'tokens' | 'amount' | 'kind' | 'policyVersion'
> {
  /** Undefined where payments are no records of cards. */
  readonly card: CardId | undefined
  readonly sequence: number | undefined
}

/** Tokens that do not pay for what a record took (Shah et al., IV F). */
export function traceTokens(
  entry: Pick<Sale, 'card' | 'digest' | 'maker' | 'tokens' | 'amount'>,
  factsOf: (token: Digest) => TokenFacts,
): Finding[] {
  return entry.tokens.flatMap((token) => {
    const { issued, uses } = factsOf(token.digest)
    const finding = (kind: CaseKind, amount: Amount, records = [entry.digest]): Finding => ({
      kind,
      strength: 'proven',
      suspects: [{ kind: 'till', till: entry.maker }],
      card: entry.card,
      about:
        kind === 'token-double-spent'
          ? `${token.digest}:${entry.maker}`
          : `${entry.digest}:${token.digest}`,
      amount,
      records,
    })
    if (!issued) return finding('unknown-token', token.price)
    if (issued.till !== entry.maker) return finding('foreign-token', token.price)
    const own = [
      ...new Set(uses.filter(({ till }) => till === entry.maker).map(({ record }) => record)),
    ]
    if (own.length > 1) {
      return finding('token-double-spent', issued.price * BigInt(own.length - 1), own.toSorted())
    }
    return []
  })
}

/** What a till was allowed by the policy that it says it obeyed. */
export interface Allowed {
  readonly mayLoad: boolean
  readonly freeAmounts: boolean
}

/** Done without the right to. Judged by the policy the till held: it cannot know of a newer one. */
export function tracePolicy(
  entry: Pick<Sale, 'card' | 'digest' | 'maker' | 'tokens' | 'amount' | 'kind'>,
  allowed: Allowed,
): Finding[] {
  const finding = (kind: CaseKind): Finding => ({
    kind,
    strength: 'proven',
    suspects: [{ kind: 'till', till: entry.maker }],
    card: entry.card,
    about: entry.digest,
    amount: entry.amount,
    records: [entry.digest],
  })
  if (entry.kind === 'load' && !allowed.mayLoad) return [finding('unauthorised-load')]
  if (entry.kind === 'pay' && entry.tokens.length === 0 && !allowed.freeAmounts) {
    return [finding('unauthorised-amount')]
  }
  return []
}

/** Money loaded in a batch beyond the cash that the same batch says was taken for it. */
export function traceCash(
  till: number,
  batch: { readonly number: number; readonly totals: BatchTotals },
  loaded: Amount,
): Finding[] {
  if (loaded <= batch.totals.cash) return []
  return [
    {
      kind: 'load-beyond-cash',
      strength: 'proven',
      suspects: [{ kind: 'till', till }],
      card: undefined,
      about: `${till}:${batch.number}`,
      amount: loaded - batch.totals.cash,
      records: [],
    },
  ]
}

/**
 * A record shown by others that its maker has not handed in, though the maker's own signed batches say
 * that everything up to a later instant is in them.
 */
export function withheld(record: {
  readonly card: CardId
  readonly digest: Digest
  readonly maker: number
}): Finding {
  return {
    kind: 'withheld-transaction',
    strength: 'proven',
    suspects: [{ kind: 'till', till: record.maker }],
    card: record.card,
    about: record.digest,
    amount: undefined,
    records: [record.digest],
  }
}

function digestsOf(records: readonly ChainRecord[]): Digest[] {
  return records.map(({ digest }) => digest).toSorted()
}

function greatest(amounts: readonly Amount[]): Amount {
  return amounts.reduce((a, b) => (a > b ? a : b), 0n)
}

function least(amounts: readonly Amount[]): Amount {
  return amounts.reduce((a, b) => (a < b ? a : b))
}

function difference(a: Amount, b: Amount): Amount {
  return a > b ? a - b : b - a
}
