import { sql, type Transaction } from 'kysely'
import type { BatchItem } from '../../kernel/batch.ts'
import type { CardId, TillNumber } from '../../kernel/ids.ts'
import type { DocumentVersions } from '../../kernel/documents.ts'
import { FormatError } from '../../kernel/errors.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import { openDisclosure } from '../../kernel/disclosure.ts'
import { coinLedger, freezeCloned } from '../coins/ledger.ts'
import { expireCoins } from '../coins/refunds.ts'
import { containedCards, type ChangedCase } from './cases.ts'
import { loadCards, loadGroupFacts, type CardSecrets } from './group-facts.ts'
import { Intake, storeCardUpload, type CardUpload, type IntakeResult } from './intake.ts'
import type { Office } from '../office.ts'
import { secretsVersion } from '../documents.ts'
import { Placer, type Resolution } from './placer.ts'
import { knownSecrets, rememberSecrets } from '../registry/card-secrets.ts'
import { setCardStatus } from '../registry/cards.ts'
import { findMakerKey, listKeysToVerify } from '../registry/keys.ts'
import { stopTill } from '../registry/tills.ts'
import { reopenCards } from './reopen.ts'
import type { ItemPlace } from './sorting.ts'
import type { Verdict, VerifiedEntry } from '../scheme.ts'
import type { Tables } from '../tables.ts'
import type { Verifier } from './verifier.ts'

/** The way of evidence through an office, from a batch to settled money and named suspects. */
export interface EvidenceService {
  /** Stores a batch for good and acknowledges it; placing follows by itself. */
  receive(batch: Uint8Array): Promise<IntakeResult>
  /** Stores what a card hands in, for good and once; resolves when it is in the ledger. */
  handIn(upload: CardUpload): Promise<void>
  /** What a card hands in is stored under that id; resolves when it is in the ledger. */
  handedIn(id: bigint): Promise<void>
  /** What these would come to; nothing is stored. */
  verify(items: readonly BatchItem[]): Promise<readonly Verdict[]>
  /** What another bank has shown is stored: placing follows by itself. */
  shown(): void
  /** Reads evidence about coins anew that said nothing when it was placed. */
  readAgain(places: readonly ItemPlace[]): Promise<void>
  /** Resolves when everything that is stored now is in the ledger. */
  settled(): Promise<void>
  /** Closes a case in the caller's transaction; false if it was closed already. */
  resolve(trx: Transaction<Tables>, resolution: Resolution): Promise<boolean>
  /**
   * Looks for records that others have shown and whose maker is overdue, and gives back coins that have
   * expired: to be called now and then.
   */
  sweep(): Promise<void>
  stop(): Promise<void>
}

export interface EvidenceParts {
  readonly verifier: Verifier
  /** A broken invariant or a lost database: the process must stop. */
  readonly fail: (error: unknown) => void
}

/** Longer than any till is meant to be offline: 30 days, in ms. */
const OVERDUE_AFTER = 30 * 24 * 3600 * 1000

export function startEvidence(office: Office, { verifier, fail }: EvidenceParts): EvidenceService {
  const { db, clock, events, key, keyId } = office
  const schemes = [...office.schemes.values()]
  const secrets = cardSecrets(office)
  const verifyContext = () => loadVerifyContext(office)
  const placer = new Placer({
    db,
    clock,
    verifier,
    verifyContext,
    fail,
    coins: coinLedger(office, verifier.coins),
    cardsOf: (trx, cards) => loadCards(trx, cards, schemes),
    groupFacts: (trx, uploads, uploaded, sold) =>
      loadGroupFacts(trx, uploads, uploaded, sold, schemes, secrets, async (inside, cards) =>
        cards.length === 0 ? [] : reopenCards(inside, cards, verifier, await verifyContext()),
      ),
    async act(trx, changed, cards) {
      await stopProven(trx, changed, clock.now())
      await freezeCloned(trx, changed, clock.now())
      await containForks(trx, cards, clock.now())
    },
    notify({ cards, cases }) {
      for (const card of cards) events.emit({ type: 'entry', card })
      for (const { id } of cases) events.emit({ type: 'case', id })
      events.emit({ type: 'placed' })
    },
  })
  const intake = new Intake({
    db,
    clock,
    key,
    keyId,
    async tillKey(till, generation) {
      const found = await findMakerKey(db, till, generation)
      return found && { publicKey: found.publicKey, revoked: found.revokedFrom !== undefined }
    },
    documentVersions: (till) => loadDocumentVersions(office, till),
    onStored(batches) {
      events.emit({ type: 'batch' })
      placer.wake(batches)
    },
  })
  const handedIn = async (id: bigint) => {
    events.emit({ type: 'batch' })
    await placer.placed(id)
  }
  // What a process before this one had stored and not placed.
  placer.wake()
  return {
    receive: (batch) => intake.receive(batch),
    async handIn(upload) {
      await handedIn(await storeCardUpload(db, upload, clock.now()))
    },
    handedIn,
    verify: async (items) => verifier.verify({ items, ...(await verifyContext()) }),
    shown() {
      events.emit({ type: 'batch' })
      placer.wake()
    },
    readAgain: (places) => placer.readAgain(places),
    settled: () => placer.settled(),
    resolve: (trx, resolution) => placer.resolve(trx, resolution),
    async sweep() {
      await placer.sweep(clock.now() - OVERDUE_AFTER)
      await expireCoins(office)
    },
    async stop() {
      await placer.stop()
      await verifier.stop()
    },
  }
}

async function loadVerifyContext(office: Office) {
  return {
    keys: await listKeysToVerify(office.db),
    secrets: Object.fromEntries(
      [...office.schemes.keys()].map((name) => [name, office.secretsOf(name)]),
    ),
  }
}

async function loadDocumentVersions(office: Office, till: TillNumber): Promise<DocumentVersions> {
  const { rows } = await sql<Record<Exclude<keyof DocumentVersions, 'secrets'>, bigint>>`
    select
      (select version from document_version where kind = 'keys') as keys,
      (select version from document_version where kind = 'hot') as hot,
      policy_version as policy, tokens_version as tokens
    from till where number = ${till}::bigint`.execute(office.db)
  const [row] = rows
  const version = (kind: Exclude<keyof DocumentVersions, 'secrets'>) => Number(row?.[kind] ?? 0)
  return {
    keys: version('keys'),
    secrets: secretsVersion(office),
    policy: version('policy'),
    hot: version('hot'),
    tokens: version('tokens'),
  }
}

const FORKED = 'stands in a fork: somebody has to look'

/**
 * A card that stands in a fork is frozen until somebody has looked, and freed when later evidence has
 * explained the fork. It accuses nobody: it only stops the loss from growing.
 */
async function containForks(
  trx: Transaction<Tables>,
  cards: readonly CardId[],
  at: Instant,
): Promise<void> {
  if (cards.length === 0) return
  const contained = await containedCards(trx, cards)
  for (const id of contained) await setCardStatus(trx, id, 'frozen', FORKED, at)
  const { rows } = await sql<{ id: CardId }>`
    select id from card where id = any(${[...cards]}::text[])
      and status = 'frozen' and status_reason = ${FORKED}`.execute(trx)
  for (const { id } of rows) if (!contained.has(id)) await setCardStatus(trx, id, 'active', '', at)
}

/**
 * A till that is proven to have cheated gets no more documents, so that it cannot go on for long; what
 * it hands in is evidence and still comes in. Its key is left to somebody who has looked: revoking it
 * stops cards of honest holders.
 */
async function stopProven(
  trx: Transaction<Tables>,
  changed: readonly ChangedCase[],
  at: Instant,
): Promise<void> {
  for (const { id, kind, strength, suspects } of changed) {
    if (strength !== 'proven') continue
    for (const suspect of suspects) {
      if (suspect.kind === 'till') await stopTill(trx, suspect.till, `case ${id}: ${kind}`, at)
    }
  }
}

function cardSecrets({ vault, key, clock }: Office): CardSecrets {
  return {
    learn: (trx, entries) =>
      rememberSecrets(
        trx,
        vault,
        entries.flatMap((entry) => {
          const secret = tryToOpen(key, entry)
          return secret ? { card: entry.card, source: entry.digest, secret } : []
        }),
        clock.now(),
      ),
    of: (trx, cards) => knownSecrets(trx, vault, cards),
  }
}

function tryToOpen(
  key: Office['key'],
  { card, disclosure }: Pick<VerifiedEntry, 'card' | 'disclosure'>,
): Bytes | undefined {
  try {
    return openDisclosure(key, card, disclosure)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
