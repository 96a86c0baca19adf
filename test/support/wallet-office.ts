import { sql, type Kysely } from 'kysely'
import { batchDigest, NO_BATCH, signBatch, type Outcome } from '../../src/kernel/batch.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { encodeSynchronisation } from '../../src/kernel/synchronisation.ts'
import { issueCard } from '../../src/office/issue.ts'
import { openAccounts, post } from '../../src/office/ledger/accounts.ts'
import { listCases, type Case } from '../../src/office/ledger/cases.ts'
import { startEvidence, type EvidenceService } from '../../src/office/ledger/evidence.ts'
import { setLiquidity, type Liquidity } from '../../src/office/ledger/liquidity.ts'
import { shadowOf } from '../../src/office/ledger/payments.ts'
import { localVerifier } from '../../src/office/ledger/verifier.ts'
import { ledgerOf, type LedgerLine } from '../../src/office/ledger/view.ts'
import { createOffice, type Office } from '../../src/office/office.ts'
import { SIMULATED_COST } from '../../src/office/passwords.ts'
import { addMakerKey } from '../../src/office/registry/keys.ts'
import { addMerchant } from '../../src/office/registry/merchants.ts'
import { defaultPolicy, setPolicy } from '../../src/office/registry/policies.ts'
import { addTill } from '../../src/office/registry/tills.ts'
import type { Tables } from '../../src/office/tables.ts'
import { cardPlan, SCHEME } from '../../src/schemes/wallet/message.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { random } from './mint.ts'
import { WalletMint, type Made, type Signer, type WalletCard } from './wallet-mint.ts'

/** A till whose batches the test signs itself. */
export interface WalletTill extends Signer {
  readonly number: number
  readonly merchant: string
  readonly sent: Bytes[]
}

/** A whole office whose wallets and tills the test plays itself. */
export interface WalletOffice {
  readonly db: Kysely<Tables>
  readonly office: Office
  readonly service: EvidenceService
  readonly mint: WalletMint
  addTill(): Promise<WalletTill>
  /** With that much loaded. */
  addCard(balance?: bigint): Promise<WalletCard>
  /** The office puts money on a card. @returns the card's record of it. */
  load(card: WalletCard, amount: bigint): Promise<Made>
  /** Back to where all cards and tills are there, loaded, and nothing was handed in. */
  forget(): Promise<void>
  setLiquidity(liquidity: Liquidity): Promise<void>
  /** As a card's phone does. */
  sync(card: WalletCard, ...items: readonly Bytes[]): Promise<void>
  /** As a till does, in a batch. */
  report(till: WalletTill, ...items: readonly (Bytes | [Bytes, Outcome])[]): Promise<void>
  ledger(card: WalletCard): Promise<readonly LedgerLine[]>
  /** By `kind owner`; those of 0 left out. */
  balances(): Promise<Readonly<Record<string, string>>>
  shadow(card: WalletCard): Promise<bigint>
  cases(): Promise<readonly Case[]>
  rejected(): Promise<readonly string[]>
  payments(): Promise<readonly string[]>
  /** Everything that must hold at any time. @throws if it does not. */
  check(): Promise<void>
}

export async function createWalletOffice(
  db: Kysely<Tables>,
  dataKey: Bytes = random.bytes(32),
): Promise<WalletOffice> {
  let now = Date.UTC(2026, 5, 2)
  const clock = { now: () => (now += 1) }
  const office = await createOffice({
    db,
    schemes: officeSchemes,
    clock,
    random,
    dataKey,
    currency: 'SEK',
    passwordCost: SIMULATED_COST,
  })
  const service = startEvidence(office, {
    verifier: localVerifier(officeSchemes),
    fail(error) {
      throw error
    },
  })
  const mint = new WalletMint(office.secretsOf(SCHEME))
  const cards: WalletCard[] = []
  const tills: WalletTill[] = []
  const loads: { readonly card: WalletCard; readonly amount: bigint }[] = []
  const fund = async (card: WalletCard, amount: bigint, reference: string) =>
    db.transaction().execute(async (trx) => {
      await openAccounts(trx, [shadowOf(card.id, 'SEK')])
      if (amount === 0n) return
      const debit = { kind: 'world', owner: '', currency: 'SEK' } as const
      const credit = shadowOf(card.id, 'SEK')
      await post(trx, [{ reference, debit, credit, amount, at: clock.now() }])
    })
  const load = async (card: WalletCard, amount: bigint) => {
    loads.push({ card, amount })
    await fund(card, amount, `load:${loads.length}`)
    return mint.told(card, 'load', amount)
  }
  return {
    db,
    office,
    service,
    mint,
    async addTill() {
      const till = await addWalletTill(office, mint)
      tills.push(till)
      return till
    },
    async addCard(balance = 0n) {
      const key = generatePrivateKey()
      const order = { scheme: SCHEME, uid: key.publicKey.bytes, currency: 'SEK' } as const
      const nothing = { label: undefined, holder: undefined, passcode: undefined }
      const { card, plan } = await db
        .transaction()
        .execute((trx) => issueCard(office, trx, { ...order, balance: 0n, ...nothing }))
      const { certificate } = cardPlan.decode(plan)
      const party = { kind: 'card', office: mint.authority.office, card: card.id } as const
      const last = sha256(certificate)
      const made: WalletCard = {
        id: card.id,
        party,
        key,
        certificate,
        office: mint.authority.certificates[0].bytes,
        sequence: 0,
        last,
        balance: 0n,
      }
      cards.push(made)
      if (balance > 0n) await load(made, balance)
      return made
    },
    load,
    async forget() {
      for (const { sent } of tills) sent.length = 0
      // Faster than to truncate: they hold little.
      await db.transaction().execute(async (trx) => {
        await sql`delete from entry where sequence > 0`.execute(trx)
        for (const table of FORGOTTEN) await sql`delete from ${sql.table(table)}`.execute(trx)
      })
      for (const card of cards) await fund(card, 0n, '')
      for (const [index, { card, amount }] of loads.entries()) {
        await fund(card, amount, `load:${index + 1}`)
      }
    },
    setLiquidity: (liquidity) => db.transaction().execute((trx) => setLiquidity(trx, liquidity)),
    async sync(card, ...items) {
      const statement = new Uint8Array()
      const bytes = encodeSynchronisation({ scheme: SCHEME, card: card.id, statement, items })
      await service.handIn({ card: card.id, items: items.length, bytes })
    },
    async report(till, ...items) {
      const { status } = await service.receive(batchOf(mint, till, items))
      if (status !== 'stored') throw new Error(`the batch was refused: ${status}`)
      await service.settled()
    },
    ledger: (card) => ledgerOf(db, card.id),
    async balances() {
      const { rows } = await sql<{ name: string; balance: bigint }>`
        select kind || ' ' || owner as name, balance from account
        where balance <> 0 order by 1`.execute(db)
      return Object.fromEntries(rows.map(({ name, balance }) => [name, String(balance)]))
    },
    async shadow(card) {
      const { rows } = await sql<{ balance: bigint }>`
        select balance from account where kind = 'shadow' and owner = ${card.id}`.execute(db)
      return rows[0]?.balance ?? 0n
    },
    cases: () => listCases(db, { open: true }),
    async rejected() {
      const { rows } = await sql<{ reason: string }>`
        select reason from rejected_item order by batch, index`.execute(db)
      return rows.map(({ reason }) => reason)
    },
    async payments() {
      const { rows } = await sql<{ line: string }>`
        select amount || ' ' || state as line from payment order by made_at, id`.execute(db)
      return rows.map(({ line }) => line)
    },
    check: () => checkBooks(db),
  }
}

const FORGOTTEN = [
  'rejected_item',
  'card_item',
  'batch',
  'till_intake',
  'till_placement',
  'late_check',
  'token_use',
  'transfer',
  'account',
  'payment',
  'refund',
  'case',
]

/** The SQL that an operator may run: docs/operating.md has it too. */
async function checkBooks(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ problem: string }>`
    select 'accounts of ' || currency || ' add up to ' || sum(balance) as problem
      from account group by currency having sum(balance) <> 0
    union all
    select 'account ' || id || ' stands at ' || balance || ', by its transfers ' || moved
      from (
        select account.id, balance,
          coalesce((select sum(amount) from transfer where credit = account.id), 0)
          - coalesce((select sum(amount) from transfer where debit = account.id), 0) as moved
        from account
      ) as account where balance <> moved
    union all
    select 'card ' || owner || ' is short of ' || -balance from account
      where kind = 'shadow' and covered and balance < 0
    union all
    select 'card ' || owner || ' owes the pool and has money' from account
      where owed > 0 and balance > 0
    union all
    select 'the pool of ' || currency || ' stands at ' || balance || ' and is owed ' || owed
      from (
        select currency, sum(balance) filter (where kind = 'pool') as balance, sum(owed) as owed
        from account group by currency
      ) as pool where coalesce(balance, 0) + owed <> 0`.execute(db)
  if (rows.length > 0) throw new Error(rows.map(({ problem }) => problem).join('; '))
}

let merchants = 0

async function addWalletTill({ db, clock }: Office, mint: WalletMint): Promise<WalletTill> {
  merchants += 1
  const name = `merchant ${merchants}`
  return db.transaction().execute(async (trx) => {
    const at = clock.now()
    const merchant = await addMerchant(trx, name, at)
    const order = { name: `till of ${name}`, merchant: merchant.id, currency: 'SEK' } as const
    const { number } = await addTill(trx, order, at)
    const signer = mint.till(number)
    await addMakerKey(trx, number, signer.key.publicKey, at)
    await setPolicy(trx, number, { ...defaultPolicy('SEK'), freeAmounts: true }, at)
    return { ...signer, number, merchant: merchant.id, sent: [] }
  })
}

function batchOf(
  mint: WalletMint,
  { number, key, sent }: WalletTill,
  items: readonly (Bytes | [Bytes, Outcome])[],
): Bytes {
  const last = sent.at(-1)
  const at = mint.now()
  const signed = signBatch(key, {
    type: 'batch',
    version: 1,
    till: number,
    generation: 1,
    number: sent.length + 1,
    previous: last ? batchDigest(last) : NO_BATCH,
    madeAt: at,
    completeUpTo: at,
    documents: { policy: 1 },
    totals: { paid: 0n, loaded: 0n, cash: 0n },
    software: new Uint8Array(32),
    items: items.map((item) => {
      const [evidence, outcome] = item instanceof Uint8Array ? [item, 'confirmed' as const] : item
      return { scheme: SCHEME, outcome, evidence }
    }),
  })
  sent.push(signed)
  return signed
}
