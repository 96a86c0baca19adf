import { expect, it } from 'vitest'
import { fromHex } from '../../src/kernel/bytes.ts'
import { poolVerifier } from '../../src/office/ledger/verifier-pool.ts'
import { localVerifier, type VerifyJob } from '../../src/office/ledger/verifier.ts'
import { certificatesOf } from '../../src/office/coins/elements.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { closeTills } from '../schemes/coin/till.ts'
import { CoinOffice } from '../support/coin-office.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLedgerOffice } from '../support/ledger-office.ts'

const worker = new URL('../../src/schemes/office-worker.ts', import.meta.url)

/** More than go to a thread at once, of several cards, with some that are no evidence at all. */
async function makeJob(): Promise<VerifyJob> {
  const database = await createTestDatabase()
  const town = await createLedgerOffice(database.db)
  const tills = [await town.addTill(), await town.addTill()]
  const cards = [await town.addCard(), await town.addCard(), await town.addCard()]
  await town.evidence.stop()
  await database.drop()
  const made = tills.flatMap((till) =>
    cards.flatMap((card) =>
      Array.from({ length: 4 }, () => town.mint.make(till, card, { amount: 1n }).evidence),
    ),
  )
  const good = made.map((evidence) => ({ scheme: 'block', evidence }))
  const bad = [
    { scheme: 'block', evidence: new Uint8Array() },
    { scheme: 'block', evidence: fromHex('00ff') },
    { scheme: 'no such scheme', evidence: fromHex('0102') },
  ]
  const round = [...good, ...bad]
  return {
    items: Array.from({ length: 100 }, () => round).flat(),
    keys: tills.map(({ number, key }) => ({
      maker: number,
      generation: 1,
      publicKey: key.publicKey.bytes,
    })),
    secrets: { block: town.mint.secrets },
  }
}

it('threads say the same as one does alone, each verdict in its place', async () => {
  const job = await makeJob()
  const pool = poolVerifier(worker, 2, officeSchemes)
  try {
    const expected = await localVerifier(officeSchemes).verify(job)
    expect(await pool.verify(job)).toEqual(expected)
    const good = expected.filter(({ ok }) => ok).length
    expect(good).toBe(2400)
    console.log(`verdicts compared: ${expected.length}, ${good} of them entries`)
  } finally {
    await pool.stop()
  }
})

it('what is asked first is answered first', async () => {
  const job = await makeJob()
  const pool = poolVerifier(worker, 2, officeSchemes)
  const answered: number[] = []
  try {
    const turns = [0, 1, 2, 3, 4, 5, 6, 7]
    await Promise.all(turns.map((turn) => pool.verify(job).then(() => answered.push(turn))))
    expect(answered).toEqual(turns)
  } finally {
    await pool.stop()
  }
})

it('threads say the same of coins, of which they look nothing up', async () => {
  const { office, shop, secrets } = await soldForCoins()
  const shown = shop.records().map(({ evidence }) => evidence)
  const bad = [new Uint8Array(), fromHex('00ff'), ...shown.map((one) => one.slice(1))]
  const job = { scheme: 'coin', evidence: [...shown, ...bad], secrets }
  const pool = poolVerifier(worker, 2, officeSchemes)
  const alone = localVerifier(officeSchemes)
  try {
    const named = await alone.coins.named(job)
    expect(await pool.coins.named(job)).toEqual(named)
    expect(named.map((ids) => ids.length > 0)).toEqual(
      job.evidence.map((one) => shown.includes(one)),
    )
    const certificates = [...(await certificatesOf(office.db, named.flat())).values()]
    for (const known of [certificates, []]) {
      const expected = await alone.coins.read({ ...job, certificates: known })
      // To each thread once, and again.
      for (let again = 0; again < 4; again++) {
        expect(await pool.coins.read({ ...job, certificates: known })).toEqual(expected)
      }
      const good = expected.filter(({ ok }) => ok).length
      expect(good).toBe(known.length > 0 ? shown.length : 0)
    }
  } finally {
    await pool.stop()
    closeTills()
    await office.close()
  }
})

async function soldForCoins() {
  const town = await CoinOffice.create('threads')
  const [customer, shop] = [await town.customer(20n, [10n, 5n]), await town.shop([5n, 2n])]
  for (const amount of [8n, 5n]) await shop.sell(customer, amount)
  const { office } = town
  return { office, shop, secrets: office.office.secretsOf('coin') }
}
