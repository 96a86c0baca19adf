import { expect } from 'vitest'
import { LINK_CUTS, type LinkCut } from '../../../src/card/field.ts'
import { TEARS, type Tear } from '../../../src/card/nvm.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { CardTorn } from '../../../src/reader/channel.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import { request } from '../../../src/schemes/wallet/message.ts'
import { memoryOf } from './card-bench.ts'
import { Office, START, taken, type Card } from './card-world.ts'

/** Cards torn out of a phone’s hands, anywhere. */
export type Cut = (card: Card) => void

/** Every page write and every APDU of some work, in each of these ways. */
export async function cutsOf(
  card: Card,
  work: (card: Card) => Promise<unknown>,
  tears: readonly Tear[] = TEARS,
  links: readonly LinkCut[] = LINK_CUTS,
): Promise<Cut[]> {
  const counted = card.clone()
  await work(counted)
  return [
    ...upTo(counted.nvm.writes).flatMap((atWrite) =>
      tears.map((tear) => (each: Card) => each.nvm.arm({ atWrite, tear })),
    ),
    ...upTo(counted.field.traffic.apdus).flatMap((atApdu) =>
      links.map((cut) => (each: Card) => each.field.arm({ atApdu, cut })),
    ),
  ]
}

/** Does it on a card that is cut, and takes the fuse out if it did not blow. */
export async function torn(card: Card, cut: Cut, work: () => Promise<unknown>): Promise<void> {
  cut(card)
  try {
    await work()
  } catch (error) {
    if (!(error instanceof CardTorn)) throw error
  } finally {
    card.nvm.arm(undefined)
    card.field.arm(undefined)
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

const office = new Office(1)
const alice = await office.card(1000_00n)
const bob = await office.card(100_00n)
const alicesPapers = await alice.papers()
const bobsPapers = await bob.papers()
const wanted = { currency: 752, amount: 80_00n, madeAt: START, expires: START + 1 }

/** Two cards, and what the phone has of a payment between them: it keeps what it was told. */
interface Between {
  readonly giver: Card
  readonly taker: Card
  asked?: Bytes
  payment?: Bytes
  refusal?: Bytes
}

function two(): Between {
  return { giver: alice.clone(), taker: bob.clone() }
}

async function ask(between: Between): Promise<Bytes> {
  between.asked ??= taken(await between.taker.tapped((held) => held.request(wanted))).bytes
  return between.asked
}

async function pass(between: Between): Promise<void> {
  const asked = await ask(between)
  const { giver, taker } = between
  const payment = between.payment ?? taken(await giver.payPerson(asked, bobsPapers)).bytes
  between.payment = payment
  taken(await taker.tapped((held) => held.receive(payment, alicesPapers)))
}

/** The payee refuses, and the payer pays all the same if he can. */
async function refuse(between: Between): Promise<void> {
  const asked = await ask(between)
  const { giver, taker } = between
  const declined = { request: openMessage(request, asked).digest, madeAt: START }
  const refusal =
    between.refusal ?? taken(await taker.tapped((held) => held.refuse(declined))).bytes
  between.refusal = refusal
  if (!between.payment) {
    const answer = await giver.payPerson(asked, bobsPapers)
    if (answer.ok) between.payment = answer.value.bytes
  }
  taken(await giver.tapped((held) => held.refund(refusal, bobsPapers)))
}

/** What was begun, cut on one of the cards, and how it ends: paid once if it goes on, else not at all. */
const STORIES = [
  [pass, pass],
  [pass, refuse],
  [refuse, refuse],
] as const

/** How many cuts it has tried. */
export async function tornPayments(
  tears: readonly Tear[],
  links: readonly LinkCut[],
): Promise<number> {
  let count = 0
  for (const [begin, end] of STORIES) {
    for (const who of ['giver', 'taker'] as const) {
      const cuts = await cutsOf(
        who === 'giver' ? alice : bob,
        (card) => begin({ ...two(), [who]: card }),
        tears,
        links,
      )
      for (const cut of cuts) {
        const between = two()
        await torn(between[who], cut, () => begin(between))
        const isReceived = memoryOf(between.taker).state.balance > 100_00n
        const finish = isReceived ? pass : end
        await finish(between)
        const balances = [between.giver, between.taker].map((card) => memoryOf(card).state.balance)
        expect(balances).toEqual(finish === pass ? [920_00n, 180_00n] : [1000_00n, 100_00n])
        count++
      }
    }
  }
  return count
}
