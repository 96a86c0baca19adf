import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { concat, type Bytes } from '../../src/kernel/bytes.ts'
import { signToken } from '../../src/kernel/token.ts'
import { addProduct, mintTokens } from '../../src/office/registry/products.ts'
import { listTills } from '../../src/office/registry/tills.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import { random, USD, type MintCard, type MintTill } from '../support/mint.ts'

let database: TestDatabase
let town: LedgerOffice

beforeAll(async () => {
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
})
afterAll(async () => {
  await town.evidence.stop()
  await database.drop()
})

async function casesOf(card: MintCard) {
  const cases = await town.cases()
  return cases
    .filter((found) => found.card === card.id)
    .map(({ kind, strength, suspects, amount }) => ({
      kind,
      strength,
      suspects: suspects.map((suspect) =>
        suspect.kind === 'card' ? 'card' : `till ${suspect.till}`,
      ),
      amount,
    }))
}

describe('the document’s tables', () => {
  it('completes a chain whose records come out of order', async () => {
    const [v1, v2] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard(10_000n)
    const first = town.mint.make(v1, card, { amount: 500n })
    const second = town.mint.make(v2, card, { amount: 300n })
    const third = town.mint.make(v1, card, { amount: 200n })

    await town.send(town.mint.batch(v1, [first, third]))
    expect(await shape(card)).toEqual([
      [0, 10_000n, true, 'settled'],
      [1, 9_500n, true, 'settled'],
      [2, 9_200n, false, 'none'],
      [3, 9_000n, false, 'none'],
    ])
    await town.send(town.mint.batch(v2, [second]))
    expect(await shape(card)).toEqual([
      [0, 10_000n, true, 'settled'],
      [1, 9_500n, true, 'settled'],
      [2, 9_200n, true, 'settled'],
      [3, 9_000n, true, 'settled'],
    ])
    expect(await casesOf(card)).toEqual([])
    const balances = await town.balances()
    expect(balances[`shadow ${card.id}`]).toBe('9000')
  })

  it('completes as much as there is behind a gap, and stops at the next', async () => {
    const [slow, fast] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard(10_000n)
    const first = town.mint.make(slow, card, { amount: 1n })
    const before = Array.from({ length: 100 }, () => town.mint.make(fast, card, { amount: 1n }))
    const gap = town.mint.make(slow, card, { amount: 1n })
    const behind = Array.from({ length: 40 }, () => town.mint.make(fast, card, { amount: 1n }))
    const settled = async () =>
      (await town.ledger(card)).filter(({ settlement }) => settlement === 'settled').length

    await town.send(town.mint.batch(fast, [...before, ...behind]))
    expect(await settled()).toBe(1)
    await town.send(town.mint.batch(slow, [first], { completeUpTo: first.at }))
    expect(await settled()).toBe(102)
    await town.send(town.mint.batch(slow, [gap]))
    expect(await settled()).toBe(143)
    expect(await casesOf(card)).toEqual([])
  })

  async function shape(card: MintCard) {
    const lines = await town.ledger(card)
    return lines.map((line) => [line.sequence, line.balance, line.complete, line.settlement])
  }
})

describe('who cheated', () => {
  it('an altered previous balance: whoever cannot show the predecessor', async () => {
    const [v3, v4] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard(9_000n)
    const honest = town.mint.make(v3, card, { amount: 100n })
    const altered = alter(card, honest.block, { balance: 8_500n })
    const cheat = town.mint.make(v4, card, {
      amount: 400n,
      on: honest.block,
      show: altered,
      lie: { balance: 8_100n },
    })
    await town.send(town.mint.batch(v4, [cheat]))
    expect(await casesOf(card)).toMatchObject([
      { kind: 'previous-balance-altered', strength: 'proven', suspects: [`till ${v4.number}`] },
    ])
    await town.send(town.mint.batch(v3, [honest]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'previous-balance-altered',
        strength: 'proven',
        suspects: [`till ${v4.number}`],
        amount: 400n,
      },
    ])
    const lines = await town.ledger(card)
    expect(lines.map(({ sequence, complete }) => [sequence, complete])).toEqual([
      [0, true],
      [1, true],
      [2, false],
    ])
  })

  /** An altered predecessor with the true one's signature, which does not cover it. */
  function alter(card: MintCard, block: Bytes, change: { balance: bigint }): Bytes {
    const stranger = { number: 0, key: town.office.key, sent: [] }
    const forged = town.mint.seal(card, { ...town.mint.open(card, block), ...change }, stranger)
    return concat(forged.subarray(0, 72), block.subarray(72))
  }

  it('two versions of one transaction: whoever signed both', async () => {
    const [v3, v4] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard(9_000n)
    const { head } = card
    const uploaded = town.mint.make(v3, card, { amount: 100n })
    const onCard = town.mint.make(v3, card, { amount: 500n, on: head })
    const next = town.mint.make(v4, card, { amount: 400n })
    await town.send(town.mint.batch(v3, [uploaded]), town.mint.batch(v4, [next]))
    expect(onCard.block).not.toEqual(uploaded.block)
    expect(await casesOf(card)).toMatchObject([
      { kind: 'equivocation', strength: 'proven', suspects: [`till ${v3.number}`], amount: 400n },
    ])
  })

  it('a balance that does not follow: its signer', async () => {
    const till = await town.addTill()
    const card = await town.addCard()
    const made = town.mint.make(till, card, { amount: 500n, lie: { balance: 9_100n } })
    await town.send(town.mint.batch(till, [made]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'wrong-arithmetic',
        strength: 'proven',
        suspects: [`till ${till.number}`],
        amount: 400n,
      },
    ])
  })

  it('a proven cheat is stopped; what it hands in is still evidence', async () => {
    const till = await town.addTill({ mayLoad: false })
    const card = await town.addCard()
    await town.send(town.mint.batch(till, [town.mint.make(till, card, { kind: 'load' })]))
    const row = await database.db
      .selectFrom('till')
      .select('stop_reason')
      .where('number', '=', BigInt(till.number))
      .executeTakeFirst()
    expect(row?.stop_reason).toMatch(/^case \d+: unauthorised-load$/)
    await town.send(town.mint.batch(till, [town.mint.make(till, card)]))
    expect(await town.ledger(card)).toHaveLength(3)
  })

  it('a fork: card and tills are suspected, nobody is proven, and the card is frozen', async () => {
    const [a, b] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const { head } = card
    const one = town.mint.make(a, card, { amount: 500n })
    const two = town.mint.make(b, card, { amount: 700n, on: head })
    await town.send(town.mint.batch(a, [one]), town.mint.batch(b, [two]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'fork',
        strength: 'suspected',
        suspects: ['card', `till ${a.number}`, `till ${b.number}`],
        amount: 500n,
      },
    ])
    expect(await statusOf(card)).toBe('frozen')
    const lines = await town.ledger(card)
    expect(lines.map(({ settlement }) => settlement)).toEqual(['settled', 'held', 'held'])
  })

  it('a fork that somebody decides: one branch is paid, the other is not, and the card is free', async () => {
    const [a, b] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const { head } = card
    const one = town.mint.make(a, card, { amount: 500n })
    const two = town.mint.make(b, card, { amount: 700n, on: head, keep: false })
    const after = town.mint.make(b, card, { amount: 100n })
    await town.send(town.mint.batch(a, [one]), town.mint.batch(b, [two, after]))
    expect((await town.balances())[`shadow ${card.id}`]).toBe('8700')

    const [fork] = (await town.cases()).filter((found) => found.card === card.id)
    const refused = (await town.ledger(card)).find(({ till }) => till === b.number)
    expect(refused?.sequence).toBe(1)
    await database.db.transaction().execute((trx) =>
      town.evidence.resolve(trx, {
        id: fork?.id ?? '',
        card: card.id,
        reason: 'the holder showed the card',
        decisions: refused
          ? [{ card: card.id, sequence: 1, record: refused.digest, decision: 'refused' }]
          : [],
      }),
    )
    const lines = await town.ledger(card)
    expect(
      new Set(lines.map((line) => `${line.sequence} ${line.till} ${line.settlement}`)),
    ).toEqual(
      new Set([
        '0 0 settled',
        `1 ${a.number} settled`,
        `1 ${b.number} none`,
        `2 ${b.number} settled`,
      ]),
    )
    expect(await statusOf(card)).toBe('active')
    expect((await town.balances())[`shadow ${card.id}`]).toBe('9400')
  })

  it('a payment invented without the passcode explains the fork', async () => {
    const [honest, liar] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const { head } = card
    const real = town.mint.make(honest, card, { amount: 500n })
    const invented = town.mint.make(liar, card, {
      amount: 700n,
      on: head,
      keep: false,
      passcode: card.passcode === '0000' ? '1111' : '0000',
    })
    await town.send(town.mint.batch(liar, [invented]), town.mint.batch(honest, [real]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'passcode-not-entered',
        strength: 'proven',
        suspects: [`till ${liar.number}`],
        amount: 700n,
      },
    ])
    expect(await statusOf(card)).toBe('active')
    const lines = await town.ledger(card)
    expect(lines.map(({ settlement }) => settlement).toSorted()).toEqual([
      'none',
      'settled',
      'settled',
    ])
  })

  it('a transaction kept back: its maker, once he says that everything is handed in', async () => {
    const [quiet, next] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    town.mint.make(quiet, card, { amount: 500n })
    const after = town.mint.make(next, card, { amount: 100n })
    await town.send(town.mint.batch(next, [after]))
    expect(await casesOf(card)).toEqual([])
    await town.send(town.mint.batch(quiet, []))
    expect(await casesOf(card)).toMatchObject([
      { kind: 'withheld-transaction', strength: 'proven', suspects: [`till ${quiet.number}`] },
    ])
  })

  it('a load without the right', async () => {
    const till = await town.addTill({ mayLoad: false })
    const card = await town.addCard()
    const made = town.mint.make(till, card, { kind: 'load', amount: 500n })
    await town.send(town.mint.batch(till, [made]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'unauthorised-load',
        strength: 'proven',
        suspects: [`till ${till.number}`],
        amount: 500n,
      },
    ])
  })

  it('a number signed twice, and a gap that closes', async () => {
    const till = await town.addTill()
    const card = await town.addCard()
    const first = town.mint.batch(till, [town.mint.make(till, card)])
    const second = town.mint.batch(till, [town.mint.make(till, card)])
    const third = town.mint.batch(till, [town.mint.make(till, card)])
    await town.send(first, third)
    expect(await casesOfTill(till.number)).toEqual([['batch-gap', 'suspected']])
    await town.send(second)
    expect(await casesOfTill(till.number)).toEqual([])
    till.sent.length = 2
    await town.send(town.mint.batch(till, [], { madeAt: 5 }))
    expect(await casesOfTill(till.number)).toEqual([['rewritten-journal', 'proven']])
  })

  it('tokens: of another till, of nobody, and used twice', async () => {
    const [a, b] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const [own, foreign] = [await issueToken(a, 250n), await issueToken(b, 250n)]
    const unknown = tokenOf(a, 250n)
    const twice = [1, 2].map(() => town.mint.make(a, card, { amount: 250n, tokens: [own] }))
    const others = [foreign, unknown].map((token) =>
      town.mint.make(a, card, { amount: 250n, tokens: [token] }),
    )
    await town.send(town.mint.batch(a, [...twice, ...others]))
    const found = (await casesOf(card)).map(({ kind, strength, suspects, amount }) =>
      [kind, strength, ...suspects, amount].join(' '),
    )
    expect(found.toSorted()).toEqual(
      ['foreign-token', 'token-double-spent', 'unknown-token'].map(
        (kind) => `${kind} proven till ${a.number} 250`,
      ),
    )
    const lines = await town.ledger(card)
    expect(lines.slice(1).every(({ settlement }) => settlement === 'none')).toBe(true)
  })

  it('a token whose second use is of another card and comes later refutes the first', async () => {
    const till = await town.addTill()
    const [one, two] = [await town.addCard(), await town.addCard()]
    const token = await issueToken(till, 300n)
    const first = town.mint.make(till, one, { amount: 300n, tokens: [token] })
    await town.send(town.mint.batch(till, [first]))
    expect((await town.ledger(one))[1]).toMatchObject({ settlement: 'settled', refuted: false })
    const second = town.mint.make(till, two, { amount: 300n, tokens: [token] })
    await town.send(town.mint.batch(till, [second]))
    expect((await town.ledger(one))[1]).toMatchObject({ settlement: 'none', refuted: true })
    expect((await town.balances())[`shadow ${one.id}`]).toBe('10000')
  })

  it('an amount without a token where only tokens may be taken', async () => {
    const till = await town.addTill({ freeAmounts: false })
    const card = await town.addCard()
    await town.send(town.mint.batch(till, [town.mint.make(till, card, { amount: 100n })]))
    expect(await casesOf(card)).toMatchObject([
      { kind: 'unauthorised-amount', strength: 'proven', suspects: [`till ${till.number}`] },
    ])
  })

  it('more loaded than the cash that the batch reports; to the cent it is no case', async () => {
    const till = await town.addTill()
    const card = await town.addCard()
    const totals = { paid: 0n, loaded: 500n, cash: 500n }
    const load = () => [town.mint.make(till, card, { kind: 'load', amount: 500n })]
    await town.send(town.mint.batch(till, load(), { totals }))
    expect(await casesOfTill(till.number)).toEqual([])
    await town.send(town.mint.batch(till, load(), { totals: { ...totals, cash: 499n } }))
    expect(await casesOfTill(till.number)).toEqual([['load-beyond-cash', 'proven']])
  })

  it('an undoing that gives back another amount than was taken', async () => {
    const till = await town.addTill()
    const card = await town.addCard()
    const paid = town.mint.make(till, card, { amount: 300n })
    const { balance } = town.mint.open(card, card.head)
    const undone = town.mint.make(till, card, {
      kind: 'reversal',
      amount: 900n,
      lie: { balance: balance + 900n },
    })
    await town.send(town.mint.batch(till, [paid, undone]))
    expect(await casesOf(card)).toMatchObject([
      {
        kind: 'wrong-arithmetic',
        strength: 'proven',
        suspects: [`till ${till.number}`],
        amount: 600n,
      },
    ])
    expect((await town.balances())[`shadow ${card.id}`]).toBe('9700')
  })

  it('a transaction handed in after a batch that had declared itself complete beyond it', async () => {
    const till = await town.addTill()
    const card = await town.addCard()
    const kept = town.mint.make(till, card)
    const told = town.mint.make(till, card)
    await town.send(town.mint.batch(till, [told]))
    await town.send(town.mint.batch(till, [kept]))
    expect(await casesOf(card)).toMatchObject([
      { kind: 'withheld-transaction', strength: 'proven', suspects: [`till ${till.number}`] },
    ])
    expect((await town.ledger(card)).every(({ complete }) => complete)).toBe(true)
  })

  it('a record that is told twice is no late one, whichever batch comes first', async () => {
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      const till = await town.addTill()
      const card = await town.addCard()
      const torn = town.mint.make(till, card)
      const next = town.mint.make(till, card)
      const last = town.mint.make(till, card)
      const batches = [
        town.mint.batch(till, [{ ...torn, outcome: 'unconfirmed' }], { completeUpTo: torn.at }),
        town.mint.batch(till, [next], { completeUpTo: next.at }),
        town.mint.batch(till, [torn, last], { completeUpTo: last.at }),
      ]
      for (const index of order) await town.send(batches[index] ?? new Uint8Array())
      expect(await casesOf(card), `order ${order.join()}`).toEqual([])
      expect(await casesOfTill(till.number), `order ${order.join()}`).toEqual([])
    }
  })

  it('a transaction that is missing for longer than a till may be silent, until it comes', async () => {
    const [quiet, next] = [await town.addTill(), await town.addTill()]
    const card = await town.addCard()
    const missing = town.mint.make(quiet, card)
    await town.send(town.mint.batch(next, [town.mint.make(next, card)]))
    await town.evidence.sweep()
    expect(await casesOf(card)).toEqual([])
    town.passTime(31 * 24 * 3600 * 1000)
    await town.evidence.sweep()
    expect(await casesOf(card)).toMatchObject([
      { kind: 'missing-transaction', strength: 'suspected', suspects: [`till ${quiet.number}`] },
    ])
    await town.send(town.mint.batch(quiet, [missing], { completeUpTo: missing.at }))
    expect(await casesOf(card)).toEqual([])
  })

  function tokenOf(till: MintTill, price: bigint): Bytes {
    return signToken(town.office.key, {
      product: 1,
      price,
      currency: USD.numeric,
      madeAt: 1,
      till: till.number,
      nonce: random.bytes(8),
    })
  }

  /** As the registry keeps what it issues. */
  async function issueToken(till: MintTill, price: bigint): Promise<Bytes> {
    return database.db.transaction().execute(async (trx) => {
      const at = town.office.clock.now()
      const [row] = (await listTills(trx)).filter(({ number }) => number === till.number)
      const name = `product ${random.bytes(8).join('')}`
      const merchant = row?.merchant ?? ''
      const product = await addProduct(trx, { merchant, name, price, currency: 'USD' }, at)
      const order = { product, till: till.number, count: 1 }
      const [token] = await mintTokens(trx, order, town.office.key, random, at)
      if (!token) throw new Error('a token was ordered')
      return token
    })
  }

  async function casesOfTill(till: number) {
    const cases = await town.cases()
    return cases
      .filter(({ suspects }) => suspects.some((s) => s.kind === 'till' && s.till === till))
      .map(({ kind, strength }) => [kind, strength])
  }

  async function statusOf(card: MintCard) {
    const row = await database.db
      .selectFrom('card')
      .select('status')
      .where('id', '=', card.id)
      .executeTakeFirst()
    return row?.status
  }
})
