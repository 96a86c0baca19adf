import { afterAll, describe, expect, test } from 'vitest'
import { bytesEqual, concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { BLOCK_SIZE as PAGE_SIZE } from '../../../src/kernel/mifare-classic.ts'
import { currency } from '../../../src/kernel/money.ts'
import { generatePrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import { openDisclosure } from '../../../src/kernel/disclosure.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { READER_PROFILES } from '../../../src/kernel/storage-apdu.ts'
import { encodeValueBlock, type ValueBlock } from '../../../src/kernel/value-block.ts'
import {
  BlockCard,
  COUNTER_PAGES,
  counterPage,
  SLOT_SECTORS,
} from '../../../src/schemes/block/card.ts'
import {
  chipKeys,
  evidence,
  openBlock,
  passcodeHmac,
  sealBlock,
  type Block,
} from '../../../src/schemes/block/message.ts'
import { blockTillFor } from '../../../src/schemes/block/till.ts'
import { BLOCK_STATUSES, type BlockStatus } from '../../../src/schemes/block/statuses.ts'
import type { Order } from '../../../src/till/scheme.ts'
import {
  audit,
  changePasscode,
  load,
  pay,
  POLICY,
  random,
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
const other = world.till(8)
let tills = 100

/** Writes pages past all rules, as a thief with a soldering iron would. */
function overwrite({ chip }: Issued, page: number, bytes: Uint8Array): void {
  const image = chip.nvm.snapshot()
  image.set(bytes, page * PAGE_SIZE)
  chip.nvm.restore(image)
}

function counters(issued: Issued, content: ValueBlock): void {
  for (const page of COUNTER_PAGES) overwrite(issued, page, encodeValueBlock(content))
}

/** Puts one block where sequence 0 stands. */
function plant(issued: Issued, change: Partial<Block>, signer: PrivateKey): void {
  const keys = chipKeys(world.master, issued.uid)
  const first = openBlock(evidence.decode(issued.issue.evidence).block, keys)
  const block = { ...first, ...change }
  const slot = block.sequence % 2 === 0 ? 'A' : 'B'
  plantBytes(issued, SLOT_SECTORS[slot], sealBlock(block, keys, signer))
  for (const page of COUNTER_PAGES) overwrite(issued, page, counterPage(block.sequence))
}

function plantBytes(issued: Issued, sectors: readonly number[], block: Bytes): void {
  const content = concat(block, new Uint8Array(8))
  for (const [index, sector] of sectors.entries()) {
    overwrite(issued, sector * 4, content.subarray(index * 48, (index + 1) * 48))
  }
}

function products(amount: bigint, quantity = 1): Order {
  return { ...pay(amount), products: [{ product: 1, quantity }] } as Order
}

interface Row {
  readonly name: string
  readonly options?: Partial<TillOptions>
  readonly order?: () => Order
  readonly card?: () => Promise<Issued>
  /** What happens to the card and the till before the tap. */
  readonly before?: (issued: Issued, till: Till) => unknown
}

/** Each row differs from a payment that is done by one thing. */
const ROWS: readonly (readonly [BlockStatus, Row])[] = [
  ['unknown_card', { name: 'a blank chip', card: async () => world.issue() }],
  ['unknown_card', { name: 'of another office', card: () => elsewhere.card() }],
  [
    'unknown_card',
    { name: 'another header', before: (issued) => overwrite(issued, 4, new Uint8Array(16)) },
  ],
  [
    'damaged_card',
    {
      name: 'both counters torn',
      before: (issued) => {
        for (const page of COUNTER_PAGES) overwrite(issued, page, new Uint8Array(16))
      },
    },
  ],
  [
    'damaged_card',
    {
      name: 'counters two apart',
      before: (issued) => overwrite(issued, COUNTER_PAGES[0], counterPage(2)),
    },
  ],
  [
    'damaged_card',
    {
      name: 'values that no counter has',
      before: (issued) => counters(issued, { value: -1, address: 5 }),
    },
  ],
  [
    'damaged_card',
    {
      name: 'values from another place',
      before: (issued) => counters(issued, { value: 65_535, address: 6 }),
    },
  ],
  [
    'damaged_card',
    {
      name: 'something behind the block',
      before: (issued) => overwrite(issued, 18, Uint8Array.from(pageOf(issued, 18).with(15, 1))),
    },
  ],
  [
    'damaged_card',
    {
      name: 'blocks of a later sequence only',
      before(issued) {
        plant(issued, { kind: 'pay', vendor: 8, sequence: 2 }, other.key)
        for (const page of COUNTER_PAGES) overwrite(issued, page, counterPage(1))
      },
    },
  ],
  [
    'damaged_card',
    {
      name: 'a currency that nobody knows',
      before: (issued) => plant(issued, { currency: 1 }, world.officeKey),
    },
  ],
  [
    'damaged_card',
    { name: 'no block', before: (issued) => plantBytes(issued, SLOT_SECTORS.A, random.bytes(136)) },
  ],
  [
    'damaged_card',
    {
      name: 'the block of another card of this chip',
      before: (issued) => plant(issued, { card: world.issue().card }, world.officeKey),
    },
  ],
  ['bad_signature', { name: 'a maker unknown here', options: { knows: (maker) => maker === 8 } }],
  [
    'bad_signature',
    { name: 'signed by another', before: (issued) => plant(issued, {}, generatePrivateKey()) },
  ],
  [
    'bad_signature',
    {
      name: 'issued by a till',
      before: (issued) => plant(issued, { vendor: 8, balance: 9000n }, other.key),
    },
  ],
  [
    'bad_signature',
    {
      name: 'the office as a vendor',
      before: (issued) => plant(issued, { kind: 'load', sequence: 1 }, world.officeKey),
    },
  ],
  [
    'rolled_back',
    {
      name: 'everything put back but the counters',
      async before(issued) {
        const image = issued.chip.nvm.snapshot()
        await other.tap(issued, pay(100n))
        const kept = COUNTER_PAGES.map((page) => pageOf(issued, page))
        issued.chip.nvm.restore(image)
        for (const [index, page] of COUNTER_PAGES.entries()) {
          overwrite(issued, page, kept[index] ?? new Uint8Array())
        }
      },
    },
  ],
  [
    'foreign_currency',
    {
      name: 'euros',
      before: (issued) => plant(issued, { currency: currency('EUR').numeric }, world.officeKey),
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
      async before(issued, till) {
        const image = issued.chip.nvm.snapshot()
        await till.tap(issued, pay(100n))
        issued.chip.nvm.restore(image)
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'an image from two payments ago',
      async before(issued, till) {
        const image = issued.chip.nvm.snapshot()
        await till.tap(issued, pay(100n))
        await till.tap(issued, pay(100n))
        issued.chip.nvm.restore(image)
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'another record where the card took ours',
      async before(issued, till) {
        const image = issued.chip.nvm.snapshot()
        await till.tap(issued, pay(100n))
        issued.chip.nvm.restore(image)
        await other.tap(issued, pay(100n))
      },
    },
  ],
  [
    'copied_card',
    {
      name: 'our record, which the card had gone on without',
      async before(issued, till) {
        issued.chip.nvm.arm({ atWrite: 10, tear: 'before' })
        await till.tap(issued, pay(100n))
        issued.chip.nvm.arm(undefined)
        const begun = issued.chip.nvm.snapshot()
        await other.tap(issued, pay(100n))
        await till.tap(issued, pay(100n, '0000'))
        issued.chip.nvm.restore(begun)
        for (const page of COUNTER_PAGES) overwrite(issued, page, counterPage(1))
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
        issued.chip.nvm.arm({ atWrite: 5, tear: 'half' })
        await till.tap(issued, pay(100n))
        issued.chip.nvm.arm(undefined)
        issued.chip.nvm.restore(image)
        await world.tills.get(9)?.tap(issued, pay(100n))
      },
    },
  ],
  [
    'passcode_paused',
    {
      name: 'three wrong passcodes before',
      async before(issued, till) {
        for (let count = 0; count < 3; count++) await till.tap(issued, pay(100n, '0000'))
      },
    },
  ],
  ['wrong_passcode', { name: 'another passcode', order: () => pay(300n, '1111') }],
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
      before: (_, till) => till.stock([till.token({ currency: currency('EUR').numeric })]),
    },
  ],
  [
    'no_token',
    { name: 'too many units', order: () => products(101n, 101), before: stock(101, 1n) },
  ],
  ['over_limit', { name: 'of one payment', options: policy({ paymentMax: 299n }) }],
  [
    'sequence_exhausted',
    {
      name: 'no room to undo',
      before: (issued) => plant(issued, { kind: 'pay', vendor: 8, sequence: 0xfffe }, other.key),
    },
  ],
  ['balance_too_high', { name: 'more than 16 bits', order: () => load(65_536n - 1000n) }],
  ['insufficient_funds', { name: 'one cent too much', order: () => pay(1001n) }],
  ['done', { name: 'as it should be' }],
  ['done', { name: 'everything on the card', order: () => pay(1000n) }],
  ['done', { name: 'up to 16 bits', order: () => load(65_535n - 1000n) }],
  ['done', { name: 'a product', order: () => products(250n), before: stock(1) }],
  ['done', { name: 'a hundred units', order: () => products(100n, 100), before: stock(100, 1n) }],
  ['done', { name: 'a new passcode', order: () => changePasscode() }],
  [
    'done',
    {
      name: 'the last but one sequence',
      before: (issued) => plant(issued, { kind: 'pay', vendor: 8, sequence: 0xfffd }, other.key),
    },
  ],
  [
    'done',
    {
      name: 'a wrong passcode before',
      before: (issued, till) => till.tap(issued, pay(100n, '0000')),
    },
  ],
]
world.till(9)

function policy(change: Partial<TillOptions['policy']>): Partial<TillOptions> {
  return { policy: { ...POLICY, ...change } }
}

function stock(count: number, price = 250n) {
  return (_: Issued, till: Till) => {
    till.stock(Array.from({ length: count }, () => till.token({ price })))
  }
}

function pageOf({ chip }: Issued, page: number): Bytes {
  return chip.nvm.snapshot().slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
}

async function scene({ options, card, before }: Omit<Row, 'name'>) {
  tills += 1
  const till = world.till(tills, options)
  const issued = await (card ?? (() => world.card()))()
  await before?.(issued, till)
  return { till, issued }
}

describe('what a till says, in the order of the checks', () => {
  test.for(ROWS.map(([status, row]) => [status, row.name, row] as const))('%s: %s', async (all) => {
    const [status, , row] = all
    const { till, issued } = await scene(row)
    const image = issued.chip.nvm.snapshot()
    const records = till.records(issued.card).length
    const result = await till.tap(issued, (row.order ?? (() => pay()))())
    expect('status' in result ? result.status : result.result).toBe(status)
    const changed = !bytesEqual(issued.chip.nvm.snapshot(), image)
    expect(changed).toBe(status === 'done')
    expect(till.records(issued.card).length - records).toBe(status === 'done' ? 1 : 0)
  })

  test('every status is in the table, in its order', () => {
    expect([...new Set(ROWS.map(([status]) => status))]).toEqual(BLOCK_STATUSES)
  })

  test('of several faults the first one is told', async () => {
    const { till, issued } = await scene({
      options: policy({ freeAmounts: false, paymentMax: 100n }),
      async before(card, at) {
        const image = card.chip.nvm.snapshot()
        await at.tap(card, load(100n))
        card.chip.nvm.restore(image)
      },
    })
    const taken = issued.chip.nvm.snapshot()
    till.options = {
      ...till.options,
      hot: new Set([issued.card]),
      knows: () => false,
    }
    const told: string[] = []
    const tap = async (order: Order) => {
      const result = await till.tap(issued, order)
      told.push('status' in result ? result.status : result.result)
    }
    const wrong = { ...products(70_000n), passcode: '0000' }
    await tap(wrong)
    till.options = { ...till.options, knows: () => true }
    await tap(wrong)
    till.options = { ...till.options, hot: new Set() }
    await tap(wrong)
    issued.chip.nvm.restore(taken)
    const fresh = await world.card()
    const on = async (order: Order) => {
      const result = await till.tap(fresh, order)
      told.push('status' in result ? result.status : result.result)
    }
    for (let count = 0; count < 3; count++) await till.tap(fresh, wrong)
    await on(wrong)
    world.now += POLICY.passcodePause
    await on({ ...pay(70_000n), passcode: '0000' })
    await on(pay(70_000n))
    await on(products(70_000n))
    till.options = { ...till.options, policy: { ...POLICY, paymentMax: 100n } }
    await on(pay(70_000n))
    till.options = { ...till.options, policy: POLICY }
    plant(fresh, { kind: 'pay', vendor: 8, sequence: 0xfffe }, other.key)
    await on(pay(70_000n))
    expect(told).toEqual([
      'bad_signature',
      'hot_card',
      'copied_card',
      'passcode_paused',
      'wrong_passcode',
      'not_allowed',
      'no_token',
      'over_limit',
      'sequence_exhausted',
    ])
  })

  test('each refusal says what to do', async () => {
    for (const [status, row] of ROWS) {
      if (status === 'done') continue
      const { till, issued } = await scene(row)
      const result = await till.tap(issued, (row.order ?? (() => pay()))())
      const explanation = 'explanation' in result ? result.explanation : ''
      expect(explanation).toMatch(/^[A-Z].*[a-z]\.$/)
      expect(explanation).toMatch(
        /Ask|Hold|send|Send|Synchronise|synchronise|Let|Take|Add|choose|another way/,
      )
    }
  })
})

describe('what a till writes', () => {
  test('a repeated tap with the same order is done, and charged once', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    const first = await till.tap(issued, order)
    const again = await till.tap(issued, order)
    expect(again).toEqual(first)
    expect((await audit(world, issued)).net.get(order.id)).toBe(-300n)
  })

  test('evidence with the whole previous block, and what the till obeyed', async () => {
    const { till, issued } = await scene({ before: stock(2) })
    const before = await readRaw(world, issued)
    await till.tap(issued, products(500n, 2))
    const [record] = till.records(issued.card)
    const shown = evidence.decode(record?.evidence ?? new Uint8Array())
    expect(shown.previous).toEqual([before.bytes])
    expect(shown).toMatchObject({ amount: 500, policyVersion: 3, uid: issued.uid })
    expect(shown.tokens).toHaveLength(2)
    expect(shown.newPasscode).toHaveLength(0)
    expect(await till.tap(issued, products(250n))).toMatchObject({ status: 'no_token' })
  })

  test('a fresh HMAC key in every block', async () => {
    const { till, issued } = await scene({})
    const keys = new Set<string>()
    for (let count = 0; count < 5; count++) {
      await till.tap(issued, pay(10n))
      const { block } = await readRaw(world, issued)
      keys.add(block.hmacKey.join())
      expect(passcodeHmac('4821', block.hmacKey)).toEqual(block.passcodeHmac)
    }
    expect(keys.size).toBe(5)
  })

  test('a new passcode, sealed to the office and for this card only', async () => {
    const { till, issued } = await scene({})
    await till.tap(issued, changePasscode('4821', '97531'))
    const [record] = till.records(issued.card)
    const { newPasscode } = evidence.decode(record?.evidence ?? new Uint8Array())
    const opened = openDisclosure(world.officeKey, issued.card, newPasscode)
    expect(new TextDecoder().decode(opened)).toBe('97531')
    const stranger = world.issue().card
    expect(() => openDisclosure(world.officeKey, stranger, newPasscode)).toThrow(FormatError)
    expect(await till.tap(issued, pay(10n))).toMatchObject({ status: 'wrong_passcode' })
    expect((await till.tap(issued, pay(10n, '97531'))).result).toBe('done')
  })

  test('an order that no till can carry out is an error that names the field', async () => {
    const { till, issued } = await scene({})
    await expect(till.tap(issued, pay(0n))).rejects.toThrow('order.amount')
    await expect(till.tap(issued, load(-1n))).rejects.toThrow('order.amount')
    await expect(till.tap(issued, changePasscode('4821', '12'))).rejects.toThrow(
      'order.newPasscode',
    )
  })

  test('a torn counter is healed before the next record, at any till', async () => {
    for (const page of COUNTER_PAGES) {
      const { till, issued } = await scene({})
      await till.tap(issued, pay(100n))
      overwrite(issued, page, new Uint8Array(16).fill(0xff))
      expect((await other.tap(issued, pay(100n))).result).toBe('done')
      expect(await readRaw(world, issued)).toMatchObject({ counters: [2, 2] })
      expect((await audit(world, issued)).balance).toBe(800n)
    }
  })

  test('the counters are known through all that is done to them', async () => {
    const { issued } = await scene({})
    overwrite(issued, COUNTER_PAGES[1], new Uint8Array(16))
    await issued.chip.tapped(async (channel) => {
      const card = await BlockCard.connect(channel, world.master, issued.chip.profile)
      const seen = [card?.counters]
      await card?.healCounters()
      seen.push(card?.counters)
      await card?.commit()
      seen.push(card?.counters)
      expect(seen).toEqual([
        [0, undefined],
        [0, 0],
        [1, 1],
      ])
    })
  })

  test('money that is owed is given back even if the order on top is refused', async () => {
    const { till, issued } = await scene({})
    const givenUp = pay(300n)
    issued.chip.nvm.arm({ atWrite: 10, tear: 'after' })
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
    expect((await till.tap(issued, pay(100n))).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(800n)
  })

  test('a card swapped in the middle is not written, and the order stays unfinished', async () => {
    const { till, issued } = await scene({})
    const stranger = await world.card()
    const order = pay(300n)
    const before = stranger.chip.nvm.snapshot()
    let count = 0
    const swapping = {
      atr: issued.chip.field.atr,
      transmit: (apdu: Bytes) => {
        count += 1
        return (count > 16 ? stranger : issued).chip.field.transmit(apdu)
      },
    }
    const result = await stranger.chip.tapped(() =>
      issued.chip.tapped(() =>
        blockTillFor(issued.chip.profile).perform(inProcessChannel(swapping), order, till.desk),
      ),
    )
    expect(result).toMatchObject({ result: 'unfinished', record: { orderId: order.id } })
    expect(stranger.chip.nvm.snapshot()).toEqual(before)
    expect((await till.tap(issued, order)).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(700n)
  })

  test('an order whose record the card went on from far away stays unfinished', async () => {
    const { till, issued } = await scene({})
    const order = pay(300n)
    issued.chip.nvm.arm({ atWrite: 10, tear: 'before' })
    await till.tap(issued, order)
    for (let count = 0; count < 3; count++) await other.tap(issued, pay(100n))
    expect((await till.tap(issued, order)).result).toBe('unfinished')
    till.giveUp(order)
    expect((await till.tap(issued, pay(100n))).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(600n)
  })
})

describe('copies', () => {
  test('a whole image put back is refused where it is known, and forks the chain elsewhere', async () => {
    const { till, issued } = await scene({})
    const image = issued.chip.nvm.snapshot()
    await till.tap(issued, pay(100n))
    issued.chip.nvm.restore(image)
    expect(await till.tap(issued, pay(100n))).toMatchObject({ status: 'copied_card' })
    expect((await other.tap(issued, pay(200n))).result).toBe('done')
    const [ours, theirs] = [till, other].map((at) => {
      const [record] = at.records(issued.card)
      return world.verify(record?.evidence ?? new Uint8Array())
    })
    expect(ours?.sequence).toBe(theirs?.sequence)
    expect(ours?.predecessor?.digest).toBe(theirs?.predecessor?.digest)
    expect([ours?.findings, theirs?.findings]).toEqual([[], []])
  })

  test('what a thief can write without keys: nothing', async () => {
    const issued = await world.card()
    const image = issued.chip.nvm.snapshot()
    await issued.chip.tapped(async (channel) => {
      for (let block = 4; block < 32; block++) {
        for (const type of [0x60, 0x61]) {
          await channel.transmit(
            Uint8Array.of(0xff, 0x82, 0, 0, 6, ...new Uint8Array(6).fill(0xff)),
          )
          const opened = await channel.transmit(
            Uint8Array.of(0xff, 0x86, 0, 0, 5, 1, 0, block, type, 0),
          )
          expect([...opened]).toEqual([0x63, 0x00])
        }
      }
    })
    expect(issued.chip.nvm.snapshot()).toEqual(image)
  })
})

describe('what a card shows', () => {
  test('balance, sequence and who wrote last', async () => {
    const { till, issued } = await scene({})
    await till.tap(issued, pay(300n))
    expect(viewOf(await other.show(issued))).toEqual({
      card: issued.card,
      currency: currency('USD'),
      balance: 700n,
      sequence: 1,
      lastMaker: till.number,
      lastAt: world.now,
      unfinished: false,
    })
  })

  test('a record that was begun', async () => {
    const { till, issued } = await scene({})
    issued.chip.nvm.arm({ atWrite: 10, tear: 'before' })
    await till.tap(issued, pay(300n))
    expect(viewOf(await other.show(issued))).toMatchObject({ balance: 1000n, unfinished: true })
  })

  test('nothing of a record that nobody signed', async () => {
    const { issued } = await scene({})
    const keys = chipKeys(world.master, issued.uid)
    const { block } = await readRaw(world, issued)
    const begun = sealBlock(
      { ...block, kind: 'pay', vendor: 8, sequence: 1 },
      keys,
      world.officeKey,
    )
    plantBytes(issued, SLOT_SECTORS.B, begun)
    expect(viewOf(await other.show(issued))).toMatchObject({ sequence: 0, unfinished: false })
  })

  test('nothing, if the card goes', async () => {
    const { issued } = await scene({})
    issued.chip.field.arm({ atApdu: 3, cut: 'before' })
    expect(await other.show(issued)).toEqual({ result: 'torn' })
  })
})

describe('the air', () => {
  test.for(Object.values(READER_PROFILES).filter((profile) => profile.valueOperations === 'acs'))(
    'costs what is said beforehand: $name',
    async (profile) => {
      const { issued, till } = await scene({ options: { profile } })
      const before = issued.chip.field.traffic
      const order = pay()
      expect((await till.tap(issued, order)).result).toBe('done')
      const after = issued.chip.field.traffic
      expect({
        apdus: after.apdus - before.apdus,
        bytesOut: after.bytesToCard - before.bytesToCard,
        bytesIn: after.bytesFromCard - before.bytesFromCard,
      }).toEqual(blockTillFor(profile).cost(order))
    },
  )

  test('a reader without value operations is refused beforehand', () => {
    expect(() => blockTillFor(READER_PROFILES.GENERIC)).toThrow(FormatError)
  })

  test('recognises a MIFARE Classic 1K and nothing else', () => {
    const till = blockTillFor(READER_PROFILES.ACR122U)
    const { atr } = world.issue().chip.field
    expect(till.recognises(atr)).toBe(true)
    expect(till.recognises(atr.slice(1))).toBe(false)
  })
})
