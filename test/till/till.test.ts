import { describe, expect, test } from 'vitest'
import { decodeBatches } from '../../src/kernel/batch.ts'
import { utf8 } from '../../src/kernel/bytes.ts'
import { Unreachable } from '../../src/kernel/ports.ts'
import { CUTS, countingFuse, PowerLost } from '../../src/till/fuse.ts'
import { EnrolmentFailed } from '../../src/till/enrol.ts'
import { TILL_REFUSALS } from '../../src/till/refusals.ts'
import type { AnyOrder, Order, RefundOrder, TapResult, TillScheme } from '../../src/till/scheme.ts'
import { NotEnrolled, type Till } from '../../src/till/till.ts'
import {
  clockAt,
  enrolledTill,
  freshFile,
  policyDocument,
  SmallOffice,
  START,
  tillAt,
  tokensDocument,
} from './support.ts'
import { channelTo, kindToyScheme, load, pay, ToyCard, toyScheme } from './toy.ts'

const schemes = [toyScheme]

async function openTown(
  change: Parameters<typeof policyDocument>[0] = {},
  known: readonly TillScheme[] = schemes,
) {
  const clock = clockAt()
  const office = new SmallOffice(clock)
  office.documents = [policyDocument(change), tokensDocument(5)]
  const path = freshFile()
  const till = await enrolledTill(office, { path, clock, schemes: known })
  const reopen = () => {
    till.close()
    return tillAt(office, { path, clock, schemes: known })
  }
  return { clock, office, path, till, reopen }
}

function tap(till: Till, card: ToyCard, order: AnyOrder): Promise<TapResult> {
  return till.tap(channelTo(card), order)
}

function states(till: Till) {
  return till.records(99).map(({ kind, state }) => `${kind} ${state}`)
}

describe('an order', () => {
  test('is charged once, however often and with whatever cards it is tapped', async () => {
    const { till, reopen } = await openTown()
    const card = new ToyCard(1)
    const first = await tap(till, card, pay('a'))
    expect(first).toMatchObject({ result: 'done', view: { balance: 9_500n } })
    const { apdus } = card
    const again = await tap(till, card, pay('a'))
    const another = await tap(till, new ToyCard(2), pay('a'))
    const later = await tap(reopen(), card, pay('a'))
    for (const result of [again, another, later]) {
      expect(result).toEqual({ ...first, view: { ...viewOf(first), lastAt: START } })
    }
    expect(card.apdus).toBe(apdus)
    expect(card.content.balance).toBe(9_500n)
  })

  // At its first APDU, or at its second: before it was written, or after.
  test.each([
    { at: 1, carriedOut: true, record: false, state: 'new' },
    { at: 2, carriedOut: false, record: true, state: 'unfinished' },
    { at: 2, carriedOut: true, record: true, state: 'unfinished' },
  ])(
    'torn at $at, $carriedOut, is finished by the next tap',
    async ({ record, state, ...tear }) => {
      const { till } = await openTown()
      const card = new ToyCard(1)
      card.tear = tear
      const torn = await tap(till, card, pay('a'))
      expect(torn.result).toBe('unfinished')
      expect('record' in torn && torn.record !== undefined).toBe(record)
      expect(till.order('a').state).toBe(state)
      expect(await tap(till, card, pay('a'))).toMatchObject({ result: 'done' })
      expect(card.content.balance).toBe(9_500n)
      expect(states(till)).toEqual(['pay confirmed'])
    },
  )

  test('that is done gives its card what that is still owed, and no other card', async () => {
    const handedOver = { given: 600n, change: 100n }
    const owing: TillScheme = {
      ...toyScheme,
      async settle(channel, record, desk) {
        const shown = await toyScheme.show(channel, desk)
        if (shown.result !== 'shown' || shown.view.card !== record.card) return undefined
        return { result: 'done', record, view: shown.view, handedOver }
      },
    }
    const { till, reopen } = await openTown({}, [owing])
    const card = new ToyCard(1)
    const first = await tap(till, card, pay('a'))
    const known = { ...first, view: { ...viewOf(first), lastAt: START } }
    expect(first).not.toHaveProperty('handedOver')
    expect(await tap(till, new ToyCard(2), pay('a'))).toEqual(known)
    const reopened = reopen()
    expect(await tap(reopened, card, pay('a'))).toMatchObject({ result: 'done', handedOver })
    const apdus = card.apdus
    expect(await reopened.tap({ ...channelTo(card), atr: utf8('else') }, pay('a'))).toEqual(known)
    expect([card.apdus, card.writes]).toEqual([apdus, 1])
  })

  test('that is unfinished with one card is not charged to another', async () => {
    const { till } = await openTown()
    const [card, other] = [new ToyCard(1), new ToyCard(2)]
    card.tear = { at: 2, carriedOut: true }
    await tap(till, card, pay('a'))
    const refused = await tap(till, other, pay('a'))
    expect(refused).toMatchObject({ result: 'refused', status: 'order_at_another_record' })
    expect(other.writes).toBe(0)
    expect(await tap(till, card, pay('a'))).toMatchObject({ result: 'done' })
  })

  test('can be given up until it is done', async () => {
    const { till, reopen } = await openTown()
    const card = new ToyCard(1)
    card.tear = { at: 2, carriedOut: false }
    await tap(till, card, pay('a'))
    expect(till.giveUp('a')).toBe('given_up')
    await tap(till, new ToyCard(2), pay('b'))
    expect(till.giveUp('b')).toBe('done')
    expect(till.giveUp('c')).toBe('given_up')
    const reopened = reopen()
    expect(['a', 'b', 'c'].map((id) => reopened.order(id).state)).toEqual([
      'given_up',
      'done',
      'given_up',
    ])
  })

  test('waits while another is tapped', async () => {
    const { till } = await openTown()
    const cards = [1, 2, 3, 4].map((number) => new ToyCard(number))
    const results = await Promise.all(
      cards.map((card, index) => tap(till, card, pay(`order ${index}`))),
    )
    expect(results.map(({ result }) => result)).toEqual(['done', 'done', 'done', 'done'])
    const stamps = till.records(9).map(({ madeAt }) => madeAt - START)
    expect(stamps).toEqual([3, 2, 1, 0])
  })

  test('is not begun before the tap before it has ended, however that ends', async () => {
    const { till } = await openTown()
    const gate = Promise.withResolvers<void>()
    const [slow, card] = [new ToyCard(1), new ToyCard(2)]
    const broken = till.tap(
      {
        atr: slow.atr,
        transmit: async () => {
          await gate.promise
          throw new Error('the reader caught fire')
        },
      },
      pay('a'),
    )
    const next = tap(till, card, pay('b'))
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
    expect(card.apdus).toBe(0)
    gate.resolve()
    await expect(broken).rejects.toThrow('caught fire')
    expect(await next).toMatchObject({ result: 'done' })
  })
})

function viewOf(result: TapResult) {
  return result.result === 'done' ? result.view : {}
}

function refund(id: string, payment: number): RefundOrder {
  return { kind: 'refund', id, payment, amount: 500n }
}

describe('a refund', () => {
  test('gives a payment back once, however often it is tapped', async () => {
    const { till } = await openTown({}, [kindToyScheme])
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    const [payment] = till.records(1)
    if (!payment) throw new Error('no payment')
    expect([till.isRefundable(payment), till.lastPayment()]).toEqual([true, payment])
    card.tear = { at: 2, carriedOut: false }
    expect(await tap(till, card, refund('b', 1))).toMatchObject({ result: 'unfinished' })
    expect(till.isRefundable(payment)).toBe(false)
    // It stands from when it was written down.
    expect(till.giveUp('b')).toBe('unfinished')
    expect(await tap(till, card, refund('b', 1))).toMatchObject({ result: 'done' })
    expect(await tap(till, card, refund('b', 1))).toMatchObject({ result: 'done' })
    expect(card.content.balance).toBe(10_000n)
    expect(states(till)).toEqual(['refund confirmed', 'pay confirmed'])
    expect(till.order('a').state).toBe('done')
  })

  test('of an order that is given up is written down without its card', async () => {
    const { till } = await openTown({}, [kindToyScheme])
    const card = new ToyCard(1)
    card.tear = { at: 2, carriedOut: true }
    await tap(till, card, pay('a'))
    expect(till.giveUp('a')).toBe('given_up')
    expect(states(till)).toEqual(['reversal intended', 'pay intended'])
    expect(till.giveUp('a')).toBe('given_up')
    expect(states(till)).toHaveLength(2)
    expect(till.lastPayment()).toBeUndefined()
  })

  test('of the last payment finds it under whatever came later', async () => {
    const { till } = await openTown({}, [kindToyScheme])
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    for (let count = 0; count < 120; count += 1) await tap(till, card, load(`load ${count}`, 1n))
    expect(till.lastPayment()?.orderId).toBe('a')
  })
})

describe('a till refuses', () => {
  const shown = new Set<string>()
  const stranger: TillScheme = { ...toyScheme, name: 'stranger', recognises: () => true }

  const refusal = async (till: Till, card: ToyCard, order: AnyOrder) => {
    const { content } = card
    const result = await tap(till, card, order)
    expect(card.content).toBe(content)
    if (result.result === 'refused') shown.add(result.status)
    return result.result === 'refused' ? result.status : result.result
  }

  test('before it is enrolled, and before it has limits', async () => {
    const office = new SmallOffice(clockAt())
    const till = tillAt(office, { path: freshFile(), schemes })
    expect(await refusal(till, new ToyCard(1), pay('a'))).toBe('not_enrolled')
    expect(await till.show(channelTo(new ToyCard(1)))).toMatchObject({ status: 'not_enrolled' })
    await expect(till.syncOnce()).rejects.toThrow(NotEnrolled)
    await till.enrol(office.code)
    expect(await refusal(till, new ToyCard(1), pay('a'))).toBe('no_policy')
  })

  test('in the order of its list', async () => {
    const { till, office, path, clock } = await openTown()
    const card = new ToyCard(1)
    await tap(till, card, pay('done'))
    till.giveUp('given up')
    expect(await refusal(till, card, pay('given up', 7n))).toBe('order_given_up')
    expect(await refusal(till, card, pay('done', 7n))).toBe('order_changed')
    expect(await refusal(till, card, load('done'))).toBe('order_changed')
    till.close()
    const blind = tillAt(office, { path, clock, schemes: [] })
    expect(await refusal(blind, card, pay('done', 7n))).toBe('order_changed')
    expect(await refusal(blind, card, pay('b'))).toBe('unknown_card')
    blind.close()
    const strange = tillAt(office, { path, clock, schemes: [stranger] })
    expect(await refusal(strange, card, pay('b'))).toBe('scheme_not_enrolled')
  })

  test('closes the day in the module of the first scheme that has one there', async () => {
    const { till, office, path, clock } = await openTown()
    expect(await till.cashUp()).toMatchObject({ status: 'no_module' })
    till.close()
    const missing = { result: 'refused', status: 'module_missing', explanation: '' } as const
    const closed = {
      result: 'closed',
      batch: 1,
      count: 2,
      paid: 500n,
      paidBack: 0n,
      loaded: 0n,
      loadedBack: 0n,
      proof: utf8('proof'),
    } as const
    const without: TillScheme = { ...toyScheme, cashUp: () => Promise.resolve(missing) }
    const having: TillScheme = { ...toyScheme, cashUp: () => Promise.resolve(closed) }
    const one = tillAt(office, { path, clock, schemes: [toyScheme, without] })
    expect(await one.cashUp()).toEqual(missing)
    one.close()
    const two = tillAt(office, { path, clock, schemes: [without, having] })
    expect(await two.cashUp()).toEqual({ ...closed, scheme: 'toy' })
  })

  test('of schemes whose cards look alike, the one that knows the card gets it', async () => {
    const { till, office, path, clock } = await openTown()
    till.close()
    const unknown = { result: 'refused', status: 'unknown_card', explanation: '' } as const
    const other: TillScheme = { ...toyScheme, perform: () => Promise.resolve(unknown) }
    const two = tillAt(office, { path, clock, schemes: [stranger, other, toyScheme] })
    expect(await tap(two, new ToyCard(1), pay('a'))).toMatchObject({ result: 'done' })
    two.close()
    const neither = tillAt(office, { path, clock, schemes: [stranger, other] })
    expect(await refusal(neither, new ToyCard(1), pay('b'))).toBe('unknown_card')
  })

  test('an order that no card could carry out', async () => {
    const { till } = await openTown()
    const order: Order = { kind: 'passcode', id: 'a', passcode: '1234', newPasscode: 'x' }
    expect(await refusal(till, new ToyCard(1), order)).toBe('bad_order')
  })

  test('what its journal refuses, whatever the scheme forgot', async () => {
    const { till } = await openTown()
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    const older = card.content
    await tap(till, card, pay('b'))
    card.content = older
    expect(await refusal(till, card, pay('c'))).toBe('sequence_signed')
    const unfinished = new ToyCard(2)
    unfinished.tear = { at: 2, carriedOut: false }
    await tap(till, unfinished, pay('d'))
    expect(await refusal(till, new ToyCard(3), pay('d'))).toBe('order_at_another_record')
  })

  test('to pay back what it did not take, or twice, or to cards that cannot take it', async () => {
    const { till } = await openTown({}, [kindToyScheme])
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    await tap(till, card, load('b'))
    const torn = new ToyCard(2)
    torn.tear = { at: 2, carriedOut: true }
    await tap(till, torn, pay('c'))
    expect(await refusal(till, card, refund('x', 9))).toBe('unknown_payment')
    expect(await refusal(till, card, refund('x', 2))).toBe('unknown_payment')
    expect(await refusal(till, torn, refund('x', 3))).toBe('unknown_payment')
    expect(await refusal(till, card, { ...refund('x', 1), amount: 499n })).toBe('unknown_payment')
    expect(await tap(till, card, refund('x', 1))).toMatchObject({ result: 'done' })
    expect(await refusal(till, card, refund('y', 1))).toBe('already_refunded')
    expect(await refusal(till, card, refund('x', 3))).toBe('order_changed')
    const strict = await openTown()
    await tap(strict.till, card, pay('a'))
    expect(await refusal(strict.till, card, refund('x', 1))).toBe('no_refunds')
  })

  test('and every refusal that a tap can show was shown', () => {
    // These two need a tap in the middle of another: test/till/journal.test.ts shows them.
    const concurrent = ['stamp_used', 'token_spent']
    // No tap is about the day.
    const cashUp = ['no_module']
    expect([...shown, ...concurrent, ...cashUp].toSorted()).toEqual(TILL_REFUSALS.toSorted())
  })

  test('an amount beyond its limits, with the sentence that says which', async () => {
    const { till } = await openTown({ paymentMax: 499n })
    expect(await tap(till, new ToyCard(1), pay('a'))).toEqual({
      result: 'refused',
      status: 'over_limit',
      explanation:
        'One payment may be at most 4.99 USD. Take a smaller amount, or another way to pay.',
    })
  })

  test('too many payments since the office acknowledged, until it does', async () => {
    const { till } = await openTown({ offlinePaymentsMax: 2 })
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    await tap(till, card, pay('b'))
    expect(await tap(till, card, pay('c'))).toMatchObject({ status: 'over_limit' })
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised' })
    expect(await tap(till, card, pay('c'))).toMatchObject({ result: 'done' })
  })

  test('anything once it was offline too long, also with its clock set back', async () => {
    const { till, clock } = await openTown({ offlineAgeMax: 1000 })
    const card = new ToyCard(1)
    clock.set(START + 1000)
    expect(await tap(till, card, pay('a'))).toMatchObject({ result: 'done' })
    clock.set(START + 1001)
    expect(await tap(till, card, pay('b'))).toMatchObject({ status: 'over_limit' })
    clock.set(START)
    expect(till.status.usage.age).toBe(1000)
    clock.set(START + 1001)
    await till.syncOnce()
    expect(await tap(till, card, pay('b'))).toMatchObject({ result: 'done' })
  })
})

describe('showing a card', () => {
  test('changes nothing, and may be torn', async () => {
    const { till } = await openTown()
    const card = new ToyCard(1)
    expect(await till.show(channelTo(card))).toMatchObject({
      result: 'shown',
      view: { card: card.id, balance: 10_000n },
    })
    card.tear = { at: 1, carriedOut: true }
    expect(await till.show(channelTo(card))).toEqual({ result: 'torn' })
    expect(card.writes).toBe(0)
    expect(till.records(1)).toEqual([])
  })
})

describe('passcode tries', () => {
  test('are counted a card, survive a restart, and come back after the pause', async () => {
    const town = await openTown({ passcodeTries: 3, passcodePause: 1000 })
    const { clock, reopen } = town
    const [card, other] = [new ToyCard(1), new ToyCard(2)]
    const wrong = (till: Till, at: ToyCard) => tap(till, at, pay('x', 500n, '0000'))
    expect(await wrong(town.till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await wrong(town.till, card)).toMatchObject({ status: 'wrong_passcode' })
    const till = reopen()
    expect(await wrong(till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await tap(till, card, pay('a'))).toMatchObject({ status: 'passcode_paused' })
    expect(await tap(till, other, pay('b'))).toMatchObject({ result: 'done' })
    clock.set(START + 999)
    expect(await tap(till, card, pay('a'))).toMatchObject({ status: 'passcode_paused' })
    clock.set(START + 1000)
    expect(await wrong(till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await wrong(till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await tap(till, card, pay('a'))).toMatchObject({ result: 'done' })
    // The right one has wiped the slate.
    expect(await wrong(till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await wrong(till, card)).toMatchObject({ status: 'wrong_passcode' })
    expect(await tap(till, card, pay('c'))).toMatchObject({ result: 'done' })
  })
})

describe('power lost', () => {
  const sale: Order = { ...pay('b', 500n), products: [{ product: 3, quantity: 2 }] }
  const orders: readonly Order[] = [pay('a'), sale, load('c', 2_000n)]

  /** A cashier's day: every order is tapped until it is done, then everything is uploaded. */
  async function day(openTill: () => Till, card: ToyCard): Promise<Till> {
    let till = openTill()
    const insist = async (work: () => Promise<boolean>): Promise<void> => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        try {
          if (await work()) return
        } catch (error) {
          if (!(error instanceof PowerLost)) throw error
          till = openTill()
        }
      }
      throw new Error('never done')
    }
    for (const order of orders) {
      await insist(async () => {
        await tap(till, new ToyCard(9), pay('x', 1n, '0000'))
        return (await tap(till, card, order)).result === 'done'
      })
    }
    await insist(async () => (await till.syncOnce()).result === 'synchronised')
    return till
  }

  async function start(points?: number) {
    const clock = clockAt()
    const office = new SmallOffice(clock)
    office.documents = [policyDocument({ passcodeTries: 99 }), tokensDocument(5)]
    const path = freshFile()
    const counter = countingFuse()
    const enrolled = await enrolledTill(office, { path, clock })
    enrolled.close()
    counter.arm(points)
    const card = new ToyCard(1)
    const open = () => tillAt(office, { path, clock, schemes, fuse: counter.fuse })
    const till = await day(open, card)
    return { till, card, office, passed: counter.passed }
  }

  test('at any write of a day changes nothing about its end', async () => {
    const uncut = await start()
    expect(uncut.card.content).toMatchObject({ balance: 11_000n, sequence: 3 })
    expect(new Set(uncut.passed)).toEqual(
      new Set(
        ['intend', 'confirm', 'wrong-passcode', 'batch', 'acknowledgement'].flatMap((write) =>
          CUTS.map((cut) => `${cut} ${write}`),
        ),
      ),
    )
    for (let point = 1; point <= uncut.passed.length; point += 1) {
      const { till, card, office } = await start(point)
      const place = uncut.passed[point - 1]
      const items = [...office.batches.values()].flatMap(({ batch }) => batch.items)
      expect({
        place,
        card: card.content.balance,
        sequence: card.content.sequence,
        states: states(till),
        stock: till.documents?.products()[0]?.stock,
        queued: till.status.queued,
        outcomes: items.map(({ outcome }) => outcome),
      }).toEqual({
        place,
        card: 11_000n,
        sequence: 3,
        states: states(uncut.till),
        stock: 3,
        queued: 0,
        outcomes: ['confirmed', 'confirmed', 'confirmed'],
      })
      till.close()
    }
    console.log(`till: ${uncut.passed.length} cut points`)
  })
})

describe('enrolment', () => {
  test('whose answer is lost is repeated with the same key', async () => {
    const office = new SmallOffice(clockAt())
    const path = freshFile()
    const till = tillAt(office, { path })
    office.loseAnswers = 1
    await expect(till.enrol(office.code)).rejects.toThrow(Unreachable)
    till.close()
    const reopened = tillAt(office, { path })
    await reopened.enrol(office.code)
    expect(office.tillKeys[1]?.bytes).toEqual(office.tillKeys[0]?.bytes)
  })

  test('anew keeps the journal and signs with the new key; what was made stays as it was', async () => {
    const { till, office } = await openTown()
    await tap(till, new ToyCard(1), pay('a'))
    const [made] = till.pendingBatches()
    await till.enrol(office.code)
    expect(till.status.identity?.generation).toBe(2)
    expect(till.pendingBatches()).toEqual([made])
    await tap(till, new ToyCard(2), pay('b'))
    expect(await till.syncOnce()).toMatchObject({ result: 'synchronised', delivered: 2 })
    expect([...office.batches.values()].map(({ batch }) => batch.generation)).toEqual([1, 2])
  })

  test.each([
    ['with another office', new SmallOffice(clockAt(), { sameKey: false })],
    ['as another till', new SmallOffice(clockAt(), { number: 8 })],
  ])('%s is refused', async (_name, other) => {
    const { path, till, clock } = await openTown()
    const before = till.status
    till.close()
    const lured = tillAt(other, { path, clock, schemes })
    await expect(lured.enrol(other.code)).rejects.toThrow(EnrolmentFailed)
    expect(lured.status.identity?.generation).toBe(before.identity?.generation)
    expect(lured.status.identity?.officeKey.bytes).toEqual(before.identity?.officeKey.bytes)
  })

  test('that the office refuses says what the office said', async () => {
    const office = new SmallOffice(clockAt())
    office.refuse = { status: 409, body: utf8('code used') }
    await expect(tillAt(office, { path: freshFile() }).enrol(office.code)).rejects.toThrow(
      'the office refused the code (409): code used',
    )
  })
})

describe('a stick instead of a network', () => {
  test('carries batches there and the acknowledgement back', async () => {
    const { till, office } = await openTown()
    const card = new ToyCard(1)
    await tap(till, card, pay('a'))
    const file = till.exportBatches()
    await tap(till, card, pay('b'))
    expect(decodeBatches(till.exportBatches())).toHaveLength(2)
    const answers = decodeBatches(file).map((batch) => office.take(batch))
    expect(answers.map((answer) => till.applyAcknowledgement(answer))).toEqual(['taken'])
    expect(answers.map((answer) => till.applyAcknowledgement(answer))).toEqual(['stale'])
    expect(till.status).toMatchObject({ queued: 1, lastBatch: 2 })
    expect(till.status.acknowledged?.live).toBe(false)
  })
})

describe('the clock', () => {
  test('is compared with the office’s whenever it answers', async () => {
    const { till, clock } = await openTown()
    expect(till.status.clockBehind).toBe(0)
    const office = new SmallOffice(clockAt(START + 500_000))
    const other = await enrolledTill(office, { clock })
    expect(other.status.clockBehind).toBe(500_000)
  })
})
