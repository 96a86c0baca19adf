import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { CommandApdu } from '../../../src/kernel/apdu.ts'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { cardIdBytes } from '../../../src/kernel/ids.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { moduleChip } from '../../../src/schemes/purse/chips.ts'
import { writeCardPlan } from '../../../src/schemes/purse/issuing.ts'
import {
  cardKey,
  cardPlan,
  CLA,
  evidence,
  executeP1,
  INS,
  mac,
  modulePlan,
  MODULE_AID,
  personalisation,
  PIN_TRIES,
  PURSE_AID,
  PURSE_KINDS,
  PURSE_SW,
  record,
  RECORD_SIZE,
  SIGNED_SIZE,
  signRecord,
  VALUE_MAX,
  type MacPurpose,
  type PurseKind,
} from '../../../src/schemes/purse/message.ts'
import { Bench, nextRecord, select, send, stateOf, transmit } from './bench.ts'
import {
  audit,
  changePasscode,
  Chip,
  load,
  PASSCODE,
  pay,
  POLICY,
  random,
  World,
  type Issued,
  type Till,
} from './world.ts'

/** Named after who attacks. Each ends where the card, the module or the office stops it. */
const world = new World()
const counted = new Map<string, number>()
afterAll(() => {
  console.log([...counted].map(([what, count]) => `${what}: ${count}`).join('\n'))
  world.close()
})
const count = (what: string) => counted.set(what, (counted.get(what) ?? 0) + 1)
const NOTHING: Bytes = new Uint8Array()
let tills = 10

async function newTill(mayLoad = true): Promise<Till> {
  tills += 1
  return world.till(tills, { policy: { ...POLICY, mayLoad } })
}

/** Commands and answers on their way, and what somebody makes of them. */
interface Middleman {
  readonly toCard?: (apdu: Bytes) => Bytes
  readonly fromCard?: (answer: Bytes, apdu: Bytes) => Bytes
}

function tapThrough(
  till: Till,
  { chip }: Issued,
  order: Parameters<Till['tap']>[1],
  at: Middleman,
) {
  const { toCard = (apdu) => apdu, fromCard = (answer) => answer } = at
  return chip.tapped(() =>
    till.tapAt(
      inProcessChannel({
        atr: chip.field.atr,
        transmit: (apdu) => fromCard(chip.field.transmit(toCard(apdu)), apdu),
      }),
      order,
    ),
  )
}

const isExecute = (apdu: Bytes) => apdu[0] === CLA && apdu[1] === INS.EXECUTE
const executing = (change: (data: Bytes) => void) => (apdu: Bytes) => {
  const copy = apdu.slice()
  if (isExecute(apdu)) change(copy.subarray(5))
  return copy
}

describe('a middleman who changes the amount', () => {
  test('the stamp is bound: the card refuses, whatever the new amount', async () => {
    for (const amount of [1n, 299n, 301n, 1000n]) {
      const till = await newTill()
      const issued = await world.card(1000n)
      const order = pay(300n)
      const result = await tapThrough(till, issued, order, {
        toCard: executing((data) => {
          const content = record.decode(data.slice(0, RECORD_SIZE))
          data.set(record.encode({ ...content, amount, balance: 1000n - amount }))
        }),
      })
      expect(result).toMatchObject({ result: 'unfinished' })
      expect(stateOf(issued.chip).balance).toBe(1000n)
      expect((await till.tap(issued, order)).result).toBe('done')
      expect((await audit(world, issued)).net.get(order.id)).toBe(-300n)
    }
  })

  test('whichever byte of EXECUTE he changes, the card pays 300 or nothing', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    issued.chip.field.arm({ atApdu: 3, cut: 'before' })
    const order = pay(300n)
    await till.tap(issued, order)
    const [intent] = till.records(issued.card)
    const shown = evidence.decode(intent?.evidence ?? new Uint8Array())
    const data = concat(shown.signed, shown.authorisation)
    for (let at = 0; at < data.length; at++) {
      const copy = issued.chip.clone()
      select(copy, PURSE_AID)
      send(copy, INS.INITIALIZE, new Uint8Array(8))
      const changed = data.slice()
      changed[at] = (changed[at] ?? 0) ^ (1 + (at % 255))
      const isSignature = at >= RECORD_SIZE && at < SIGNED_SIZE
      expect(send(copy, INS.EXECUTE, changed).sw === 0x9000).toBe(isSignature)
      expect(stateOf(copy).balance).toBe(isSignature ? 700n : 1000n)
      count('bytes of EXECUTE changed')
    }
  })

  test('he changes the stamps: the till does not believe it, and the next tap heals', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    const order = pay(300n)
    const result = await tapThrough(till, issued, order, {
      fromCard: (answer, apdu) => (isExecute(apdu) ? answer.with(0, (answer[0] ?? 0) ^ 1) : answer),
    })
    expect(result).toMatchObject({ result: 'unfinished' })
    expect((await till.tap(issued, order)).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(700n)
  })

  test('he spoils the signature that the card keeps: no till builds on it, and none is blamed', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    const order = pay(300n)
    const spoil = executing((data) => data.fill(0, RECORD_SIZE, SIGNED_SIZE))
    expect((await tapThrough(till, issued, order, { toCard: spoil })).result).toBe('done')
    const later = await newTill()
    expect(await later.tap(issued, pay(100n))).toMatchObject({ status: 'bad_signature' })
    const [taken] = till.records(issued.card)
    const entry = world.verify(taken?.evidence ?? new Uint8Array())
    expect(entry).toMatchObject({ isAttested: true, balance: 700n, findings: [] })
  })
})

describe('a laptop that says 9000', () => {
  const ok = (data: Bytes) => concat(data, Uint8Array.of(0x90, 0))

  test('9000 to everything is no card; all that a card ever said, again, is a counterfeit', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    const heard: Bytes[] = []
    const listen = { fromCard: (answer: Bytes) => (heard.push(answer), answer) }
    expect((await tapThrough(till, issued, pay(100n), listen)).result).toBe('done')
    const [fci = NOTHING, state = NOTHING] = heard
    const rows: readonly (readonly [string, readonly Bytes[]])[] = [
      ['unknown_card', []],
      ['torn', [fci]],
      ['damaged_card', [fci, ok(new Uint8Array(221))]],
      ['counterfeit_card', [fci, ok(concat(state.slice(0, -18), new Uint8Array(16)))]],
      ['counterfeit_card', heard],
    ]
    for (const [told, said] of rows) {
      const answers = [...said]
      const laptop = inProcessChannel({
        atr: issued.chip.field.atr,
        transmit: () => answers.shift() ?? ok(NOTHING),
      })
      const result = await till.tapAt(laptop, pay(100n))
      expect('status' in result ? result.status : result.result).toBe(told)
    }
    expect(till.records(issued.card)).toHaveLength(1)
  })

  test('a real introduction, then 9000 and stamps from before: not done', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    let old: Bytes = new Uint8Array()
    await tapThrough(till, issued, pay(100n), {
      fromCard: (answer, apdu) => (isExecute(apdu) && (old = answer), answer),
    })
    for (const stamps of [old, ok(new Uint8Array(32)), ok(new Uint8Array())]) {
      const order = pay(100n)
      const result = await tapThrough(till, issued, order, {
        toCard: (apdu) => (isExecute(apdu) ? Uint8Array.of(CLA, 0xff, 0, 0) : apdu),
        fromCard: (answer, apdu) => (isExecute(apdu) ? stamps : answer),
      })
      expect(result.result).toBe('unfinished')
      till.giveUp(order)
    }
    expect(stateOf(issued.chip).balance).toBe(900n)
  })

  test('an EXECUTE from before, replayed to the card: refused', async () => {
    const till = await newTill()
    const issued = await world.card(1000n)
    const heard: Bytes[] = []
    const listen = { toCard: (apdu: Bytes) => (heard.push(apdu), apdu) }
    await tapThrough(till, issued, pay(100n), listen)
    await tapThrough(till, issued, load(100n), listen)
    const image = stateOf(issued.chip)
    for (let round = 0; round < 3; round++) {
      issued.chip.field.powerOn()
      for (const apdu of heard) issued.chip.field.transmit(apdu)
    }
    expect(stateOf(issued.chip)).toEqual(image)
  })
})

/** All that is in a till and in its module, and what can be made of it. */
function extracted(till: Till) {
  const image = till.module.nvm.snapshot()
  const plan = world.modulePlan(till.number, false)
  expect(Buffer.from(image).includes(plan)).toBe(true)
  return { image, ...modulePlan.decode(plan) }
}

describe('a till cannot load, with everything in it extracted', () => {
  test('no memory of it holds a load key or an issuer key', async () => {
    const till = await newTill(false)
    const issued = await world.card(1000n)
    await till.tap(issued, pay(100n))
    const { keys, image } = { ...extracted(till), keys: new Bench(world, issued).keys }
    const masters = world.secrets
    const [load16, issuer16] = [masters.slice(33, 49), masters.slice(49, 65)]
    for (const secret of [keys.load, keys.issuer, load16, issuer16]) {
      expect(Buffer.from(image).includes(secret)).toBe(false)
      const journal = till.records(issued.card).map((entry) => entry.evidence)
      expect(journal.some((bytes) => Buffer.from(bytes).includes(secret))).toBe(false)
    }
  })

  /** Every key that can be had, under every purpose a card checks. */
  function forgeries(till: Till, issued: Issued) {
    const { debit, pin, own } = extracted(till)
    const id = cardIdBytes(issued.card)
    const keys = [debit, pin, own, new Uint8Array(16)].flatMap((key) => [
      key,
      ...(['debit', 'load', 'pin', 'issuer'] as const).map((name) => cardKey(key, id, name)),
    ])
    const purposes: MacPurpose[] = ['authorisation', 'state', 'stamp', 'issuer stamp', 'cancel']
    return { keys, purposes, own, genuine: cardKey(debit, id, 'debit') }
  }

  test('no EXECUTE made with those keys raises the balance', async () => {
    const till = await newTill(false)
    const issued = await world.card(1000n)
    const foreign = await newTill(false)
    expect((await foreign.tap(issued, pay(100n))).result).toBe('done')
    const { keys, purposes } = forgeries(till, issued)
    const bench = new Bench(world, issued)
    const { last } = bench
    for (const kind of PURSE_KINDS) {
      for (const maker of [till.number, foreign.number]) {
        const bytes = record.encode(nextRecord(last, kind, 100n, { maker, balance: 1000n }))
        const p1 = executeP1(kind)
        const extras = { 0: [NOTHING], 1: [new Uint8Array(8)], 2: keys }[p1] ?? []
        for (const key of keys) {
          for (const purpose of purposes) {
            const copy = issued.chip.clone()
            select(copy, PURSE_AID)
            send(copy, INS.INITIALIZE, new Uint8Array(8))
            const signed = concat(bytes, new Uint8Array(64), mac(key, purpose, bytes))
            for (const extra of extras) {
              expect(send(copy, INS.EXECUTE, concat(signed, extra), p1).sw).not.toBe(0x9000)
              count('forged EXECUTEs')
            }
          }
        }
      }
    }
    expect(stateOf(issued.chip).balance).toBe(900n)
  })

  test('its debit key takes money off the card, and gives back only what it took last', async () => {
    const till = await newTill(false)
    const issued = await world.card(1000n)
    const bench = new Bench(world, issued)
    expect(bench.keys.debit).toEqual(forgeries(till, issued).genuine)
    bench.initialize()
    expect(bench.execute('pay', 300n).sw).toBe(0x9000)
    expect(bench.execute('pay-reversal', 300n).sw).toBe(0x9000)
    expect(bench.execute('pay-reversal', 300n).sw).toBe(PURSE_SW.NOT_CANCELLABLE)
    expect(bench.execute('pay', 300n).sw).toBe(0x9000)
    expect(bench.execute('pay', 100n).sw).toBe(0x9000)
    expect(bench.execute('pay-reversal', 300n).sw).toBe(PURSE_SW.NOT_CANCELLABLE)
    expect(stateOf(issued.chip).balance).toBe(600n)
  })

  test('its debit key does not cancel another till’s payment', async () => {
    const till = await newTill(false)
    const victim = await newTill(false)
    const issued = await world.card(1000n)
    expect((await victim.tap(issued, pay(300n))).result).toBe('done')
    const { keys } = forgeries(till, issued)
    const bench = new Bench(world, issued)
    const { content } = bench.last
    bench.initialize()
    const sequence = new Uint8Array(4)
    new DataView(sequence.buffer).setUint32(0, content.moduleSequence)
    const cancelKeys = keys.flatMap((key) => [
      key,
      mac(key, 'cancel', content.card, sequence, content.challenge),
      mac(key, 'cancel', content.card, sequence),
    ])
    for (const extra of [...cancelKeys, content.cancelLock]) {
      for (const maker of [victim.number, till.number]) {
        const { sw } = bench.execute('pay-reversal', 300n, { extra, record: { maker } })
        expect(sw).toBe(PURSE_SW.NOT_CANCELLABLE)
        count('cancel keys tried')
      }
    }
    expect(stateOf(issued.chip).balance).toBe(700n)
    // The till that took it can.
    const own = modulePlan.decode(world.modulePlan(victim.number, false)).own
    const extra = mac(own, 'cancel', content.card, sequence, content.challenge)
    const back = bench.execute('pay-reversal', 300n, { extra, record: { maker: victim.number } })
    expect(back.sw).toBe(0x9000)
  })

  test('its module, whole and in use, authorises no load', async () => {
    const till = await newTill(false)
    const issued = await world.card(1000n)
    till.options = { ...till.options, policy: POLICY }
    expect(await till.tap(issued, load(100n))).toMatchObject({ status: 'module_refused' })
    const copy = new Chip(moduleChip, till.module.nvm.snapshot())
    select(copy, MODULE_AID)
    expect(send(copy, INS.PERSONALISE, world.modulePlan(till.number, true)).sw).toBe(
      PURSE_SW.NOT_NOW,
    )
    expect(stateOf(issued.chip).balance).toBe(1000n)
  })
})

test('the purse never holds less than 0 or more than its maximum, whatever its keys are used for', async () => {
  const orders = fc.array(
    fc.record({
      kind: fc.constantFrom<PurseKind>(...PURSE_KINDS),
      amount: fc.oneof(
        fc.bigInt(0n, 30_000n),
        fc.constantFrom(0n, 1n, 20_000n, 20_001n, VALUE_MAX),
      ),
      claim: fc.option(fc.bigInt(0n, VALUE_MAX), { nil: undefined, freq: 4 }),
      passcode: fc.option(fc.constantFrom(PASSCODE, '0000'), { nil: undefined }),
    }),
    { maxLength: 12 },
  )
  const issued = await world.card(1000n)
  fc.assert(
    fc.property(orders, (steps) => {
      const chip = issued.chip.clone()
      const bench = new Bench(world, { card: issued.card, chip })
      for (const { kind, amount, claim, passcode } of steps) {
        const before = stateOf(chip)
        bench.initialize(passcode)
        const lies = claim === undefined ? {} : { record: { balance: claim } }
        const apdu = unlessUnwritable(() => bench.executing(kind, amount, lies))
        const sw = apdu && transmit(chip, apdu).sw
        const { balance } = stateOf(chip)
        expect(balance >= 0n && balance <= 20_000n).toBe(true)
        const isUp = kind === 'load' || kind === 'pay-reversal'
        const change = kind === 'passcode' ? 0n : isUp ? amount : -amount
        expect(balance - before.balance).toBe(sw === 0x9000 ? change : 0n)
        count('orders with the card’s own keys')
      }
    }),
    { numRuns: 300 },
  )
})

/** Undefined if it has no encoding: then nobody can send it. */
function unlessUnwritable(make: () => CommandApdu): CommandApdu | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}

describe('a clone of a card', () => {
  test('is refused where its original was, and elsewhere leaves two living records', async () => {
    const [till, other] = [await newTill(), await newTill()]
    const issued = await world.card(1000n)
    const clone: Issued = { ...issued, chip: issued.chip.clone() }
    expect((await till.tap(issued, pay(300n))).result).toBe('done')
    expect(await till.tap(clone, pay(200n))).toMatchObject({ status: 'copied_card' })
    expect((await other.tap(clone, pay(200n))).result).toBe('done')
    const entries = [till, other].map((at) => {
      const [signed] = at.records(issued.card)
      return world.verify(signed?.evidence ?? new Uint8Array())
    })
    expect(entries.map(({ isAttested }) => isAttested)).toEqual([true, true])
    expect(entries.map(({ findings }) => findings)).toEqual([[], []])
    expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(1)
    expect(new Set(entries.map(({ digest }) => digest)).size).toBe(2)
    expect(new Set(entries.map(({ predecessor }) => predecessor?.digest)).size).toBe(1)
  })
})

describe('a card swapped between two APDUs', () => {
  test.for([1, 2])('after %i: neither is charged, and the tap heals', async (before) => {
    const till = await newTill()
    const [issued, stranger] = [await world.card(1000n), await world.card(1000n)]
    const order = pay(300n)
    // The stranger is ready for everything.
    new Bench(world, stranger).initialize()
    let sent = 0
    const swapping = inProcessChannel({
      atr: issued.chip.field.atr,
      transmit(apdu) {
        sent += 1
        return (sent > before ? stranger : issued).chip.field.transmit(apdu)
      },
    })
    const result = await issued.chip.tapped(() => till.tapAt(swapping, order))
    expect(result.result).toBe(before === 1 ? 'refused' : 'unfinished')
    expect(stateOf(stranger.chip).balance).toBe(1000n)
    expect(till.records(stranger.card)).toEqual([])
    expect((await till.tap(issued, order)).result).toBe('done')
    expect((await audit(world, issued)).balance).toBe(700n)
  })
})

describe('who is after the PIN', () => {
  test('it does not travel between till and card, nor does the new one', async () => {
    const till = await newTill()
    const issued = await world.card(5000n, '48213579')
    const heard: Bytes[] = []
    const listen = { toCard: (apdu: Bytes) => (heard.push(apdu), apdu) }
    expect((await tapThrough(till, issued, pay(3000n, '48213579'), listen)).result).toBe('done')
    const change = changePasscode('48213579', '97531864')
    expect((await tapThrough(till, issued, change, listen)).result).toBe('done')
    const air = Buffer.concat(heard)
    for (const pin of ['48213579', '97531864']) {
      expect(air.includes(pin.slice(0, 4))).toBe(false)
      expect(air.includes(pin.slice(4))).toBe(false)
    }
    const hidden = heard.filter((apdu) => apdu[1] === INS.INITIALIZE).map((apdu) => apdu.join())
    expect(new Set(hidden).size).toBe(2)
  })

  test('three guesses, in whatever order he tears, taps or unblocks', async () => {
    const issued = await world.card(1000n)
    const steps = fc.array(fc.constantFrom('guess', 'tear', 'reset', 'code'), { maxLength: 20 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), (moves, atWrite) => {
        const chip = issued.chip.clone()
        const bench = new Bench(world, { card: issued.card, chip })
        let left = PIN_TRIES
        for (const move of moves) {
          if (move === 'tear') chip.nvm.arm({ atWrite, tear: 'half' })
          else if (move === 'reset') bench.reset()
          else if (move === 'code') bench.send(INS.UNBLOCK_PIN, new Uint8Array(16).fill(0x31))
          else bench.initialize('0000')
          if (!chip.field.powered) bench.reset()
          const { pinTries } = stateOf(chip)
          expect(pinTries).toBeLessThanOrEqual(left)
          left = pinTries
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a counterfeit card, made with a debit master key', () => {
  /** A card of the forger's own: real keys where he has them, others where not. */
  async function counterfeit(source: Issued, change: { balance: bigint }) {
    const plan = cardPlan.decode(source.issue.plan)
    const keys = personalisation.decode(plan.personalisation)
    const unknown = { load: random.bytes(16), issuer: random.bytes(16) }
    const first = record.decode(plan.first.slice(0, RECORD_SIZE))
    // He has no key of the office’s: what he has read from a real card must do.
    const isRead = change.balance === first.balance
    const signed = isRead ? plan.first : signRecord({ ...first, ...change }, generatePrivateKey())
    const chip = world.issue().chip
    const forged = cardPlan.encode({
      personalisation: personalisation.encode({ ...keys, ...unknown }),
      first: signed,
    })
    expect(await chip.tapped((channel) => writeCardPlan(channel, forged))).toBe('written')
    return { ...source, chip }
  }

  test('with a record that it made up no till takes it', async () => {
    const source = world.issue(1000n)
    const forged = await counterfeit(source, { balance: 20_000n })
    const till = await newTill()
    expect(await till.tap(forged, pay(100n))).toMatchObject({ status: 'bad_signature' })
  })

  test('with a real card’s record it passes a till, and the office pays nothing for it', async () => {
    const source = await world.card(1000n)
    const forged = await counterfeit(source, { balance: 1000n })
    const till = await newTill()
    expect((await till.tap(forged, pay(100n))).result).toBe('done')
    const [taken] = till.records(source.card)
    const entry = world.verify(taken?.evidence ?? new Uint8Array())
    expect(entry.isAttested).toBe(false)
    expect(entry.findings).toMatchObject([
      {
        kind: 'counterfeit-stamp',
        strength: 'suspected',
        suspects: [
          { kind: 'card', card: source.card },
          { kind: 'till', till: till.number },
        ],
        amount: 100n,
      },
    ])
  })
})

test('a till that says a card took it, and did not: its word alone is not attested', async () => {
  const till = await newTill()
  const issued = await world.card(1000n)
  issued.chip.field.arm({ atApdu: 3, cut: 'before' })
  await till.tap(issued, pay(300n))
  const [intent] = till.records(issued.card)
  expect(world.verify(intent?.evidence ?? new Uint8Array())).toMatchObject({
    isAttested: false,
    findings: [],
  })
})
