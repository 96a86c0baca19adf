import { expect, it } from 'vitest'
import { fromHex } from '../../src/kernel/bytes.ts'
import { poolVerifier } from '../../src/office/ledger/verifier-pool.ts'
import { localVerifier, type VerifyJob } from '../../src/office/ledger/verifier.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
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
