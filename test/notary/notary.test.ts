import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { signRequest, type NotaryAct } from '../../src/kernel/notary.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { listCases } from '../../src/notary/cases.ts'
import { addRevocation } from '../../src/notary/keys.ts'
import { orderReserve } from '../../src/notary/operator.ts'
import { readReport } from '../../src/notary/reports.ts'
import { revoke } from '../../src/schemes/wallet/root.ts'
import { RANDOM } from '../support/office.ts'
import {
  createWorld,
  flip,
  START,
  withRefusal,
  type Bank,
  type Card,
  type Till,
  type World,
} from './world.ts'

let world: World
let first: Bank
let second: Bank
let till: Till

beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.drop())
beforeEach(async () => {
  world.clock.instant = START
  await sql`truncate office, office_key, account, transfer, permit, payment, refund, feed, "case",
    revocation cascade`.execute(world.opened.db)
  first = await world.office(1, 1000_00n)
  second = await world.office(2, 1000_00n)
  till = second.till(7)
})

const cases = async () =>
  (await listCases(world.opened.db)).map(
    ({ kind, strength, office, withdrawn }) =>
      `${kind} ${strength} ${office}${withdrawn ? ' withdrawn' : ''}`,
  )
const expectBalanced = async () => {
  const { sums, wrong } = await readReport(world.opened.db)
  expect(sums.every(({ sum }) => sum === 0n)).toBe(true)
  expect(wrong).toEqual([])
}

/** A card that believes to hold what nobody gave it. */
const rich = (bank: Bank) => Object.assign(bank.card(), { balance: 9999_00n })

describe('a request', () => {
  const accounts: NotaryAct = { act: 'accounts' }

  test('of nobody who has joined is answered, and nothing more', async () => {
    const stranger = generatePrivateKey()
    const signed = signRequest(stranger, {
      office: 3,
      generation: 1,
      notary: 1,
      madeAt: START,
      nonce: RANDOM.bytes(16),
      acts: [accounts],
    })
    expect(await first.ask(signed)).toMatchObject({ result: 'unknown key', results: [] })
  })

  test('in another’s name is told from its own', async () => {
    const forged = signRequest(first.key, {
      office: 2,
      generation: 1,
      notary: 1,
      madeAt: START,
      nonce: RANDOM.bytes(16),
      acts: [accounts],
    })
    expect(await first.ask(forged)).toMatchObject({ result: 'bad signature', results: [] })
  })

  test.each([
    ['from ten minutes ago', -600_000, 'done'],
    ['from before', -600_001, 'stale'],
    ['from ten minutes ahead', 600_000, 'done'],
    ['from after', 600_001, 'stale'],
  ])('%s', async (_, off, result) => {
    expect(await first.ask(first.sign([accounts], START + off))).toMatchObject({ result })
  })

  test('of a revoked key is refused, of the next one not', async () => {
    const old = first.sign([accounts])
    const revocation = revoke(first.subject, world.root, START)
    await first.rotate()
    await addRevocation(world.opened.db, revocation, START)
    expect(await first.ask(old)).toMatchObject({ result: 'revoked key' })
    expect(await first.ask(first.sign([accounts]))).toMatchObject({ result: 'done' })
  })

  test('with any byte changed is refused', async () => {
    const signed = first.sign([accounts])
    for (let at = 0; at < signed.length; at += 1) {
      const answer = await world.notary.answer(flip(signed, at)).then(
        () => first.ask(flip(signed, at)),
        (error: unknown) => error,
      )
      if (answer instanceof FormatError) continue
      expect(answer).toMatchObject({ results: [] })
    }
  })

  test('to join with a certificate of another root, of a card, or of another office is refused', async () => {
    const other = await createWorld()
    const stranger = await other.office(1)
    const card = first.card()
    const results = await first.send(
      ...[stranger.certificate, card.certificate, second.certificate, first.certificate].map(
        (certificate) => ({ act: 'join', certificate }) as const,
      ),
    )
    expect(results.map(({ result }) => result)).toEqual([
      'wrong certificate',
      'wrong certificate',
      'wrong certificate',
      'joined',
    ])
    await other.drop()
  })
})

describe('a permit', () => {
  test('moves free to issued, once however often, and is good for that instruction only', async () => {
    const card = first.card()
    const load = { kind: 'load', card: card.bytes, number: 1, amount: 300_00n } as const
    const signed = first.instruct(load)
    const other = first.instruct({ ...load, amount: 301_00n })
    const results = await first.send(
      ...[signed, signed, other].map((bytes) => first.permitAct(bytes)),
    )
    expect(results.map(({ result }) => result)).toEqual([
      'permitted',
      'permitted',
      'other instruction',
    ])
    expect(results[0]?.permit).toEqual(results[1]?.permit)
    expect(await first.accounts()).toEqual([700_00n, 300_00n])
    await expectBalanced()
  })

  test.each([
    ['more than is free', { amount: 1000_01n }, 'no reserve'],
    ['all that is free', { amount: 1000_00n }, 'permitted'],
    ['nothing', { amount: 0n }, 'nothing to permit'],
    ['another office’s card', { office: 2 }, 'not yours'],
    ['an acknowledgement', { kind: 'acknowledge' }, 'nothing to permit'],
    ['a restore of nothing shown', { kind: 'restore' }, 'no statement'],
    ['an unknown currency', { currency: 1 }, 'malformed'],
  ] as const)('for %s', async (_, change, result) => {
    const card = first.card()
    const load = { kind: 'load', card: card.bytes, number: 1, amount: 300_00n } as const
    const signed = first.instruct({ ...load, ...change })
    expect(await first.send(first.permitAct(signed))).toMatchObject([{ result }])
  })

  test('is not given for what another has signed, or sealed to another', async () => {
    const load = { kind: 'load', card: first.card().bytes, number: 1, amount: 1n } as const
    const signed = first.instruct(load)
    const [wrong, sealed] = [first.permitAct(flip(signed, -1)), first.permitAct(signed)]
    const results = await first.send(wrong, { ...sealed, order: flip(sealed.order, -1) })
    expect(results.map(({ result }) => result)).toEqual(['bad signature', 'malformed'])
    expect(await second.send(sealed)).toMatchObject([{ result: 'malformed' }])
  })

  test('for a restore is for what the card holds less', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const restoreOf = ({ bytes, sequence, previous }: Card) =>
      ({
        kind: 'restore',
        card: bytes,
        number: 2,
        amount: 150_00n,
        sequence,
        record: previous,
      }) as const
    const restore = first.instruct(restoreOf(card))
    const elsewhere = { ...restoreOf(card), record: new Uint8Array(32) }
    expect(
      await first.send(first.permitAct(first.instruct(elsewhere), card.statement())),
    ).toMatchObject([{ result: 'no statement' }])
    expect(await first.send(first.permitAct(restore, first.card().statement()))).toMatchObject([
      { result: 'no statement' },
    ])
    expect(await first.send(first.permitAct(restore, card.statement()))).toMatchObject([
      { result: 'permitted' },
    ])
    expect(await first.accounts()).toEqual([850_00n, 150_00n])
  })

  test('is given back when the card carried out the void of its number, and only then', async () => {
    const card = first.card()
    const load = first.instruct({ kind: 'load', card: card.bytes, number: 1, amount: 300_00n })
    const cancel = first.instruct({ kind: 'void', card: card.bytes, number: 1 })
    await first.send(first.permitAct(load))
    const act = () => {
      const [said, ...certificates] = card.statement()
      return { act: 'give back', void: cancel, statement: said, certificates } as const
    }
    expect(await first.send(act())).toMatchObject([{ result: 'not carried out' }])
    card.carryOut(load)
    expect(await first.send(act())).toMatchObject([{ result: 'not carried out' }])
    card.carryOut(cancel)
    expect(await first.send(act(), act())).toMatchObject([
      { result: 'given back' },
      { result: 'given back' },
    ])
    expect(await first.accounts()).toEqual([1000_00n, 0n])
    expect(await first.send(first.permitAct(load))).toMatchObject([{ result: 'given back' }])
    await expectBalanced()
  })
})

describe('a payment', () => {
  test('to a till moves issued to free; to a card, issued to issued; home, issued to free', async () => {
    const card = first.card()
    await card.topUp(300_00n)
    const other = second.card()
    const payments = [
      card.pay(till, 50_00n),
      card.pay(other.payee, 30_00n),
      card.pay({ ...card.payee, party: first.party, key: first.key }, 20_00n),
    ]
    expect(await first.settle(...payments.map(({ evidence }) => evidence))).toEqual([
      'settled',
      'settled',
      'settled',
    ])
    expect(await first.accounts()).toEqual([720_00n, 200_00n])
    expect(await second.accounts()).toEqual([1050_00n, 30_00n])
    await expectBalanced()
  })

  test('is one, whoever shows it and however', async () => {
    const [card, other] = [first.card(), second.card()]
    await card.topUp(100_00n)
    const paid = card.pay(other.payee, 40_00n)
    const received = other.receive(card, paid)
    expect(await second.settle(received, received, paid.evidence)).toEqual([
      'settled',
      'settled',
      'settled',
    ])
    expect(await first.settle(paid.evidence)).toEqual(['settled'])
    expect(await first.accounts()).toEqual([900_00n, 60_00n])
    const feeds = await Promise.all(
      [first, second].map((bank) => bank.send({ act: 'feed', after: 0 })),
    )
    for (const [answer] of feeds) {
      expect(answer?.entries.map(({ number, id, state }) => [number, toHex(id), state])).toEqual([
        [1, paid.id, 'settled'],
      ])
      expect(answer?.entries[0]?.evidence).toEqual(paid.evidence)
    }
  })

  test.each<readonly [string, (evidence: Bytes) => Bytes, string]>([
    ['no evidence', () => new Uint8Array(9), 'malformed'],
    ['with a byte too many', (bytes) => Uint8Array.of(...bytes, 0), 'malformed'],
    // evidence: version, length; then shownRecord: version, record of 109, count, signature.
    ['of another amount', (bytes) => flip(bytes, 3 + 1 + 21), 'bad signature'],
    ['of another payee', (bytes) => flip(bytes, 3 + 1 + 34), 'bad signature'],
    ['with another signature', (bytes) => flip(bytes, 3 + 1 + 109 + 2), 'bad signature'],
  ])('%s is refused', async (_, change, result) => {
    const card = first.card()
    await card.topUp(100_00n)
    const { evidence } = card.pay(till, 40_00n)
    expect(await second.settle(change(evidence))).toEqual([result])
    expect(await second.accounts()).toEqual([1000_00n, 0n])
  })

  test('that is none is refused: a load, a receipt of nothing', async () => {
    const card = first.card()
    const load = await card.topUp(100_00n)
    expect(await first.settle(load)).toEqual(['not a payment'])
  })

  test('of a card under another root is refused', async () => {
    const other = await createWorld()
    const stranger = await other.office(1, 100_00n)
    const { evidence } = rich(stranger).pay(till, 1n)
    expect(await second.settle(evidence)).toEqual(['unknown signer'])
    await other.drop()
  })

  test('beside another with its sequence is a proven case against the card', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const one = card.pay(till, 40_00n)
    const two = card.pay(till, 30_00n, { sequence: one.content.sequence })
    expect(await second.settle(one.evidence, two.evidence, one.evidence)).toEqual([
      'settled',
      'conflict',
      'settled',
    ])
    expect(await second.settle(two.evidence)).toEqual(['conflict'])
    expect(await cases()).toEqual(['card-key-extracted proven 1'])
    const [found] = await listCases(world.opened.db)
    expect(found?.evidence).toEqual([one.evidence, two.evidence])
    expect(await first.accounts()).toEqual([900_00n, 60_00n])
  })

  test('beside another of a second key of that card is a proven case against the office', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const twin = first.card(card.id)
    twin.sequence = card.sequence
    twin.balance = card.balance
    const [one, two] = [card.pay(till, 40_00n), twin.pay(till, 40_00n)]
    expect(await second.settle(one.evidence, two.evidence)).toEqual(['settled', 'conflict'])
    expect(await cases()).toEqual(['card-certified-twice proven 1'])
  })

  test('of another office’s card with the same number meets nothing', async () => {
    const card = first.card()
    const namesake = second.card(card.id)
    await card.topUp(10_00n)
    await namesake.topUp(10_00n)
    const own = first.till(1)
    expect(await second.settle(namesake.pay(own, 5_00n).evidence)).toEqual(['settled'])
    expect(await first.settle(card.pay(till, 5_00n).evidence)).toEqual(['settled'])
    expect(await cases()).toEqual([])
  })

  test('under a revoked key of its office waits until the office itself brings it', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const revocation = revoke(first.subject, world.root, START)
    await first.rotate()
    await addRevocation(world.opened.db, revocation, START)
    const paid = card.pay(till, 40_00n)
    expect(await second.settle(paid.evidence)).toEqual(['waiting payer office'])
    expect(await cases()).toEqual([])
    expect(await first.settle(paid.evidence)).toEqual(['settled'])
    expect(await second.settle(paid.evidence)).toEqual(['settled'])
  })

  test('of a card from before its office’s key was changed is settled like any', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    await first.rotate()
    await card.topUp(50_00n)
    expect(card.balance).toBe(150_00n)
    const young = first.card()
    await young.topUp(10_00n)
    const payments = [card.pay(till, 120_00n), young.pay(till, 10_00n)]
    expect(await second.settle(...payments.map(({ evidence }) => evidence))).toEqual([
      'settled',
      'settled',
    ])
  })
})

describe('a refund', () => {
  /** What each way to say it looks like, and whether the payment came before. */
  const ways: readonly (readonly [
    string,
    (card: ReturnType<Bank['card']>, paid: ReturnType<ReturnType<Bank['card']>['pay']>) => Bytes,
  ])[] = [
    ['the card’s record', (card, paid) => card.refund(paid)],
    ['the payee’s word', (_card, paid) => withRefusal(paid)],
  ]
  test.each(ways)('by %s, before and after the payment, and twice', async (_, show) => {
    for (const order of [
      ['paid', 'refund', 'refund', 'paid'],
      ['refund', 'paid', 'refund'],
    ] as const) {
      const card = first.card()
      await card.topUp(100_00n)
      const before = [await first.accounts(), await second.accounts()]
      const paid = card.pay(till, 40_00n)
      const refund = show(card, paid)
      for (const what of order) await second.settle(what === 'paid' ? paid.evidence : refund)
      expect(await second.settle(paid.evidence)).toEqual(['returned'])
      expect([await first.accounts(), await second.accounts()]).toEqual(before)
    }
    await expectBalanced()
  })

  test('of money that its payee’s office has taken out waits, and comes back with its reserve', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const paid = card.pay(till, 40_00n)
    await second.settle(paid.evidence)
    const withdraw = {
      office: 2,
      currency: 'SEK',
      amount: 1040_00n,
      reason: 'all',
      reference: 'w',
    } as const
    expect(await orderReserve(world.opened.db, { act: 'withdraw', ...withdraw }, START)).toBe(
      'done',
    )
    expect(await first.settle(card.refund(paid))).toEqual(['returned'])
    expect(await first.settle(paid.evidence)).toEqual(['returning'])
    await second.deposit(50_00n)
    expect(await first.settle(paid.evidence)).toEqual(['returned'])
    expect([await first.accounts(), await second.accounts()]).toEqual([
      [900_00n, 100_00n],
      [10_00n, 0n],
    ])
    expect(await cases()).toEqual([])
  })

  test('is refused with the word of anybody but the payee, or about another request', async () => {
    const card = first.card()
    await card.topUp(100_00n)
    const [one, two] = [card.pay(till, 10_00n), card.pay(till, 10_00n)]
    const forged = { ...one, payee: { ...till, key: second.till(8).key } }
    const evidence = withRefusal(forged)
    expect(await second.settle(evidence, withRefusal({ ...one, request: two.request }))).toEqual([
      'other cause',
      'other cause',
    ])
    expect(await second.settle(one.evidence)).toEqual(['settled'])
  })
})

describe('unbacked money', () => {
  test('waits, is suspected, and is no case any more when its cover has come', async () => {
    const [alice, bob] = [first.card(), second.card()]
    await alice.topUp(200_00n)
    const toBob = alice.pay(bob.payee, 80_00n)
    bob.receive(alice, toBob)
    const charlie = (await world.office(3)).card()
    const toCharlie = bob.pay(charlie.payee, 50_00n)
    expect(await second.settle(toCharlie.evidence)).toEqual(['waiting reserve'])
    expect(await cases()).toEqual(['unbacked-money suspected 2'])
    expect(await second.settle(toBob.evidence)).toEqual(['settled'])
    expect(await cases()).toEqual(['unbacked-money suspected 2 withdrawn'])
    expect(await second.settle(toCharlie.evidence)).toEqual(['settled'])
    expect(await second.accounts()).toEqual([1000_00n, 30_00n])
  })

  test('is proven by a load that nobody permitted, and by nothing else', async () => {
    const cheat = first.card()
    const load = first.instruct({ kind: 'load', card: cheat.bytes, number: 1, amount: 500_00n })
    const shown = cheat.load(load)
    expect(await second.settle(cheat.pay(till, 400_00n).evidence)).toEqual(['waiting reserve'])
    expect(await cases()).toEqual(['unbacked-money suspected 1'])
    expect(await second.send({ act: 'show', evidence: shown })).toMatchObject([
      { result: 'not permitted' },
    ])
    expect(await cases()).toEqual(['unbacked-money proven 1', 'unbacked-money suspected 1'])
    expect(await second.accounts()).toEqual([1000_00n, 0n])
    await expectBalanced()
  })

  test('is not proven by a permitted load whose permit somebody took off', async () => {
    const card = first.card()
    const signed = first.instruct({ kind: 'load', card: card.bytes, number: 1, amount: 5_00n })
    const [given] = await first.send(first.permitAct(signed))
    const twin = first.card(card.id)
    expect(await second.send({ act: 'show', evidence: twin.load(signed) })).toMatchObject([
      { result: 'permitted' },
    ])
    // The books may have forgotten it, restored from a backup: then the permit itself speaks.
    await sql`delete from permit`.execute(world.opened.db)
    const stripped = first.card(card.id)
    await second.send({ act: 'show', evidence: stripped.load(signed) })
    expect(await cases()).toEqual(['unbacked-money proven 1'])
    expect(
      await second.send({ act: 'show', evidence: card.load(signed, given?.permit[0]) }),
    ).toMatchObject([{ result: 'permitted' }])
    await second.send({ act: 'show', evidence: stripped.load(signed) })
    expect(await cases()).toEqual(['unbacked-money proven 1 withdrawn'])
  })

  test('is proven by another load than the one that was permitted with its number', async () => {
    const card = first.card()
    const load = { kind: 'load', card: card.bytes, number: 1 } as const
    await first.send(first.permitAct(first.instruct({ ...load, amount: 5_00n })))
    const evidence = card.load(first.instruct({ ...load, amount: 50_00n }))
    expect(await second.send({ act: 'show', evidence })).toMatchObject([
      { result: 'not permitted' },
    ])
    expect(await cases()).toEqual(['unbacked-money proven 1'])
  })

  test('of one office stops nobody else, nor its other cards for good', async () => {
    const cheat = rich(first)
    const honest = first.card()
    await honest.topUp(50_00n)
    const big = cheat.pay(till, 900_00n)
    const small = honest.pay(till, 50_00n)
    const other = second.card()
    await other.topUp(10_00n)
    const away = other.pay(first.till(1), 10_00n)
    expect(await second.settle(big.evidence, small.evidence, away.evidence)).toEqual([
      'waiting reserve',
      'settled',
      'settled',
    ])
  })

  test('is paid when its office stands in for it', async () => {
    const cheat = rich(first)
    const paid = cheat.pay(till, 100_00n)
    await second.settle(paid.evidence)
    const cover = {
      office: 1,
      currency: 'SEK',
      amount: 100_00n,
      reason: 'ours',
      reference: 'c',
    } as const
    expect(await orderReserve(world.opened.db, { act: 'cover', ...cover }, START)).toBe('done')
    expect(await orderReserve(world.opened.db, { act: 'cover', ...cover }, START)).toBe(
      'done before',
    )
    expect(await second.settle(paid.evidence)).toEqual(['settled'])
    expect(await second.accounts()).toEqual([1100_00n, 0n])
    await expectBalanced()
  })
})
