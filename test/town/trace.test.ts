import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { playScenario } from '../../src/town/play.ts'
import { parseScenario } from '../../src/town/scenario/file.ts'
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

/** What must be said at a step of scenarios/ekrona-flows.yaml, in this order; more may lie between. */
const FIGURES: readonly (readonly [figure: string, step: number, said: readonly string[]])[] = [
  [
    'figure 3, top-up: 3.4, steps 2 to 8',
    1,
    [
      // 3: the holder enters the PIN and holds the card to the phone
      'Alice’s phone → alice: PIN, sealed to the card',
      // 4: a signed request: the card's own
      'alice → Alice’s phone: statement: 0.00 at record 0',
      'Alice’s phone → office: load this card from my online wallet, with its statement',
      // 5, 6: set aside, signed
      'office → Alice’s phone: an instruction to load, signed',
      // 7
      'Alice’s phone → alice: instruction 1: load 500.00, signed by the office',
      // 8
      'alice → Alice’s phone: load 500.00 from office, 500.00 left',
    ],
  ],
  [
    'figure 4, reduction: 3.4, steps 2 to 10',
    3,
    [
      // 2, 3: the PIN, and what the card says of itself with its one-time nonce
      'Alice’s phone → alice: PIN, sealed to the card',
      'alice → Alice’s phone: statement: 500.00',
      // 4
      'Alice’s phone → office: take money back from this card, with its statement',
      // 5
      'office → Alice’s phone: a request for the money, signed',
      // 6
      'Alice’s phone → alice: pay: request for 100.00, signed by office, with the PIN, sealed to the card',
      // 7, 8
      'alice → Alice’s phone: unload 100.00 to office, 400.00 left',
      // 9, 10
      'Alice’s phone → office: statement, and 1 records',
    ],
  ],
  [
    'figures 5 and 6, in a shop: 3.5, steps 1 to 7',
    5,
    [
      // 1 to 3: request to pay, with the PIN; the till has signed it
      'shop → alice: pay: request for 250.00, signed by shop, with the PIN, sealed to the card',
      // 4, 5
      'alice → shop: pay 250.00 to shop, 150.00 left',
    ],
  ],
  [
    'figure 6, submitted again: no new record, the same balance',
    8,
    [
      // It has paid already,
      'alice → shop: alice, holding 100.00; 2 payments left',
      // and the same request gets the same payment.
      'shop → alice: pay: request for 30.00, signed by shop, with the PIN, sealed to the card',
      'alice → shop: pay 30.00 to shop, 100.00 left, record 5',
    ],
  ],
  [
    'figure 7, between users: 3.6, steps 1 to 5',
    10,
    [
      // 1
      'Bob’s phone → bob: request money',
      'bob → Bob’s phone: request for 80.00, signed by bob',
      // 2
      'Bob’s phone → Alice’s phone: please pay 80.00, signed by bob',
      // 3
      'Alice’s phone → alice: pay: request for 80.00, signed by bob, with the PIN, sealed to the card',
      'alice → Alice’s phone: pay 80.00 to bob, 20.00 left',
      // 4
      'Alice’s phone → Bob’s phone: paid 80.00, signed by both cards',
      // 5
      'Bob’s phone → bob: receive: pay 80.00 to bob',
      'bob → Bob’s phone: receive 80.00 from alice, 80.00 left',
    ],
  ],
  [
    'figure 8, synchronisation: 3.7, steps 1 to 7',
    12,
    [
      // 1, 2
      'Bob’s phone → bob: PIN, sealed to the card',
      'bob → Bob’s phone: receive 80.00 from alice',
      // 3, 4
      'Bob’s phone → office: statement, and 1 records',
      // 5
      'office → Bob’s phone: 1 instruction',
      // 6
      'Bob’s phone → bob: instruction 1: acknowledged up to record 1, signed by the office',
      // 7
      'bob → Bob’s phone: statement: 80.00 at record 1, acknowledged up to 1',
    ],
  ],
]

describe('the e-krona report, by its numbers', () => {
  let steps: readonly (readonly string[])[]
  beforeAll(async () => {
    const file = new URL('../../scenarios/ekrona-flows.yaml', import.meta.url)
    steps = told(await traced(readFileSync(file, 'utf8')))
  })

  test.each(FIGURES)('%s', (_figure, step, said) => {
    const lines = steps[step - 1] ?? []
    let from = 0
    for (const wanted of said) {
      const at = lines.findIndex((line, index) => index >= from && line.startsWith(wanted))
      expect(at, `${wanted}\nafter line ${from} of\n${lines.join('\n')}`).toBeGreaterThanOrEqual(0)
      from = at + 1
    }
  })
})

describe('a trace', () => {
  test('tells a payment in coins: who says what to whom, how long, and who alone can read it', async () => {
    const result = await traced(`currency: EUR
people: { Ada: { online: 10.00 } }
cards: { ada: { scheme: coin, holder: Ada } }
tills: { bar: { float: [1.00, 0.50] } }
steps:
  - { buyCoins: { card: ada, coins: [5.00] } }
  - { pay: { card: ada, till: bar, amount: 3.50 } }
  - { pay: { card: ada, till: bar, amount: 4.00 }, expect: refused cannot_pay }
`)
    const [, paid = [], refused = []] = told(result)
    const element = 'bar’s element'
    const standings = /how do you stand|in \d+ coins/
    expect(paid.filter((line) => !standings.test(line))).toEqual([
      'bar → ada: identity element?',
      'ada → bar: here, and a nonce',
      `bar → ${element}: vendor element?`,
      `${element} → bar: here, and a nonce`,
      // Pairing.
      ...['the identity element', 'the coin element', 'their bank'].flatMap((whose) => [
        `bar → ada: certificate of ${whose}?`,
        'ada → bar: certificate, signed, 253 bytes',
      ]),
      // The request, which nobody on the way can read.
      `bar → ${element}: ask this card for 3.50: certificates, time, PIN`,
      `${element} → bar: { PIN, { request }coin element }identity element, 600 bytes`,
      'bar → ada: pay: { PIN, { request }coin element }identity element, 600 bytes',
      'ada → bar: coins computed on the fly and erased: { payment }vendor element, 523 bytes',
      `bar → ${element}: accept: { payment }vendor element, 523 bytes`,
      `${element} → bar: paid: 3.50, 1.50 back: { evidence }office, 1476 bytes, { receipt and change }coin element, 443 bytes`,
      `bar → ${element}: the outcome is in the journal`,
      `${element} → bar: done`,
      // Settlement.
      'bar → ada: settle: { receipt and change }coin element, 443 bytes',
      'ada → bar: done',
    ])
    expect(paid.at(-1)).toBe('ada → bar: 1.50 in 2 coins')
    expect(refused).toContain('ada → bar: refused: cannot pay (9401)')
  })

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
