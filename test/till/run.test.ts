import { describe, expect, test } from 'vitest'
import { CardTorn } from '../../src/reader/channel.ts'
import { InProcessSlot, type InsertableCard } from '../../src/reader/in-process.ts'
import { Counter } from '../../src/till/counter.ts'
import { InputQueue, type Timer } from '../../src/till/loops.ts'
import { runTill } from '../../src/till/run.ts'
import { clockAt, freshFile, policyDocument, randomFrom, SmallOffice, tillAt } from './support.ts'
import { ToyCard, toyScheme } from './toy.ts'

function insertable(card: ToyCard): InsertableCard {
  return {
    atr: card.atr,
    transmit: (apdu) => card.transmit(apdu),
    powerOn: () => undefined,
    powerOff: () => undefined,
  }
}

/** Time does not pass: only bells, cards and people move this till. */
const stillTimer: Timer = {
  async wait(_milliseconds, signal) {
    const { promise, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
  },
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve()
}

async function openTown({ enrolled = true } = {}) {
  const clock = clockAt()
  const office = new SmallOffice(clock)
  office.documents = [policyDocument()]
  const till = tillAt(office, { path: freshFile(), clock, schemes: [toyScheme] })
  if (enrolled) await till.enrol(office.code)
  const counter = new Counter(till, { clock, random: randomFrom('counter') })
  const slots = [new InProcessSlot('left'), new InProcessSlot('right')] as const
  const inputs = new InputQueue<(counter: Counter) => void>()
  const stop = new AbortController()
  const running = runTill(
    { counter, slots, inputs, timer: stillTimer, random: randomFrom('jitter'), interval: 1 },
    stop.signal,
  )
  await settle()
  return { office, till, counter, slots, inputs, stop, running }
}

describe('a running till', () => {
  test('sells at any reader, uploads after a sale, and ends when it is told to', async () => {
    const { office, till, counter, slots, inputs, stop, running } = await openTown()
    const card = new ToyCard(1)
    inputs.push((at) => at.begin({ kind: 'load', amount: 300n, passcode: '1234' }))
    await settle()
    slots[1].insert(insertable(card))
    await settle()
    expect(counter.answer).toMatchObject({ kind: 'tap', result: { result: 'done' } })
    expect(card.content.balance).toBe(10_300n)
    expect(office.batches.size).toBe(1)
    slots[0].insert(insertable(new ToyCard(2)))
    await settle()
    expect(counter.answer).toMatchObject({ kind: 'show', result: { result: 'shown' } })
    expect(till.records(9)).toHaveLength(1)
    stop.abort()
    await running
    slots[0].insert(insertable(card))
    await settle()
    expect(counter.answer).toMatchObject({ result: { view: { card: new ToyCard(2).id } } })
  })

  test('sells on while nobody answers, and does not try for every sale', async () => {
    const { office, till, counter, slots, stop, running } = await openTown()
    office.reachable = false
    await counter.sync()
    for (const number of [1, 2, 3]) {
      counter.begin({ kind: 'pay', amount: 1n, products: [], passcode: '1234' })
      slots[0].insert(insertable(new ToyCard(number)))
      await settle()
    }
    expect(till.status).toMatchObject({ queued: 3, lastBatch: 0 })
    office.reachable = true
    counter.news.ring()
    await settle()
    expect(till.status).toMatchObject({ queued: 0, lastBatch: 1 })
    stop.abort()
    await running
  })

  test('waits for its enrolment', async () => {
    const { office, till, counter, stop, running } = await openTown({ enrolled: false })
    await till.enrol(office.code)
    expect(counter.lastSync).toBeUndefined()
    counter.news.ring()
    await settle()
    expect(counter.lastSync?.report.result).toBe('synchronised')
    stop.abort()
    await running
  })

  test('synchronises once, however many ask for it at the same time', async () => {
    const { office, till, counter, stop, running } = await openTown()
    await Promise.all([counter.sync(), counter.sync()])
    const asked: string[] = []
    const send = office.send.bind(office)
    office.send = (request) => {
      asked.push(request.path)
      return send(request)
    }
    const reports = await Promise.all([counter.sync(), counter.sync()])
    expect(reports[0]).toBe(reports[1])
    expect(asked).toHaveLength(1)
    expect(till.status.queued).toBe(0)
    stop.abort()
    await running
  })

  test('is not stopped by an order that no card can carry out', async () => {
    const { counter, slots, stop, running } = await openTown()
    counter.begin({ kind: 'passcode', passcode: '1234', newPasscode: 'x' })
    slots[0].insert(insertable(new ToyCard(1)))
    await settle()
    expect(counter.answer?.result).toMatchObject({
      status: 'bad_order',
      explanation:
        'No card could carry out this order. Correct it and tap again. (order.newPasscode: expected digits)',
    })
    counter.begin({ kind: 'pay', amount: 1n, products: [], passcode: '1234' })
    slots[0].insert(insertable(new ToyCard(1)))
    await settle()
    expect(counter.answer?.result).toMatchObject({ result: 'done' })
    stop.abort()
    await running
  })

  test('is not stopped by a card that goes, and is by a fault, all loops of it', async () => {
    const { counter, slots, inputs, running } = await openTown()
    const torn = { ...insertable(new ToyCard(1)), transmit: () => new Uint8Array() }
    slots[0].insert(torn)
    await settle()
    expect(counter.answer?.result).toEqual({ result: 'torn' })
    slots[0].insert({
      ...torn,
      transmit: () => {
        throw new CardTorn('pulled')
      },
    })
    await settle()
    expect(counter.answer?.result).toEqual({ result: 'torn' })
    inputs.push(() => {
      throw new Error('a fault')
    })
    await expect(running).rejects.toThrow('a fault')
    slots[0].insert(insertable(new ToyCard(2)))
    await settle()
    expect(counter.answer?.result).toEqual({ result: 'torn' })
  })
})
