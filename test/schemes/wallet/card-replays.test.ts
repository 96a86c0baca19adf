import { expect, test } from 'vitest'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import { request } from '../../../src/schemes/wallet/message.ts'
import { memoryOf, overhear, select, transmit } from './card-bench.ts'
import { Office, PIN, refusalBy, START, taken, UNBLOCKING, type Card } from './card-world.ts'

/** Whatever passed between two cards and others, played back by whoever overheard it. */
const office = new Office(1)
const till = office.till(7)

/** All that money, records, instructions and codes are made of. */
function standing(card: Card) {
  const memory = memoryOf(card)
  const { carried: _carried, nextOffice: _o, nextParty: _p, refusals: _r, ...state } = memory.state
  return { ...state, tries: memory.tries, secrets: memory.secrets, paid: memory.paid }
}

test('every message at every later point, to the same and to the other card: no effect', async () => {
  const cards = [await office.card(), await office.card()] as const
  const [alice, bob] = cards
  const heard: Bytes[] = []
  for (const card of cards) overhear(card, (apdu) => heard.push(apdu))
  let replays = 0

  function playBack(): void {
    for (const card of cards) {
      const victim = card.clone()
      const before = standing(victim)
      for (const apdu of heard) {
        select(victim)
        transmit(victim, apdu)
        expect(standing(victim)).toEqual(before)
        replays++
      }
    }
  }

  const steps: readonly (() => Promise<unknown>)[] = [
    () => alice.pay(till, 100n),
    () => alice.pay(till, 300_00n, PIN),
    async () => {
      const asked = await till.ask(alice, 5n)
      taken(await alice.tapped((held) => held.pay(asked)))
      taken(await alice.tapped((held) => held.refund(refusalBy(till, asked))))
    },
    async () => {
      const asked = await bob.ask(50n)
      const paid = taken(await alice.payPerson(asked, await bob.papers()))
      const papers = await alice.papers()
      taken(await bob.tapped((held) => held.receive(paid.bytes, papers)))
    },
    async () => {
      const asked = await bob.ask(60n)
      const papers = await bob.papers()
      taken(await alice.payPerson(asked, papers))
      const wanted = { request: openMessage(request, asked).digest, madeAt: START }
      const said = taken(await bob.tapped((held) => held.refuse(wanted)))
      taken(await alice.tapped((held) => held.refund(said.bytes)))
    },
    () => alice.tell('load', { amount: 70n }),
    () => alice.tapped((held) => held.verifyPin(PIN)),
    () => alice.tapped((held) => held.changePin(PIN, '1357')),
    () => alice.tapped((held) => held.unblockPin(UNBLOCKING, PIN)),
    () => alice.acknowledge(),
    () => bob.tell('void'),
    () => bob.tell('restore', { amount: 1000_50n }),
    () => bob.tell('unblock'),
    () => bob.tapped((held) => held.carry(0, new Uint8Array(300))),
    () => bob.acknowledge({ paymentsMax: 9 }),
    () => alice.pay(till, 100n),
  ]
  for (const step of steps) {
    await step()
    playBack()
  }
  const kinds = new Set(heard.map((apdu) => apdu[1]))
  // All but what makes cards and what only reads.
  expect(kinds.size).toBe(15)
  console.log(`${replays} messages played back`)
})
