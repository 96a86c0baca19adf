import { describe, expect, it } from 'vitest'
import { digestOf, parseCardId } from '../../src/kernel/ids.ts'
import { CardChain, evaluate, type ChainRecord } from '../../src/office/ledger/chain.ts'

const card = parseCardId('00000000000000c1')
const digestAt = (sequence: number) => digestOf(new Uint8Array(32).fill(sequence))

function record(sequence: number, uploaded = true): ChainRecord {
  return {
    card,
    sequence,
    digest: digestAt(sequence),
    kind: sequence === 0 ? 'issue' : 'pay',
    maker: 1,
    generation: 1,
    madeAt: sequence,
    balance: 0n,
    uploaded,
    amount: 0n,
    outcome: 'confirmed',
    previous: sequence === 0 ? undefined : digestAt(sequence - 1),
    previousMaker: 1,
    previousBalance: 0n,
    previousAt: 0,
    previousShown: true,
    source: undefined,
    taken: false,
    refuted: false,
    complete: false,
    contested: false,
    settlement: 'none',
    decision: undefined,
    step: 0,
  }
}

/** Records 0 to 9, of which some were only shown. */
function chainOf(shown: readonly number[]): CardChain {
  const chain = new CardChain('by their maker')
  chain.markTailLoaded(0)
  for (let sequence = 0; sequence < 10; sequence += 1) {
    chain.load(record(sequence, !shown.includes(sequence)))
  }
  return chain
}

describe('evaluating a chain', () => {
  it.each([
    { what: 'reaches the end from the first', shown: [], dirty: [0], complete: 10 },
    { what: 'stops at a gap', shown: [4], dirty: [0], complete: 4 },
    { what: 'comes to nothing without the first', shown: [0], dirty: [1], complete: 0 },
    {
      what: 'comes to the same whatever is named first',
      shown: [],
      dirty: [7, 0, 3],
      complete: 10,
    },
    { what: 'looks no further than it reaches', shown: [], dirty: [3], complete: 0 },
  ])('$what', ({ shown, dirty, complete }) => {
    const chain = chainOf(shown)
    const left = new Set(dirty)
    expect(evaluate(chain, left)).toEqual({ what: 'nothing' })
    expect(left.size).toBe(0)
    const done = chain.records().filter(({ complete: is }) => is)
    expect(done.length).toBe(complete)
  })

  it('asks for what it lacks', () => {
    const chain = new CardChain('by their maker')
    expect(evaluate(chain, new Set([5]))).toEqual({ what: 'positions', positions: [4, 5] })
    chain.markLoaded({ from: -1, to: 0 })
    chain.load(record(0))
    const dirty = new Set([0])
    expect(evaluate(chain, dirty)).toEqual({ what: 'tail', from: 1 })
    expect([...dirty]).toEqual([1])
    chain.load(record(1))
    chain.load(record(2))
    chain.markLoaded({ from: 1, to: 2 })
    expect(evaluate(chain, dirty)).toEqual({ what: 'tail', from: 3 })
    chain.markLoaded({ from: 3, to: 3 })
    expect(evaluate(chain, dirty)).toEqual({ what: 'nothing' })
  })
})
