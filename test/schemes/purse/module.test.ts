import { afterAll, describe, expect, test } from 'vitest'
import { TEARS } from '../../../src/card/nvm.ts'
import { command, type CommandApdu } from '../../../src/kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { cardIdBytes } from '../../../src/kernel/ids.ts'
import { currency } from '../../../src/kernel/money.ts'
import { moduleChip } from '../../../src/schemes/purse/chips.ts'
import {
  authorisation,
  boundStamp,
  cancelLock,
  cardState,
  CLA,
  draft,
  INS,
  mac,
  modulePlan,
  MODULE_AID,
  pinPad,
  PURSE_SW,
  record,
  RECORD_SIZE,
  SEQUENCE_MAX,
  SIGNED_SIZE,
  STATE_SIZE,
  summary,
  SUMMARY_SIZE,
  type Authorisation,
  type PurseKind,
  type PurseRecord,
} from '../../../src/schemes/purse/message.ts'
import { COUNTED_WINDOW } from '../../../src/schemes/purse/module.ts'
import { moduleKey } from '../../../src/schemes/purse/office.ts'
import { held, type Held } from '../../../src/schemes/purse/terminal.ts'
import { keysOf, nextRecord, rewrite, select, send, stateOf, transmit } from './bench.ts'
import { Chip, EUR, World, type Issued } from './world.ts'

const world = new World()
const counted = new Map<string, number>()
afterAll(() => {
  console.log([...counted].map(([what, count]) => `${what}: ${count} cut points`).join('\n'))
  world.close()
})

const TILL = 7
const bytes = (size: number) => new Uint8Array(size)
const of = (ins: number, data: Bytes = bytes(0), p1 = 0, p2 = 0) =>
  command(CLA, ins, p1, p2, data, 256)

/** A till's module, and somebody who has the keys of the card before it. */
class Visit {
  readonly chip = new Chip(moduleChip)
  readonly issued: Issued
  readonly keys
  challenge: Bytes = bytes(8)
  /** What the card shows. */
  last: Held

  constructor(issued: Issued) {
    this.issued = issued
    this.keys = keysOf(world, issued.card)
    this.last = stateOf(issued.chip).last
    select(this.chip, MODULE_AID)
  }

  send(ins: number, data?: Bytes, p1 = 0) {
    return send(this.chip, ins, data, p1)
  }

  open(id = cardIdBytes(this.issued.card)) {
    const answer = this.send(INS.OPEN, id)
    this.challenge = answer.data
    return answer
  }

  /** A card's introduction, honest but for its lies. */
  checking({ last = this.last, key = this.keys.debit, challenge = this.challenge }: Lies = {}) {
    const state = cardState.encode({
      parameters: bytes(30),
      pin: 'not given',
      pinTries: 3,
      last: last.signed,
    })
    return of(INS.CHECK, concat(state, mac(key, 'state', challenge, state)))
  }

  authorise(kind: PurseKind, amount: bigint) {
    return transmit(this.chip, authorising(kind, amount))
  }

  /** The record that the module has authorised, with the card's stamp. */
  granted(kind: PurseKind, amount: bigint): PurseRecord & { answer: Authorisation } {
    const answer = authorisation.decode(this.authorise(kind, amount).data)
    const { moduleSequence, moduleBatch, challenge, cancelLock: lock } = answer
    const own = { moduleSequence, moduleBatch, challenge, cancelLock: lock, madeAt: MADE_AT }
    return { ...nextRecord(this.last, kind, amount, own), answer }
  }

  completing(content: PurseRecord, key = this.keys.debit): CommandApdu {
    const shown = record.encode(content)
    return of(INS.COMPLETE, concat(shown, boundStamp(key, shown)))
  }

  /** The whole of a transaction, as card and till do it. */
  transact(kind: PurseKind, amount: bigint): PurseRecord {
    const content = this.granted(kind, amount)
    expect(transmit(this.chip, this.completing(content)).sw).toBe(0x9000)
    this.last = held(concat(record.encode(content), bytes(64)))
    return content
  }

  cashUp(p1 = 0) {
    return summary.decode(this.send(INS.CASH_UP, bytes(0), p1).data.slice(0, SUMMARY_SIZE))
  }
}

interface Lies {
  readonly last?: Held
  readonly key?: Bytes
  readonly challenge?: Bytes
}

/** Where the module keeps its sequence. */
const SEQUENCE_AT = 256
const MADE_AT = 1_800_000_000_000

function authorising(kind: PurseKind, amount: bigint): CommandApdu {
  return of(INS.AUTHORISE, draft.encode({ kind, amount, generation: 1, madeAt: MADE_AT }))
}

const issued = await world.card(1000n)
const stranger = await world.card(1000n)

interface Row {
  readonly name: string
  readonly plan?: 'none' | 'pay only'
  readonly before?: (visit: Visit) => unknown
  readonly apdu: (visit: Visit) => CommandApdu
}

function scene({ plan, before }: Omit<Partial<Row>, 'apdu'> = {}): Visit {
  const visit = new Visit(issued)
  if (plan !== 'none') {
    const data = world.modulePlan(TILL, plan !== 'pay only')
    expect(visit.send(INS.PERSONALISE, data).sw).toBe(0x9000)
  }
  before?.(visit)
  return visit
}

const opened = (visit: Visit) => visit.open()
const checked = (visit: Visit) => {
  visit.open()
  expect(transmit(visit.chip, visit.checking()).sw).toBe(0x9000)
}
/** Checked with a newest record as no card of ours shows it now. */
const standing = (change: Partial<PurseRecord>) => (visit: Visit) => {
  visit.open()
  const content = { ...visit.last.content, ...change }
  visit.last = held(concat(record.encode(content), bytes(64)))
  expect(transmit(visit.chip, visit.checking()).sw).toBe(0x9000)
}
const plan = (change = {}) =>
  modulePlan.encode({ ...modulePlan.decode(world.modulePlan(TILL, true)), ...change })

const COMMANDS: readonly (readonly [string, CommandApdu])[] = [
  ['OPEN', of(INS.OPEN, bytes(8))],
  ['CHECK', of(INS.CHECK, bytes(STATE_SIZE + 16))],
  ['AUTHORISE', authorising('pay', 100n)],
  ['COMPLETE', of(INS.COMPLETE, bytes(RECORD_SIZE + 16))],
  ['CASH UP', of(INS.CASH_UP)],
]

const REFUSED: readonly (readonly [number, Row])[] = [
  [0x6e00, { name: 'class 00', apdu: () => command(0, INS.OPEN, 0, 0, bytes(8), 256) }],
  [0x6d00, { name: 'a command of the purse', apdu: () => of(INS.INITIALIZE, bytes(8)) }],
  [0x6b00, { name: 'PERSONALISE', plan: 'none', apdu: () => of(INS.PERSONALISE, plan(), 1) }],
  ...COMMANDS.flatMap(([name, apdu]): [number, Row][] => [
    [0x6b00, { name: `${name}, P1`, apdu: () => ({ ...apdu, p1: 2 }) }],
    [0x6b00, { name: `${name}, P2`, apdu: () => ({ ...apdu, p2: 1 }) }],
  ]),
  ...[INS.PERSONALISE, INS.OPEN, INS.CHECK, INS.AUTHORISE, INS.COMPLETE, INS.CASH_UP].map(
    (ins): [number, Row] => [
      PURSE_SW.WRONG_LENGTH,
      { name: `5 bytes to ${ins.toString(16)}`, apdu: () => of(ins, bytes(5)) },
    ],
  ),
  ...COMMANDS.map(([name, apdu]): [number, Row] => [
    PURSE_SW.NOT_NOW,
    { name: `${name} of a blank module`, plan: 'none', apdu: () => apdu },
  ]),
  [PURSE_SW.NOT_NOW, { name: 'another plan', apdu: () => of(INS.PERSONALISE, plan({ till: 8 })) }],
  [PURSE_SW.NOT_NOW, { name: 'CHECK without OPEN', apdu: (visit) => visit.checking() }],
  [
    PURSE_SW.NOT_NOW,
    { name: 'AUTHORISE without CHECK', before: opened, apdu: () => authorising('pay', 100n) },
  ],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'AUTHORISE after a CHECK that failed',
      before: (visit) => [
        checked(visit),
        transmit(visit.chip, visit.checking({ challenge: bytes(8) })),
      ],
      apdu: () => authorising('pay', 100n),
    },
  ],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'AUTHORISE after another OPEN',
      before: (visit) => [checked(visit), visit.open()],
      apdu: () => authorising('pay', 100n),
    },
  ],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'AUTHORISE after a reset',
      before: (visit) => [checked(visit), select(visit.chip, MODULE_AID)],
      apdu: () => authorising('pay', 100n),
    },
  ],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'COMPLETE without OPEN',
      apdu: (visit) => visit.completing(nextRecord(visit.last, 'pay', 100n)),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    { name: 'till 0', plan: 'none', apdu: () => of(INS.PERSONALISE, plan().fill(0, 1, 5)) },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'a key less than it says',
      plan: 'none',
      apdu: () => of(INS.PERSONALISE, plan().slice(0, 57)),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    { name: 'no state', before: opened, apdu: () => of(INS.CHECK, bytes(STATE_SIZE + 16)) },
  ],
  [
    PURSE_SW.MALFORMED,
    { name: 'no draft', before: checked, apdu: () => of(INS.AUTHORISE, bytes(15)) },
  ],
  [
    PURSE_SW.MALFORMED,
    { name: 'no record', before: opened, apdu: () => of(INS.COMPLETE, bytes(RECORD_SIZE + 16)) },
  ],
  [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: 'another card than was opened',
      before: opened,
      apdu: (visit) => visit.checking({ last: stateOf(stranger.chip).last }),
    },
  ],
  [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: 'a record of another card than was opened',
      before: opened,
      apdu: (visit) => visit.completing(nextRecord(visit.last, 'pay', 1n, { card: bytes(8) })),
    },
  ],
  [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: 'another currency',
      before: standing({ currency: currency('USD').numeric }),
      apdu: () => authorising('pay', 100n),
    },
  ],
  [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: 'the card’s counter has run out',
      before: standing({ sequence: SEQUENCE_MAX }),
      apdu: () => authorising('pay', 100n),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'a card without its key',
      before: opened,
      apdu: (visit) => visit.checking({ key: bytes(16) }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'an introduction to another challenge',
      before: opened,
      apdu: (visit) => visit.checking({ challenge: bytes(8) }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'a stamp by another key',
      before: checked,
      apdu: (visit) => visit.completing(nextRecord(visit.last, 'pay', 1n), visit.keys.issuer),
    },
  ],
  [PURSE_SW.MAY_NOT, { name: 'an issue', before: checked, apdu: () => authorising('issue', 1n) }],
  [
    PURSE_SW.MAY_NOT,
    {
      name: 'a load without its key',
      plan: 'pay only',
      before: checked,
      apdu: () => authorising('load', 1n),
    },
  ],
  [
    PURSE_SW.INSUFFICIENT_FUNDS,
    { name: 'a cent too much', before: checked, apdu: () => authorising('pay', 1001n) },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    { name: 'the issue', before: checked, apdu: () => authorising('load-reversal', 1000n) },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'another till’s payment',
      before: standing({ kind: 'pay', amount: 100n, maker: 8 }),
      apdu: () => authorising('pay-reversal', 100n),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'another amount',
      before: standing({ kind: 'pay', amount: 100n, maker: TILL }),
      apdu: () => authorising('pay-reversal', 101n),
    },
  ],
  [
    PURSE_SW.RECORD_NOT_FOUND,
    { name: 'a batch before the first', apdu: () => of(INS.CASH_UP, bytes(0), 1) },
  ],
]

describe('what the module refuses, in the order of the checks', () => {
  test.for(REFUSED.map(([sw, row]) => [sw.toString(16), row.name, row] as const))(
    '%s: %s',
    ([sw, , row]) => {
      const visit = scene(row)
      const apdu = row.apdu(visit)
      const image = visit.chip.nvm.snapshot()
      const answer = transmit(visit.chip, apdu)
      expect([answer.sw.toString(16), answer.data.length]).toEqual([sw, 0])
      expect(bytesEqual(visit.chip.nvm.snapshot(), image)).toBe(true)
    },
  )

  test('every status word that a module has is in the table, in its order', () => {
    const { BLOCKED, EXPIRED, PAYMENT_TOO_HIGH, PIN_NEEDED, BALANCE_TOO_HIGH } = PURSE_SW
    const ofTheCard: readonly number[] = [
      ...[BLOCKED, EXPIRED, PAYMENT_TOO_HIGH, PIN_NEEDED, BALANCE_TOO_HIGH],
      ...[PURSE_SW.WRONG_BALANCE, PURSE_SW.BAD_NEW_PIN],
    ]
    const all = Object.values(PURSE_SW).filter((sw) => !ofTheCard.includes(sw))
    expect([...new Set(REFUSED.map(([sw]) => sw))]).toEqual([0x6e00, 0x6d00, 0x6b00, ...all])
  })

  test('a module that has counted to the end authorises nothing more', () => {
    const visit = scene({ before: checked })
    visit.authorise('pay', 1n)
    rewrite(visit.chip, (memory) => memory.fill(0xff, SEQUENCE_AT, SEQUENCE_AT + 4))
    select(visit.chip, MODULE_AID)
    checked(visit)
    expect(visit.authorise('pay', 1n).sw).toBe(PURSE_SW.DOES_NOT_FOLLOW)
  })
})

describe('what the module does', () => {
  test('it says whose it is once it has its plan', () => {
    const visit = scene({ plan: 'none' })
    expect(select(visit.chip, MODULE_AID).id).toEqual(bytes(8))
    visit.send(INS.PERSONALISE, plan())
    const id = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, TILL)
    expect(select(visit.chip, MODULE_AID)).toEqual({ name: MODULE_AID, id, nonce: bytes(8) })
  })

  test('OPEN: a challenge that never comes again, and the pad for a nonce', () => {
    const visit = scene()
    const seen = new Set(Array.from({ length: 50 }, () => visit.open().data.join()))
    expect(seen.size).toBe(50)
    const nonce = bytes(8).fill(9)
    const { data, sw } = visit.send(INS.OPEN, concat(cardIdBytes(issued.card), nonce))
    expect(sw).toBe(0x9000)
    expect(data.slice(8)).toEqual(pinPad(visit.keys.pin, nonce, data.slice(0, 8)))
  })

  test.for(['pay', 'load', 'passcode', 'pay-reversal', 'load-reversal'] as const)(
    'AUTHORISE: %s',
    (kind) => {
      const reversed =
        kind === 'pay-reversal' ? 'pay' : kind === 'load-reversal' ? 'load' : undefined
      const amount = kind === 'passcode' ? 0n : 100n
      const visit = scene({ before: checked })
      if (reversed) visit.transact(reversed, amount)
      const { lastSequence } = visit.cashUp()
      const { answer, ...content } = visit.granted(kind, amount)
      const key = kind === 'load' ? visit.keys.load : visit.keys.debit
      expect(answer).toMatchObject({
        moduleSequence: lastSequence + 1,
        moduleBatch: 2,
        challenge: visit.challenge,
        mac: mac(key, 'authorisation', record.encode(content)),
      })
      if (reversed) {
        const [cancelKey = bytes(0)] = answer.extra
        expect(cancelLock(cancelKey)).toEqual(visit.last.content.cancelLock)
      } else if (kind === 'passcode') {
        const pad = pinPad(visit.keys.pin, record.encode(content))
        expect(answer.extra).toEqual([concat(pad, bytes(8))])
      } else expect(answer.extra).toEqual([])
    },
  )

  test('no two locks are the same, not even of a module that replaces this one', () => {
    const locks = [0, 1].flatMap(() => {
      const visit = scene({ before: checked })
      return [1n, 1n].map((amount) => visit.granted('pay', amount).cancelLock.join())
    })
    expect(new Set(locks).size).toBe(4)
  })

  test('COMPLETE and CASH UP: each transaction counts once, under the module’s MAC', () => {
    const visit = scene({ before: checked })
    const paid = visit.transact('pay', 100n)
    visit.transact('pay-reversal', 100n)
    visit.transact('load', 50n)
    visit.transact('load-reversal', 50n)
    visit.transact('passcode', 0n)
    for (let again = 0; again < 3; again++) transmit(visit.chip, visit.completing(paid))
    const { data } = visit.send(INS.CASH_UP)
    const sums = { paid: 100n, paidBack: 100n, loaded: 50n, loadedBack: 50n }
    const shown = data.slice(0, SUMMARY_SIZE)
    expect(summary.decode(shown)).toEqual({
      till: TILL,
      batch: 1,
      count: 5,
      ...sums,
      lastSequence: 5,
    })
    const own = modulePlan.decode(plan()).own
    expect(own).toEqual(moduleKey(mastersOf().module, TILL))
    expect(data.slice(SUMMARY_SIZE)).toEqual(mac(own, 'summary', shown))
    expect(visit.send(INS.CASH_UP, bytes(0), 1).data).toEqual(data)
    expect(visit.cashUp()).toMatchObject({ batch: 2, count: 0, paid: 0n, lastSequence: 5 })
  })

  test('what another till made is believed and not counted', () => {
    const visit = scene({ before: checked })
    const { moduleSequence } = visit.granted('pay', 100n)
    const theirs = nextRecord(visit.last, 'pay', 100n, { maker: 8, moduleSequence })
    expect(transmit(visit.chip, visit.completing(theirs)).sw).toBe(0x9000)
    expect(visit.cashUp()).toMatchObject({ count: 0, paid: 0n })
  })

  test('a stamp that comes late still counts, within the window', () => {
    const visit = scene({ before: checked })
    const early = [visit.granted('pay', 1n), visit.granted('pay', 2n)]
    for (let n = 0; n < COUNTED_WINDOW - 1; n++) visit.authorise('pay', 1n)
    for (const content of early) transmit(visit.chip, visit.completing(content))
    // The place of the one that counted is the next one’s now, and empty.
    visit.transact('pay', 4n)
    expect(visit.cashUp()).toMatchObject({ count: 2, paid: 6n, lastSequence: COUNTED_WINDOW + 2 })
  })
})

function mastersOf() {
  return { module: world.secrets.slice(-16) }
}

describe('a tear at every page write', () => {
  /** Of some work: what was written, and every cut of it at a new module each. */
  function cutEverywhere(
    name: string,
    prepare: () => Visit,
    work: (visit: Visit) => unknown,
    check: (visit: Visit) => void,
  ): void {
    const rehearsal = prepare()
    const before = rehearsal.chip.nvm.writes
    work(rehearsal)
    const writes = rehearsal.chip.nvm.writes - before
    expect(writes).toBeGreaterThan(0)
    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      for (const tear of TEARS) {
        const visit = prepare()
        visit.chip.nvm.arm({ atWrite, tear })
        work(visit)
        expect(visit.chip.field.powered).toBe(false)
        select(visit.chip, MODULE_AID)
        check(visit)
        counted.set(name, (counted.get(name) ?? 0) + 1)
      }
    }
  }

  test('PERSONALISE: blank, or it is the module', () => {
    cutEverywhere(
      'PERSONALISE',
      () => scene({ plan: 'none' }),
      (visit) => visit.send(INS.PERSONALISE, plan()),
      (visit) => {
        expect([0x9000, PURSE_SW.NOT_NOW]).toContain(visit.send(INS.PERSONALISE, plan()).sw)
        checked(visit)
        expect(visit.transact('pay', 1n)).toMatchObject({ moduleSequence: 1, moduleBatch: 1 })
      },
    )
  })

  test('AUTHORISE: no sequence is used twice, and what was lost counts nothing', () => {
    cutEverywhere(
      'AUTHORISE',
      () => {
        const visit = scene({ before: checked })
        visit.transact('pay', 10n)
        return visit
      },
      (visit) => visit.authorise('pay', 100n),
      (visit) => {
        checked(visit)
        const { moduleSequence } = visit.transact('pay', 20n)
        expect([2, 3]).toContain(moduleSequence)
        expect(visit.cashUp()).toMatchObject({ count: 2, paid: 30n, lastSequence: moduleSequence })
      },
    )
  })

  test('COMPLETE: repeated, it counts once', () => {
    let content: PurseRecord
    cutEverywhere(
      'COMPLETE',
      () => {
        const visit = scene({ before: checked })
        visit.transact('pay', 10n)
        content = visit.granted('pay', 20n)
        return visit
      },
      (visit) => transmit(visit.chip, visit.completing(content)),
      (visit) => {
        visit.open()
        for (let again = 0; again < 2; again++) {
          expect(transmit(visit.chip, visit.completing(content)).sw).toBe(0x9000)
        }
        expect(visit.cashUp()).toMatchObject({ count: 2, paid: 30n })
      },
    )
  })

  test('CASH UP: the batch is closed or open, and what it came to is never lost', () => {
    cutEverywhere(
      'CASH UP',
      () => {
        const visit = scene({ before: checked })
        visit.transact('pay', 10n)
        return visit
      },
      (visit) => visit.send(INS.CASH_UP),
      (visit) => {
        const { sw } = visit.send(INS.CASH_UP, bytes(0), 1)
        const closed = sw === 0x9000 ? visit.cashUp(1) : visit.cashUp()
        expect(closed).toMatchObject({ batch: 1, count: 1, paid: 10n })
        expect(visit.cashUp()).toMatchObject({ batch: 2, count: 0, paid: 0n })
      },
    )
  })
})

test('a plan is for one till and one currency', () => {
  const { till, currency: numeric, load } = modulePlan.decode(world.modulePlan(TILL, false))
  expect([till, numeric, load]).toEqual([TILL, EUR.numeric, []])
  expect(modulePlan.decode(world.modulePlan(TILL, true)).load).toHaveLength(1)
  expect(SIGNED_SIZE).toBe(172)
})
