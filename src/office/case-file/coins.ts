import { sql, type Transaction } from 'kysely'
import type { Bytes } from '../../kernel/bytes.ts'
import type { Digest } from '../../kernel/ids.ts'
import { invariant } from '../../kernel/errors.ts'
import { currencyByNumber, type CurrencyCode } from '../../kernel/money.ts'
import { OfficeError } from '../errors.ts'
import type { Coinage, CoinEntry, CoinStep, ElementId } from '../coins/coinage.ts'
import {
  certificatesOf,
  coinSchemeOf,
  otherBanks,
  ownersOf,
  type Bearer,
} from '../coins/elements.ts'
import { claimsIn, coinFindings, settleAll } from '../coins/findings.ts'
import { clonesAmong } from '../coins/rules.ts'
import type { Finding } from '../ledger/findings.ts'
import { contentOf } from '../ledger/stored-uploads.ts'
import type { Office } from '../office.ts'
import { packed } from '../packed.ts'
import type { OfficeScheme } from '../scheme.ts'
import type { Tables } from '../tables.ts'

/**
 * What a case about coins follows from. Vendor elements seal it to the office: opened, it is signed by them
 * and by whoever gave the coins, under certificates that lead to one root.
 */
export interface CoinEvidence {
  readonly scheme: string
  /** The root's, then those of banks and elements. */
  readonly certificates: readonly Bytes[]
  /** Whose the accused elements are, by the office's word. */
  readonly bearers: readonly (Bearer & { readonly element: ElementId })[]
  /** Items of evidence, opened: as their vendor elements signed them. */
  readonly opened: readonly Bytes[]
  /** Transfers alone, signed by their givers: where nothing else of the evidence is needed. */
  readonly transfers: readonly Bytes[]
}

/** The same when everything in it is signed by whom it names. */
export interface ReadCoinEvidence {
  readonly entries: readonly CoinEntry[]
  readonly steps: readonly CoinStep[]
  readonly bearerOf: (element: ElementId) => Bearer | undefined
}

/** Undefined if something in it is not signed by whom it names. Pure. */
export function readCoinEvidence(
  { scheme, certificates, bearers, opened, transfers }: CoinEvidence,
  schemes: readonly Pick<OfficeScheme, 'name' | 'coinage'>[],
): ReadCoinEvidence | undefined {
  const coinage = schemes.find(({ name }) => name === scheme)?.coinage
  const view = coinage?.proof.view(certificates)
  if (!view) return undefined
  const verdicts = opened.map((one) => view.read(one))
  const steps = transfers.map((one) => view.step(one))
  const isConfirmed = bearers.every(({ element, card, till }) => {
    const said = view.bearer(element)
    return said?.role === 'vendor element'
      ? card === undefined
      : said !== undefined && till === undefined && (card === undefined || card === said.card)
  })
  if (!isConfirmed) return undefined
  const entries = verdicts.flatMap((verdict) => (verdict.ok ? verdict.coins : []))
  const known = steps.flatMap((step) => step ?? [])
  if (entries.length < opened.length || known.length < transfers.length) return undefined
  const owners = new Map(bearers.map((bearer) => [bearer.element, bearer]))
  return { entries, steps: known, bearerOf: (element) => owners.get(element) }
}

/** Everything that it shows, by the rules that find it in an office. Pure. */
export function replayCoins({ entries, steps, bearerOf }: ReadCoinEvidence): readonly Finding[] {
  const all = [...steps, ...entries.flatMap((entry) => entry.steps)]
  const found = { entries, clones: clonesAmong(all), settled: settleAll(claimsIn(entries)) }
  return coinFindings(found, bearerOf)
}

/** The currency of what a finding is about, if the evidence tells. */
export function currencyIn(
  { entries }: ReadCoinEvidence,
  { about }: Finding,
): CurrencyCode | undefined {
  const claim = claimsIn(entries).find(({ coin }) => about.split(':').includes(coin))
  return claim && currencyByNumber(claim.currency).code
}

/**
 * What a finding about coins follows from, and no more: of an element of which there are two the transfers
 * only, with no vendor's takings; of all others the evidence that the finding names.
 *
 * @throws {OfficeError} `conflict` if it is not in store.
 */
export async function gatherCoins(
  trx: Transaction<Tables>,
  office: Office,
  finding: Finding,
): Promise<CoinEvidence> {
  const scheme = coinSchemeOf(office)
  invariant(scheme, 'who has cases about coins has a scheme that has coins')
  const { name, coinage } = scheme
  const secrets = office.secretsOf(name)
  const isOfTransfers = finding.kind === 'cloned-element'
  const wanted = isOfTransfers ? await showing(trx, finding) : finding.records
  const items = await storedItems(trx, wanted)
  const opened = items.flatMap((item) => coinage.opened(item, secrets) ?? [])
  const transfers = isOfTransfers ? transfersOf(coinage, opened, finding.records) : []
  if (opened.length < new Set(wanted).size) throw notInStore()
  if (isOfTransfers && transfers.length < finding.records.length) throw notInStore()
  const accused = suspectOf(finding)
  const named = isOfTransfers ? [accused] : opened.flatMap((one) => coinage.proof.named(one))
  const owners = await ownersOf(trx, [accused])
  return {
    scheme: name,
    certificates: await certificatesFor(trx, coinage, secrets, [accused, ...named]),
    bearers: [...owners].map(([element, { card, till }]) => ({ element, card, till })),
    opened: isOfTransfers ? [] : opened,
    transfers,
  }
}

/**
 * What was sold for coins among what a finding names: that it was paid, as its vendor elements have signed it.
 * Undefined if it names no such sale.
 */
export async function gatherSales(
  trx: Transaction<Tables>,
  office: Office,
  { records }: Finding,
): Promise<CoinEvidence | undefined> {
  const scheme = coinSchemeOf(office)
  if (!scheme) return undefined
  const { name, coinage } = scheme
  const secrets = office.secretsOf(name)
  const items = await storedItems(trx, records)
  const opened = items.flatMap((item) => coinage.opened(item, secrets) ?? [])
  if (opened.length === 0) return undefined
  const named = opened.flatMap((one) => coinage.proof.named(one))
  return {
    scheme: name,
    certificates: await certificatesFor(trx, coinage, secrets, named),
    bearers: [],
    opened,
    transfers: [],
  }
}

/** Of these elements, and of those who stand behind them. */
async function certificatesFor(
  trx: Transaction<Tables>,
  { proof }: Coinage,
  secrets: Bytes,
  elements: readonly ElementId[],
): Promise<readonly Bytes[]> {
  const certificates = await certificatesOf(trx, [...new Set(elements)])
  return [...proof.authority(secrets), ...(await otherBanks(trx)), ...certificates.values()]
}

function notInStore(): OfficeError {
  return new OfficeError('conflict', 'Evidence that this case follows from is not in store.')
}

/** As `about` of that kind is put together: src/office/coins/findings.ts. */
function suspectOf({ kind, about }: Finding): ElementId {
  const [first = '', second = ''] = about.split(':')
  return kind === 'cloned-element' ? first : second
}

/** Evidence that shows the transfers that a finding names. */
async function showing(trx: Transaction<Tables>, finding: Finding): Promise<readonly Digest[]> {
  const { rows } = await sql<{ evidence: Digest }>`
    select distinct encode(evidence, 'hex') as evidence from coin_step
    where giver = ${suspectOf(finding)} and evidence is not null
      and digest = any(${packed(finding.records).hex((digest) => digest)})
    order by 1`.execute(trx)
  return rows.map(({ evidence }) => evidence)
}

/** The items with these digests, as they were handed in. */
async function storedItems(
  trx: Transaction<Tables>,
  evidence: readonly Digest[],
): Promise<readonly Bytes[]> {
  const { rows } = await sql<{ index: number; bytes: Buffer }>`
    select coin_evidence.index, batch.bytes
    from coin_evidence join batch on batch.id = coin_evidence.batch
    where coin_evidence.digest = any(${packed(evidence).hex((digest) => digest)})
    order by coin_evidence.digest`.execute(trx)
  return rows.flatMap(({ index, ...row }) => contentOf(row).items[index]?.evidence ?? [])
}

function transfersOf(
  { proof }: Coinage,
  opened: readonly Bytes[],
  digests: readonly Digest[],
): readonly Bytes[] {
  return digests.flatMap((digest) => {
    const found = opened.flatMap((one) => proof.transfer(one, digest) ?? [])
    return found.slice(0, 1)
  })
}
