import type { Transaction } from 'kysely'
import { z } from 'zod'
import { fromBase64, toBase64, utf8, type Bytes } from '../../kernel/bytes.ts'
import { invariant } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import { amountText } from '../amount-text.ts'
import {
  cardJson,
  issuedJson,
  ledgerLineJson,
  refundedJson,
  type CardJson,
  type IssuedJson,
} from '../answers.ts'
import { shadowBalances } from '../books.ts'
import { coinHoldings } from '../coins/view.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdParam,
  cardIdText,
  currencyCode,
  hexField,
  idempotencyHeaders as headers,
  idText,
  name,
  numberText,
  reason,
  type Api,
  type Desk,
} from '../http.ts'
import { issueCard, refundCard, renewCard, type IssuedCard } from '../issue.ts'
import { ledgerOf } from '../ledger/view.ts'
import type { Office } from '../office.ts'
import { recordAct } from '../registry/audit.ts'
import { findCard, listCards, setCardStatus, type Card } from '../registry/cards.ts'
import { once } from '../registry/idempotency.ts'
import type { Person } from '../registry/people.ts'
import { CARD_STATUSES, type CardStatus } from '../registry-tables.ts'
import type { Tables } from '../tables.ts'
import { lineToJson } from './ledger-json.ts'
import { visibleCard } from './visible.ts'

const params = z.object({ id: cardIdText })
const uid = z
  .string()
  .regex(/^([0-9a-fA-F]{2}){1,64}$/, 'expected hexadecimal digits')
  .meta({ description: 'The chip’s own number, in hexadecimal', examples: ['04a1b2c3'] })
const passcode = z.string().max(64).meta({ description: 'Made up if it is left out' })

const report = z
  .base64()
  .max(64 * 1024)
  .meta({ description: 'What the blank chip has told the desk; only of schemes whose chips do' })

const issueBody = z.strictObject({
  scheme: z.string(),
  uid,
  currency: currencyCode,
  balance: amountText,
  label: name.optional(),
  holder: idText.optional(),
  passcode: passcode.optional(),
  report: report.optional(),
})
const renewBody = z.strictObject({
  uid,
  passcode: passcode.optional(),
  report: report.optional(),
  lost: z.boolean().meta({ description: 'Whether somebody else may still hold the old card' }),
  reason,
})

export function cardRoutes(app: Api, { office }: Desk): void {
  const { db, clock, events } = office

  app.get(
    '/api/cards',
    {
      schema: {
        summary: 'Cards, by number',
        querystring: z.object({
          search: z.string().max(100).optional(),
          status: z.enum(CARD_STATUSES).optional(),
          holder: idText.optional().meta({ description: 'A person’s number' }),
          after: cardIdText.optional().meta({ description: 'The last one of the page before' }),
          limit: numberText(1, 500).default(100),
        }),
        response: answers(z.object({ cards: z.array(cardJson) })),
      },
    },
    async (request) => {
      const { search, status, holder, after, limit } = request.query
      const cards = await listCards(db, {
        holder: ownOnly(actorOf(request)).holder ?? holder,
        search,
        status,
        after: after === undefined ? undefined : cardIdParam(after),
        limit,
      })
      return { cards: await cardsToJson(office, cards) }
    },
  )

  app.post(
    '/api/cards',
    {
      schema: {
        summary: 'Issue a card: its first record and what to write on its chip',
        headers,
        body: issueBody,
        response: answers(issuedJson),
      },
    },
    async (request) => {
      const { body } = request
      const order = {
        scheme: body.scheme,
        uid: hexField(body.uid, 'body.uid'),
        currency: body.currency,
        balance: BigInt(body.balance),
        label: body.label,
        holder: body.holder,
        passcode: body.passcode,
        report: reportOf(body),
      }
      return issueOnce(request.headers['idempotency-key'], request.body, actorOf(request), {
        act: 'card.issue',
        detail: { scheme: body.scheme, balance: body.balance, currency: body.currency },
        issue: (trx) => issueCard(office, trx, order),
      })
    },
  )

  app.get(
    '/api/cards/:id',
    { schema: { summary: 'One card', params, response: answers(cardJson) } },
    async (request) => {
      const card = await visibleCard(db, actorOf(request), request.params.id)
      return cardToJson(office, card)
    },
  )

  app.get(
    '/api/cards/:id/ledger',
    {
      schema: {
        summary: 'Every record of a card’s chain, in order of sequence',
        params,
        response: answers(z.object({ entries: z.array(ledgerLineJson) })),
      },
    },
    async (request) => {
      const card = await visibleCard(db, actorOf(request), request.params.id)
      return { entries: (await ledgerOf(db, card.id)).map(lineToJson) }
    },
  )

  const reasonBody = z.strictObject({ reason })
  for (const [verb, status, summary] of [
    ['freeze', 'frozen', 'Stop a card until somebody has looked'],
    ['release', 'active', 'Let a frozen card pay again'],
  ] as const) {
    app.post(
      `/api/cards/:id/${verb}`,
      { schema: { summary, params, body: reasonBody, response: answers(cardJson) } },
      async (request) => {
        const actor = actorOf(request)
        const { id } = await visibleCard(db, actor, request.params.id)
        const card = await changeStatus(office, actor, id, status, request.body.reason)
        events.emit({ type: 'card', card: id })
        return cardToJson(office, card)
      },
    )
  }

  app.post(
    '/api/cards/:id/renew',
    {
      schema: {
        summary: 'A new card takes the place of this one, with what it held',
        params,
        headers,
        body: renewBody,
        response: answers(issuedJson),
      },
    },
    async (request) => {
      const { body } = request
      const old = cardIdParam(request.params.id)
      const renewal = {
        card: old,
        uid: hexField(body.uid, 'body.uid'),
        passcode: body.passcode,
        report: reportOf(body),
        lost: body.lost,
      }
      const asked = { ...body, card: old }
      return issueOnce(request.headers['idempotency-key'], asked, actorOf(request), {
        act: 'card.renew',
        detail: { old, lost: body.lost, reason: body.reason },
        issue: (trx) => renewCard(office, trx, renewal),
      })
    },
  )

  app.post(
    '/api/cards/:id/refund',
    {
      schema: {
        summary: 'Pay out what a card held that cannot be used any more, for good',
        params,
        body: reasonBody,
        response: answers(refundedJson),
      },
    },
    async (request) => {
      const id = cardIdParam(request.params.id)
      const { reason: why } = request.body
      const refunded = await db.transaction().execute(async (trx) => {
        const amount = await refundCard(office, trx, { card: id, reason: why })
        const detail = { reason: why, amount: String(amount) }
        const act = { person: actorOf(request).id, act: 'card.refund', subject: `card:${id}` }
        await recordAct(trx, { ...act, detail }, clock.now())
        const card = await findCard(trx, id)
        invariant(card, 'a card that was paid out is there')
        return { card: await cardToJson({ ...office, db: trx }, card), paid: String(amount) }
      })
      events.emit({ type: 'card', card: id })
      return refunded
    },
  )

  /** In one transaction: the card, its money, the act, and the answer for who asks again. */
  async function issueOnce(
    key: string | undefined,
    asked: object,
    actor: Person,
    {
      act,
      detail,
      issue,
    }: {
      readonly act: string
      readonly detail: Readonly<Record<string, string | boolean>>
      readonly issue: (trx: Transaction<Tables>) => Promise<IssuedCard>
    },
  ): Promise<IssuedJson> {
    const at = clock.now()
    const answer = await db.transaction().execute(async (trx) => {
      const make = async () => {
        const issued = await issue(trx)
        const subject = `card:${issued.card.id}`
        await recordAct(trx, { person: actor.id, act, subject, detail }, at)
        return issuedToJson({ ...office, db: trx }, issued)
      }
      if (key === undefined) return make()
      const digest = sha256(utf8(JSON.stringify([act, asked])))
      const stored = await once(
        trx,
        office.vault,
        { person: actor.id, key, digest },
        at,
        async () => utf8(JSON.stringify(await make())),
      )
      return issuedJson.parse(JSON.parse(new TextDecoder().decode(stored)))
    })
    events.emit({ type: 'card', card: cardIdParam(answer.card.id) })
    return answer
  }
}

function reportOf(body: { readonly report?: string | undefined }): Bytes | undefined {
  return body.report === undefined ? undefined : fromBase64(body.report)
}

/** A cardholder sees their own cards; who works here sees all. */
function ownOnly({ role, id }: Person): { readonly holder: string | undefined } {
  return { holder: role === 'cardholder' ? id : undefined }
}

async function changeStatus(
  office: Office,
  actor: Person,
  id: CardId,
  status: CardStatus,
  why: string,
): Promise<Card> {
  return office.db.transaction().execute(async (trx) => {
    const at = office.clock.now()
    const result = await setCardStatus(trx, id, status, why, at)
    const card = await findCard(trx, id)
    if (!card) throw new OfficeError('not_found', `There is no card ${id}.`, 'params.id')
    if (result === 'final') {
      throw new OfficeError('conflict', `Card ${id} is ${card.status}, and stays that.`)
    }
    if (result === 'changed') {
      const act = status === 'frozen' ? 'card.freeze' : 'card.release'
      const detail = { reason: why }
      await recordAct(trx, { person: actor.id, act, subject: `card:${id}`, detail }, at)
    }
    return card
  })
}

async function issuedToJson(
  office: BookKeeper,
  { card, plan, passcode: code, unblocking }: IssuedCard,
): Promise<IssuedJson> {
  return {
    card: await cardToJson(office, card),
    plan: toBase64(plan),
    passcode: code,
    unblocking: unblocking ?? null,
  }
}

async function cardToJson(office: BookKeeper, card: Card): Promise<CardJson> {
  return toJson(card, await balancesOf(office, [card]))
}

async function cardsToJson(office: BookKeeper, cards: readonly Card[]): Promise<CardJson[]> {
  const balances = await balancesOf(office, cards)
  return cards.map((card) => toJson(card, balances))
}

type BookKeeper = Pick<Office, 'db' | 'clock' | 'schemes'>
type Balances = ReadonlyMap<CardId, Amount>

/** What cards hold as far as the office knows: coins are on no account of their card. */
async function balancesOf({ db, clock, schemes }: BookKeeper, cards: readonly Card[]) {
  const ofCoins = Map.groupBy(cards, ({ scheme }) => schemes.get(scheme)?.coinage !== undefined)
  const idsOf = (group: readonly Card[] = []) => group.map(({ id }) => id)
  const shadow = await shadowBalances(db, idsOf(ofCoins.get(false)))
  const coins = await coinHoldings(db, idsOf(ofCoins.get(true)), clock.now())
  return new Map([...shadow, ...coins])
}

function toJson(card: Card, balances: Balances): CardJson {
  return {
    ...card,
    label: card.label ?? null,
    holder: card.holder ?? null,
    balance: String(balances.get(card.id) ?? 0n),
    successor: card.successor ?? null,
  }
}
