import { describe, expect, test } from 'vitest'
import { failuresOf, play } from './play.ts'

/** A small town; `steps` in YAML, one a line, from line 9 on. */
function story(...steps: readonly string[]): string {
  return `currency: EUR
policy: { mayLoad: true }
products: { tea: { price: 2.00 } }
cards:
  ada: { balance: 10.00, passcode: '4821' }
  bert: { balance: 10.00, passcode: '1648' }
tills: { bar: { tokens: { tea: 1 } }, cafe: {} }
steps:
${steps.map((step) => `  - ${step}`).join('\n')}
`
}

const PAY = '{ pay: { card: ada, till: bar, amount: 1.00 } }'

describe('a step that does not end as it should', () => {
  test.each([
    [
      'a refusal of which nothing is said',
      ['{ pay: { card: ada, till: bar, amount: 99.00 } }'],
      '9: expected ada pays €99 at bar: done, found refused, insufficient_funds',
    ],
    [
      'a refusal for another reason',
      ["{ pay: { card: ada, till: bar, amount: 1, passcode: '1111' }, expect: refused hot_card }"],
      '9: expected ada pays €1 at bar: refused hot_card, found refused, wrong_passcode',
    ],
    [
      'an upload that nobody took',
      ['{ offline: bar }', '{ sync: bar }'],
      '10: expected bar upload: done, found unreachable',
    ],
    [
      'more units than there are tokens',
      ['{ pay: { card: ada, till: bar, products: { tea: 2 } } }'],
      '9: expected ada pays €4 at bar: done, found refused, no_token',
    ],
    [
      'nothing to give up',
      ['{ giveUp: bar }'],
      '9: expected bar gives up its order: done, found refused, no_order',
    ],
    [
      'nothing to tap again',
      ['{ retap: { card: ada, till: bar } }'],
      '9: expected ada comes again to bar: done, found refused, no_order',
    ],
    [
      'no batch of that name',
      ['{ upload: [bar/2] }'],
      '9: expected batches are handed in: none: done, found refused, no_batch',
    ],
    [
      'no such case',
      ['{ resolve: { kind: fork }, as: nothing }'],
      '9: expected the operator resolves fork: nothing: done, found refused, no_case',
    ],
    [
      'a payment invented of a card that the vendor never saw',
      ['{ invent: { till: bar, card: ada, amount: 1.00 } }'],
      '9: expected bar invents a payment of €1 by ada: this till has never seen that card: done, ' +
        'found refused, cannot_cheat',
    ],
    [
      'a payment invented beyond what there is',
      [PAY, '{ invent: { till: bar, card: ada, amount: 50.00 } }'],
      '10: expected bar invents a payment of €50 by ada: content.balance:',
    ],
    [
      'nothing to rewrite',
      ['{ rewrite: bar }'],
      '9: expected bar signs another batch under the number of its last one: done, found refused, no_batch',
    ],
  ])('%s', async (_what, steps, failure) => {
    const text = failuresOf(await play(story(...steps)))
    expect(text.split('\n')).toEqual([expect.stringContaining(failure)])
  })

  test('that should have been refused and was not', async () => {
    const step = '{ pay: { card: ada, till: bar, amount: 1.00 }, expect: refused }'
    const result = await play(story(step))
    expect(failuresOf(result)).toBe('9: expected ada pays €1 at bar, €9 left: refused, found done')
  })
})

describe('steps', () => {
  test('a tap that is cut short may end in any way, if nothing is said', async () => {
    const torn = '{ pay: { card: ada, till: bar, amount: 1.00 }, tear: { apdu: 3 } }'
    const result = await play(story(torn))
    expect(result.ok).toBe(true)
    expect(result.steps[0]?.result).toBe('unfinished')
  })

  test('a case that the operator resolved stays, as resolved', async () => {
    const result = await play(
      story(
        PAY,
        '{ clone: ada, as: copy }',
        '{ pay: { card: ada, till: bar, amount: 1.00 } }',
        '{ pay: { card: copy, till: cafe, amount: 2.00 } }',
        '{ sync: all }',
        '{ resolve: { kind: fork, card: ada, strength: suspected }, as: the holder admits it }',
        '{ resolve: { kind: fork, card: ada }, as: again }',
      ),
    )
    expect(failuresOf(result)).toBe(
      '15: expected the operator resolves fork: again: done, found refused, no_case',
    )
    expect(result.cases).toMatchObject([{ kind: 'fork', card: 'ada', state: 'resolved' }])
  })

  test('what is shown is printed, in the order that it is asked for', async () => {
    const printed: string[] = []
    const steps = [
      PAY,
      '{ load: { card: bert, till: bar, amount: 5.00 } }',
      '{ sync: bar }',
      '{ show: { transactions: bert, card: [ada, bert] } }',
      '{ show: { accounts: all, cases: all, tills: all } }',
    ]
    await play(story(...steps), 'scenario.yaml', (text) => printed.push(text))
    const text = printed.join('\n')
    const order = [
      'Transactions of bert at the tills\n\nvendor  timestamp                kind  amount',
      'bar     1st January 12:00:02 AM  load  €5',
      'ada holds 9.00',
      'bert holds 15.00',
      'Accounts\n',
      'Cases: none',
      'till  queue  last batch',
      'In the end:',
    ].map((part) => text.indexOf(part))
    expect(order).not.toContain(-1)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('the same story tells the same twice', async () => {
    const text = story(PAY, '{ clone: ada, as: copy }', '{ sync: all }')
    expect(await play(text)).toEqual(await play(text))
  })

  test('a purse card tells its story, and its module counts', async () => {
    let text = ''
    const result = await play(
      `currency: EUR
cards: { ada: { scheme: purse, balance: 60.00, passcode: '4821' } }
tills: { bar: { mayLoad: true } }
steps:
  - { cashUp: bar }
  - { pay: { card: ada, till: bar, amount: 30.00 } }
  - { load: { card: ada, till: bar, amount: 5.50 } }
  - { cashUp: bar }
  - { pullModule: bar }
  - { cashUp: bar, expect: refused module_missing }
  - { show: { card: ada } }
  - { putModule: bar }
  - { snapshot: ada, as: rich }
  - { pay: { card: ada, till: bar, amount: 20.00, passcode: none } }
  - { restore: ada, to: rich, expect: refused not_writable }
  - { expect: { cards: { ada: 15.50 } } }
  - { restore: ada, to: rich, chip: magic }
  - { expect: { cards: { ada: 35.50 } } }
  - { pay: { card: ada, till: bar, amount: 20.00, passcode: none }, expect: refused copied_card }
  - { unblock: { card: ada, new: '1234' }, tear: { apdu: 1 }, expect: unfinished }
`,
      'scenario.yaml',
      (line) => {
        text += `${line}\n`
      },
    )
    expect(failuresOf(result)).toBe('')
    expect(text).toContain('bar cashes up, batch 1: 0 transactions: done')
    expect(text).toContain('bar cashes up, batch 2: 2 transactions, €30 paid, €5.50 added: done')
    expect(text).toContain('ada holds nothing that counts: module_missing')
    expect(result.steps.flatMap(({ cashUp }) => cashUp ?? [])).toEqual([
      {
        till: 'bar',
        batch: 1,
        count: 0,
        paid: '0.00',
        paidBack: '0.00',
        loaded: '0.00',
        loadedBack: '0.00',
      },
      {
        till: 'bar',
        batch: 2,
        count: 2,
        paid: '30.00',
        paidBack: '0.00',
        loaded: '5.50',
        loadedBack: '0.00',
      },
    ])
  })

  test.each([
    ['a purse card', 'scheme: purse, balance: 60.00'],
    ['a card with coins', 'scheme: coin, holder: Ada'],
  ])('three wrong unblocking codes, and no code unblocks %s any more', async (_, card) => {
    const wrong =
      "{ unblock: { card: ada, code: '00000000', new: '1234' }, expect: refused wrong_code }"
    const result = await play(
      `currency: EUR
people: { Ada: {} }
cards: { ada: { ${card} } }
tills: { bar: {} }
steps:
  - { unblock: { card: ada, new: '4711' } }
  - ${wrong}
  - ${wrong}
  - ${wrong}
  - { unblock: { card: ada, new: '1234' }, expect: refused code_blocked }
`,
    )
    expect(failuresOf(result)).toBe('')
  })

  test('a till loses what it had not written, and goes on', async () => {
    const result = await play(
      story(
        '{ pay: { card: ada, till: bar, amount: 1.00 }, tear: { tillWrite: 1 }, expect: crashed }',
        '{ restart: bar }',
        '{ retap: { card: ada, till: bar } }',
        '{ crash: [cafe, office] }',
        '{ sync: bar, expect: unreachable }',
        '{ restart: [office, cafe] }',
        '{ sync: all }',
      ),
    )
    expect(failuresOf(result)).toBe('')
    expect(result.ledgers['ada']).toMatchObject([{ till: 'bar', balance: '9.00', complete: true }])
  })
})

test('offices have their own cards, tills and books', async () => {
  const result = await play(`currency: EUR
offices: { north: {}, south: {} }
cards:
  ada: { balance: 10.00 }
  bert: { balance: 10.00, office: south }
tills:
  bar: {}
  inn: { office: south, merchant: bar }
steps:
  - { pay: { card: ada, till: bar, amount: 1.00 } }
  - { pay: { card: bert, till: inn, amount: 2.00 } }
  - { pay: { card: bert, till: bar, amount: 2.00 }, expect: refused }
  - { crash: south }
  - { sync: inn, expect: unreachable }
  - { sync: bar }
  - { restart: south }
  - { sync: inn }
expect:
  accounts: { merchant: { bar: 3.00 }, shadow: { ada: 9.00, bert: 8.00 }, world: -20.00 }
  cases: none
  conservation: true
`)
  expect(failuresOf(result)).toBe('')
  expect(result.accounts).toContainEqual({
    office: 'south',
    kind: 'merchant',
    owner: 'bar',
    balance: '2.00',
  })
})
