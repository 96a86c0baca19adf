import { afterAll, describe, expect, test } from 'vitest'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { currency } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { moduleChip } from '../../../src/schemes/purse/chips.ts'
import { evidence, INS, SEQUENCE_MAX } from '../../../src/schemes/purse/message.ts'
import { PURSE_STATUSES, type PurseStatus } from '../../../src/schemes/purse/statuses.ts'
import { purseTill } from '../../../src/schemes/purse/till.ts'
import type { Order } from '../../../src/till/scheme.ts'
import { Bench, plant, send, stateOf, unblocking, wrongPins } from './bench.ts'
import {
  audit,
  changePasscode,
  Chip,
  EUR,
  load,
  PASSCODE,
  pay,
  POLICY,
  readRaw,
  viewOf,
  World,
  type Issued,
  type Till,
  type TillOptions,
} from './world.ts'

const world = new World()
const elsewhere = new World()
afterAll(() => {
  world.close()
  elsewhere.close()
})
const other = await world.till(8)
let tills = 100

interface Row {
  readonly name: string
  readonly options?: Partial<TillOptions>
  readonly order?: () => Order
  readonly card?: () => Promise<Issued>
  /** What happens to the card and the till before the tap. */
  readonly before?: (issued: Issued, till: Till) => unknown
  /** What stands in the place of the till's module. */
  readonly module?: (till: Till) => Promise<Chip | undefined>
  /** Tries of the PIN that the tap takes. */
  readonly triesTaken?: number
}

function policy(change: Partial<TillOptions['policy']>): Partial<TillOptions> {
  return { policy: { ...POLICY, ...change } }
}

function products(amount: bigint, quantity = 1): Order {
  return { ...pay(amount), products: [{ product: 1, quantity }] } as Order
}

function stock(count: number, price = 250n) {
  return (_: Issued, till: Till) => {
    till.stock(Array.from({ length: count }, () => till.token({ price })))
  }
}

/** A module that another office, or this one for somebody else, has written. */
async function moduleWith(plan: Bytes): Promise<Chip> {
  const chip = new Chip(moduleChip)
  expect(await chip.write(plan)).toBe('written')
  return chip
}

/** The card as it was before the last thing that was done with it. */
const putBack =
  (work: (issued: Issued, till: Till) => Promise<unknown>) =>
  async (issued: Issued, till: Till) => {
    const image = issued.chip.nvm.snapshot()
    await work(issued, till)
    issued.chip.nvm.restore(image)
  }

/** Each row differs from a payment that is done by one thing. */
const ROWS: readonly (readonly [PurseStatus, Row])[] = [
  ['unknown_card', { name: 'a blank card', card: async () => world.issue() }],
  [
    'unknown_card',
    {
      name: 'a module',
      card: async () => ({ ...world.issue(), chip: await moduleWith(world.modulePlan(8, false)) }),
    },
  ],
  ['module_missing', { name: 'an empty slot', module: async () => undefined }],
  ['module_refused', { name: 'a blank module', module: async () => new Chip(moduleChip) }],
  [
    'module_refused',
    { name: 'another till’s', module: () => moduleWith(world.modulePlan(8, true)) },
  ],
  [
    'passcode_blocked',
    {
      name: 'three wrong PINs before',
      before: (issued) => wrongPins(new Bench(world, issued), 3),
      order: () => pay(300n, PASSCODE),
    },
  ],
  ['wrong_passcode', { name: 'another PIN', order: () => pay(300n, '1111'), triesTaken: 1 }],
  ['counterfeit_card', { name: 'of another office', card: () => elsewhere.card() }],
  [
    'counterfeit_card',
    {
      name: 'a module of another office',
      module: (till) => moduleWith(elsewhere.modulePlan(till.number, true)),
    },
  ],
  [
    'bad_signature',
    {
      name: 'signed by another',
      before: (issued) => plant(issued, { kind: 'pay', maker: 8 }, generatePrivateKey()),
    },
  ],
  [
    'bad_signature',
    {
      name: 'a maker unknown here',
      before: (issued) => plant(issued, { kind: 'pay', maker: 99 }, other.key),
    },
  ],
  [
    'bad_signature',
    { name: 'issued by a till', before: (issued) => plant(issued, { maker: 8 }, other.key) },
  ],
  [
    'bad_signature',
    {
      name: 'the office as a till',
      before: (issued) => plant(issued, { kind: 'load', sequence: 1 }, world.officeKey),
    },
  ],
  [
    'foreign_currency',
    {
      name: 'dollars',
      before(issued) {
        plant(issued, { currency: currency('USD').numeric }, world.officeKey)
        rewriteCurrency(issued)
      },
    },
  ],
  [
    'hot_card',
    {
      name: 'on the hot list',
      before(issued, till) {
        till.options = { ...till.options, hot: new Set([issued.card]) }
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'an image from before the last payment here',
      before: putBack((issued, till) => till.tap(issued, pay(100n))),
    },
  ],
  [
    'copied_card',
    {
      name: 'an image from two payments ago',
      before: putBack(async (issued, till) => {
        await till.tap(issued, pay(100n))
        await till.tap(issued, pay(100n))
      }),
    },
  ],
  [
    'copied_card',
    {
      name: 'another record where the card took ours',
      async before(issued, till) {
        await putBack(() => till.tap(issued, pay(100n)))(issued, till)
        await other.tap(issued, pay(100n))
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'our record, which the card had gone on without',
      async before(issued, till) {
        const start = issued.chip.nvm.snapshot()
        issued.chip.field.arm({ atApdu: 3, cut: 'answer-lost' })
        await till.tap(issued, pay(100n))
        const taken = issued.chip.nvm.snapshot()
        issued.chip.nvm.restore(start)
        await other.tap(issued, pay(100n))
        await till.tap(issued, pay(9000n))
        issued.chip.nvm.restore(taken)
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'a record of ours that stood on another predecessor',
      async before(issued, till) {
        const image = issued.chip.nvm.snapshot()
        await other.tap(issued, pay(100n))
        issued.chip.field.arm({ atApdu: 3, cut: 'before' })
        await till.tap(issued, pay(100n))
        issued.chip.nvm.restore(image)
        await third.tap(issued, pay(100n))
      },
    },
  ],
  ['not_allowed', { name: 'a load', options: policy({ mayLoad: false }), order: () => load() }],
  ['not_allowed', { name: 'a free amount', options: policy({ freeAmounts: false }) }],
  ['no_token', { name: 'none left', order: () => products(250n) }],
  ['no_token', { name: 'too few', order: () => products(500n, 2), before: stock(1) }],
  ['no_token', { name: 'another price', order: () => products(260n), before: stock(1) }],
  [
    'no_token',
    {
      name: 'in another currency',
      order: () => products(250n),
      before: (_, till) => till.stock([till.token({ currency: currency('USD').numeric })]),
    },
  ],
  [
    'no_token',
    { name: 'too many units', order: () => products(101n, 101), before: stock(101, 1n) },
  ],
  ['over_limit', { name: 'of one payment', options: policy({ paymentMax: 299n }) }],
  [
    'card_expired',
    {
      name: 'after its end',
      before() {
        world.now += FIVE_YEARS
      },
    },
  ],
  [
    'payment_too_high',
    {
      name: 'a cent above its maximum',
      card: () => world.card(30_000n),
      order: () => pay(20_001n, PASSCODE),
    },
  ],
  [
    'passcode_needed',
    { name: 'a cent above what is free', card: () => world.card(5000n), order: () => pay(2501n) },
  ],
  [
    'sequence_exhausted',
    {
      name: 'no payment left to undo with',
      before: (issued) =>
        plant(issued, { kind: 'pay', maker: 8, sequence: 1, paymentSequence: 0xfffe }, other.key),
    },
  ],
  [
    'sequence_exhausted',
    {
      name: 'no record left to undo with',
      before: (issued) =>
        plant(issued, { kind: 'pay', maker: 8, sequence: SEQUENCE_MAX - 1 }, other.key),
    },
  ],
  ['balance_too_high', { name: 'more than the card may hold', order: () => load(19_001n) }],
  ['insufficient_funds', { name: 'a cent too much', order: () => pay(1001n) }],
  ['done', { name: 'as it should be' }],
  ['done', { name: 'everything on the card', order: () => pay(1000n) }],
  ['done', { name: 'as much as the card may hold', order: () => load(19_000n) }],
  [
    'done',
    { name: 'with the PIN', card: () => world.card(5000n), order: () => pay(2501n, PASSCODE) },
  ],
  ['done', { name: 'without the PIN', card: () => world.card(5000n), order: () => pay(2500n) }],
  ['done', { name: 'a product', order: () => products(250n), before: stock(1) }],
  ['done', { name: 'a hundred units', order: () => products(100n, 100), before: stock(100, 1n) }],
  ['done', { name: 'a new PIN', order: () => changePasscode() }],
  [
    'done',
    {
      name: 'the last payment but one',
      before: (issued) =>
        plant(issued, { kind: 'pay', maker: 8, sequence: 1, paymentSequence: 0xfffd }, other.key),
    },
  ],
  [
    'done',
    {
      name: 'after a wrong PIN',
      before: (issued, till) => till.tap(issued, pay(100n, '0000')),
      order: () => pay(300n, PASSCODE),
    },
  ],
]
const third = await world.till(9)
const FIVE_YEARS = 5 * 366 * 24 * 3600 * 1000

/** In the parameters of the card: two bytes behind its id. */
function rewriteCurrency({ chip, card }: Issued): void {
  const image = Buffer.from(chip.nvm.snapshot())
  const at = image.indexOf(Buffer.from(card, 'hex'))
  image.writeUInt16BE(currency('USD').numeric, at + 8)
  chip.nvm.restore(new Uint8Array(image))
}

async function scene({ options, card, before, module }: Omit<Row, 'name'>) {
  tills += 1
  const till = await world.till(tills, options)
  const issued = await (card ?? (() => world.card()))()
  await before?.(issued, till)
  const inSlot = module ? await module(till) : till.module
  return { till, issued, tap: (order: Order) => tapWith(till, issued, inSlot, order) }
}

async function tapWith(till: Till, issued: Issued, module: Chip | undefined, order: Order) {
  if (module === till.module) return till.tap(issued, order)
  return issued.chip.tapped(async (channel) => {
    if (!module) return purseTill.perform(channel, order, till.desk(undefined))
    return module.tapped((slot) => purseTill.perform(channel, order, till.desk(slot)))
  })
}

const told = (result: object) =>
  'status' in result ? result.status : 'result' in result && result.result

describe('what a till says, in the order of the checks', () => {
  test.for(ROWS.map(([status, row]) => [status, row.name, row] as const))('%s: %s', async (all) => {
    const [status, , row] = all
    const now = world.now
    const { till, issued, tap } = await scene(row)
    const order = (row.order ?? (() => pay()))()
    // A PIN that is right takes a try and gives it back.
    const look = () => (order.passcode === '' ? issued.chip.nvm.snapshot() : stateOf(issued.chip))
    const before = look()
    const records = till.records(issued.card)
    const result = await tap(order)
    world.now = now + 10_000
    expect(told(result)).toBe(status)
    const isDone = status === 'done'
    if (row.triesTaken !== undefined) {
      const { pinTries, balance } = stateOf(issued.chip)
      expect([pinTries, balance]).toEqual([3 - row.triesTaken, 1000n])
    } else if (!isDone) expect(look()).toEqual(before)
    expect(till.records(issued.card).length - records.length).toBe(isDone ? 1 : 0)
    if (!isDone) expect(till.records(issued.card)).toEqual(records)
  })

  test('damaged_card: an introduction that is none', async () => {
    const { till, issued } = await scene({})
    for (const answer of [new Uint8Array(221), 0x6d00, 0x6f00]) {
      const garbled = inProcessChannel({
        atr: issued.chip.field.atr,
        transmit(apdu) {
          if (apdu[1] !== INS.INITIALIZE) return issued.chip.field.transmit(apdu)
          return typeof answer === 'number'
            ? Uint8Array.of(answer >> 8, answer & 0xff)
            : Uint8Array.of(...answer, 0x90, 0)
        },
      })
      const result = await issued.chip.tapped(() => till.tapAt(garbled, pay(100n)))
      expect(told(result)).toBe('damaged_card')
    }
    expect(till.records(issued.card)).toEqual([])
  })

  test('module_missing: it is pulled out before anything is signed', async () => {
    for (const atApdu of [1, 2, 3]) {
      const { till, issued } = await scene({})
      till.module.field.arm({ atApdu, cut: 'before' })
      expect(await till.tap(issued, pay(100n))).toMatchObject({ status: 'module_missing' })
      expect(till.records(issued.card)).toEqual([])
    }
  })

  test('every status is in the table, in its order', () => {
    const inTable = PURSE_STATUSES.filter((status) => status !== 'damaged_card')
    expect([...new Set(ROWS.map(([status]) => status))]).toEqual(inTable)
  })

  test('of several faults the first one is told', async () => {
    const now = world.now
    const { till, issued, tap } = await scene({
      options: policy({ freeAmounts: false, paymentMax: 100n }),
    })
    await putBack(() => till.tap(issued, load(100n)))(issued, till)
    till.options = { ...till.options, hot: new Set([issued.card]) }
    const wrong = products(30_000n)
    const seen: unknown[] = []
    const see = async (result: Promise<object>) => seen.push(told(await result))
    await see(tapWith(till, issued, undefined, { ...wrong, passcode: '0000' }))
    await see(tapWith(till, issued, new Chip(moduleChip), { ...wrong, passcode: '0000' }))
    await see(tap({ ...wrong, passcode: '0000' }))
    await see(tap(wrong))
    till.options = { ...till.options, hot: new Set() }
    await see(tap(wrong))
    const fresh = await world.card(5000n)
    world.now += FIVE_YEARS
    await see(till.tap(fresh, pay(30_000n)))
    till.options = policyOf(till, { freeAmounts: true, paymentMax: 100n })
    await see(till.tap(fresh, wrong))
    await see(till.tap(fresh, pay(30_000n)))
    till.options = policyOf(till, { paymentMax: null })
    await see(till.tap(fresh, pay(30_000n)))
    world.now = now
    const later = await scene({})
    plant(fresh, { kind: 'pay', maker: 8, sequence: 1, paymentSequence: 0xfffe }, other.key)
    await see(later.till.tap(fresh, pay(30_000n)))
    await see(later.till.tap(fresh, pay(20_000n)))
    await see(later.till.tap(fresh, pay(20_000n, PASSCODE)))
    expect(seen).toEqual([
      ...['module_missing', 'module_refused', 'wrong_passcode', 'hot_card', 'copied_card'],
      ...['not_allowed', 'no_token', 'over_limit', 'card_expired', 'payment_too_high'],
      ...['passcode_needed', 'sequence_exhausted'],
    ])
  })

  function policyOf(till: Till, change: Partial<TillOptions['policy']>): TillOptions {
    return { ...till.options, policy: { ...till.options.policy, ...change } }
  }

  test('each refusal says what to do', async () => {
    for (const [status, row] of ROWS) {
      if (status === 'done') continue
      const now = world.now
      const { tap } = await scene(row)
      const result = await tap((row.order ?? (() => pay()))())
      world.now = now
      const explanation = 'explanation' in result ? result.explanation : ''
      expect(explanation).toMatch(/^[A-Z].*[a-z]\.$/)
      expect(explanation).toMatch(
        /Ask|Hold|send|Send|Synchronise|synchronise|Let|Take|Put|Add|choose/,
      )
    }
  })
})

describe('what a till writes', () => {
  test('a repeated tap with the same order is done, and charged once', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    const first = await till.tap(issued, order)
    expect(await till.tap(issued, order)).toEqual(first)
    expect((await audit(world, issued)).net.get(order.id)).toBe(-300n)
  })

  test('evidence with the whole previous record, and what the till obeyed', async () => {
    const { till, issued } = await scene({ before: stock(2) })
    const before = await readRaw(issued)
    await till.tap(issued, products(500n, 2))
    const [taken] = till.records(issued.card)
    const shown = evidence.decode(taken?.evidence ?? new Uint8Array())
    expect(shown).toMatchObject({ previous: [before.signed], policyVersion: 3 })
    expect([shown.tokens.length, shown.stamp.length, shown.extra.length]).toEqual([2, 1, 0])
    expect(await till.tap(issued, products(250n))).toMatchObject({ status: 'no_token' })
  })

  test('an order that no till can carry out is an error that names the field', async () => {
    const { till, issued } = await scene({})
    await expect(till.tap(issued, pay(0n))).rejects.toThrow('order.amount')
    await expect(till.tap(issued, load(-1n))).rejects.toThrow('order.amount')
    await expect(till.tap(issued, pay(1n, '12'))).rejects.toThrow('order.passcode')
    await expect(till.tap(issued, changePasscode(PASSCODE, '12'))).rejects.toThrow(
      'order.newPasscode',
    )
  })

  test('a change of PIN whose answer was lost is done at the next tap, and takes no try', async () => {
    const { till, issued } = await scene({})
    const order = changePasscode(PASSCODE, '1234')
    issued.chip.field.arm({ atApdu: 3, cut: 'answer-lost' })
    expect((await till.tap(issued, order)).result).toBe('unfinished')
    for (let again = 0; again < 4; again++) {
      expect((await till.tap(issued, order)).result).toBe('done')
    }
    expect(stateOf(issued.chip).pinTries).toBe(3)
  })

  test('money that is owed is given back even if the order on top is refused', async () => {
    const { till, issued } = await scene({})
    const givenUp = pay(300n)
    issued.chip.field.arm({ atApdu: 3, cut: 'answer-lost' })
    await till.tap(issued, givenUp)
    till.giveUp(givenUp)
    expect(viewOf(await other.show(issued)).balance).toBe(700n)
    expect(await till.tap(issued, pay(1001n))).toMatchObject({ status: 'insufficient_funds' })
    expect((await audit(world, issued)).balance).toBe(1000n)
    expect(till.records(issued.card).map(({ kind }) => kind)).toEqual(['pay', 'reversal'])
  })

  test('an order that was given up while its card was written is undone at the next tap', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    expect((await till.tap(issued, order)).result).toBe('done')
    till.giveUp(order)
    expect((await till.tap(issued, pay(100n))).result).toBe('done')
    const { net, balance } = await audit(world, issued)
    expect([net.get(order.id), balance]).toEqual([0n, 900n])
  })

  test('an order whose record the card shows no more stays unfinished', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    issued.chip.field.arm({ atApdu: 3, cut: 'answer-lost' })
    await till.tap(issued, order)
    for (let count = 0; count < 15; count++) await other.tap(issued, pay(10n))
    expect((await till.tap(issued, order)).result).toBe('unfinished')
    till.giveUp(order)
    expect((await till.tap(issued, pay(100n))).result).toBe('done')
    expect(stateOf(issued.chip).balance).toBe(1000n - 300n - 150n - 100n)
  })

  test('what the card says of a record of ours is believed with a stamp only', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    issued.chip.field.arm({ atApdu: 3, cut: 'answer-lost' })
    await till.tap(issued, order)
    for (const garbled of [new Uint8Array(), new Uint8Array(204), undefined]) {
      const lying = inProcessChannel({
        atr: issued.chip.field.atr,
        transmit(apdu) {
          const answer = issued.chip.field.transmit(apdu)
          if (apdu[1] !== INS.GET_PREVIOUS_SIGNATURE) return answer
          return garbled
            ? Uint8Array.of(...garbled, 0x90, 0)
            : answer.with(180, answer[180] === 0 ? 1 : 0)
        },
      })
      const result = await issued.chip.tapped(() => till.tapAt(lying, order))
      expect(['torn', 'copied_card']).toContain(told(result))
      expect(till.records(issued.card)).toMatchObject([{ state: 'intended' }])
    }
    expect((await till.tap(issued, order)).result).toBe('done')
  })

  test.for([0x63c2, 0x6983, 0x6d00, 0x6982])(
    'an answer that was cut off and ends like %i is no refusal',
    async (sw) => {
      const { till, issued } = await scene({})
      const order = pay(300n, PASSCODE)
      for (const ins of [INS.INITIALIZE, INS.EXECUTE]) {
        const cutting = inProcessChannel({
          atr: issued.chip.field.atr,
          transmit(apdu) {
            const answer = issued.chip.field.transmit(apdu)
            return apdu[1] === ins
              ? Uint8Array.of(...answer.slice(0, 9), sw >> 8, sw & 0xff)
              : answer
          },
        })
        const result = await issued.chip.tapped(() => till.tapAt(cutting, order))
        expect(result.result).toBe(ins === INS.EXECUTE ? 'unfinished' : 'torn')
      }
      expect((await till.tap(issued, order)).result).toBe('done')
      expect((await audit(world, issued)).balance).toBe(700n)
    },
  )

  test('a clock that once ran far ahead: the card’s end is told by the stamps', async () => {
    const { till, issued } = await scene({})
    const now = world.now
    world.now += FIVE_YEARS
    const young = await world.card()
    expect((await till.tap(young, pay(1n))).result).toBe('done')
    world.now = now
    expect(await till.tap(issued, pay(1n))).toMatchObject({ status: 'card_expired' })
    expect(till.records(issued.card)).toEqual([])
  })
})

describe('unblocking', () => {
  test('after three wrong PINs the code opens the card again, with a new PIN', async () => {
    const { till, issued } = await scene({})
    for (let count = 0; count < 3; count++) await till.tap(issued, pay(100n, '0000'))
    expect(await till.tap(issued, pay(100n, PASSCODE))).toMatchObject({
      status: 'passcode_blocked',
    })
    // What needs no PIN goes on.
    expect((await till.tap(issued, pay(100n))).result).toBe('done')
    const bench = new Bench(world, issued)
    const code = issued.issue.unblocking ?? ''
    expect(send(issued.chip, INS.UNBLOCK_PIN, unblocking(code, '1357')).sw).toBe(0x9000)
    bench.reset()
    expect((await till.tap(issued, pay(100n, '1357'))).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(800n)
  })
})

describe('what a card shows', () => {
  test('balance, sequence and who wrote last, at any till with a module', async () => {
    const { till, issued } = await scene({})
    await till.tap(issued, pay(300n))
    const shown = world.now
    expect(viewOf(await other.show(issued))).toEqual({
      card: issued.card,
      currency: EUR,
      balance: 700n,
      sequence: 1,
      lastMaker: till.number,
      lastAt: shown,
      unfinished: false,
    })
  })

  test('nothing, if the card goes', async () => {
    const { issued } = await scene({})
    issued.chip.field.arm({ atApdu: 2, cut: 'before' })
    expect(await other.show(issued)).toEqual({ result: 'torn' })
  })
})

test.for([
  ['a payment', () => pay()],
  ['a payment with the PIN', () => pay(300n, PASSCODE)],
  ['a change of PIN', () => changePasscode()],
] as const)('the air costs what is said beforehand: %s', async ([, makeOrder]) => {
  const { issued, till } = await scene({})
  const order = makeOrder()
  const before = issued.chip.field.traffic
  expect((await till.tap(issued, order)).result).toBe('done')
  const after = issued.chip.field.traffic
  expect({
    apdus: after.apdus - before.apdus,
    bytesOut: after.bytesToCard - before.bytesToCard,
    bytesIn: after.bytesFromCard - before.bytesFromCard,
  }).toEqual(purseTill.cost(order))
})

test('any card with a processor may be one, and no storage card', () => {
  expect(purseTill.recognises(world.issue().chip.field.atr)).toBe(true)
  const storage = Buffer.from('3b8f8001804f0ca000000306030001000000006a', 'hex')
  expect(purseTill.recognises(new Uint8Array(storage))).toBe(false)
  expect(purseTill.recognises(new Uint8Array())).toBe(false)
})
