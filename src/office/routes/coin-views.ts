import { z } from 'zod'
import { toBase64 } from '../../kernel/bytes.ts'
import {
  coinBankJson,
  coinJson,
  coinOfferJson,
  elementJson,
  takingsJson,
  type CoinBankJson,
  type CoinJson,
  type ElementJson,
  type TakingsJson,
} from '../coins/answers.ts'
import { abroad } from '../coins/banks/abroad.ts'
import { coinSchemeOf, type Possessor } from '../coins/elements.ts'
import { COINS_AT_ONCE } from '../coins/sale.ts'
import {
  COIN_LISTS,
  coinSums,
  listCoins,
  listElements,
  takingsOf,
  type CoinLine,
  type CoinSums,
  type ElementLine,
  type Heap,
  type Takings,
} from '../coins/view.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdText,
  numberText,
  tillNumberText,
  type Api,
  type Desk,
} from '../http.ts'
import type { Person } from '../registry/people.ts'
import { visibleCard, visibleTill } from './visible.ts'

const cardParams = z.object({ id: cardIdText })
const tillParams = z.object({ number: tillNumberText })
const listQuery = z.object({
  list: z
    .enum(COIN_LISTS)
    .default('made')
    .meta({ description: 'Made for it, or held by it as far as the office knows' }),
  after: cardIdText.optional().meta({ description: 'The last one of the page before' }),
  limit: numberText(1, 1000).default(500),
})
const coinList = z.object({ coins: z.array(coinJson) })
const elementList = z.object({ elements: z.array(elementJson) })

/** What the office knows of coins and elements. */
export function coinViewRoutes(app: Api, { office }: Desk): void {
  const { db } = office

  app.get(
    '/api/coins',
    {
      schema: {
        summary: 'What became of all coins of this bank, and coins of others that came in here',
        response: answers(coinBankJson),
      },
    },
    async () => {
      const bank = bankNumber()
      const [sums, others] = await Promise.all([coinSums(db, office.clock.now()), abroad(db, bank)])
      return { bank, sums: sums.map(sumsToJson), others: others.map(withHeap) }
    },
  )

  app.get(
    '/api/coins/offer',
    {
      schema: { summary: 'What coins there are to buy', response: answers(coinOfferJson) },
    },
    () => {
      const { denominations } = coinScheme().coinage
      return { denominations: denominations.map(String).toReversed(), most: COINS_AT_ONCE }
    },
  )

  app.get(
    '/api/cards/:id/coins',
    {
      schema: {
        summary: 'Coins of a card, newest first, with what to load on it',
        params: cardParams,
        querystring: listQuery,
        response: answers(coinList),
      },
    },
    async (request) => {
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, request.params.id)
      const coins = await listCoins(db, { of: { card }, ...request.query })
      return { coins: coins.map((coin) => coinToJson(coin, { card }, actor)) }
    },
  )

  app.get(
    '/api/cards/:id/elements',
    {
      schema: {
        summary: 'Identity element and coin element of a card, with their certificates',
        params: cardParams,
        response: answers(elementList),
      },
    },
    async (request) => {
      const { id: card } = await visibleCard(db, actorOf(request), request.params.id)
      return { elements: (await listElements(office, { card })).map(elementToJson) }
    },
  )

  app.get(
    '/api/tills/:number/coins',
    {
      schema: {
        summary: 'Coins of a till, newest first, with what to load on its vendor element',
        params: tillParams,
        querystring: listQuery,
        response: answers(coinList),
      },
    },
    async (request) => {
      const actor = actorOf(request)
      const { number: till } = await visibleTill(db, actor, request.params.number)
      const coins = await listCoins(db, { of: { till }, ...request.query })
      return { coins: coins.map((coin) => coinToJson(coin, { till }, actor)) }
    },
  )

  app.get(
    '/api/tills/:number/elements',
    {
      schema: {
        summary: 'Vendor elements of a till, newest first, with their certificates',
        params: tillParams,
        response: answers(elementList),
      },
    },
    async (request) => {
      const { number: till } = await visibleTill(db, actorOf(request), request.params.number)
      return { elements: (await listElements(office, { till })).map(elementToJson) }
    },
  )

  app.get(
    '/api/tills/:number/takings',
    {
      schema: {
        summary: 'What a till bought, holds and took in coins, and what it is owed',
        params: tillParams,
        response: answers(takingsJson),
      },
    },
    async (request) => {
      const till = await visibleTill(db, actorOf(request), request.params.number)
      const { merchant, currency } = till
      return takingsToJson(
        await takingsOf(db, till.number, { merchant, currency, bank: bankNumber() }),
      )
    },
  )

  function bankNumber(): number {
    const { name, coinage } = coinScheme()
    return coinage.bank(office.secretsOf(name))
  }

  /** @throws {OfficeError} `not_found` where there are no coins. */
  function coinScheme() {
    const scheme = coinSchemeOf(office)
    if (scheme) return scheme
    throw new OfficeError('not_found', 'This office has no scheme of coins.')
  }
}

/** Whose cards are at the other end is nobody’s business who does not work here. */
function coinToJson(
  { value, refunded, register, at, ...coin }: CoinLine,
  of: Possessor,
  { role }: Person,
): CoinJson {
  const isOutsider = role === 'cardholder' || role === 'merchant'
  const isStrangers = at.kind === 'card' && !('card' in of && of.card === at.card)
  return {
    ...coin,
    value: String(value),
    refunded: refunded ?? null,
    at: isOutsider && isStrangers ? { kind: 'elsewhere' } : at,
    register: register ? toBase64(register) : null,
  }
}

function elementToJson({ certificate, coins, ...element }: ElementLine): ElementJson {
  return { ...element, certificate: toBase64(certificate), coins: coins ?? null }
}

function takingsToJson({ float, merchant, ...heaps }: Takings): TakingsJson {
  const { bought, paid, contested, refused, awaited } = heaps
  return {
    bought: withHeap(bought),
    float: float.map(({ value, count }) => ({ value: String(value), count })),
    paid: withHeap(paid),
    contested: withHeap(contested),
    refused: withHeap(refused),
    awaited: withHeap(awaited),
    merchant: String(merchant),
  }
}

function sumsToJson({ denominations, ...sums }: CoinSums): CoinBankJson['sums'][number] {
  const { currency, outside, expired, contested, redeemed } = sums
  return {
    currency,
    outside: withHeap(outside),
    expired: withHeap(expired),
    contested: withHeap(contested),
    redeemed: withHeap(redeemed),
    refundedExpired: withHeap(sums.refundedExpired),
    refundedLost: withHeap(sums.refundedLost),
    denominations: denominations.map(({ value, count }) => ({ value: String(value), count })),
  }
}

function withHeap<T extends Heap>(heap: T) {
  return { ...heap, amount: String(heap.amount) }
}
