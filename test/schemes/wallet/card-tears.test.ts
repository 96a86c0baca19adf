import { describe, expect, test } from 'vitest'
import { LINK_CUTS } from '../../../src/card/field.ts'
import { TEARS } from '../../../src/card/nvm.ts'
import { toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { CardTorn } from '../../../src/reader/channel.ts'
import { openMessage, request } from '../../../src/schemes/wallet/message.ts'
import type { WalletCard } from '../../../src/schemes/wallet/terminal.ts'
import { memoryOf } from './card-bench.ts'
import {
  Office,
  PIN,
  random,
  refusalBy,
  requestBy,
  START,
  taken,
  UNBLOCKING,
  type Card,
} from './card-world.ts'

/** The power fails in every page write of every command, and the link in every APDU. */
const office = new Office(1)
const till = office.till(7)
const alice = await office.card(1000_00n)
const bob = await office.card(100_00n)
const alicesPapers = await alice.papers()
const bobsPapers = await bob.papers()

type Cut = (card: Card) => void

async function cutsOf(card: Card, work: (card: Card) => Promise<unknown>): Promise<Cut[]> {
  const counted = card.clone()
  await work(counted)
  const places = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
  return [
    ...places(counted.nvm.writes).flatMap((atWrite) =>
      TEARS.map((tear) => (each: Card) => each.nvm.arm({ atWrite, tear })),
    ),
    ...places(counted.field.traffic.apdus).flatMap((atApdu) =>
      LINK_CUTS.map((cut) => (each: Card) => each.field.arm({ atApdu, cut })),
    ),
  ]
}

function disarm(card: Card): void {
  card.nvm.arm(undefined)
  card.field.arm(undefined)
}

/** What a tear may leave as it was or as it should be, but nothing between. Not what chance makes. */
function standing(card: Card) {
  const memory = memoryOf(card)
  const { nonce: _nonce, last: _last, instructionDigest: _digest, ...state } = memory.state
  const slots = Array.from({ length: 46 }, (_, slot) => toHex(memory.certificateIn(slot)))
  return {
    ...state,
    record: toHex(memory.logSlot(state.sequence).record.slice(0, 33)),
    certificates: slots.filter((slot) => slot !== ''),
    open: Array.from({ length: 8 }, (_, slot) => memory.ownRequest(slot).status),
    paid: memory.paid,
    refused: memory.refused,
    pin: toHex(memory.secrets.pin),
    carried: Array.from({ length: 4 }, (_, block) => memory.carried(block).length),
  }
}

async function unlessTorn(work: () => Promise<unknown>): Promise<'torn' | 'done'> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (error instanceof CardTorn) return 'torn'
    throw error
  }
}

interface Scene {
  readonly card: Card
  /** May be repeated until it is done, and once more. */
  readonly act: (held: WalletCard) => Promise<unknown>
  /** Of the PIN: takes a try before it is looked at. */
  readonly tries?: 'pin' | 'unblocking'
}

const certificate = till.certificate
const asked = requestBy(till, { amount: 50_00n })
const shown = alice.clone()
await shown.tapped((held) => held.verifyCertificate(certificate))
const paid = shown.clone()
taken(await paid.payPerson(asked, till.papers))
const acknowledged = paid.clone()
taken(await acknowledged.acknowledge())
const asking = bob.clone()
const bobsRequest = await asking.ask(50_00n)
const payment = taken(await alice.clone().payPerson(bobsRequest, bobsPapers))
const received = asking.clone()
await received.tapped((held) => held.verifyCertificate(alicesPapers[0]))
const carrying = paid.clone()
taken(await carrying.tapped((held) => held.carry(0, random.bytes(300))))
const block = random.bytes(700)
const wanted = { currency: 752, amount: 5n, madeAt: START, expires: START + 1 }
const blocked = alice.clone()
for (let tries = 0; tries < 3; tries++) await blocked.tapped((held) => held.verifyPin('0000'))

async function telling(
  card: Card,
  kind: 'load' | 'restore' | 'void' | 'unblock' | 'acknowledge',
): Promise<Scene> {
  const amount = kind === 'load' || kind === 'restore' ? 7n : 0n
  const bytes = office.order(await card.instruction(kind, { amount }))
  return { card, act: (held) => held.execute(bytes) }
}

const bound = await till.ask(shown, 50_00n)
const scenes: Readonly<Record<string, Scene>> = {
  'VERIFY CERTIFICATE': { card: alice, act: (held) => held.verifyCertificate(certificate) },
  PAY: { card: shown, act: (held) => held.pay(bound) },
  'PAY with PIN': { card: shown, act: (held) => held.pay(asked, { pin: PIN }), tries: 'pin' },
  REQUEST: { card: bob, act: (held) => held.request(wanted) },
  RECEIVE: { card: received, act: (held) => held.receive(payment.bytes) },
  REFUSE: {
    card: asking,
    act: (held) =>
      held.refuse({ request: openMessage(request, bobsRequest).digest, madeAt: START }),
  },
  REFUND: { card: paid, act: (held) => held.refund(refusalBy(till, asked)) },
  'REFUND of what is acknowledged': {
    card: acknowledged,
    act: (held) => held.refund(refusalBy(till, asked)),
  },
  'REFUND of what was not paid': {
    card: shown,
    act: (held) => held.refund(refusalBy(till, asked)),
  },
  'EXECUTE load': await telling(paid, 'load'),
  'EXECUTE restore': await telling(paid, 'restore'),
  'EXECUTE void': await telling(paid, 'void'),
  'EXECUTE acknowledge': await telling(carrying, 'acknowledge'),
  CARRY: { card: alice, act: (held) => held.carry(1, block) },
  'VERIFY PIN': { card: alice, act: (held) => held.verifyPin(PIN), tries: 'pin' },
}

let total = 0

describe('torn anywhere, a command happened or it did not, and happens when it is repeated', () => {
  test.for(Object.entries(scenes))('%s', async ([name, { card, act, tries }]) => {
    const before = standing(card)
    const done = card.clone()
    await done.tapped(act)
    const after = standing(done)
    const between = name === 'CARRY' ? { ...after, carried: [0, 255, 0, 0] } : after
    const further = name === 'CARRY' ? { ...after, carried: [0, 510, 0, 0] } : after
    const cuts = await cutsOf(card, (each) => each.tapped(act))
    for (const cut of cuts) {
      const torn = card.clone()
      cut(torn)
      await unlessTorn(() => torn.tapped(act))
      disarm(torn)
      expect([before, between, further, after]).toContainEqual(standing(torn))
      if (tries) expect(memoryOf(torn).tries[tries]).toBeGreaterThanOrEqual(2)
      expect(await torn.tapped(act)).toMatchObject({ ok: true })
      expect(standing(torn)).toEqual(after)
      expect(await torn.tapped(act)).toMatchObject({ ok: true })
      expect(standing(torn)).toEqual(after)
      total++
    }
  })

  test('EXECUTE unblock', async () => {
    const { act } = await telling(blocked, 'unblock')
    for (const cut of await cutsOf(blocked, (each) => each.tapped(act))) {
      const torn = blocked.clone()
      cut(torn)
      await unlessTorn(() => torn.tapped(act))
      disarm(torn)
      const { instruction } = memoryOf(torn).state
      expect(memoryOf(torn).tries.pin).toBe(instruction === 2 ? 0 : 3)
      expect(await torn.tapped(act)).toMatchObject({ ok: true })
      expect(memoryOf(torn).tries.pin).toBe(3)
      total++
    }
  })

  test.for([
    ['CHANGE PIN', alice, PIN, (held: WalletCard) => held.changePin(PIN, '1357')],
    ['UNBLOCK PIN', blocked, PIN, (held: WalletCard) => held.unblockPin(UNBLOCKING, '1357')],
  ] as const)('%s', async ([, card, old, act]) => {
    for (const cut of await cutsOf(card, (each) => each.tapped(act))) {
      const torn = card.clone()
      cut(torn)
      await unlessTorn(() => torn.tapped(act))
      disarm(torn)
      const opens = []
      for (const pin of [old, '1357']) {
        const answer = await torn.clone().tapped((held) => held.verifyPin(pin))
        if (answer.ok) opens.push(pin)
      }
      // The blocked PIN opens nothing until there is a new one.
      expect(opens.length).toBe(card === blocked && opens[0] !== '1357' ? 0 : 1)
      total++
    }
  })

  test('a wrong PIN takes its try, wherever it is torn once the chip has begun to write', async () => {
    const wrong = (held: WalletCard) => held.verifyPin('0000')
    for (const cut of await cutsOf(alice, (each) => each.tapped(wrong))) {
      const torn = alice.clone()
      for (let count = 0; count < 3; count++) {
        cut(torn)
        await unlessTorn(() => torn.tapped(wrong))
        disarm(torn)
        await torn.tapped(wrong)
      }
      expect(memoryOf(torn).tries.pin).toBe(0)
      total++
    }
  })
})

/** What a phone has of a payment between two cards; it keeps what it was told. */
interface Phone {
  asked?: Bytes
  payment?: Bytes
  refusal?: Bytes
}

const plan = { currency: 752, amount: 80_00n, madeAt: START, expires: START + 1 }

async function passing(phone: Phone, giver: Card, taker: Card): Promise<void> {
  phone.asked ??= taken(await taker.tapped((held) => held.request(plan))).bytes
  const { asked: bytes } = phone
  phone.payment ??= taken(await giver.payPerson(bytes, bobsPapers)).bytes
  const { payment: signed } = phone
  taken(await taker.tapped((held) => held.receive(signed, alicesPapers)))
}

async function refusing(phone: Phone, giver: Card, taker: Card): Promise<void> {
  phone.asked ??= taken(await taker.tapped((held) => held.request(plan))).bytes
  const { digest } = openMessage(request, phone.asked)
  phone.refusal ??= taken(
    await taker.tapped((held) => held.refuse({ request: digest, madeAt: START })),
  ).bytes
  const { refusal: signed } = phone
  const { asked: bytes } = phone
  if (!phone.payment) {
    const answer = await giver.payPerson(bytes, bobsPapers)
    if (answer.ok) phone.payment = answer.value.bytes
  }
  taken(await giver.tapped((held) => held.refund(signed, bobsPapers)))
}

test('between two cards, torn anywhere: paid once when it goes on, not at all when it is refused', async () => {
  const balances = (...cards: Card[]) => cards.map((card) => memoryOf(card).state.balance)
  let cuts = 0
  const paths = { passing, refusing }
  for (const [first, begin] of Object.entries(paths)) {
    for (const who of ['giver', 'taker'] as const) {
      const counted = { giver: alice.clone(), taker: bob.clone() }
      await begin({}, counted.giver, counted.taker)
      const { nvm, field } = counted[who]
      const armed: Cut[] = []
      for (let at = 1; at <= nvm.writes; at++) {
        for (const tear of TEARS) armed.push((card) => card.nvm.arm({ atWrite: at, tear }))
      }
      for (let at = 1; at <= field.traffic.apdus; at++) {
        for (const cut of LINK_CUTS) armed.push((card) => card.field.arm({ atApdu: at, cut }))
      }
      for (const cut of armed) {
        for (const end of first === 'passing' ? [passing, refusing] : [refusing]) {
          const cards = { giver: alice.clone(), taker: bob.clone() }
          const phone: Phone = {}
          cut(cards[who])
          await unlessTorn(() => begin(phone, cards.giver, cards.taker))
          disarm(cards[who])
          const isReceived = memoryOf(cards.taker).state.balance > 100_00n
          if (isReceived || end === passing) await passing(phone, cards.giver, cards.taker)
          else await refusing(phone, cards.giver, cards.taker)
          const isPaid = isReceived || end === passing
          expect(balances(cards.giver, cards.taker)).toEqual(
            isPaid ? [920_00n, 180_00n] : [1000_00n, 100_00n],
          )
          cuts++
        }
      }
    }
  }
  console.log(`${total} tears of commands, ${cuts} of payments between two cards`)
})
