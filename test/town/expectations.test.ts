import { describe, expect, test } from 'vitest'
import { currency } from '../../src/kernel/money.ts'
import { checkExpectations, checkSameEnd, type Snapshot } from '../../src/town/expectations.ts'
import type { CaseResult, LedgerRow } from '../../src/town/result.ts'
import { parseScenario } from '../../src/town/scenario/file.ts'

const FORK: CaseResult = {
  office: 'office',
  kind: 'fork',
  card: 'ada',
  suspects: ['ada', 'v1', 'v2'],
  strength: 'suspected',
  amount: '3.00',
  state: 'open',
}
const ALTERED: CaseResult = {
  office: 'office',
  kind: 'previous-balance-altered',
  card: 'bert',
  suspects: ['v2'],
  strength: 'proven',
  amount: null,
  state: 'resolved',
}
const GAP: CaseResult = { ...FORK, kind: 'batch-gap', card: null, state: 'withdrawn' }

const row = (sequence: number, balance: string): LedgerRow => ({
  card: 'cleo',
  sequence,
  till: 'v1',
  counterparty: null,
  kind: 'pay',
  amount: '1.00',
  balance,
  timestamp: `2026-01-01T00:00:0${sequence}.000Z`,
  previousTill: sequence === 1 ? null : 'v1',
  previousBalance: '10.00',
  previousTimestamp: sequence === 1 ? null : '2026-01-01T00:00:01.000Z',
  complete: true,
})

const SNAPSHOT: Snapshot = {
  ledgers: { ada: [], cleo: [row(1, '9.00'), row(2, '8.00')] },
  accounts: [
    { office: 'office', kind: 'world', owner: '', balance: '-30.00' },
    { office: 'office', kind: 'shadow', owner: 'ada', balance: '12.00' },
    { office: 'office', kind: 'shadow', owner: 'cleo', balance: '8.00' },
    { office: 'office', kind: 'merchant', owner: 'v1', balance: '10.00' },
  ],
  cases: [FORK, ALTERED, GAP],
  tills: [{ name: 'v1', queue: 2, lastBatch: 3 }],
  chips: new Map([
    ['ada', { balance: '5.00' }],
    ['bert', { problem: 'rolled_back' }],
    ['cleo', { balance: '8.00' }],
  ]),
  cashUps: new Map([
    [
      'v1',
      {
        till: 'v1',
        batch: 1,
        count: 3,
        paid: '7.00',
        paidBack: '2.00',
        loaded: '0.00',
        loadedBack: '0.00',
      },
    ],
  ]),
  pufs: [{ name: 'dora', bitErrorRate: 0.05, failures: 2 }],
  issued: ['ada', 'bert', 'cleo'],
  ofCoins: [],
}

/** What does not hold of `words`, written as in a scenario: each as `path: expected | found`. */
function missesOf(words: string, snapshot = SNAPSHOT): readonly string[] {
  const town =
    'currency: EUR\ncards: { ada: {}, bert: {}, cleo: {}, dora: { scheme: coin }, emil: { scheme: coin } }\ntills: { v1: {}, v2: {} }\nsteps: []\n'
  const { scenario } = parseScenario(`${town}expect: ${words}\n`, 'scenario.yaml')
  const misses = checkExpectations(scenario.expect ?? {}, [], snapshot, currency('EUR'))
  return misses.map(({ path, expected, found }) => `${path.join('.')}: ${expected} | ${found}`)
}

describe('what holds', () => {
  test.each([
    '{}',
    '{ cases: [{ kind: fork }] }',
    '{ cases: [{ kind: fork, card: ada, suspect: ada, strength: suspected, amount: 3 }] }',
    '{ cases: [{ kind: fork, suspects: [v2, v1, ada] }] }',
    '{ cases: [{ kind: previous-balance-altered }, { kind: fork }], only: true }',
    '{ ledger: { ada: [], cleo: [{ sequence: 1 }, { balance: 8.00, complete: true }] } }',
    '{ ledger: { cleo: [{ previousTill: "-", previousTimestamp: "-" }, { previousTill: v1 }] } }',
    '{ ledger: { cleo: [{}, { timestamp: 2026-01-01T00:00:02Z }] } }',
    '{ cards: { ada: 5, cleo: 8.00 } }',
    '{ accounts: { shadow: 20.00, merchant: { v1: 10.00, v2: 0 }, suspense: 0 } }',
    '{ tills: { v1: { queue: 2, lastBatch: 3 } } }',
    '{ cashUps: { v1: { batch: 1, count: 3, paid: 7, paidBack: 2.00, loaded: 0, loadedBack: 0 } } }',
    '{ pufFailures: { dora: 2 } }',
    // ada and bert are in cases, and what they hold is in dispute.
    '{ conservation: true }',
  ])('%s', (words) => {
    expect(missesOf(words)).toEqual([])
  })

  test('no case, if the only one was explained away', () => {
    expect(missesOf('{ cases: none }', { ...SNAPSHOT, cases: [GAP] })).toEqual([])
  })
})

const FORK_TEXT = 'fork suspected against ada, v1, v2 of ada over 3.00'
const ALTERED_TEXT = 'previous-balance-altered proven against v2 of bert'
const CASH_UP_TEXT =
  'till v1, batch 1, count 3, paid 7.00, paidBack 2.00, loaded 0.00, loadedBack 0.00'
const BOTH = `${FORK_TEXT}; ${ALTERED_TEXT}`

describe('what does not hold', () => {
  test.each([
    ['{ cases: none }', [`cases: no case | ${BOTH}`]],
    ['{ cases: [{ kind: overspend }] }', [`cases.0: a case overspend | ${BOTH}`]],
    ['{ cases: [{ kind: batch-gap }] }', [`cases.0: a case batch-gap | ${BOTH}`]],
    ['{ cases: [{ kind: fork, card: bert }] }', [`cases.0: a case fork of bert | ${BOTH}`]],
    [
      '{ cases: [{ kind: fork, suspect: v1 }] }',
      [`cases.0: a case fork against v1 first | ${BOTH}`],
    ],
    [
      '{ cases: [{ kind: fork, suspects: [ada, v1] }] }',
      [`cases.0: a case fork against ada, v1 | ${BOTH}`],
    ],
    ['{ cases: [{ kind: fork, strength: proven }] }', [`cases.0: a case fork proven | ${BOTH}`]],
    ['{ cases: [{ kind: fork, amount: 4 }] }', [`cases.0: a case fork over 4.00 | ${BOTH}`]],
    // Two that are expected are two.
    ['{ cases: [{ kind: fork, card: ada }, { kind: fork }] }', [`cases.1: a case fork | ${BOTH}`]],
    ['{ cases: [{ kind: fork }], only: true }', [`cases: no other case | ${ALTERED_TEXT}`]],
    ['{ ledger: { cleo: [{ sequence: 1 }] } }', ['ledger.cleo: 1 rows | 2 rows']],
    ['{ ledger: { ada: [{ sequence: 1 }] } }', ['ledger.ada.0: row 1: sequence 1 | 0 rows']],
    ['{ cards: { ada: 6 } }', ['cards.ada: 6.00 on ada | 5.00']],
    ['{ cards: { bert: 6 } }', ['cards.bert: 6.00 on bert | rolled_back']],
    ['{ accounts: { shadow: 21 } }', ['accounts.shadow: all of shadow: 21.00 | 20.00']],
    [
      '{ accounts: { merchant: { v2: 1 } } }',
      ['accounts.merchant.v2: merchant of v2: 1.00 | 0.00'],
    ],
    ['{ tills: { v1: { queue: 0 } } }', ['tills.v1: queue 0 | queue 2, lastBatch 3']],
    ['{ tills: { v1: { lastBatch: 4 } } }', ['tills.v1: lastBatch 4 | queue 2, lastBatch 3']],
    [
      '{ pufFailures: { dora: 1 } }',
      ['pufFailures.dora: 1 readings of the PUF of dora that gave nothing | 2'],
    ],
    [
      '{ pufFailures: { emil: 0 } }',
      ['pufFailures.emil: 0 readings of the PUF of emil that gave nothing | no such PUF'],
    ],
    ['{ cashUps: { v2: {} } }', ['cashUps.v2:  | no cash-up']],
    ...['batch 9', 'count 9', 'paid 9.00', 'paidBack 9.00', 'loaded 9.00', 'loadedBack 9.00'].map(
      (words): [string, string[]] => [
        `{ cashUps: { v1: { ${words.replace(' ', ': ')} } } }`,
        [`cashUps.v1: ${words} | ${CASH_UP_TEXT}`],
      ],
    ),
  ])('%s', (words, misses) => {
    expect(missesOf(words)).toEqual(misses)
  })

  test.each([
    ['till', 'v2'],
    ['sequence', '3'],
    ['balance', '1'],
    ['timestamp', '2026-01-01T00:00:09Z'],
    ['previousTill', 'v1'],
    ['previousBalance', '1'],
    ['previousTimestamp', '2026-01-01T00:00:09Z'],
    ['complete', 'false'],
  ])('a ledger row with another %s', (field, value) => {
    const [miss, ...others] = missesOf(`{ ledger: { cleo: [{ ${field}: ${value} }, {}] } }`)
    expect(miss).toMatch(
      new RegExp(`^ledger.cleo.0: row 1: ${field} .* \\| card cleo, sequence 1,`),
    )
    expect(others).toEqual([])
  })

  test('books that do not add up, and a card that holds what they do not say', () => {
    const accounts = SNAPSHOT.accounts.map((account) =>
      account.owner === 'cleo' ? { ...account, balance: '7.00' } : account,
    )
    expect(missesOf('{ conservation: true }', { ...SNAPSHOT, accounts })).toEqual([
      'conservation: accounts that add up to 0 | -1.00',
      'conservation: 7.00 on cleo, as its shadow account says | 8.00',
    ])
  })
})

test('coins that are outside have to be on cards, whoever made them', () => {
  const coins = (north: string, south: string): Snapshot => ({
    ...SNAPSHOT,
    cases: [],
    issued: ['ada', 'cleo'],
    ofCoins: ['ada', 'cleo'],
    accounts: [
      { office: 'north', kind: 'world', owner: '', balance: '-13.00' },
      { office: 'north', kind: 'coin-float', owner: '', balance: north },
      { office: 'south', kind: 'coin-float', owner: '', balance: south },
    ],
  })
  const text = '{ conservation: true }'
  expect(missesOf(text, coins('11.00', '2.00'))).toEqual([])
  expect(missesOf(text, coins('11.00', '2.01'))).toEqual([
    'conservation: accounts that add up to 0 | 0.01',
    'conservation: 13.01 in coins on 2 cards | 13.00 on 2 that can be read',
  ])
  const chips = new Map([['cleo', { balance: '13.00' }]])
  expect(missesOf(text, { ...coins('11.00', '2.00'), chips })).toEqual([
    'conservation: 13.00 in coins on 2 cards | 13.00 on 1 that can be read',
  ])
})

describe('another order of arrival', () => {
  const misses = (change: Partial<Snapshot>) =>
    checkSameEnd('v2/1, v1/1', SNAPSHOT, { ...SNAPSHOT, ...change }, [])

  test.each([
    ['other suspicions', { cases: [ALTERED] }],
    ['other queues at the tills', { tills: [] }],
  ])('may come to %s', (_what, change) => {
    expect(misses(change)).toEqual([])
  })

  test.each([
    ['ledgers', { ledgers: { ...SNAPSHOT.ledgers, cleo: [row(1, '9.00')] } }],
    ['accounts', { accounts: SNAPSHOT.accounts.slice(1) }],
    ['proven cases', { cases: [FORK] }],
    ['proven cases that were withdrawn', { cases: [FORK, { ...ALTERED, state: 'withdrawn' }] }],
  ] as const)('may not come to other %s', (_what, change) => {
    const [miss] = misses(change)
    expect(miss?.expected).toContain('the same end in the order v2/1, v1/1')
  })
})
