import { z } from 'zod'
import { fromBase64, toBase64 } from '../../kernel/bytes.ts'
import { positiveAmountText } from '../amount-text.ts'
import { awardCoin, type Awarded } from '../coins/award.ts'
import { makeVendorElement } from '../coins/elements.ts'
import { refundLost } from '../coins/refunds.ts'
import { buyForCard, buyForTill, COINS_AT_ONCE, type Sold, type Wanted } from '../coins/sale.ts'
import {
  coinRefundJson,
  coinsSoldJson,
  vendorElementJson,
  type CoinsSoldJson,
} from '../coins/answers.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdText,
  idempotencyHeaders,
  nothing,
  reason,
  tillNumberText,
  type Api,
  type Desk,
} from '../http.ts'
import { answerOnce } from '../once.ts'
import { recordAct } from '../registry/audit.ts'
import { visibleCard } from './visible.ts'

const cardParams = z.object({ id: cardIdText })
const tillParams = z.object({ number: tillNumberText })
/** So much in as few coins as it takes, or these coins. */
const wantedFields = {
  amount: positiveAmountText.optional(),
  values: z.array(positiveAmountText).max(COINS_AT_ONCE).optional(),
}
const report = z
  .base64()
  .max(64 * 1024)
  .meta({ description: 'What the blank chip has told the desk: docs/protocol/coin.md' })

/** Money as coins: bought, given out, given back. What comes of spent ones, tills hand in. */
export function coinRoutes(app: Api, { office }: Desk): void {
  const { db, events } = office

  app.post(
    '/api/coins',
    {
      schema: {
        summary: 'Buy coins for a card, from its holder’s online wallet',
        headers: idempotencyHeaders,
        body: z.strictObject({
          card: cardIdText,
          ...wantedFields,
          bound: z
            .enum(['bound', 'free'])
            .default('free')
            .meta({ description: 'Whether only this card may spend them' }),
        }),
        response: answers(coinsSoldJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, body.card, 'body.card')
      const wanted = wantedOf(body)
      const asked = { act: 'coins.buy', ...body }
      const answer = await answerOnce(
        office,
        headers,
        actor,
        asked,
        coinsSoldJson,
        async (trx, at) => {
          const sold = await buyForCard(office, trx, { card, wanted, bound: body.bound })
          const detail = { amount: String(sold.amount), coins: sold.coins.length }
          const subject = `card:${card}`
          await recordAct(trx, { person: actor.id, act: 'coins.buy', subject, detail }, at)
          return soldToJson(sold)
        },
      )
      events.emit({ type: 'card', card })
      return answer
    },
  )

  app.post(
    '/api/cards/:id/coins/refund',
    {
      schema: {
        summary: 'Give the holder of a lost or damaged card back the coins that it held',
        params: cardParams,
        headers: idempotencyHeaders,
        body: z.strictObject({ reason }),
        response: answers(coinRefundJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, request.params.id)
      const act = 'coins.refund'
      const asked = { act, card, ...body }
      const answer = await answerOnce(
        office,
        headers,
        actor,
        asked,
        coinRefundJson,
        async (trx, at) => {
          const refunded = String(await refundLost(office, trx, card))
          const detail = { refunded, reason: body.reason }
          await recordAct(trx, { person: actor.id, act, subject: `card:${card}`, detail }, at)
          return { refunded }
        },
      )
      events.emit({ type: 'card', card })
      return answer
    },
  )

  app.post(
    '/api/tills/:number/vendor-element',
    {
      schema: {
        summary:
          'A vendor element for the till: what the issuing desk writes on a chip that has reported',
        params: tillParams,
        headers: idempotencyHeaders,
        body: z.strictObject({ scheme: z.string(), report }),
        response: answers(vendorElementJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const till = request.params.number
      const act = 'till.vendor-element'
      const asked = { act, till, ...body }
      const answer = await answerOnce(
        office,
        headers,
        actor,
        asked,
        vendorElementJson,
        async (trx, at) => {
          const chip = fromBase64(body.report)
          const { id, plan } = await makeVendorElement(office, trx, {
            scheme: body.scheme,
            till,
            report: chip,
          })
          const subject = `till:${till}`
          await recordAct(trx, { person: actor.id, act, subject, detail: { element: id } }, at)
          return { element: id, plan: toBase64(plan) }
        },
      )
      events.emit({ type: 'till', till })
      return answer
    },
  )

  app.post(
    '/api/tills/:number/coins',
    {
      schema: {
        summary:
          'Coins for a till’s vendor element to give change with, from what its merchant has',
        params: tillParams,
        headers: idempotencyHeaders,
        body: z.strictObject(wantedFields),
        response: answers(coinsSoldJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const till = request.params.number
      const wanted = wantedOf(body)
      const act = 'till.coins'
      const asked = { act, till, ...body }
      const answer = await answerOnce(
        office,
        headers,
        actor,
        asked,
        coinsSoldJson,
        async (trx, at) => {
          const sold = await buyForTill(office, trx, { till, wanted })
          const detail = { amount: String(sold.amount), coins: sold.coins.length }
          await recordAct(trx, { person: actor.id, act, subject: `till:${till}`, detail }, at)
          return soldToJson(sold)
        },
      )
      events.emit({ type: 'till', till })
      return answer
    },
  )

  app.post(
    '/api/coins/:id/award',
    {
      schema: {
        summary: 'Say whose a coin is that several vendors claim',
        params: z.object({ id: cardIdText.meta({ description: 'A coin: 16 hexadecimal digits' }) }),
        body: z.strictObject({
          till: z.int().min(1).optional(),
          vendor: cardIdText
            .optional()
            .meta({ description: 'A vendor element, also of another bank; or else a till' }),
          reason,
        }),
        response: answers(nothing),
      },
    },
    async (request) => {
      const { id: coin } = request.params
      const { reason: why, ...body } = request.body
      const to = awardedOf(body)
      const till = await db.transaction().execute(async (trx) => {
        const awarded = await awardCoin(office, trx, coin, to)
        const act = { person: actorOf(request).id, act: 'coin.award', subject: `coin:${coin}` }
        await recordAct(trx, { ...act, detail: { ...to, reason: why } }, office.clock.now())
        return awarded
      })
      if (till !== undefined) events.emit({ type: 'till', till })
      return {}
    },
  )
}

function awardedOf({
  till,
  vendor,
}: {
  readonly till?: number | undefined
  readonly vendor?: string | undefined
}): Awarded {
  if (till !== undefined && vendor === undefined) return { till }
  if (vendor !== undefined && till === undefined) return { vendor }
  throw new OfficeError('bad_input', 'Say either a till or a vendor element.', 'body')
}

function wantedOf(body: {
  readonly amount?: string | undefined
  readonly values?: readonly string[] | undefined
}): Wanted {
  const { amount, values } = body
  if (amount !== undefined && values === undefined) {
    return { amount: BigInt(amount), values: undefined }
  }
  if (values !== undefined && values.length > 0 && amount === undefined) {
    return { amount: undefined, values: values.map(BigInt) }
  }
  throw new OfficeError('bad_input', 'Say either an amount or the values of the coins.', 'body')
}

function soldToJson({ element, amount, expires, coins }: Sold): CoinsSoldJson {
  return {
    element,
    amount: String(amount),
    expires,
    coins: coins.map(({ id, value, register }) => ({
      id,
      value: String(value),
      register: toBase64(register),
    })),
  }
}
