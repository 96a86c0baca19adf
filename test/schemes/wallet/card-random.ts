import fc from 'fast-check'
import { expect } from 'vitest'
import { LINK_CUTS } from '../../../src/card/field.ts'
import { TEARS } from '../../../src/card/nvm.ts'
import { toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { sha256 } from '../../../src/kernel/hash.ts'
import { cardIdOf } from '../../../src/kernel/ids.ts'
import { sum } from '../../../src/kernel/money.ts'
import { sameParty, type Party } from '../../../src/kernel/party.ts'
import { CardTorn } from '../../../src/reader/channel.ts'
import { openMessage } from '../../../src/kernel/signed-message.ts'
import {
  record,
  RECORD_SIZE,
  refusal,
  REFUSAL_SIZE,
  request,
  type WalletRecord,
} from '../../../src/schemes/wallet/message.ts'
import type { Introduced } from '../../../src/schemes/wallet/terminal.ts'
import { memoryOf, overhear, select, transmit } from './card-bench.ts'
import {
  Declined,
  Office,
  PIN,
  refusalBy,
  requestBy,
  START,
  taken,
  type Card,
} from './card-world.ts'

/** Three cards, a till and a phone that does anything in any order, with cards torn out of its hands. */
const office = new Office(1)
const till = office.till(7)

const DOINGS = {
  load: 1,
  acknowledge: 2,
  pay: 2,
  ask: 5,
  'pay person': 7,
  receive: 7,
  refuse: 2,
  refund: 3,
  unload: 1,
  restore: 1,
  again: 2,
} as const
type Doing = keyof typeof DOINGS

const tear = fc.oneof(
  fc.record({ atWrite: fc.integer({ min: 1, max: 12 }), tear: fc.constantFrom(...TEARS) }),
  fc.record({ atApdu: fc.integer({ min: 1, max: 4 }), cut: fc.constantFrom(...LINK_CUTS) }),
)
const step = fc.record({
  what: fc.oneof(
    ...Object.entries(DOINGS).map(([what, weight]) => ({
      arbitrary: fc.constant(what as Doing),
      weight,
    })),
  ),
  card: fc.nat({ max: 2 }),
  /** Shown to the card that it is for, or to any. */
  rightly: fc.oneof({ arbitrary: fc.constant(true), weight: 4 }, fc.constant(false)),
  /** How long ago the phone got what it shows. */
  back: fc.nat({ max: 4 }),
  amount: fc.integer({ min: 1, max: 300_00 }).map(BigInt),
  tear: fc.oneof({ arbitrary: fc.constant(undefined), weight: 4 }, tear),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Seen {
  readonly content: WalletRecord
  readonly digest: string
  /** Digest of the request that a refund’s refusal, or a receive’s payment, is about. */
  readonly about: string | undefined
}

/** The cards, and all that the phone has ever got hold of. */
class Town {
  readonly cards: readonly Card[]
  readonly papers: readonly Introduced[]
  readonly requests: Bytes[] = []
  readonly payments: Bytes[] = []
  readonly refusals: Bytes[] = []
  readonly heard: Bytes[] = []
  /** By card, by sequence. */
  readonly records = new Map<string, Seen>()

  constructor(cards: readonly Card[], papers: readonly Introduced[]) {
    this.cards = cards
    this.papers = papers
    for (const each of cards) overhear(each, (apdu) => this.heard.push(apdu))
  }

  ownerOf(who: Party): Card | undefined {
    return this.cards.find(({ party }) => sameParty(party, who))
  }

  /** Reads all that is in the logs: no two records may have one sequence. */
  look(): void {
    for (const each of this.cards) {
      const memory = memoryOf(each)
      const { acknowledged, sequence } = memory.state
      for (let at = acknowledged + 1; at <= sequence; at++) {
        const slot = memory.logSlot(at)
        const name = `${each.id} ${at}`
        const digest = toHex(sha256(slot.record))
        expect(this.records.get(name)?.digest ?? digest).toBe(digest)
        const content = record.decode(slot.record)
        this.records.set(name, { content, digest, about: aboutOf(content, slot.cause) })
      }
    }
  }
}

function aboutOf({ kind }: WalletRecord, cause: Bytes): string | undefined {
  if (kind === 'refund') return toHex(refusal.decode(cause.slice(0, REFUSAL_SIZE)).request)
  if (kind === 'receive') return toHex(record.decode(cause.slice(0, RECORD_SIZE)).cause)
  return undefined
}

const lenient = { paymentsMax: 16, receivedMoney: 'at once' } as const
const fresh = [
  await office.card(500_00n, lenient),
  await office.card(500_00n, lenient),
  await office.card(0n, lenient),
]
const papers = [await paperOf(0), await paperOf(1), await paperOf(2)]

async function paperOf(at: number): Promise<Introduced> {
  return cardAt(fresh, at).papers()
}

export function randomWallets(runs: number): Promise<void> {
  const made = new Map<string, number>()
  let torn = 0
  return fc
    .assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80 }), async (steps) => {
        const town = new Town(
          fresh.map((each) => each.clone()),
          papers,
        )
        town.look()
        for (const each of steps) {
          torn += await act(town, each)
          town.look()
          conserved(town)
        }
        for (const { content } of town.records.values()) {
          made.set(content.kind, (made.get(content.kind) ?? 0) + 1)
        }
      }),
      { numRuns: runs },
    )
    .then(() => {
      const counts = [...made].map(([kind, count]) => `${count} ${kind}`).join(', ')
      console.log(`${runs} towns of three cards, torn ${torn} times: ${counts}`)
    })
}

/** How often the card was torn. */
async function act(town: Town, each: Step): Promise<number> {
  const chosen = chosenCard(town, each)
  if (each.tear && 'atWrite' in each.tear) chosen.nvm.arm(each.tear)
  if (each.tear && 'atApdu' in each.tear) chosen.field.arm(each.tear)
  try {
    await perform(town, each, chosen)
    return 0
  } catch (error) {
    if (error instanceof CardTorn) return 1
    if (error instanceof Declined) return 0
    throw error
  } finally {
    chosen.nvm.arm(undefined)
    chosen.field.arm(undefined)
  }
}

/** Most phones show a card what is meant for it. */
function chosenCard(town: Town, { what, card, rightly, back }: Step): Card {
  const any = cardAt(town.cards, card)
  if (!rightly) return any
  const last = (list: readonly Bytes[]) => list.at(-1 - (back % Math.max(list.length, 1)))
  const asked = last(town.requests)
  const payment = last(town.payments)
  if (what === 'receive' && payment) {
    return town.ownerOf(openMessage(record, payment).content.counterparty) ?? any
  }
  if (what === 'refuse' && asked) {
    return town.ownerOf(openMessage(request, asked).content.payee) ?? any
  }
  return any
}

async function perform(town: Town, each: Step, chosen: Card): Promise<void> {
  const { what, back, amount } = each
  const pick = (list: readonly Bytes[]) => list.at(-1 - (back % Math.max(list.length, 1)))
  const asked = pick(town.requests)
  const payment = pick(town.payments)
  const said = pick(town.refusals)
  const heard = pick(town.heard)
  switch (what) {
    case 'load':
      taken(await chosen.tell('load', { amount: amount % 100_00n }))
      break
    case 'restore':
      taken(await chosen.tell('restore', { amount: memoryOf(chosen).state.balance }))
      break
    case 'acknowledge':
      taken(await chosen.acknowledge())
      break
    case 'pay': {
      const bytes = await till.ask(chosen, amount)
      town.refusals.push(refusalBy(till, bytes))
      taken(await chosen.tapped((held) => held.pay(bytes, { pin: PIN, payee: till.papers })))
      break
    }
    case 'unload': {
      const bytes = await till.ask(chosen, amount)
      const { content } = openMessage(request, bytes)
      const unloading = requestBy(office, { ...content, payee: office.party })
      town.refusals.push(refusalBy(office, unloading))
      taken(await chosen.tapped((held) => held.pay(unloading, { pin: PIN })))
      break
    }
    case 'ask':
      town.requests.push(await chosen.ask(amount, { madeAt: START + town.requests.length }))
      break
    case 'pay person':
      if (asked) {
        const paid = taken(
          await chosen.payPerson(
            asked,
            introduced(town, openMessage(request, asked).content.payee),
          ),
        )
        town.payments.push(paid.bytes)
      }
      break
    case 'receive':
      if (payment) {
        const { office: of, card } = openMessage(record, payment).content
        const payer = introduced(town, { kind: 'card', office: of, card: cardIdOf(card) })
        taken(await chosen.tapped((held) => held.receive(payment, payer)))
      }
      break
    case 'refuse':
      if (asked) {
        const wanted = { request: openMessage(request, asked).digest, madeAt: START + back }
        town.refusals.push(taken(await chosen.tapped((held) => held.refuse(wanted))).bytes)
      }
      break
    case 'refund':
      if (said)
        taken(
          await chosen.tapped((held) =>
            held.refund(said, introduced(town, openMessage(refusal, said).content.payee)),
          ),
        )
      break
    case 'again':
      if (heard) {
        select(chosen)
        transmit(chosen, heard)
      }
      break
  }
}

function introduced(town: Town, who: Party): Introduced {
  const at = town.cards.findIndex(({ party }) => sameParty(party, who))
  return papers[at] ?? till.papers
}

/** What the cards have and what is under way is what was put on them, less what was spent. */
function conserved(town: Town): void {
  const seen = [...town.records.values()]
  const of = (...kinds: WalletRecord['kind'][]) =>
    seen.filter(({ content }) => kinds.includes(content.kind))
  const received = of('receive').map(({ content }) => toHex(content.cause))
  const refunded = of('refund').map(({ content, about }) => `${toHex(content.card)} ${about}`)
  expect(new Set(received).size).toBe(received.length)
  expect(new Set(refunded).size).toBe(refunded.length)
  const open = of('pay', 'unload').filter(
    ({ content, digest }) =>
      !received.includes(digest) &&
      !refunded.includes(`${toHex(content.card)} ${toHex(content.cause)}`),
  )
  const amounts = (list: readonly Seen[]) => sum(list.map(({ content }) => content.amount))
  const balances = sum(town.cards.map((each) => memoryOf(each).state.balance))
  expect(balances + amounts(open)).toBe(STARTED + amounts(of('load')))
  for (const { content } of of('receive')) {
    // Received and refunded it would be twice.
    const paid = seen.find(({ digest }) => digest === toHex(content.cause))
    expect(paid).toBeDefined()
    if (paid) {
      expect(refunded).not.toContain(`${toHex(paid.content.card)} ${toHex(paid.content.cause)}`)
    }
  }
  for (const { content } of seen) follows(town, content)
}

const STARTED = 1000_00n

function follows(town: Town, content: WalletRecord): void {
  const before = town.records.get(`${toHex(content.card)} ${content.sequence - 1}`)
  if (!before) return
  expect(toHex(content.previous)).toBe(before.digest)
  const adds = { load: 1n, receive: 1n, refund: 1n, pay: -1n, unload: -1n, restore: 0n }
  expect(content.balance).toBe(before.content.balance + adds[content.kind] * content.amount)
}

function cardAt(cards: readonly Card[], at: number): Card {
  const found = cards[at]
  if (!found) throw new Error(`there are three cards, not ${at}`)
  return found
}
