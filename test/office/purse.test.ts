import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { concat, type Bytes } from '../../src/kernel/bytes.ts'
import type { Outcome } from '../../src/kernel/batch.ts'
import type { PrivateKey } from '../../src/kernel/p256.ts'
import { issueCard } from '../../src/office/issue.ts'
import { findCard } from '../../src/office/registry/cards.ts'
import { addMakerKey } from '../../src/office/registry/keys.ts'
import { addMerchant } from '../../src/office/registry/merchants.ts'
import { setPolicy } from '../../src/office/registry/policies.ts'
import { addTill } from '../../src/office/registry/tills.ts'
import { purseChip } from '../../src/schemes/purse/chips.ts'
import { evidence } from '../../src/schemes/purse/message.ts'
import type { JournalRecord } from '../../src/till/scheme.ts'
import { Chip, load, pay, POLICY, Till, World, type Issued } from '../schemes/purse/world.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import { random, type MintTill } from '../support/mint.ts'

let database: TestDatabase
let town: LedgerOffice
let world: OfficeWorld

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
  world = new OfficeWorld()
})
afterAll(async () => {
  world.close()
  await town.evidence.stop()
  await database.drop()
})

/** Tills with their modules and cards, of an office that is really there. */
class OfficeWorld extends World {
  override readonly officeKey: PrivateKey = town.office.key
  override readonly secrets = town.office.secretsOf('purse')
  readonly #sent = new Map<Till, MintTill>()

  async enrolled(name: string): Promise<Till> {
    const { db, clock } = town.office
    return db.transaction().execute(async (trx) => {
      const at = clock.now()
      const { id: merchant } = await addMerchant(trx, name, at)
      const { number } = await addTill(trx, { name, merchant, currency: 'EUR' }, at)
      const till = await this.till(number)
      await addMakerKey(trx, number, till.key.publicKey, at)
      // Tills of that world say that they obey their third one.
      for (let version = 1; version <= 3; version++) await setPolicy(trx, number, POLICY, at)
      return till
    })
  }

  async issued(balance: bigint): Promise<Issued> {
    const order = {
      scheme: 'purse',
      uid: random.bytes(7),
      currency: 'EUR',
      balance,
      label: undefined,
      holder: undefined,
      passcode: undefined,
    } as const
    const { db } = town.office
    const { card, plan, passcode } = await db
      .transaction()
      .execute((trx) => issueCard(town.office, trx, order))
    const chip = new Chip(purseChip)
    await chip.write(plan)
    const issue = { evidence: new Uint8Array(), plan, passcode, known: new Uint8Array() }
    return { card: card.id, issue, chip }
  }

  /** Hands in these records as a batch of that till. */
  async handIn(till: Till, ...items: readonly Item[]): Promise<void> {
    const sent = this.#sent.get(till) ?? { number: till.number, key: till.key, sent: [] }
    this.#sent.set(till, sent)
    const batch = town.mint.batch(sent, [], {
      madeAt: this.now,
      completeUpTo: this.now,
      items: items.map(({ bytes, outcome }) => ({ scheme: 'purse', outcome, evidence: bytes })),
    })
    await town.send(batch)
  }
}

interface Item {
  readonly bytes: Bytes
  readonly outcome: Outcome
}

function confirmed({ evidence: bytes }: JournalRecord): Item {
  return { bytes, outcome: 'confirmed' }
}

/** The same, without what the card says of it. */
function unstamped(record: JournalRecord): Item {
  const shown = evidence.decode(record.evidence)
  return { bytes: evidence.encode({ ...shown, stamp: [] }), outcome: 'confirmed' }
}

async function recordOf(till: Till, { card }: Issued): Promise<JournalRecord> {
  const record = till.records(card).at(-1)
  if (!record) throw new Error('the till has a record of that card')
  return record
}

async function balances(card: Issued) {
  const all = await town.balances()
  return { shadow: all[`shadow ${card.card}`], suspense: all['suspense '] }
}

async function casesOf({ card }: Issued) {
  return (await town.cases())
    .filter((found) => found.card === card)
    .map(({ kind, strength, suspects }) => ({
      kind,
      strength,
      suspects: suspects.map((suspect) =>
        suspect.kind === 'card' ? 'card' : `till ${suspect.till}`,
      ),
    }))
}

describe('purse cards at an office', () => {
  it('settle what their cards have stamped', async () => {
    const till = await world.enrolled('bakery')
    const card = await world.issued(5000n)
    await till.tap(card, pay(300n))
    const paid = await recordOf(till, card)
    await till.tap(card, load(500n))
    await world.handIn(till, confirmed(paid), confirmed(await recordOf(till, card)))
    expect((await balances(card)).shadow).toBe('5200')
    expect(await casesOf(card)).toEqual([])
  })

  it('do not settle on a till’s word, but on what another till has read', async () => {
    const [liar, bar] = [await world.enrolled('liar'), await world.enrolled('bar')]
    const card = await world.issued(5000n)
    await liar.tap(card, pay(300n))
    await world.handIn(liar, unstamped(await recordOf(liar, card)))
    expect((await balances(card)).shadow).toBe('5000')
    await bar.tap(card, pay(200n))
    await world.handIn(bar, confirmed(await recordOf(bar, card)))
    expect((await balances(card)).shadow).toBe('4500')
    expect(await casesOf(card)).toEqual([])
  })

  it('do not settle on the word of two tills either', async () => {
    const [first, second] = [await world.enrolled('first'), await world.enrolled('second')]
    const card = await world.issued(5000n)
    await first.tap(card, pay(300n))
    await second.tap(card, pay(200n))
    await world.handIn(second, unstamped(await recordOf(second, card)))
    await world.handIn(first, unstamped(await recordOf(first, card)))
    expect((await balances(card)).shadow).toBe('5000')
  })

  it('settle as soon as the stamp is there, whoever came first', async () => {
    const [cafe, shop] = [await world.enrolled('cafe'), await world.enrolled('shop')]
    const card = await world.issued(5000n)
    await cafe.tap(card, pay(300n))
    await shop.tap(card, pay(200n))
    const record = await recordOf(cafe, card)
    const intent = { ...unstamped(record), outcome: 'unconfirmed' } as const
    await world.handIn(cafe, intent)
    await world.handIn(cafe, confirmed(record))
    expect((await balances(card)).shadow).toBe('4700')
    await world.handIn(shop, confirmed(await recordOf(shop, card)))
    expect((await balances(card)).shadow).toBe('4500')
  })

  it('that were copied are proven so, and no till with them; nobody is paid until somebody has looked', async () => {
    const [east, west] = [await world.enrolled('east'), await world.enrolled('west')]
    const card = await world.issued(5000n)
    const copy = { ...card, chip: card.chip.clone() }
    await east.tap(card, pay(2000n))
    await west.tap(copy, pay(2500n))
    await world.handIn(east, confirmed(await recordOf(east, card)))
    expect(await balances(card)).toEqual({ shadow: '3000', suspense: undefined })
    await world.handIn(west, confirmed(await recordOf(west, copy)))
    expect(await casesOf(card)).toEqual([{ kind: 'fork', strength: 'proven', suspects: ['card'] }])
    expect(await balances(card)).toEqual({ shadow: '500', suspense: '4500' })
    expect((await findCard(town.office.db, card.card))?.status).not.toBe('active')
  })

  it('with a stamp that no card of ours makes are suspected, and not paid', async () => {
    const till = await world.enrolled('kiosk')
    const card = await world.issued(5000n)
    await till.tap(card, pay(300n))
    const shown = evidence.decode((await recordOf(till, card)).evidence)
    const [stamp] = shown.stamp
    if (!stamp) throw new Error('the card has stamped it')
    const other = concat(Uint8Array.of((stamp[0] ?? 0) ^ 1), stamp.subarray(1))
    const bytes = evidence.encode({ ...shown, stamp: [other] })
    await world.handIn(till, { bytes, outcome: 'confirmed' })
    expect(await casesOf(card)).toEqual([
      {
        kind: 'counterfeit-stamp',
        strength: 'suspected',
        suspects: ['card', `till ${till.number}`],
      },
    ])
    expect((await balances(card)).shadow).toBe('5000')
  })
})
