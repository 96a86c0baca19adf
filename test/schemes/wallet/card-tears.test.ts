import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/kernel/bytes.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import { request } from '../../../src/schemes/wallet/message.ts'
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
import { cutsOf, torn, tornPayments } from './card-tearing.ts'

/** The power fails in every page write of every command, and the link in every APDU. */
const office = new Office(1)
const till = office.till(7)
const alice = await office.card(1000_00n)
const bob = await office.card(100_00n)
const alicesPapers = await alice.papers()
const bobsPapers = await bob.papers()

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
      const copy = card.clone()
      await torn(copy, cut, () => copy.tapped(act))
      expect([before, between, further, after]).toContainEqual(standing(copy))
      if (tries) expect(memoryOf(copy).tries[tries]).toBeGreaterThanOrEqual(2)
      expect(await copy.tapped(act)).toMatchObject({ ok: true })
      expect(standing(copy)).toEqual(after)
      expect(await copy.tapped(act)).toMatchObject({ ok: true })
      expect(standing(copy)).toEqual(after)
      total++
    }
  })

  test('EXECUTE unblock', async () => {
    const { act } = await telling(blocked, 'unblock')
    for (const cut of await cutsOf(blocked, (each) => each.tapped(act))) {
      const copy = blocked.clone()
      await torn(copy, cut, () => copy.tapped(act))
      const { instruction } = memoryOf(copy).state
      expect(memoryOf(copy).tries.pin).toBe(instruction === 2 ? 0 : 3)
      expect(await copy.tapped(act)).toMatchObject({ ok: true })
      expect(memoryOf(copy).tries.pin).toBe(3)
      total++
    }
  })

  test.for([
    ['CHANGE PIN', alice, PIN, (held: WalletCard) => held.changePin(PIN, '1357')],
    ['UNBLOCK PIN', blocked, PIN, (held: WalletCard) => held.unblockPin(UNBLOCKING, '1357')],
  ] as const)('%s', async ([, card, old, act]) => {
    for (const cut of await cutsOf(card, (each) => each.tapped(act))) {
      const copy = card.clone()
      await torn(copy, cut, () => copy.tapped(act))
      const opens = []
      for (const pin of [old, '1357']) {
        const answer = await copy.clone().tapped((held) => held.verifyPin(pin))
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
      const copy = alice.clone()
      for (let count = 0; count < 3; count++) {
        await torn(copy, cut, () => copy.tapped(wrong))
        await copy.tapped(wrong)
      }
      expect(memoryOf(copy).tries.pin).toBe(0)
      total++
    }
  })
})

test('between two cards, torn anywhere: paid once when it goes on, not at all when it is refused', async () => {
  const cuts = await tornPayments(['half', 'after'], ['answer-lost'])
  console.log(`${total} tears of commands, ${cuts} of payments between two cards`)
})
