import { describe, expect, test } from 'vitest'
import { parseScenario, ScenarioError } from '../../src/town/scenario/file.ts'
import { AmountText } from '../../src/town/scenario/values.ts'

const TOWN = `currency: USD
cards:
  c1: { balance: 100.00 }
tills:
  v1: {}
  v4: {}
products:
  tea: { price: 1.00 }
`

const PURSE_TOWN = `currency: EUR
cards:
  b1: { balance: 100.00 }
  p1: { scheme: purse, balance: 100.00 }
tills:
  v1: {}
  bare: { module: none }
  crook: { cheats: { tokenTwice: true } }
`

/** What is wrong with a file, each as `line:column: message`. */
function problemsOf(text: string): readonly string[] {
  try {
    parseScenario(text, 'town.yaml')
    return []
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    return error.message.split('\n')
  }
}

/** Takes the mark `^` out of a text, and says where it stood. */
function marked(text: string): { readonly text: string; readonly place: string } {
  const before = text.slice(0, text.indexOf('^')).split('\n')
  const place = `town.yaml:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: `
  return { text: text.replace('^', ''), place }
}

const PAY = 'pay: { card: c1, till: v1, amount: 1 }'

describe('a scenario file', () => {
  test.each([
    ['unknown verb', '{ ^sycn: v1 }', 'unknown word "sycn". Did you mean sync?'],
    ['unknown word', '{ pay: { card: c1, ^tll: v1 } }', 'unknown word "tll". Did you mean till?'],
    ['missing word', '{ pay: ^{ card: c1, amount: 1 } }', 'the word "till" is missing here'],
    ['two verbs', '{ ^sync: v1, offline: v1 }', 'unknown word "sync"'],
    ['no verb', '^{ at: 2026-01-01T00:00Z }', 'a step needs a verb: one of issue, pay,'],
    ['no step', '^sync', 'expected a step such as { sync: v1 }, got "sync"'],
    [
      'unknown value',
      '{ sync: v1, lose: ^acknowledgment }',
      'expected request, acknowledgement; got "acknowledgment". Did you mean acknowledgement?',
    ],
    [
      'unknown till',
      '{ sync: ^v2 }',
      'there is no till "v2" here. Did you mean v1 or v4? There is: v1, v4',
    ],
    [
      'unknown card',
      '{ pay: { card: ^c2, till: v1, amount: 1 } }',
      'there is no card "c2" here. Did you mean c1? There is: c1',
    ],
    [
      'unknown product',
      '{ pay: { card: c1, till: v1, products: { te: ^1 } } }',
      'there is no product "te" here. Did you mean tea? There is: tea',
    ],
    [
      'neither amount nor products',
      '{ pay: ^{ card: c1, till: v1 } }',
      'expected either an amount or products',
    ],
    [
      'amount of another currency',
      '{ load: { card: c1, till: v1, amount: ^1.001 } }',
      'USD has 2 decimals, got "1.001"',
    ],
    [
      'no amount',
      '{ load: { card: c1, till: v1, amount: ^lots } }',
      'expected an amount such as 12.50, got "lots"',
    ],
    [
      'passcode as a number',
      '{ load: { card: c1, till: v1, amount: 1, passcode: ^4821 } }',
      'expected 4 to 8 digits in quotes, or none; got 4821',
    ],
    [
      'no instant',
      '{ at: ^yesterday, sync: v1 }',
      'expected an instant such as 2020-09-08T12:03Z; got "yesterday"',
    ],
    [
      'an instant that there is not',
      '{ at: ^2020-13-08T12:03Z, sync: v1 }',
      'there is no 2020-13-08T12:03Z',
    ],
    [
      'time that goes back',
      '{ at: 2026-01-02T00:00Z, sync: v1 }\n  - { ^at: 2026-01-01T00:00Z, sync: v1 }',
      'is before what came before: 2026-01-02T00:00:00.000Z',
    ],
    ['a tear of nothing', `{ ${PAY}, tear: ^{ cardWite: 3 } }`, 'expected { cardWrite: n }'],
    ['a tear at write 0', `{ ${PAY}, tear: { cardWrite: ^0 } }`, 'Too small'],
    [
      'a card that is not there yet',
      '{ pay: { card: ^copy, till: v1, amount: 1 } }\n  - { clone: c1, as: copy }',
      'there is no card "copy" here',
    ],
    ['no such image', '{ restore: c1, to: ^monday }', 'there is no image "monday" here'],
    ['a card issued twice', '{ issue: c1 }\n  - { issue: ^c1 }', 'card c1 is issued already'],
    [
      'a card paid with before its issue',
      '{ pay: { card: ^c1, till: v1, amount: 1 } }\n  - { issue: c1 }',
      'card c1 is not issued yet',
    ],
    ['no way to end', '{ sync: v1, expect: ^fine }', 'expected one of done, refused'],
    ['unknown case', '{ expect: { cases: [{ kind: ^froud }] } }', 'expected wrong-arithmetic,'],
    [
      'unknown suspect',
      '{ expect: { cases: [{ kind: fork, suspect: ^v3 }] } }',
      'there is no card or till "v3" here',
    ],
    [
      'unknown kind of account',
      '{ expect: { accounts: { ^shadw: 1 } } }',
      'unknown word "shadw". Did you mean shadow?',
    ],
    ['only without cases', '{ expect: { only: ^true } }', '`only` goes with a list of cases'],
    ['a name that is none', '{ clone: c1, as: ^"c 1" }', 'expected a name: a letter'],
  ])('a step: %s', (_what, step, message) => {
    const { text, place } = marked(`${TOWN}steps:\n  - ${step}\n`)
    expect(problemsOf(text).join('\n')).toContain(place + message)
  })

  test.each([
    [
      'unknown word of a card',
      'currency: USD\ncards:\n  c1: { ^blance: 1 }\nsteps: []',
      'unknown word "blance". Did you mean balance? Known here: scheme, balance, passcode',
    ],
    [
      'unknown cheat',
      'currency: USD\ntills:\n  v1: { cheats: { ^lie: 1 } }\nsteps: []',
      'unknown word "lie"',
    ],
    ['unknown word', '^curency: USD\nsteps: []', 'unknown word "curency". Did you mean currency?'],
    ['unknown currency', 'currency: ^usd\nsteps: []', 'expected AUD, CAD,'],
    [
      'a card that is called like a till',
      'currency: USD\ncards: { a: {} }\ntills: { ^a: {} }\nsteps: []',
      'there is a card of that name as well',
    ],
    [
      'a till that is called office',
      'currency: USD\ntills:\n  ^office: {}\nsteps: []',
      '"office" is a word of its own',
    ],
    ['no steps', '^currency: USD', 'the word "steps" is missing here'],
    ['a word twice', 'currency: USD\n^currency: EUR\nsteps: []', 'Map keys must be unique'],
    ['an empty file', '^', ''],
  ])('%s', (_what, words, message) => {
    const { text, place } = marked(words)
    expect(problemsOf(text).join('\n')).toContain(place + message)
  })

  test.each([
    [
      'a cheat of block cards at a purse card',
      '{ pay: { card: p1, till: v1, amount: 1 }, cheat: ^{ signTwice: 1 } }',
      'v1 cannot cheat with signTwice here: p1 is a purse card.',
    ],
    [
      'a purse card at a till that always cheats so',
      '^{ pay: { card: p1, till: crook, amount: 1 } }',
      'crook cannot cheat with tokenTwice here: p1 is a purse card.',
    ],
    [
      'an invented payment of a purse card',
      '{ invent: ^{ till: v1, card: p1, amount: 1 } }',
      'v1 cannot cheat with invent here: p1 is a purse card.',
    ],
    [
      'a cheat at a copy of a purse card',
      '{ clone: p1, as: p2 }\n  - { load: { card: p2, till: v1, amount: 1 }, cheat: ^{ overcharge: 1 } }',
      'v1 cannot cheat with overcharge here: p2 is a purse card.',
    ],
    [
      'a middleman at a block card',
      '{ pay: { card: b1, till: v1, amount: 1 }, middleman: ^{ say9000: true } }',
      'nobody stands between a till and a block card: b1 is one',
    ],
    [
      'a middleman who does nothing',
      '{ pay: { card: p1, till: v1, amount: 1 }, middleman: ^{ sleep: true } }',
      'expected one of listen, replay, say9000, changeCommand, changeAnswer',
    ],
    [
      'a replay of what nobody has heard',
      '{ pay: { card: p1, till: v1, amount: 1 }, middleman: { replay: ^tape } }',
      'there is no recording "tape" here.',
    ],
    [
      'a block card that is unblocked',
      "{ unblock: { card: ^b1, new: '1234' } }",
      'a block card blocks no passcode: b1 is one',
    ],
    [
      'an image of another kind of card',
      '{ snapshot: b1, as: monday }\n  - { restore: p1, to: ^monday }',
      'the image monday is of a block card, and p1 is a purse card',
    ],
    ['a cash-up of a till without a module', '{ cashUp: ^bare }', 'bare has no security module'],
    [
      'a module of a till that has none',
      '{ putModule: v1, of: ^bare }',
      'bare has no security module',
    ],
    ['a module for no till', '{ putModule: ^v7 }', 'there is no till "v7" here'],
    ['a module out of no till', '{ pullModule: ^v7 }', 'there is no till "v7" here'],
    [
      'a cash-up expected of no till',
      '{ expect: { cashUps: { v7: ^{} } } }',
      'there is no till "v7" here',
    ],
    [
      'a word that its verb does not have',
      '{ rewrite: v1, ^expect: done }',
      'unknown word "expect". Known here: rewrite, at',
    ],
  ])('with purse cards: %s', (_what, step, message) => {
    const { text, place } = marked(`${PURSE_TOWN}steps:\n  - ${step}\n`)
    expect(problemsOf(text).join('\n')).toContain(place + message)
  })

  test('without purse cards there are no modules', () => {
    const { text, place } = marked(`${TOWN}steps:\n  - { cashUp: ^v1 }\n`)
    expect(problemsOf(text)).toEqual([expect.stringContaining(`${place}v1 has no security module`)])
  })

  test('purse cards and coins want the same slot', () => {
    const text = 'currency: EUR\ncards: { a: { scheme: purse }, b: { scheme: coin } }\nsteps: []\n'
    expect(problemsOf(text).join()).toContain('2:8: purse and coin cards each want a module')
  })

  test.each([
    [
      'topUp',
      '{ topUp: { card: p1, amount: 1 } }',
      'p1 is a purse card, and this is for wallet cards',
    ],
    [
      'give',
      '{ give: { from: b1, to: b1, amount: 1 } }',
      'b1 is a block card, and this is for wallet',
    ],
    [
      'buyCoins',
      '{ buyCoins: { card: p1, coins: [1] } }',
      'p1 is a purse card, and this is for coin',
    ],
    ['deposit', '{ deposit: { person: p1, amount: 1 } }', 'there is no person "p1" here'],
  ])('%s is for those who can', (_verb, step, message) => {
    expect(problemsOf(`${PURSE_TOWN}steps:\n  - ${step}\n`).join()).toContain(message)
  })

  test('YAML that is none names the line', () => {
    expect(problemsOf('currency: [USD\nsteps: []')[0]).toMatch(/^town.yaml:2:/)
  })

  test('everything that is wrong is said, in order of lines', () => {
    const text = `${TOWN}steps:\n  - { sync: v1, lse: request }\n  - { sycn: v1 }\n`
    expect(problemsOf(text).map((problem) => problem.split(' unknown')[0])).toEqual([
      'town.yaml:10:17:',
      'town.yaml:11:7:',
    ])
  })

  test('JSON is read as well, and names the line', () => {
    const text = '{\n  "currency": "USD",\n  "steps": [{ "sycn": "v1" }]\n}'
    expect(problemsOf(text)).toEqual([
      expect.stringContaining('town.yaml:3:15: unknown word "sycn". Did you mean sync?'),
    ])
  })

  test('amounts are taken as they are written', () => {
    const { scenario } = parseScenario(`${TOWN}steps: []`, 'town.yaml')
    expect(scenario.cards['c1']?.balance).toEqual(new AmountText('100'))
    const text = 'currency: USD\ncards: { a: { balance: 0.07 }, b: { balance: "1.10" } }\nsteps: []'
    const { cards } = parseScenario(text, 'town.yaml').scenario
    expect([cards['a']?.balance.text, cards['b']?.balance.text]).toEqual(['0.07', '1.10'])
  })
})
