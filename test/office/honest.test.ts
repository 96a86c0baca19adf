import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import type { MintCard, MintTill } from '../support/mint.ts'

/** What others can do to make an honest till look guilty, each of which once did or might have. */
let database: TestDatabase
let town: LedgerOffice
let honest: MintTill
let liar: MintTill
let card: MintCard

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
})
afterAll(async () => {
  await town.evidence.stop()
  await database.drop()
})
beforeEach(async () => {
  honest = await town.addTill()
  liar = await town.addTill()
  card = await town.addCard()
})

/** n of P-256 (SEC 2, 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The other signature that anybody can make of one: n − s in place of s. */
function mirrored(signed: Uint8Array): Bytes {
  const s = BigInt(`0x${toHex(signed.subarray(-32))}`)
  return concat(signed.subarray(0, -32), fromHex((ORDER - s).toString(16).padStart(64, '0')))
}

async function casesAgainst(till: MintTill) {
  return (await town.cases())
    .filter(({ suspects }) =>
      suspects.some((suspect) => suspect.kind === 'till' && suspect.till === till.number),
    )
    .map(({ kind, strength }) => ({ kind, strength }))
}

describe('nothing speaks against an honest till', () => {
  it('whose batch a carrier hands in under a second signature that he made himself', async () => {
    const first = town.mint.batch(honest, [town.mint.make(honest, card)])
    const second = town.mint.batch(honest, [town.mint.make(honest, card)])
    await town.send(mirrored(first), first, second, mirrored(second))
    expect(await casesAgainst(honest)).toEqual([])
    expect(await town.ledger(card)).toMatchObject([
      {},
      { till: honest.number, settlement: 'settled' },
      { till: honest.number, settlement: 'settled' },
    ])
  })

  it('whose record somebody shows as the predecessor of a place far away', async () => {
    const paid = town.mint.make(honest, card)
    await town.send(town.mint.batch(honest, [paid]))
    const before = await town.ledger(card)
    const lie = town.mint.make(liar, card, { on: paid.block, lie: { sequence: 500 }, keep: false })
    await town.send(town.mint.batch(liar, [lie]))
    expect(await casesAgainst(honest)).toEqual([])
    expect(await casesAgainst(liar)).toContainEqual({ kind: 'wrong-sequence', strength: 'proven' })
    expect((await town.ledger(card)).slice(0, 2)).toEqual(before)
  })

  it('whose evidence somebody else hands in, with another amount', async () => {
    const paid = town.mint.make(honest, card, { amount: 100n })
    const altered = new Uint8Array(paid.evidence)
    // The amount stands after version, UID, block, count and one block: docs/protocol/block.md.
    altered.set(fromHex('00000005'), 1 + 4 + 136 + 2 + 136)
    await town.send(town.mint.batch(liar, [{ ...paid, evidence: altered }]))
    expect(await casesAgainst(honest)).toEqual([])
    await town.send(town.mint.batch(honest, [paid]))
    expect(await casesAgainst(honest)).toEqual([])
    expect(await town.ledger(card)).toMatchObject([{}, { till: honest.number, amount: 100n }])
  })
})
