import { sql, type Kysely } from 'kysely'
import type { Bytes } from '../../src/kernel/bytes.ts'
import type { CardId } from '../../src/kernel/ids.ts'
import { post } from '../../src/office/ledger/accounts.ts'
import { listCases, type Case } from '../../src/office/ledger/cases.ts'
import { startEvidence, type EvidenceService } from '../../src/office/ledger/evidence.ts'
import { ledgerOf, type LedgerLine } from '../../src/office/ledger/view.ts'
import { createOffice, type Office } from '../../src/office/office.ts'
import { SIMULATED_COST } from '../../src/office/passwords.ts'
import { placeIssue } from '../../src/office/ledger/placement.ts'
import { rememberSecrets } from '../../src/office/registry/card-secrets.ts'
import { addCard } from '../../src/office/registry/cards.ts'
import { addMakerKey } from '../../src/office/registry/keys.ts'
import { addMerchant } from '../../src/office/registry/merchants.ts'
import { defaultPolicy, setPolicy } from '../../src/office/registry/policies.ts'
import { addTill } from '../../src/office/registry/tills.ts'
import { localVerifier, type Verifier } from '../../src/office/ledger/verifier.ts'
import type { VerifiedEntry } from '../../src/office/scheme.ts'
import type { Tables } from '../../src/office/tables.ts'
import type { Policy } from '../../src/kernel/documents.ts'
import { evidence } from '../../src/schemes/block/message.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { blockOffice } from '../../src/schemes/block/office.ts'
import { Mint, mintTill, newCardId, random, USD, type MintCard, type MintTill } from './mint.ts'

const SCHEME = 'block'

/** A whole office on a database of its own, with tills and cards whose makers the test plays itself. */
export interface LedgerOffice {
  readonly office: Office
  readonly evidence: EvidenceService
  readonly mint: Mint
  /** By the office's clock. */
  passTime(ms: number): void
  addTill(policy?: Partial<Policy>): Promise<MintTill>
  addCard(balance?: bigint): Promise<MintCard>
  /** Back to where all tills and cards are there and nothing was handed in. */
  forget(): Promise<void>
  /** The same without the cards. */
  clear(): Promise<void>
  /** Hands batches in, in this order, and waits until they are placed. */
  send(...batches: readonly Bytes[]): Promise<void>
  ledger(card: MintCard): Promise<readonly LedgerLine[]>
  cases(): Promise<readonly Case[]>
  balances(): Promise<Readonly<Record<string, string>>>
}

export async function createLedgerOffice(
  db: Kysely<Tables>,
  verifier: Verifier = localVerifier(officeSchemes),
  dataKey: Bytes = random.bytes(32),
): Promise<LedgerOffice> {
  let now = Date.UTC(2026, 0, 2)
  const clock = { now: () => (now += 1) }
  const passTime = (ms: number) => {
    now += ms
  }
  const office = await createOffice({
    db,
    schemes: officeSchemes,
    clock,
    random,
    dataKey,
    currency: 'USD',
    passwordCost: SIMULATED_COST,
  })
  const service = startEvidence(office, {
    verifier,
    fail(error) {
      throw error
    },
  })
  const issues: Issued[] = []
  const mint = new Mint(office.secretsOf(SCHEME))
  return {
    office,
    evidence: service,
    mint,
    passTime,
    addTill: (policy = {}) => addMintTill(office, policy),
    async addCard(balance = 10_000n) {
      const { card, issued } = issueMintCard(office, balance)
      issues.push(issued)
      await placeCard(office, issued)
      return card
    },
    async forget() {
      await empty(db)
      for (const issued of issues) await placeCard(office, issued)
    },
    async clear() {
      await empty(db)
      issues.length = 0
    },
    async send(...batches) {
      for (const batch of batches) {
        const { status } = await service.receive(batch)
        if (status !== 'stored') throw new Error(`the batch was refused: ${status}`)
      }
      await service.settled()
    },
    ledger: (card) => ledgerOf(db, card.id),
    cases: () => listCases(db, { open: true }),
    async balances() {
      const { rows } = await sql<{ name: string; balance: bigint }>`
        select kind || ' ' || owner as name, balance from account
        where balance <> 0 order by 1`.execute(db)
      return Object.fromEntries(rows.map(({ name, balance }) => [name, String(balance)]))
    },
  }
}

async function empty(db: Kysely<Tables>): Promise<void> {
  await sql`truncate batch, till_intake, till_placement, rejected_item, entry, late_check, token_use,
    transfer, account, "case", card, card_secret, hot_change cascade`.execute(db)
}

let merchants = 0

async function addMintTill(office: Office, policy: Partial<Policy>): Promise<MintTill> {
  const { db, clock } = office
  merchants += 1
  const name = `merchant ${merchants}`
  return db.transaction().execute(async (trx) => {
    const at = clock.now()
    const merchant = await addMerchant(trx, name, at)
    const { number } = await addTill(
      trx,
      { name: `till of ${name}`, merchant: merchant.id, currency: 'USD' },
      at,
    )
    const till = mintTill(number)
    await addMakerKey(trx, number, till.key.publicKey, at)
    await setPolicy(trx, number, { ...defaultPolicy('USD'), mayLoad: true, ...policy }, at)
    return till
  })
}

interface Issued {
  readonly entry: VerifiedEntry
  readonly uid: Bytes
  readonly known: Bytes
}

function issueMintCard(office: Office, balance: bigint): { card: MintCard; issued: Issued } {
  const { clock, key, generation } = office
  const id: CardId = newCardId()
  const uid = random.bytes(4)
  const secrets = office.secretsOf(SCHEME)
  const issue = blockOffice.issue(
    { card: id, uid, currency: USD, balance },
    { key, generation, secrets, clock, random },
  )
  const verdict = blockOffice.verify(issue.evidence, { secrets, keyOf: () => key.publicKey })
  if (!verdict.ok) throw new Error(`the issue does not verify: ${verdict.reason}`)
  const { block: head } = evidence.decode(issue.evidence)
  return {
    card: { id, uid, passcode: issue.passcode, head },
    issued: { entry: verdict.entry, uid, known: issue.known },
  }
}

async function placeCard({ db, vault, clock }: Office, { entry, uid, known }: Issued) {
  const { card: id, balance } = entry
  const at = clock.now()
  await db.transaction().execute(async (trx) => {
    const card = { id, scheme: SCHEME, uid, label: undefined, holder: undefined }
    await addCard(trx, { ...card, currency: 'USD' }, at)
    await rememberSecrets(trx, vault, [{ card: id, source: 'issue', secret: known }], at)
    await placeIssue(trx, entry, blockOffice, at)
    if (balance === 0n) return
    const currency = 'USD'
    await post(trx, [
      {
        reference: `issue:${id}`,
        debit: { kind: 'world', owner: '', currency },
        credit: { kind: 'shadow', owner: id, currency },
        amount: balance,
        at,
      },
    ])
  })
}
