import { describe, expect, test } from 'vitest'
import { concat, type Bytes } from '../../../src/kernel/bytes.ts'
import { cardIdBytes } from '../../../src/kernel/ids.ts'
import { generatePrivateKey, type PrivateKey } from '../../../src/kernel/p256.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { readCertificate } from '../../../src/schemes/wallet/certificates.ts'
import { SEQUENCE_MAX } from '../../../src/schemes/wallet/card/log.ts'
import { logPart } from '../../../src/schemes/wallet/card/store.ts'
import { isSignedBy, openMessage } from '../../../src/kernel/signed-message.ts'
import {
  DEFAULT_POLICY,
  INS,
  instruction,
  order,
  policy,
  SIGNED_RECORD_SIZE,
  statement,
  type Instruction,
  type InstructionKind,
} from '../../../src/schemes/wallet/message.ts'
import {
  contentOf,
  memoryOf,
  Originals,
  select,
  send,
  sendAfresh,
  showCertificate,
  testFaults,
  type Fault,
} from './card-bench.ts'
import { Office, PIN, refused, START, taken, UNBLOCKING, type Card } from './card-world.ts'

const notary = generatePrivateKey()
const office = new Office(1, { notary })
const other = new Office(2)
const till = office.till(7)
const used = await office.card(1000n)
taken(await used.pay(till, 10n))
taken(await used.pay(till, 10n))
const stranger = await office.card(0n)

interface Scene {
  readonly kind: InstructionKind
  readonly told: Partial<Instruction>
  readonly key: PrivateKey
  readonly permit: 'given' | 'none' | 'of somebody else'
  /** By the card’s clock. */
  readonly time: number
  readonly full: boolean
  readonly last: boolean
  readonly balance: bigint
  readonly spoil: (data: Bytes) => Bytes
}

const base: Scene = {
  kind: 'load',
  told: {},
  key: office.key,
  permit: 'given',
  time: START,
  full: false,
  last: false,
  balance: 980n,
  spoil: (data) => data,
}

const PERMITS = { given: [notary], none: [], 'of somebody else': [generatePrivateKey()] } as const

const originals = new Originals()

async function prepare(scene: Scene) {
  const card = await originals.copy(scene.full, async () => {
    const made = used.clone()
    if (scene.full) for (let count = 0; count < 14; count++) taken(await made.tell('load'))
    return made
  })
  const memory = memoryOf(card)
  if (scene.last) atItsEnd(card)
  memory.commit({ time: scene.time, balance: scene.balance })
  const amount = scene.kind === 'load' || scene.kind === 'restore' ? 500n : 0n
  const content = await card.instruction(scene.kind, { amount, ...scene.told })
  const data = office.order(content, { key: scene.key, permits: PERMITS[scene.permit] })
  select(card)
  return { card, content, run: () => send(card, INS.EXECUTE, scene.spoil(data)) }
}

/** As it stands, but with the highest sequence: its log keeps its slots. */
function atItsEnd(card: Card): void {
  const memory = memoryOf(card)
  const { sequence, acknowledged } = memory.state
  const count = sequence - acknowledged
  memory.commit({ sequence: SEQUENCE_MAX, acknowledged: SEQUENCE_MAX - count })
  const slots = Array.from({ length: count }, (_, index) => memory.logSlot(sequence - index))
  for (const [index, slot] of slots.entries()) {
    memory.write(logPart(SEQUENCE_MAX - index, slot))
  }
}

function telling(part: Partial<Instruction>): (scene: Scene) => Scene {
  return (scene) => ({ ...scene, told: { ...scene.told, ...part } })
}

function having(part: Partial<Scene>): (scene: Scene) => Scene {
  return (scene) => ({ ...scene, ...part })
}

/** Of every kind. */
const COMMON: readonly Fault<Scene>[] = [
  {
    what: 'nothing',
    sw: 'WRONG_LENGTH',
    touches: 'form',
    change: having({ spoil: () => new Uint8Array() }),
  },
  {
    what: 'one byte too many',
    sw: 'MALFORMED',
    touches: 'form',
    change: having({ spoil: (data) => concat(data, Uint8Array.of(0)) }),
  },
  {
    what: 'signed by another key',
    sw: 'BAD_SIGNATURE',
    change: having({ key: other.key }),
  },
  {
    what: 'from another office',
    sw: 'NOT_ADDRESSED',
    touches: 'address',
    change: telling({ office: 2 }),
  },
  {
    what: 'for another card',
    sw: 'NOT_ADDRESSED',
    touches: 'address',
    change: telling({ card: cardIdBytes(stranger.id) }),
  },
  { what: 'another currency', sw: 'FOREIGN_CURRENCY', change: telling({ currency: 978 }) },
  {
    what: 'over by the card’s time',
    sw: 'EXPIRED',
    change: telling({ expires: START - 1 }),
  },
  { what: 'two ahead', sw: 'OUT_OF_NUMBER', touches: 'number', change: telling({ number: 4 }) },
  {
    what: 'the number of the last one',
    sw: 'OUT_OF_NUMBER',
    touches: 'number',
    change: telling({ number: 2 }),
  },
]

const UNPERMITTED: readonly Fault<Scene>[] = [
  {
    what: 'no permit',
    sw: 'NOT_PERMITTED',
    touches: 'permit',
    change: having({ permit: 'none' }),
  },
  {
    what: 'somebody else’s permit',
    sw: 'NOT_PERMITTED',
    touches: 'permit',
    change: having({ permit: 'of somebody else' }),
  },
]

const FULL: Fault<Scene> = { what: 'a full log', sw: 'LOG_FULL', change: having({ full: true }) }
const LAST: Fault<Scene> = {
  what: 'the last sequence',
  sw: 'SEQUENCE_EXHAUSTED',
  change: having({ last: true }),
}

describe('EXECUTE load', () => {
  testFaults(
    base,
    [
      ...COMMON,
      ...UNPERMITTED,
      FULL,
      {
        what: 'more than it may hold',
        sw: 'BALANCE_TOO_HIGH',
        change: having({ balance: 3000_00n - 499n }),
      },
      LAST,
    ],
    prepare,
  )

  test('adds the amount, whatever was paid meanwhile, and says so again', async () => {
    const card = used.clone()
    const content = await card.instruction('load', { amount: 500n })
    const bytes = office.order(content)
    taken(await card.pay(till, 80n))
    const { record: made, statement: said } = taken(
      await card.tapped((held) => held.execute(bytes)),
    )
    expect(made?.content).toMatchObject({
      kind: 'load',
      amount: 500n,
      balance: 1400n,
      counterparty: office.party,
      madeAt: content.madeAt,
    })
    const { digest } = openMessage(instruction, order.decode(bytes).instruction)
    expect(made?.content.cause).toEqual(digest)
    expect(said.content).toMatchObject({
      nonce: new Uint8Array(8),
      sequence: 5,
      last: made?.digest,
      balance: 1400n,
      instruction: 3,
      instructionDigest: digest,
      acknowledged: 1,
    })
    const [own] = await card.papers()
    expect(isSignedBy(said, readCertificate(own).certificate.publicKey)).toBe(true)
    const before = contentOf(card)
    const again = sendAfresh(card, INS.EXECUTE, bytes)
    expect(again.sw).toBe(0x6100 | (SIGNED_RECORD_SIZE + 167 - 256))
    expect(again.data.slice(0, SIGNED_RECORD_SIZE)).toEqual(made?.bytes)
    taken(await card.pay(till, 1n))
    memoryOf(card).commit({ time: content.expires + 1 })
    const later = taken(await card.tapped((held) => held.execute(bytes)))
    expect(later.record?.bytes).toEqual(made?.bytes)
    expect(later.statement.content).toMatchObject({ sequence: 6, balance: 1399n })
    expect(before).not.toEqual(contentOf(card))
  })

  test('up to what it may hold, open requests counted', async () => {
    const full = await prepare({ ...base, balance: 3000_00n - 500n })
    expect(full.run().sw >> 8).toBe(0x61)
    const { card, run } = await prepare({ ...base, balance: 3000_00n - 600n })
    await card.ask(101n)
    select(card)
    expect(run().sw).toBe(0x9402)
  })

  test('needs no notary where the card was made without', async () => {
    const card = await other.card(0n)
    expect(taken(await card.tell('load', { amount: 5n })).record?.content.balance).toBe(5n)
  })

  test('moves the card’s time on, never back', async () => {
    const card = used.clone()
    taken(await card.tell('load', { madeAt: START + 10 }))
    expect(memoryOf(card).state.time).toBe(START + 10)
    taken(await card.tell('load', { madeAt: START + 5, expires: START + 10 }))
    expect(memoryOf(card).state.time).toBe(START + 10)
    expect(await card.tell('load', { expires: START + 9 })).toMatchObject({ refusal: 'expired' })
  })

  test('the last slot of the log is for it', async () => {
    const card = used.clone()
    memoryOf(card).commit({ policy: policy.encode({ ...DEFAULT_POLICY, paymentsMax: 16 }) })
    for (let count = 0; count < 13; count++) taken(await card.pay(till, 1n))
    expect(await card.pay(till, 1n)).toMatchObject({ refusal: 'log_full' })
    expect((await card.state()).paymentsLeft).toBe(0)
    expect(refused(await card.tell('load', { amount: 1n }))).toBe('done')
    expect(refused(await card.tell('load', { amount: 1n }))).toBe('log_full')
    expect(refused(await card.acknowledge())).toBe('done')
    expect(refused(await card.tell('load', { amount: 1n }))).toBe('done')
  })
})

describe('EXECUTE restore', () => {
  const scene = { ...base, kind: 'restore' } as const
  testFaults<Scene>(
    scene,
    [
      ...COMMON,
      ...UNPERMITTED,
      {
        what: 'of another sequence',
        sw: 'OTHER_HISTORY',
        touches: 'history',
        change: telling({ sequence: 2 }),
      },
      {
        what: 'of another record',
        sw: 'OTHER_HISTORY',
        touches: 'history',
        change: telling({ record: new Uint8Array(32).fill(1) }),
      },
      FULL,
      LAST,
    ],
    prepare,
  )

  test('makes the amount the balance', async () => {
    const card = used.clone()
    const { record: made, statement: said } = taken(await card.tell('restore', { amount: 77n }))
    expect(made?.content).toMatchObject({ kind: 'restore', amount: 77n, balance: 77n, sequence: 4 })
    expect(said.content.balance).toBe(77n)
  })
})

describe('EXECUTE acknowledge', () => {
  const scene = { ...base, kind: 'acknowledge' } as const
  testFaults<Scene>(
    scene,
    [
      ...COMMON,
      {
        what: 'the same policy again',
        sw: 'OLDER_POLICY',
        change: telling({ policy: [policy.encode(DEFAULT_POLICY)] }),
      },
      {
        what: 'up to a record to come',
        sw: 'OTHER_HISTORY',
        touches: 'history',
        change: telling({ sequence: 4 }),
      },
      {
        what: 'another record',
        sw: 'OTHER_HISTORY',
        touches: 'history',
        change: telling({ record: new Uint8Array(32).fill(1) }),
      },
      {
        what: 'up to a record that is long gone',
        sw: 'OTHER_HISTORY',
        touches: 'history',
        change: telling({ sequence: 0, record: new Uint8Array(32) }),
      },
    ],
    prepare,
  )

  test('forgets records up to there, and no others', async () => {
    const card = used.clone()
    const second = memoryOf(card).logSlot(2)
    const wanted = { sequence: 2, record: sha256(second.record) }
    const { record: made, statement: said } = taken(await card.tell('acknowledge', wanted))
    expect(made).toBeUndefined()
    expect(said.content).toMatchObject({ acknowledged: 2, sequence: 3, balance: 980n })
    expect((await card.state()).paymentsLeft).toBe(4)
    const left = await card.tapped(async (held) => {
      taken(await held.verifyPin(PIN))
      return taken(await held.readRecords())
    })
    expect(left.map(({ record: { content } }) => content.sequence)).toEqual([3])
    // Again, and with a new policy.
    taken(await card.tell('acknowledge', { ...wanted, policy: [newPolicy()] }))
    expect((await card.state()).paymentsLeft).toBe(8)
    expect((await card.statement()).policyVersion).toBe(2)
    taken(await card.acknowledge())
    expect(await card.state()).toMatchObject({ paymentsLeft: 9, balance: 980n })
  })

  test('a card without records is told a policy', async () => {
    const card = await other.card(0n)
    taken(await card.acknowledge({ paymentsMax: 3 }))
    expect((await card.state()).paymentsLeft).toBe(3)
  })

  test('an older policy is refused, and with it what came along', async () => {
    const card = used.clone()
    taken(await card.tell('acknowledge', { policy: [newPolicy(5)] }))
    taken(await card.pay(till, 1n))
    const before = contentOf(card)
    for (const version of [1, 4, 5]) {
      expect(await card.tell('acknowledge', { policy: [newPolicy(version)] })).toMatchObject({
        refusal: 'older_policy',
      })
    }
    expect(contentOf(card)).toEqual(before)
    expect(refused(await card.tell('acknowledge', { policy: [newPolicy(6)] }))).toBe('done')
  })

  function newPolicy(version = 2): Bytes {
    return policy.encode({ ...DEFAULT_POLICY, version, paymentsMax: 9 })
  }
})

describe('EXECUTE void and unblock', () => {
  testFaults<Scene>({ ...base, kind: 'void' }, COMMON, prepare)

  test('a void takes the number, so that what had it never happens', async () => {
    const card = used.clone()
    const load = office.order(await card.instruction('load', { amount: 500n }))
    const before = await card.state()
    const { record: made, statement: said } = taken(await card.tell('void'))
    expect(made).toBeUndefined()
    expect(said.content).toMatchObject({ instruction: 3, balance: 980n })
    expect(sendAfresh(card, INS.EXECUTE, load).sw).toBe(0x9412)
    expect({ ...(await card.state()), nonce: before.nonce }).toEqual(before)
    expect((await card.state()).nonce).not.toEqual(before.nonce)
  })

  test('unblocks the PIN, whatever was tried', async () => {
    const card = used.clone()
    for (let count = 0; count < 3; count++) await card.tapped((held) => held.verifyPin('0000'))
    expect(await card.tapped((held) => held.verifyPin(PIN))).toMatchObject({ refusal: 'blocked' })
    const forgetful = card.clone()
    taken(await card.tell('unblock'))
    expect(refused(await card.tapped((held) => held.verifyPin(PIN)))).toBe('done')
    expect(refused(await forgetful.tapped((held) => held.unblockPin(UNBLOCKING, '1357')))).toBe(
      'done',
    )
    expect(refused(await forgetful.tapped((held) => held.verifyPin('1357')))).toBe('done')
  })
})

test.for([
  ['load', { sequence: 1 }],
  ['load', { record: new Uint8Array(32).fill(1) }],
  ['load', { policy: [policy.encode(DEFAULT_POLICY)] }],
  ['restore', { policy: [policy.encode(DEFAULT_POLICY)] }],
  ['acknowledge', { amount: 1n }],
  ['acknowledge', { policy: [new Uint8Array(24)] }],
  ['void', { amount: 1n }],
  ['void', { sequence: 1 }],
  ['unblock', { amount: 1n }],
  ['unblock', { record: new Uint8Array(32).fill(1) }],
] as const satisfies readonly (readonly [InstructionKind, Partial<Instruction>])[])(
  'what a kind does not use is 0: %s %o',
  async ([kind, changed]) => {
    expect(await used.clone().tell(kind, changed)).toMatchObject({ refusal: 'malformed' })
  },
)

test('once a card knows its office’s new key, it obeys no old one', async () => {
  const turning = new Office(3)
  const card = await turning.card(0n)
  const { key } = turning
  turning.rotate()
  expect(await card.tell('load', { amount: 1n })).toMatchObject({ refusal: 'bad_signature' })
  expect(showCertificate(card, turning.certificate)).toBe(0x9000)
  const content = await card.instruction('load', { amount: 1n })
  const old = turning.order(content, { key })
  expect(await card.tapped((held) => held.execute(old))).toMatchObject({ refusal: 'bad_signature' })
  expect(taken(await card.tell('load', { amount: 1n })).record?.content.balance).toBe(1n)
  // What shows the record to others: the office’s certificate is not the one the card was issued under.
  const [shown] = await card.tapped(async (held) => {
    taken(await held.verifyPin(PIN))
    return taken(await held.readRecords())
  })
  expect(shown?.counterparty).toEqual([turning.certificate])
})

test('STATEMENT says how it stands, to whoever asks', async () => {
  const card = used.clone()
  const nonce = new Uint8Array(8).fill(9)
  const said = openMessage(statement, sendAfresh(card, INS.STATEMENT, nonce).data)
  const { last, instructionDigest } = memoryOf(card).state
  expect(said.content).toEqual({
    office: 1,
    card: cardIdBytes(card.id),
    nonce,
    sequence: 3,
    last,
    balance: 980n,
    instruction: 2,
    instructionDigest,
    acknowledged: 1,
    policyVersion: 1,
  })
  expect(sendAfresh(card, INS.STATEMENT, new Uint8Array(7)).sw).toBe(0x6700)
})
