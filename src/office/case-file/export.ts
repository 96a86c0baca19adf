import type { Transaction } from 'kysely'
import type { BatchItem } from '../../kernel/batch.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { currencyByNumber, type CurrencyCode } from '../../kernel/money.ts'
import { OfficeError } from '../errors.ts'
import { isOfCoins } from '../coins/cases.ts'
import type { CoinEntry } from '../coins/coinage.ts'
import { caseWords } from '../ledger/case-words.ts'
import type { Case } from '../ledger/cases.ts'
import type { Finding } from '../ledger/findings.ts'
import { loadPolicies } from '../ledger/group-facts.ts'
import type { Allowed } from '../ledger/tracing.ts'
import { runVerifyJob, type VerifyJob } from '../ledger/verifier.ts'
import type { Office } from '../office.ts'
import { knownSecrets } from '../registry/card-secrets.ts'
import { listMakerKeys } from '../registry/keys.ts'
import type { OfficeScheme } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import {
  currencyIn,
  gatherCoins,
  gatherSales,
  readCoinEvidence,
  type CoinEvidence,
} from './coins.ts'
import { signCaseFile, type CaseFile } from './document.ts'
import {
  batchesBesides,
  batchesOf,
  batchesOfSales,
  batchesRetelling,
  batchesTelling,
  loadIssued,
  loadStored,
  namedRecords,
  type RecordName,
  type Stored,
} from './gather.ts'
import { entriesOf, follows, readAll, replay, soldIn, uploadsOf, type Read } from './replay.ts'
import { verifyCaseFile } from './verify.ts'

/**
 * Puts a proven case with its evidence into one signed file. It is tried before it is given away: the
 * finding follows from what is in it, and it says whether a stranger can see that too.
 *
 * @param currency of the case's card, if it has one.
 * @throws {OfficeError} `conflict` if the case is not proven, or does not follow from what is stored.
 */
export async function exportCase(
  trx: Transaction<Tables>,
  office: Office,
  found: Case,
  currency: CurrencyCode | undefined,
): Promise<Bytes> {
  if (isOfCoins(found.kind)) return exportCoins(trx, office, found, currency)
  const proven = provenFinding(found)
  const coins = await gatherSales(trx, office, proven)
  const view = await openView(trx, office, proven, coins)
  const { finding, stored, read, policies } = await gather(trx, view, found.id)
  const file: CaseFile = {
    ...emptyFile(office, found, finding, currency ?? currencyOf(view.sales)),
    ...(coins && { coins }),
    keys: keysIn(read, view.keys),
    policies: policyRows(policies),
    readingKeys: readingKeysFor(read, view),
    batches: stored.flatMap(({ batch, bytes }) => (batch ? bytes : [])),
    synchronisations: stored.flatMap(({ batch, bytes }) => (batch ? [] : bytes)),
  }
  const { key, keyId } = office
  // As few of the holder's secrets as it takes: mostly none, and one at most.
  for (const known of [[], ...view.known.map((secret) => [secret])]) {
    const signed = signCaseFile(key, keyId, { ...file, known })
    if (verifyCaseFile(signed, key.publicKey, view.schemes).result === 'proven') return signed
  }
  return signCaseFile(key, keyId, { ...file, checkable: 'office' })
}

/** The same of a case about coins: what its elements have signed is opened, and nobody's batch is in it. */
async function exportCoins(
  trx: Transaction<Tables>,
  office: Office,
  found: Case,
  currency: CurrencyCode | undefined,
): Promise<Bytes> {
  const finding = provenFinding(found)
  const coins = await gatherCoins(trx, office, finding)
  const schemes = [...office.schemes.values()]
  const read = readCoinEvidence(coins, schemes)
  const file: CaseFile = {
    ...emptyFile(office, found, finding, currency ?? (read && currencyIn(read, finding))),
    coins,
  }
  const signed = signCaseFile(office.key, office.keyId, file)
  if (verifyCaseFile(signed, office.key.publicKey, schemes).result === 'proven') return signed
  throw doesNotFollow(found.id)
}

/** Tokens of one till are all in its currency. */
function currencyOf(sales: readonly CoinEntry[]): CurrencyCode | undefined {
  const paid = sales.find((sale) => sale.paid)?.paid
  return paid && currencyByNumber(paid.currency).code
}

function emptyFile(
  { clock }: Pick<Office, 'clock'>,
  { id, openedAt }: Case,
  finding: Finding,
  currency: CurrencyCode | undefined,
): CaseFile {
  return {
    type: 'case',
    version: 1,
    id,
    openedAt,
    madeAt: clock.now(),
    checkable: 'anyone',
    finding,
    currency: currency ?? null,
    advice: [...caseWords(finding).advice],
    keys: [],
    policies: [],
    readingKeys: {},
    known: [],
    batches: [],
    synchronisations: [],
  }
}

function doesNotFollow(id: string): OfficeError {
  return new OfficeError('conflict', `Case ${id} does not follow from the evidence in store.`)
}

function provenFinding(found: Case): Finding {
  const { id, kind, about, card, strength, suspects, amount, records, withdrawn } = found
  if (strength !== 'proven') {
    throw new OfficeError('conflict', `Case ${id} is suspected, and proves nothing to others.`)
  }
  if (withdrawn) throw new OfficeError('conflict', `Case ${id} was explained by later evidence.`)
  const accused = suspects.map((one) =>
    one.kind === 'card'
      ? ({ kind: 'card', card: one.card } as const)
      : ({ kind: 'till', till: one.till } as const),
  )
  return { kind, about, card, strength, suspects: accused, amount, records }
}

/** What the office sees a finding with: every key and all its secrets. */
interface View extends Pick<VerifyJob, 'keys' | 'secrets'> {
  readonly finding: Finding
  readonly named: readonly RecordName[]
  readonly schemes: readonly OfficeScheme[]
  /** Of the finding's card. */
  readonly known: readonly Bytes[]
  /** What was sold for coins, of what the finding names. */
  readonly sales: readonly CoinEntry[]
}

async function openView(
  trx: Transaction<Tables>,
  office: Office,
  finding: Finding,
  coins: CoinEvidence | undefined,
): Promise<View> {
  const cards = finding.card === undefined ? [] : [finding.card]
  const known = await knownSecrets(trx, office.vault, cards)
  const schemes = [...office.schemes.values()]
  return {
    finding,
    named: await namedRecords(trx, finding),
    schemes,
    sales: (coins && readCoinEvidence(coins, schemes)?.entries) ?? [],
    known: [...known.values()].flat(),
    keys: (await listMakerKeys(trx)).map(({ maker, generation, publicKey }) => ({
      maker,
      generation,
      publicKey: publicKey.bytes,
    })),
    secrets: Object.fromEntries(schemes.map(({ name }) => [name, office.secretsOf(name)])),
  }
}

interface Gathered {
  /** The case's; without its amount if that takes a record that only the office has, an issue. */
  readonly finding: Finding
  readonly stored: readonly Stored[]
  readonly read: readonly Read[]
  readonly policies: ReadonlyMap<string, Allowed>
}

/** As few batches as the finding follows from: more only if those before do not show it. */
async function gather(trx: Transaction<Tables>, view: View, id: string): Promise<Gathered> {
  const { finding, named, schemes, sales } = view
  const own = await readStored(trx, view, [
    ...(await batchesOf(trx, finding, named)),
    ...(await batchesOfSales(trx, sales, schemes)),
  ])
  if (own.shows(finding)) return { finding, ...own }
  const wider = await readStored(trx, view, [...own.ids, ...(await batchesBesides(trx, named))])
  if (wider.shows(finding)) return { finding, ...wider }
  const unvalued = { ...finding, amount: undefined }
  if (own.shows(unvalued)) return { finding: unvalued, ...own }
  const tellings = await batchesRetelling(trx, own.read, named, schemes, (item) =>
    tells(item, view),
  )
  const tellingSales = await batchesTelling(trx, sales, schemes)
  const widest = await readStored(trx, view, [...wider.ids, ...tellings, ...tellingSales])
  if (widest.shows(finding)) return { finding, ...widest }
  throw doesNotFollow(id)
}

async function readStored(trx: Transaction<Tables>, view: View, ids: readonly bigint[]) {
  const stored = await loadStored(trx, [...new Set(ids)])
  const read = readAll(stored, view.schemes, view)
  const { policies, ...facts } = await loadFacts(trx, read, view)
  const found = replay(read, view.schemes, facts, view.sales)
  return { ids, stored, read, policies, shows: (wanted: Finding) => follows(wanted, found) }
}

/** Whether an item has one of the records that the finding names. */
function tells(item: BatchItem, { named, schemes, keys, secrets }: View): boolean {
  const [verdict] = runVerifyJob(schemes, { items: [item], keys, secrets })
  return entriesOf(verdict).some((entry) => named.some(({ digest }) => digest === entry.digest))
}

async function loadFacts(
  trx: Transaction<Tables>,
  read: readonly Read[],
  { finding, known, schemes, sales }: View,
) {
  const entries = uploadsOf(read, schemes).map(({ entry }) => entry)
  const all = [...entries, ...soldIn(read, schemes, sales)]
  const policies = await loadPolicies(trx, all)
  const issued = await loadIssued(trx, all)
  return {
    policies,
    allowed: (till: number, version: number): Allowed =>
      policies.get(`${till}:${version}`) ?? { mayLoad: false, freeAmounts: false },
    known: (card: string) => (card === finding.card ? known : []),
    issued: ({ digest }: { readonly digest: string }) => issued.get(digest),
  }
}

/** The keys of everybody whose signature is in these batches. */
function keysIn(read: readonly Read[], keys: View['keys']): CaseFile['keys'] {
  const makers = read.flatMap(({ batch, verdicts }) => [
    ...(batch ? [{ maker: batch.till, generation: batch.generation }] : []),
    ...verdicts.flatMap(entriesOf).flatMap((entry) => [entry, entry.predecessor ?? entry]),
  ])
  const wanted = new Set(makers.map(({ maker, generation }) => `${maker}:${generation}`))
  return keys.filter(({ maker, generation }) => wanted.has(`${maker}:${generation}`))
}

function policyRows(policies: ReadonlyMap<string, Allowed>): CaseFile['policies'] {
  return [...policies].map(([name, { mayLoad, freeAmounts }]) => {
    const [till, version] = name.split(':').map(Number)
    return { till: till ?? 0, version: version ?? 0, mayLoad, freeAmounts }
  })
}

/** For the cards whose records the finding names, and no other that is in the same batches. */
function readingKeysFor(
  read: readonly Read[],
  { named, schemes, secrets }: View,
): CaseFile['readingKeys'] {
  const cards = new Set(named.map(({ card }) => card))
  const shown = read.flatMap(({ items, verdicts }) =>
    items.filter((_, index) => entriesOf(verdicts[index]).some(({ card }) => cards.has(card))),
  )
  return Object.fromEntries(
    schemes.flatMap((scheme) => {
      const { name } = scheme
      const own = shown.flatMap((item) => (item.scheme === name ? item.evidence : []))
      const secret = secrets[name]
      if (!scheme.readingKeys || !secret || own.length === 0) return []
      return [[name, scheme.readingKeys(secret, own)] as const]
    }),
  )
}
