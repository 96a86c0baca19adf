import { inject, describe, expect, test } from 'vitest'
import { playScenario } from '../../src/town/play.ts'
import { parseScenario } from '../../src/town/scenario-file.ts'
import type { PlayResult } from '../../src/town/result.ts'

/** What was said at each step, `from → to: message`. */
function told({ steps }: PlayResult): readonly (readonly string[])[] {
  return steps.map(({ trace = [] }) =>
    trace.map(({ from, to, message }) => `${from} → ${to}: ${message}`),
  )
}

async function traced(text: string): Promise<PlayResult> {
  const scenario = parseScenario(text, 'scenario.yaml')
  return playScenario(scenario, { server: inject('server'), trace: true })
}

describe('a trace', () => {
  test('tells every message of a purse’s payment and of its upload, and what is lost', async () => {
    const result = await traced(`currency: EUR
cards: { ada: { scheme: purse, balance: 10.00 } }
tills: { bar: {} }
steps:
  - { pay: { card: ada, till: bar, amount: 2.00, passcode: none }, tear: { apdu: 3 } }
  - { retap: { card: ada, till: bar } }
  - { sync: bar, lose: acknowledgement, expect: unreachable }
  - { sync: bar }
`)
    const meeting = [
      'bar → ada: who is there?',
      'ada → bar: a purse card, and a nonce',
      'bar → ada: challenge',
    ]
    const upload = 'bar → office: batch 1: 1 records, signed'
    const payment =
      'bar → ada: pay 2.00, 8.00 left, record 1, signed by the till, authorised by its module'
    expect(told(result)).toEqual([
      [
        ...meeting,
        'ada → bar: 10.00 at record 0, with a MAC',
        payment,
        'ada → bar: — nothing: the card has gone —',
      ],
      [
        ...meeting,
        'ada → bar: 8.00 at record 1, with a MAC',
        'bar → ada: your stamps of that record again?',
        'ada → bar: done: a stamp for the module and one for the office',
      ],
      [upload, 'office → bar: — nothing: the network has swallowed it —'],
      [
        upload,
        'office → bar: acknowledged, signed: it is kept for good',
        'bar → office: what is new?',
        'office → bar: documents, signed',
      ],
    ])
  })
})
