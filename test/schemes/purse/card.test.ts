import { afterAll, describe, expect, test } from 'vitest'
import { TEARS } from '../../../src/card/nvm.ts'
import { command, type CommandApdu } from '../../../src/kernel/apdu.ts'
import { bytesEqual, concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { currency } from '../../../src/kernel/money.ts'
import {
  boundStamp,
  cardPlan,
  CLA,
  INS,
  issuerStamp,
  LOG_SIZES,
  parameters,
  personalisation,
  pinPad,
  PURSE_AID,
  PURSE_SW,
  record,
  RECORD_SIZE,
  SIGNED_SIZE,
  VALUE_MAX,
  xor,
  type PurseRecord,
} from '../../../src/schemes/purse/message.ts'
import { purseChip } from '../../../src/schemes/purse/chips.ts'
import {
  Bench,
  NEW_PASSCODE,
  opensWith,
  plant,
  select,
  stateOf,
  transmit,
  unblocking,
  wrongPins,
} from './bench.ts'
import { Chip, PASSCODE, World, type Issued } from './world.ts'

const world = new World()
const counted = new Map<string, number>()
afterAll(() => {
  console.log([...counted].map(([what, count]) => `${what}: ${count} cut points`).join('\n'))
  world.close()
})

interface At {
  readonly issued: Issued
  readonly bench: Bench
}

/** A card at a bench, and one command to it. */
interface Row {
  readonly name: string
  readonly stage?: 'blank' | 'keyed' | 'in use'
  readonly balance?: bigint
  readonly before?: (at: At) => unknown
  readonly apdu: (at: At) => CommandApdu
}

const of = (ins: number, data: Bytes = new Uint8Array(), p1 = 0, p2 = 0) =>
  command(CLA, ins, p1, p2, data, 256)
const bytes = (size: number) => new Uint8Array(size)
const planOf = ({ issued }: At) => cardPlan.decode(issued.issue.plan)

/** The keys with changes, or the first record with changes. */
function keys(at: At, change: Partial<ReturnType<typeof personalisation.decode>> = {}): Bytes {
  return personalisation.encode({
    ...personalisation.decode(planOf(at).personalisation),
    ...change,
  })
}

function first(at: At, change: Partial<PurseRecord> = {}): Bytes {
  const { first: signed } = planOf(at)
  const content = record.decode(signed.slice(0, RECORD_SIZE))
  return concat(record.encode({ ...content, ...change }), signed.slice(RECORD_SIZE))
}

const initialized = (passcode?: string) => (at: At) => at.bench.initialize(passcode)
const execute =
  (...order: Parameters<Bench['executing']>) =>
  (at: At) =>
    at.bench.executing(...order)

/** After what is to be taken back. */
const after =
  (...order: Parameters<Bench['executing']>) =>
  (at: At) => {
    at.bench.initialize(PASSCODE)
    expect(at.bench.execute(...order).sw).toBe(0x9000)
  }

function changed(data: Bytes, at: number, by: number): Bytes {
  const copy = data.slice()
  copy[at] = (copy[at] ?? 0) ^ by
  return copy
}

const COMMANDS: readonly (readonly [string, (at: At) => CommandApdu])[] = [
  ['INITIALIZE', ({ bench }) => bench.initializing()],
  ['EXECUTE', () => of(INS.EXECUTE, bytes(SIGNED_SIZE + 16))],
  ['GET PREVIOUS SIGNATURE', () => of(INS.GET_PREVIOUS_SIGNATURE, bytes(4))],
  ['READ LOG', () => of(INS.READ_LOG)],
  ['UNBLOCK PIN', () => of(INS.UNBLOCK_PIN, unblocking('12345678'))],
]

const REFUSED: readonly (readonly [number, Row])[] = [
  [0x6e00, { name: 'class 00', apdu: () => command(0, INS.INITIALIZE, 0, 0, bytes(8), 256) }],
  [0x6e00, { name: 'class 81', apdu: () => command(0x81, INS.INITIALIZE, 0, 0, bytes(8), 256) }],
  [0x6d00, { name: 'a command of the module', apdu: () => of(INS.OPEN, bytes(8)) }],
  [
    0x6b00,
    { name: 'PERSONALISE, P1', stage: 'blank', apdu: () => of(INS.PERSONALISE, bytes(1), 2) },
  ],
  [
    0x6b00,
    { name: 'PERSONALISE, P2', stage: 'blank', apdu: (at) => of(INS.PERSONALISE, keys(at), 0, 1) },
  ],
  ...COMMANDS.flatMap(([name, apdu]): [number, Row][] =>
    [{ p1: 3 }, { p2: 1 }].flatMap((change): [number, Row][] =>
      name === 'READ LOG' && 'p2' in change
        ? []
        : [
            [
              0x6b00,
              {
                name: `${name}, ${Object.keys(change)[0]}`,
                apdu: (at) => ({ ...apdu(at), ...change }),
              },
            ],
          ],
    ),
  ),
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'PERSONALISE', stage: 'blank', apdu: () => of(INS.PERSONALISE, bytes(110)) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'PERSONALISE, first', stage: 'keyed', apdu: () => of(INS.PERSONALISE, bytes(171), 1) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    {
      name: 'PERSONALISE, keys as first',
      stage: 'keyed',
      apdu: (at) => of(INS.PERSONALISE, keys(at), 1),
    },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'INITIALIZE, half a PIN', apdu: () => of(INS.INITIALIZE, bytes(12)) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'EXECUTE, nothing beside', apdu: () => of(INS.EXECUTE, bytes(188), 1) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'EXECUTE, too much beside', apdu: () => of(INS.EXECUTE, bytes(196)) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'EXECUTE, half a key', apdu: () => of(INS.EXECUTE, bytes(196), 2) },
  ],
  [
    PURSE_SW.WRONG_LENGTH,
    { name: 'GET PREVIOUS SIGNATURE', apdu: () => of(INS.GET_PREVIOUS_SIGNATURE, bytes(2)) },
  ],
  [PURSE_SW.WRONG_LENGTH, { name: 'READ LOG', apdu: () => of(INS.READ_LOG, bytes(1)) }],
  [PURSE_SW.WRONG_LENGTH, { name: 'UNBLOCK PIN', apdu: () => of(INS.UNBLOCK_PIN, bytes(8)) }],
  ...COMMANDS.map(([name, apdu]): [number, Row] => [
    PURSE_SW.NOT_NOW,
    { name: `${name} of a blank card`, stage: 'blank', apdu },
  ]),
  ...COMMANDS.map(([name, apdu]): [number, Row] => [
    PURSE_SW.NOT_NOW,
    { name: `${name} of a card with keys only`, stage: 'keyed', apdu },
  ]),
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'first record before the keys',
      stage: 'blank',
      apdu: (at) => of(INS.PERSONALISE, first(at), 1),
    },
  ],
  [
    PURSE_SW.NOT_NOW,
    { name: 'keys of a card in use', apdu: (at) => of(INS.PERSONALISE, keys(at)) },
  ],
  [
    PURSE_SW.NOT_NOW,
    { name: 'first record of a card in use', apdu: (at) => of(INS.PERSONALISE, first(at), 1) },
  ],
  [PURSE_SW.NOT_NOW, { name: 'EXECUTE without INITIALIZE', apdu: execute('pay', 100n) }],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'EXECUTE after a wrong PIN',
      before: ({ bench }) => [bench.initialize(), bench.initialize('0000')],
      apdu: execute('pay', 100n),
    },
  ],
  [
    PURSE_SW.NOT_NOW,
    {
      name: 'EXECUTE after a reset',
      before: ({ bench }) => [bench.initialize(), bench.reset()],
      apdu: execute('pay', 100n),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'keys of another version',
      stage: 'blank',
      apdu: (at) => of(INS.PERSONALISE, changed(keys(at), 0, 1)),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'a maximum that no purse holds',
      stage: 'blank',
      apdu: (at) => of(INS.PERSONALISE, changed(keys(at), 11, 1)),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'a PIN with letters',
      stage: 'blank',
      apdu: (at) => of(INS.PERSONALISE, keys(at, { passcode: bytes(8).fill(65) })),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'an unblocking code of three digits',
      stage: 'blank',
      apdu: (at) =>
        of(INS.PERSONALISE, keys(at, { unblocking: bytes(8).fill(0xff).fill(0x31, 0, 3) })),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'a first record of another version',
      stage: 'keyed',
      apdu: (at) => of(INS.PERSONALISE, changed(first(at), 0, 1), 1),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'a record of no kind',
      before: initialized(),
      apdu: (at) => ({
        ...at.bench.executing('pay', 100n),
        data: changed(at.bench.executing('pay', 100n).data, 1, 8),
      }),
    },
  ],
  [
    PURSE_SW.MALFORMED,
    {
      name: 'P1 of another kind',
      before: initialized(),
      apdu: execute('pay', 100n, { p1: 2, extra: bytes(16) }),
    },
  ],
  [PURSE_SW.MALFORMED, { name: 'no PIN to unblock', apdu: () => of(INS.UNBLOCK_PIN, bytes(16)) }],
  [
    PURSE_SW.BLOCKED,
    {
      name: 'the right PIN after three wrong ones',
      before: ({ bench }) => wrongPins(bench, 3),
      apdu: ({ bench }) => bench.initializing(PASSCODE),
    },
  ],
  [
    PURSE_SW.BLOCKED,
    {
      name: 'the right code after three wrong ones',
      before: ({ bench }) => wrongCodes(bench, 3),
      apdu: ({ issued }) => of(INS.UNBLOCK_PIN, unblocking(issued.issue.unblocking ?? '')),
    },
  ],
  ...(
    [
      ['of another kind', { kind: 'load' }],
      ['of another sequence', { sequence: 1 }],
      ['of another file', { file: 0x0105 }],
      ['of another card', { card: bytes(8) }],
      ['of another currency', { currency: currency('USD').numeric }],
      ['with more than the maximum', { balance: 20_001n }],
    ] as const
  ).map(([name, change]): [number, Row] => [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: `a first record ${name}`,
      stage: 'keyed',
      apdu: (at) => of(INS.PERSONALISE, first(at, change), 1),
    },
  ]),
  ...(
    [
      ['card', { card: bytes(8) }],
      ['currency', { currency: currency('USD').numeric }],
      ['file', { file: 0x0105 }],
      ['sequence', { sequence: 2 }],
      ['sequence, the same again', { sequence: 0 }],
      ['load sequence', { loadSequence: 1 }],
      ['payment sequence', { paymentSequence: 2 }],
      ['previous', { previous: bytes(32) }],
      ['kind, an issue', { kind: 'issue' }],
    ] as const
  ).map(([name, change]): [number, Row] => [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: `another ${name}`,
      before: initialized(),
      apdu: execute('pay', 100n, { record: change, p1: 0 }),
    },
  ]),
  [
    PURSE_SW.DOES_NOT_FOLLOW,
    {
      name: 'the last payment of all',
      before: (at) => [
        plant(at.issued, { paymentSequence: 0xffff }),
        at.bench.reset(),
        at.bench.initialize(),
      ],
      apdu: ({ bench }) => bench.executing('pay', 100n, { record: { paymentSequence: 0 } }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'no authorisation',
      before: initialized(),
      apdu: (at) => ({
        ...at.bench.executing('pay', 100n),
        data: at.bench.executing('pay', 100n).data.fill(0, SIGNED_SIZE),
      }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'a payment by the load key',
      before: initialized(),
      apdu: (at) => at.bench.executing('pay', 100n, { key: at.bench.keys.load }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'a load by the debit key',
      before: initialized(),
      apdu: (at) => at.bench.executing('load', 100n, { key: at.bench.keys.debit }),
    },
  ],
  [
    PURSE_SW.WRONG_MAC,
    {
      name: 'a load by the issuer key',
      before: initialized(),
      apdu: (at) => at.bench.executing('load', 100n, { key: at.bench.keys.issuer }),
    },
  ],
  [
    PURSE_SW.EXPIRED,
    {
      name: 'a payment after the end',
      before: initialized(),
      apdu: (at) => at.bench.executing('pay', 100n, { record: { madeAt: fixed(at).expires + 1 } }),
    },
  ],
  [
    PURSE_SW.PAYMENT_TOO_HIGH,
    {
      name: 'a cent above the maximum',
      balance: 30_000n,
      before: initialized(PASSCODE),
      apdu: execute('pay', 20_001n),
    },
  ],
  [
    PURSE_SW.PIN_NEEDED,
    {
      name: 'a cent above what is free',
      balance: 5000n,
      before: initialized(),
      apdu: execute('pay', 2501n),
    },
  ],
  [
    PURSE_SW.PIN_NEEDED,
    { name: 'a new PIN without the old', before: initialized(), apdu: execute('passcode', 0n) },
  ],
  [
    PURSE_SW.PIN_NEEDED,
    {
      name: 'a PIN at the introduction before',
      balance: 5000n,
      before: ({ bench }) => [bench.initialize(PASSCODE), bench.initialize()],
      apdu: execute('pay', 2501n),
    },
  ],
  [
    PURSE_SW.INSUFFICIENT_FUNDS,
    {
      name: 'a cent too much',
      before: initialized(),
      apdu: execute('pay', 1001n, { record: { balance: 0n } }),
    },
  ],
  [
    PURSE_SW.INSUFFICIENT_FUNDS,
    {
      name: 'a load taken back that is spent',
      before: initialized(),
      apdu: execute('load-reversal', 1001n, { record: { balance: 0n } }),
    },
  ],
  [
    PURSE_SW.BALANCE_TOO_HIGH,
    { name: 'a load above the maximum', before: initialized(), apdu: execute('load', 19_001n) },
  ],
  [
    PURSE_SW.BALANCE_TOO_HIGH,
    {
      name: 'a load above what a purse holds',
      before: initialized(),
      apdu: execute('load', VALUE_MAX, { record: { balance: 0n } }),
    },
  ],
  ...(['pay', 'load', 'passcode'] as const).map((kind): [number, Row] => [
    PURSE_SW.WRONG_BALANCE,
    {
      name: `a cent too much: ${kind}`,
      before: initialized(PASSCODE),
      apdu: execute(kind, 0n, { record: { balance: 1001n } }),
    },
  ]),
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'without the key',
      before: after('pay', 100n),
      apdu: execute('pay-reversal', 100n, { extra: bytes(16) }),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    { name: 'another amount', before: after('pay', 100n), apdu: execute('pay-reversal', 101n) },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'another till',
      before: after('pay', 100n),
      apdu: execute('pay-reversal', 100n, { record: { maker: 8 } }),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'a load as a payment',
      before: after('load', 100n),
      apdu: execute('pay-reversal', 100n),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'a payment as a load',
      before: after('pay', 100n),
      apdu: execute('load-reversal', 100n),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'the issue',
      before: initialized(),
      apdu: execute('load-reversal', 1000n, { record: { maker: 0 } }),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'what was taken back',
      before: (at) => [after('pay', 100n)(at), at.bench.execute('pay-reversal', 100n)],
      apdu: execute('pay-reversal', 100n),
    },
  ],
  [
    PURSE_SW.NOT_CANCELLABLE,
    {
      name: 'a taking back',
      before: (at) => [after('pay', 100n)(at), at.bench.execute('pay-reversal', 100n)],
      apdu: execute('load-reversal', 100n),
    },
  ],
  [
    PURSE_SW.BAD_NEW_PIN,
    {
      name: 'an amount in a change of PIN',
      before: initialized(PASSCODE),
      apdu: execute('passcode', 5n),
    },
  ],
  [
    PURSE_SW.BAD_NEW_PIN,
    {
      name: 'a new PIN in clear',
      before: initialized(PASSCODE),
      apdu: execute('passcode', 0n, { extra: bytes(8).fill(0x31) }),
    },
  ],
  [
    PURSE_SW.RECORD_NOT_FOUND,
    {
      name: 'a sequence to come',
      apdu: () => of(INS.GET_PREVIOUS_SIGNATURE, Uint8Array.of(0, 0, 0, 1)),
    },
  ],
  [PURSE_SW.RECORD_NOT_FOUND, { name: 'no payment yet', apdu: () => of(INS.READ_LOG) }],
  [
    PURSE_SW.RECORD_NOT_FOUND,
    { name: 'a load before the first', apdu: () => of(INS.READ_LOG, bytes(0), 1, 1) },
  ],
]

function fixed(at: At) {
  return parameters.decode(personalisation.decode(planOf(at).personalisation).parameters)
}

function wrongCodes(bench: Bench, count: number): void {
  for (let n = 0; n < count; n++) bench.send(INS.UNBLOCK_PIN, unblocking('0000'))
}

function scene({ stage = 'in use', balance = 1000n, before }: Omit<Partial<Row>, 'apdu'>): At {
  const issued = world.issue(balance)
  const at = { issued, bench: new Bench(world, issued) }
  if (stage !== 'blank') expect(at.bench.send(INS.PERSONALISE, keys(at)).sw).toBe(0x9000)
  if (stage === 'in use') expect(at.bench.send(INS.PERSONALISE, first(at), 1).sw).toBe(0x9000)
  at.bench.reset()
  before?.(at)
  return at
}

describe('what the card refuses, in the order of the checks', () => {
  test.for(REFUSED.map(([sw, row]) => [sw.toString(16), row.name, row] as const))(
    '%s: %s',
    ([sw, , row]) => {
      const at = scene(row)
      const apdu = row.apdu(at)
      const image = at.issued.chip.nvm.snapshot()
      const answer = transmit(at.issued.chip, apdu)
      expect(answer.sw.toString(16)).toBe(sw)
      expect(answer.data).toHaveLength(0)
      expect(bytesEqual(at.issued.chip.nvm.snapshot(), image)).toBe(true)
    },
  )

  test('every status word is in the table, in its order', () => {
    const shown = [...new Set(REFUSED.map(([sw]) => sw))]
    const ofTheModule: readonly number[] = [PURSE_SW.MAY_NOT]
    const all = Object.values(PURSE_SW).filter((sw) => !ofTheModule.includes(sw))
    expect(shown).toEqual([0x6e00, 0x6d00, 0x6b00, ...all])
  })

  test('of several faults the first one is told', () => {
    const at = scene({ balance: 5000n })
    const told: string[] = []
    const tell = (apdu: CommandApdu) => told.push(transmit(at.issued.chip, apdu).sw.toString(16))
    const wrong = { madeAt: fixed(at).expires + 1, balance: 0n }
    const lies = { record: { ...wrong, previous: bytes(32) }, key: bytes(16) }
    tell(at.bench.executing('pay', 20_001n, lies))
    at.bench.initialize()
    tell(at.bench.executing('pay', 20_001n, lies))
    tell(at.bench.executing('pay', 20_001n, { record: wrong, key: bytes(16) }))
    tell(at.bench.executing('pay', 20_001n, { record: wrong }))
    tell(at.bench.executing('pay', 20_001n, { record: { balance: 0n } }))
    tell(at.bench.executing('pay', 5001n, { record: { balance: 0n } }))
    at.bench.initialize(PASSCODE)
    tell(at.bench.executing('pay', 5001n, { record: { balance: 0n } }))
    tell(at.bench.executing('load', 15_001n, { record: { balance: 0n } }))
    tell(at.bench.executing('pay-reversal', 1n, { record: { balance: 0n } }))
    tell(at.bench.executing('pay-reversal', 1n))
    const { DOES_NOT_FOLLOW, WRONG_MAC, EXPIRED, PAYMENT_TOO_HIGH, PIN_NEEDED } = PURSE_SW
    const { INSUFFICIENT_FUNDS, BALANCE_TOO_HIGH, WRONG_BALANCE, NOT_CANCELLABLE } = PURSE_SW
    const words = [
      ...[PURSE_SW.NOT_NOW, DOES_NOT_FOLLOW, WRONG_MAC, EXPIRED, PAYMENT_TOO_HIGH, PIN_NEEDED],
      ...[INSUFFICIENT_FUNDS, BALANCE_TOO_HIGH, WRONG_BALANCE, NOT_CANCELLABLE],
    ]
    expect(told).toEqual(words.map((sw) => sw.toString(16)))
  })
})

interface Effect {
  readonly balance?: bigint
  readonly pinTries?: number
  readonly unblockTries?: number
  readonly passcode?: string
  /** Bytes that come back. */
  readonly answer: number
}

const code = ({ issued }: At) => issued.issue.unblocking ?? ''
const unblock = (at: At) => of(INS.UNBLOCK_PIN, unblocking(code(at), NEW_PASSCODE))

/** What each command does: balance 1000, three tries and the first PIN stay where nothing is said. */
const ALLOWED: readonly (readonly [Row, Effect])[] = [
  [{ name: 'INITIALIZE', apdu: ({ bench }) => bench.initializing() }, { answer: 221 }],
  [
    { name: 'INITIALIZE with the PIN', apdu: ({ bench }) => bench.initializing(PASSCODE) },
    { answer: 221 },
  ],
  [
    {
      name: 'INITIALIZE with the PIN after a wrong one',
      before: ({ bench }) => wrongPins(bench, 2),
      apdu: ({ bench }) => bench.initializing(PASSCODE),
    },
    { answer: 221 },
  ],
  [
    { name: 'a payment', before: initialized(), apdu: execute('pay', 300n) },
    { balance: 700n, answer: 32 },
  ],
  [
    { name: 'a payment of everything', before: initialized(), apdu: execute('pay', 1000n) },
    { balance: 0n, answer: 32 },
  ],
  [
    {
      name: 'the highest payment without a PIN',
      balance: 5000n,
      before: initialized(),
      apdu: execute('pay', 2500n),
    },
    { balance: 2500n, answer: 32 },
  ],
  [
    {
      name: 'a payment that needs the PIN',
      balance: 5000n,
      before: initialized(PASSCODE),
      apdu: execute('pay', 2501n),
    },
    { balance: 2499n, answer: 32 },
  ],
  [
    {
      name: 'the highest payment',
      balance: 20_000n,
      before: initialized(PASSCODE),
      apdu: execute('pay', 20_000n),
    },
    { balance: 0n, answer: 32 },
  ],
  [
    {
      name: 'a payment in the last instant',
      before: initialized(),
      apdu: (at) => at.bench.executing('pay', 300n, { record: { madeAt: fixed(at).expires } }),
    },
    { balance: 700n, answer: 32 },
  ],
  [
    { name: 'a load', before: initialized(), apdu: execute('load', 500n) },
    { balance: 1500n, answer: 32 },
  ],
  [
    { name: 'a load up to the maximum', before: initialized(), apdu: execute('load', 19_000n) },
    { balance: 20_000n, answer: 32 },
  ],
  [
    {
      name: 'a load after the end',
      before: initialized(),
      apdu: (at) => at.bench.executing('load', 500n, { record: { madeAt: fixed(at).expires + 1 } }),
    },
    { balance: 1500n, answer: 32 },
  ],
  [
    { name: 'a new PIN', before: initialized(PASSCODE), apdu: execute('passcode', 0n) },
    { passcode: NEW_PASSCODE, answer: 32 },
  ],
  [
    {
      name: 'a payment taken back',
      before: after('pay', 100n),
      apdu: execute('pay-reversal', 100n),
    },
    { balance: 1000n, answer: 32 },
  ],
  [
    {
      name: 'a load taken back',
      before: after('load', 100n),
      apdu: execute('load-reversal', 100n),
    },
    { balance: 1000n, answer: 32 },
  ],
  [
    { name: 'GET PREVIOUS SIGNATURE', apdu: () => of(INS.GET_PREVIOUS_SIGNATURE, bytes(4)) },
    { answer: 204 },
  ],
  [{ name: 'READ LOG', apdu: () => of(INS.READ_LOG, bytes(0), 1) }, { answer: 172 }],
  [
    {
      name: 'UNBLOCK PIN',
      before: ({ bench }) => [wrongPins(bench, 3), wrongCodes(bench, 2)],
      apdu: unblock,
    },
    { passcode: NEW_PASSCODE, answer: 0 },
  ],
]

describe('what the card does', () => {
  test.for(ALLOWED.map(([row, effect]) => [row.name, row, effect] as const))(
    '%s',
    ([, row, { answer, passcode = PASSCODE, ...effect }]) => {
      const at = scene(row)
      const { data, sw } = transmit(at.issued.chip, row.apdu(at))
      expect([sw, data.length]).toEqual([0x9000, answer])
      const untouched = { balance: row.balance ?? 1000n, pinTries: 3, unblockTries: 3 }
      expect(stateOf(at.issued.chip)).toMatchObject({ ...untouched, ...effect })
      expect(opensWith(world, at.issued, passcode)).toBe(true)
      expect(opensWith(world, at.issued, passcode === PASSCODE ? NEW_PASSCODE : PASSCODE)).toBe(
        false,
      )
    },
  )

  test('a wrong PIN and a wrong code take a try each, and say how many are left', () => {
    const { bench, issued } = scene({})
    const words = [0, 1, 2].map(() => bench.initialize('0000').sw)
    expect(words).toEqual([0x63c2, 0x63c1, 0x63c0])
    const codes = [0, 1, 2].map(() => bench.send(INS.UNBLOCK_PIN, unblocking('0000')).sw)
    expect(codes).toEqual([0x63c2, 0x63c1, 0x63c0])
    expect(stateOf(issued.chip)).toMatchObject({ pinTries: 0, unblockTries: 0, balance: 1000n })
  })

  test('keys can be written again until the first record stands', () => {
    const at = scene({ stage: 'keyed' })
    expect(at.bench.send(INS.PERSONALISE, keys(at)).sw).toBe(0x9000)
    expect(select(at.issued.chip, PURSE_AID).id).toEqual(bytes(8))
    expect(at.bench.send(INS.PERSONALISE, first(at), 1).sw).toBe(0x9000)
    expect(select(at.issued.chip, PURSE_AID).id).not.toEqual(bytes(8))
  })

  test('the same EXECUTE again is refused, and its stamps can be had again', () => {
    const { bench, issued } = scene({ before: initialized() })
    const apdu = bench.executing('pay', 300n)
    const { data: stamps } = transmit(issued.chip, apdu)
    for (const again of [
      () => undefined,
      () => bench.initialize(),
      () => [bench.reset(), bench.initialize()],
    ]) {
      again()
      expect(transmit(issued.chip, apdu).sw).toBe(PURSE_SW.DOES_NOT_FOLLOW)
    }
    const { data } = bench.send(INS.GET_PREVIOUS_SIGNATURE, Uint8Array.of(0, 0, 0, 1))
    expect(data).toEqual(concat(apdu.data.slice(0, SIGNED_SIZE), stamps))
    const content = apdu.data.slice(0, RECORD_SIZE)
    const { debit, issuer } = bench.keys
    expect(stamps).toEqual(concat(boundStamp(debit, content), issuerStamp(issuer, content)))
    expect(stateOf(issued.chip).balance).toBe(700n)
  })

  test('it keeps 15 payments, 3 loads and the newest of all', () => {
    const { bench } = scene({ balance: 10_000n })
    bench.initialize(PASSCODE)
    for (let n = 0; n < 20; n++) expect(bench.execute('pay', 1n).sw).toBe(0x9000)
    for (let n = 0; n < 5; n++) expect(bench.execute('load', 1n).sw).toBe(0x9000)
    expect(bench.execute('passcode', 0n).sw).toBe(0x9000)
    const lengths = [0, 1, 2].map((log) => {
      const entries = []
      for (let back = 0; ; back++) {
        const { data, sw } = bench.send(INS.READ_LOG, bytes(0), log, back)
        if (sw !== 0x9000) return entries
        entries.push(record.decode(data.slice(0, RECORD_SIZE)).sequence)
      }
    })
    expect(lengths).toEqual([
      Array.from({ length: LOG_SIZES.payment }, (_, back) => 20 - back),
      Array.from({ length: LOG_SIZES.load }, (_, back) => 25 - back),
      [26],
    ])
    expect(bench.send(INS.GET_PREVIOUS_SIGNATURE, Uint8Array.of(0, 0, 0, 5)).sw).toBe(
      PURSE_SW.RECORD_NOT_FOUND,
    )
  })

  test('a PIN that was overheard does not open the card again', () => {
    const { bench, issued } = scene({})
    const overheard = bench.initializing(PASSCODE)
    expect(transmit(issued.chip, overheard).sw).toBe(0x9000)
    bench.reset()
    expect(transmit(issued.chip, overheard).sw).toBe(0x63c2)
  })

  test('the new PIN is hidden by its own record', () => {
    const { bench } = scene({ before: initialized(PASSCODE) })
    const apdu = bench.executing('passcode', 0n)
    const hidden = apdu.data.slice(-8)
    const pad = pinPad(bench.keys.pin, apdu.data.slice(0, RECORD_SIZE))
    expect(String.fromCharCode(...xor(hidden, pad))).toMatch(/^97531ÿ+$/)
  })
})

/** Every command that writes; what may be on the card after a tear in it, and then once it is repeated. */
const WRITING: readonly (readonly [
  Row,
  { balances: bigint[]; pinTries: number[]; codeTries: number[] },
])[] = [
  [
    {
      name: 'INITIALIZE with the PIN',
      before: ({ bench }) => wrongPins(bench, 1),
      apdu: ({ bench }) => bench.initializing(PASSCODE),
    },
    { balances: [1000n], pinTries: [2, 1, 3], codeTries: [3] },
  ],
  [
    {
      name: 'INITIALIZE with a wrong PIN',
      before: ({ bench }) => wrongPins(bench, 1),
      apdu: ({ bench }) => bench.initializing('0000'),
    },
    { balances: [1000n], pinTries: [2, 1], codeTries: [3] },
  ],
  [
    { name: 'a payment', before: initialized(), apdu: execute('pay', 300n) },
    { balances: [1000n, 700n], pinTries: [3], codeTries: [3] },
  ],
  [
    { name: 'a load', before: initialized(), apdu: execute('load', 500n) },
    { balances: [1000n, 1500n], pinTries: [3], codeTries: [3] },
  ],
  [
    {
      name: 'a payment taken back',
      before: after('pay', 100n),
      apdu: execute('pay-reversal', 100n),
    },
    { balances: [900n, 1000n], pinTries: [3], codeTries: [3] },
  ],
  [
    {
      name: 'a load taken back',
      before: after('load', 100n),
      apdu: execute('load-reversal', 100n),
    },
    { balances: [1100n, 1000n], pinTries: [3], codeTries: [3] },
  ],
  [
    { name: 'a new PIN', before: initialized(PASSCODE), apdu: execute('passcode', 0n) },
    { balances: [1000n], pinTries: [3], codeTries: [3] },
  ],
  [
    {
      name: 'UNBLOCK PIN',
      before: ({ bench }) => [wrongPins(bench, 3), wrongCodes(bench, 1)],
      apdu: unblock,
    },
    { balances: [1000n], pinTries: [0, 3], codeTries: [2, 1, 3] },
  ],
  [
    {
      name: 'UNBLOCK PIN with a wrong code',
      before: ({ bench }) => [wrongPins(bench, 3), wrongCodes(bench, 1)],
      apdu: () => of(INS.UNBLOCK_PIN, unblocking('0000')),
    },
    { balances: [1000n], pinTries: [0], codeTries: [2, 1] },
  ],
]

describe('a tear at every page write', () => {
  test.for(WRITING.map(([row, may]) => [row.name, row, may] as const))('%s', ([name, row, may]) => {
    const rehearsal = scene(row)
    const apdu = row.apdu(rehearsal)
    const writesBefore = rehearsal.issued.chip.nvm.writes
    transmit(rehearsal.issued.chip, apdu)
    const writes = rehearsal.issued.chip.nvm.writes - writesBefore
    expect(writes).toBeGreaterThan(0)
    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      for (const tear of TEARS) {
        const at = scene(row)
        const torn = row.apdu(at)
        at.issued.chip.nvm.arm({ atWrite, tear })
        expect(transmit(at.issued.chip, torn)).toEqual({ data: bytes(0), sw: 0 })
        const { balance, pinTries, unblockTries, last } = stateOf(at.issued.chip)
        expect(may.balances).toContain(balance)
        expect(may.pinTries).toContain(pinTries)
        expect(may.codeTries).toContain(unblockTries)
        // PIN and record change together.
        const opens = [PASSCODE, NEW_PASSCODE].filter((pin) => opensWith(world, at.issued, pin))
        if (pinTries > 0) expect(opens).toHaveLength(1)
        if (name === 'a new PIN')
          expect(opens).toEqual([last.content.sequence === 1 ? NEW_PASSCODE : PASSCODE])
        counted.set(name, (counted.get(name) ?? 0) + 1)
      }
    }
  })

  test('personalising: old or new, and the same commands again make the card', () => {
    for (const stage of ['blank', 'keyed'] as const) {
      const p1 = stage === 'blank' ? 0 : 1
      const data = (at: At) => (p1 === 0 ? keys(at) : first(at))
      const rehearsal = scene({ stage })
      const before = rehearsal.issued.chip.nvm.writes
      rehearsal.bench.send(INS.PERSONALISE, data(rehearsal), p1)
      const writes = rehearsal.issued.chip.nvm.writes - before
      for (let atWrite = 1; atWrite <= writes; atWrite++) {
        for (const tear of TEARS) {
          const at = scene({ stage })
          at.issued.chip.nvm.arm({ atWrite, tear })
          expect(at.bench.send(INS.PERSONALISE, data(at), p1).sw).toBe(0)
          at.bench.reset()
          const again = [
            at.bench.send(INS.PERSONALISE, keys(at)),
            at.bench.send(INS.PERSONALISE, first(at), 1),
          ]
          const words = again.map(({ sw }) => sw)
          expect([
            [0x9000, 0x9000],
            [PURSE_SW.NOT_NOW, PURSE_SW.NOT_NOW],
          ]).toContainEqual(words)
          expect(stateOf(at.issued.chip)).toMatchObject({
            balance: 1000n,
            pinTries: 3,
            unblockTries: 3,
          })
          counted.set('PERSONALISE', (counted.get('PERSONALISE') ?? 0) + 1)
        }
      }
    }
  })

  test('whoever guesses PINs and tears each time has three guesses', () => {
    for (const tear of TEARS) {
      const { bench, issued } = scene({})
      let guesses = 0
      while (stateOf(issued.chip).pinTries > 0 && guesses < 50) {
        // The last write there is: what the guess comes to shows only after it.
        issued.chip.nvm.arm({ atWrite: 3, tear })
        bench.initialize('0000')
        bench.reset()
        guesses += 1
      }
      expect(guesses).toBe(3)
    }
  })
})

test('an image of another card is another card', () => {
  const at = scene({})
  const copy = new Chip(purseChip, at.issued.chip.nvm.snapshot())
  expect(stateOf(copy)).toEqual(stateOf(at.issued.chip))
})
