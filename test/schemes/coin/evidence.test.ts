import { afterAll, describe, expect, test } from 'vitest'
import { toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { generatePrivateKey, sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  authorisation,
  bankRecord,
  evidence,
  HOPS_MAX,
  payment,
  readCoin,
  request,
  requestId,
  settlement,
  tillRecord,
  transfer,
  type Evidence,
  type HeldCoin,
  type Request,
  type Transfer,
} from '../../../src/schemes/coin/message.ts'
import { elementIdOf, verifyCoins } from '../../../src/schemes/coin/office/redemption.ts'
import { crackedKey } from './bench.ts'
import { Forger } from './forger.ts'
import { closeTills, directoryOf, pay, Till } from './till.ts'
import { openEvidence, World } from './world.ts'

const world = new World('evidence')
afterAll(closeTills)
const NOTHING: Bytes = new Uint8Array()
const payer = await world.customer({ coins: [10n] })
const stranger = await world.customer()
const vendor = await world.vendor({ keepMax: 0 })
const context = await directoryOf(world, [payer, stranger, vendor])
const forger = new Forger(world)
const nobody = generatePrivateKey()
const keys = {
  vendor: crackedKey(vendor.chip, 'vendor element'),
  payer: crackedKey(payer.chip, 'coin element'),
  stranger: crackedKey(stranger.chip, 'coin element'),
  identity: crackedKey(payer.chip, 'identity element'),
}
const honest = await honestEvidence()

async function honestEvidence(): Promise<Evidence> {
  const till = new Till(world, vendor)
  expect(await till.tap(payer, pay(10n))).toMatchObject({ result: 'done' })
  const [shown] = tillRecord.decode(till.records()[0]?.evidence ?? NOTHING).outcome
  return openEvidence(world, shown?.sealed ?? NOTHING).content
}

/** What is other than it should be, when all who could have a part in it are taken to pieces. */
interface Lie {
  readonly request?: Partial<Request>
  readonly requestKey?: PrivateKey
  readonly transfer?: Partial<Transfer>
  readonly countersigner?: PrivateKey
  readonly held?: HeldCoin
  /** What the vendor answers, and with which coins. Default: a receipt. */
  readonly answer?: (paid: readonly HeldCoin[]) => Pick<Transfer, 'kind'> & { back: HeldCoin[] }
  readonly certificates?: readonly Bytes[]
}

/** Everything else fits it, and is signed by whom it should be. */
function evidenceWith(lie: Lie): Bytes {
  const paid = payment.decode(honest.payment[0] ?? NOTHING)
  const asked = { ...openMessage(request, paid.request).content, ...lie.request }
  const askedBytes = signMessage(request, asked, lie.requestKey ?? keys.vendor)
  const { digest } = openMessage(request, askedBytes)
  const coins = lie.held ? [lie.held] : paid.coins
  const given: Transfer = {
    ...openMessage(transfer, paid.transfer).content,
    request: requestId(digest),
    coins: coins.map((held) => readCoin(held).digest),
    ...lie.transfer,
  }
  const { identity, element } = asked
  const body = authorisation.encode({ identity, element, request: digest })
  const receipt = openMessage(transfer, settlement.decode(honest.settlement).transfer).content
  const signed = signMessage(transfer, given, keys.payer)
  const taken = coins.map((held) => ({ ...held, hops: [...held.hops, signed] }))
  const { kind, back: returned } = lie.answer?.(taken) ?? { kind: receipt.kind, back: [] }
  const answer: Transfer = {
    ...receipt,
    kind,
    request: given.request,
    coins: returned.map((held) => readCoin(held).digest),
  }
  const content: Evidence = {
    ...honest,
    payment: [
      payment.encode({
        request: askedBytes,
        transfer: signed,
        countersignature: sign(lie.countersigner ?? keys.identity, body),
        coins: [...coins],
      }),
    ],
    settlement: settlement.encode({
      transfer: signMessage(transfer, answer, keys.vendor),
      coins: returned,
    }),
    certificates: [...(lie.certificates ?? honest.certificates)],
  }
  return bankRecord.encode({ evidence: signMessage(evidence, content, keys.vendor) })
}

const HANDS = { payer: payer.id, stranger: stranger.id, vendor: vendor.id } as const
type Hand = keyof typeof HANDS

/** One change of hands more, as it should be, but for what is changed. */
function passed(held: HeldCoin, giver: Hand, taker: Hand, change: Partial<Transfer> = {}) {
  const content: Transfer = {
    kind: giver === 'vendor' ? 'change' : 'pay',
    giver: HANDS[giver],
    taker: HANDS[taker],
    sequence: 100 + held.hops.length,
    request: new Uint8Array(16),
    coins: [readCoin(held).digest],
    ...change,
  }
  return { ...held, hops: [...held.hops, signMessage(transfer, content, keys[giver])] }
}

/** To and fro between the two, at last to the payer. */
function handed(times: number): HeldCoin {
  const start: Hand = times % 2 === 0 ? 'payer' : 'vendor'
  const pairs: readonly (readonly [Hand, Hand])[] = Array.from({ length: times }, (_, hop) =>
    (hop % 2 === 0) === (start === 'payer') ? ['payer', 'vendor'] : ['vendor', 'payer'],
  )
  return pairs.reduce(
    (held, [giver, taker]) => passed(held, giver, taker),
    forger.coin({ holder: HANDS[start] }),
  )
}

function resultOf(lie: Lie, by = context): readonly string[] {
  const verdict = verifyCoins(evidenceWith(lie), by)
  if (!verdict.ok) return [verdict.reason]
  return verdict.entry.findings.map(({ kind, suspect, coin }) => {
    const who = Object.entries(HANDS).find(([, id]) => elementIdOf(id) === suspect)?.[0]
    return `${kind} ${who} ${coin === undefined ? 'payment' : 'coin'}`
  })
}

const bought = forger.coin({ holder: payer.id })
const back = passed(bought, 'payer', 'vendor')

const rows: readonly { readonly name: string; readonly expected: readonly string[]; lie: Lie }[] = [
  { name: 'nothing', expected: [], lie: {} },
  {
    name: 'the coin element that is asked',
    expected: ['broken-chain vendor payment'],
    lie: { request: { element: stranger.id } },
  },
  {
    name: 'the request that is paid',
    expected: ['broken-chain vendor payment'],
    lie: { transfer: { request: new Uint8Array(16) } },
  },
  {
    name: 'who has signed the request',
    expected: ['broken-chain vendor payment'],
    lie: { requestKey: nobody },
  },
  {
    name: 'who has authorised the payment',
    expected: ['broken-chain vendor payment'],
    lie: { countersigner: nobody },
  },
  { name: 'hands: one less than too many', expected: [], lie: { held: handed(HOPS_MAX - 1) } },
  {
    name: 'hands: one too many',
    expected: ['broken-chain vendor coin'],
    lie: { held: handed(HOPS_MAX) },
  },
  {
    name: 'who gave the coin before',
    expected: ['broken-chain payer coin'],
    lie: { held: passed(back, 'stranger', 'payer') },
  },
  {
    name: 'what the coin is called: without its chain',
    expected: ['broken-chain payer coin'],
    lie: { held: passed(back, 'vendor', 'payer', { coins: [readCoin(bought).digest] }) },
  },
]

test.each(rows)('a payment with another one in: $name', ({ expected, lie }) => {
  expect(resultOf(lie)).toEqual(expected)
})

test('coins that went back have bought nothing', () => {
  const sale = { amount: 10n, till: vendor.till }
  const returned: Lie = { answer: (paid) => ({ kind: 'return', back: [...paid] }) }
  for (const [lie, paid] of [[{}, sale] as const, [returned, undefined] as const]) {
    const verdict = verifyCoins(evidenceWith(lie), context)
    expect(verdict).toMatchObject({ ok: true, entry: { findings: [], paid } })
  }
})

describe('an element that the office does not know', () => {
  test('is believed by a certificate that its bank has signed, and by no other', async () => {
    const unknown = openMessage(request, payment.decode(honest.payment[0] ?? NOTHING).request)
    const { identity } = unknown.content
    const without = {
      ...context,
      element: (id: string) => (id === toHex(identity) ? undefined : context.element(id)),
    }
    const [own = NOTHING] = await payer.certificates()
    const [others = NOTHING] = await stranger.certificates()
    const forged = own.slice()
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    expect(resultOf({ certificates: [own] }, without)).toEqual([])
    for (const certificates of [[], [others], [forged]]) {
      expect(resultOf({ certificates }, without)).toEqual(['unknown_element'])
    }
  })
})
