import { z } from 'zod'
import { fromBase64, toBase64 } from '../../kernel/bytes.ts'
import {
  CBOR_TYPE,
  decodeSynchronisation,
  encodeSynchronisationAnswer,
  SYNC_PATH,
} from '../../kernel/synchronisation.ts'
import { positiveAmountText, amountText } from '../amount-text.ts'
import {
  cardPolicyJson,
  certificatesJson,
  holdingJson,
  instructionJson,
  orderJson,
  unloadJson,
} from '../answers.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdParam,
  cardIdText,
  cborMessage,
  errorAnswer,
  idempotencyHeaders,
  reason,
  sendCbor,
  type Api,
  type Desk,
} from '../http.ts'
import { lastSaid, underWay } from '../holding-view.ts'
import { answerOnce } from '../once.ts'
import { schemeOf } from '../office.ts'
import { recordAct } from '../registry/audit.ts'
import { findCard } from '../registry/cards.ts'
import type { Person } from '../registry/people.ts'
import type { CardId } from '../../kernel/ids.ts'
import type { Holdings } from '../wallets/holdings.ts'
import {
  giveUpInstruction,
  loadCard,
  orderFor,
  restoreCard,
  unblockCard,
  unloadCard,
} from '../wallets/loads.ts'
import { setCardPolicy, wantedPolicy } from '../wallets/policies.ts'
import { holdingCard, synchronise } from '../wallets/synchronise.ts'
import { visibleCard } from './visible.ts'

const params = z.object({ id: cardIdText })
const statement = z
  .base64()
  .max(2000)
  .meta({ description: 'What the card says of itself now: docs/protocol/wallet-office.md' })

/** Cards that hold money by themselves: loaded, emptied and synchronised through their holders’ phones. */
export function walletRoutes(app: Api, { office, evidence, permit }: Desk): void {
  const { db } = office
  const wallets = { office, evidence, permit }

  app.get(
    '/api/certificates',
    {
      schema: {
        summary: 'What anybody may have who wants to check what this office and its cards sign',
        response: answers(z.object({ certificates: z.array(certificatesJson) })),
      },
    },
    () => ({
      certificates: [...office.schemes.values()].flatMap(({ name: scheme, holdings }) => {
        if (!holdings) return []
        const { root, notary, office: own } = holdings.certificates(office.secretsOf(scheme))
        return [
          {
            scheme,
            root: toBase64(root),
            notary: notary === undefined ? null : toBase64(notary),
            offices: own.map(toBase64),
          },
        ]
      }),
    }),
  )

  app.post(
    SYNC_PATH,
    {
      schema: {
        summary: 'Synchronise a card through whatever phone: docs/protocol/wallet-office.md',
        consumes: [CBOR_TYPE],
        body: cborMessage,
        response: {
          200: {
            description: 'Orders for the card',
            content: { [CBOR_TYPE]: { schema: cborMessage } },
          },
          '4xx': errorAnswer,
          '5xx': errorAnswer,
        },
      },
    },
    async (request, reply) => {
      const received = decodeSynchronisation(request.body)
      const answer = await synchronise(wallets, received)
      office.events.emit({ type: 'card', card: received.card })
      return sendCbor(reply, encodeSynchronisationAnswer(answer))
    },
  )

  app.post(
    '/api/wallet/loads',
    {
      schema: {
        summary: 'Set money of the holder’s online wallet aside and put it on the card',
        headers: idempotencyHeaders,
        body: z.strictObject({ card: cardIdText, amount: positiveAmountText, statement }),
        response: answers(orderJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, body.card, 'body.card')
      const { amount } = body
      // The same key from the same card again, and it has said something new meanwhile.
      const asked = { act: 'wallet.load', card, amount }
      const given = await answerOnce(
        office,
        headers,
        actor,
        asked,
        instructionJson,
        async (trx) => {
          const wanted = { card, amount: BigInt(amount), statement: fromBase64(body.statement) }
          return { card, number: await loadCard(office, trx, { ...wanted, person: actor.id }) }
        },
      )
      return { number: given.number, order: toBase64(await orderFor(wallets, card, given.number)) }
    },
  )

  app.post(
    '/api/wallet/unloads',
    {
      schema: {
        summary: 'A request that the card pay back to its holder’s online wallet',
        headers: idempotencyHeaders,
        body: z.strictObject({ card: cardIdText, amount: positiveAmountText, statement }),
        response: answers(unloadJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, body.card, 'body.card')
      const asked = { act: 'wallet.unload', ...body }
      return answerOnce(office, headers, actor, asked, unloadJson, async (trx) => {
        const wanted = { card, amount: BigInt(body.amount), statement: fromBase64(body.statement) }
        return { request: toBase64(await unloadCard(office, trx, { ...wanted, person: actor.id })) }
      })
    },
  )

  app.get(
    '/api/cards/:id/holding',
    {
      schema: {
        summary: 'What a card last said of itself, and what it is to do',
        params,
        response: answers(holdingJson),
      },
    },
    async (request) => {
      const { id } = await visibleCard(db, actorOf(request), request.params.id)
      const { card, holdings } = await holdingCard(office, id)
      const [said, under] = [await lastSaid(db, id), await underWay(db, id)]
      return {
        said: said ? { ...said, balance: String(said.balance) } : null,
        underWay: under
          ? {
              number: under.number,
              kind: under.kind,
              amount: String(under.amount),
              expiresAt: under.expiresAt,
              givenUp: under.voidBytes !== undefined,
            }
          : null,
        policy: await policyToJson(card.scheme, id, holdings),
      }
    },
  )

  app.post(
    '/api/cards/:id/restore',
    {
      schema: {
        summary: 'Put right what a card holds that is here: an operator’s decision',
        params,
        headers: idempotencyHeaders,
        body: z.strictObject({ amount: amountText, statement, reason }),
        response: answers(instructionJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const card = cardIdParam(request.params.id)
      const asked = { act: 'wallet.restore', card, ...body }
      return answerOnce(office, headers, actor, asked, instructionJson, async (trx) => {
        const wanted = { card, amount: BigInt(body.amount), statement: fromBase64(body.statement) }
        const order = { ...wanted, person: actor.id, reason: body.reason }
        return { card, number: await restoreCard(office, trx, order) }
      })
    },
  )

  app.post(
    '/api/cards/:id/unblock',
    {
      schema: {
        summary: 'Give a card’s PIN its tries back, with the next synchronisation',
        params,
        headers: idempotencyHeaders,
        body: z.strictObject({ statement, reason }),
        response: answers(instructionJson),
      },
    },
    async (request) => {
      const { body, headers } = request
      const actor = actorOf(request)
      const card = cardIdParam(request.params.id)
      const asked = { act: 'wallet.unblock', card, ...body }
      return answerOnce(office, headers, actor, asked, instructionJson, async (trx) => {
        const wanted = { card, statement: fromBase64(body.statement), reason: body.reason }
        return { card, number: await unblockCard(office, trx, { ...wanted, person: actor.id }) }
      })
    },
  )

  app.post(
    '/api/cards/:id/give-up',
    {
      schema: {
        summary: 'Give up what a card has not carried out: what was set aside for it comes back',
        params,
        body: z.strictObject({ reason }),
        response: answers(instructionJson),
      },
    },
    async (request) => {
      const actor = actorOf(request)
      const { id: card } = await visibleCard(db, actor, request.params.id)
      const wanted = { card, person: actor.id, reason: request.body.reason }
      const number = await db.transaction().execute((trx) => giveUpInstruction(office, trx, wanted))
      return { card, number }
    },
  )

  app.post(
    '/api/cards/:id/wallet-policy',
    {
      schema: {
        summary: 'What one card may do offline; it hears of it with its next synchronisation',
        params,
        body: z.strictObject({ policy: z.unknown(), reason }),
        response: answers(cardPolicyJson),
      },
    },
    async (request) => {
      const id = cardIdParam(request.params.id)
      const card = await findCard(db, id)
      if (!card) throw new OfficeError('not_found', `There is no card ${id}.`, 'params.id')
      return setPolicy(actorOf(request), card.scheme, id, request.body)
    },
  )

  app.get(
    '/api/wallet-policy',
    {
      schema: {
        summary: 'What all cards of a scheme may do offline',
        querystring: z.object({ scheme: z.string() }),
        response: answers(cardPolicyJson),
      },
    },
    async (request) => {
      const { scheme } = request.query
      return policyToJson(scheme, undefined, toldOffline(scheme, 'query.scheme'))
    },
  )

  app.post(
    '/api/wallet-policy',
    {
      schema: {
        summary: 'What all cards of a scheme may do offline',
        body: z.strictObject({ scheme: z.string(), policy: z.unknown(), reason }),
        response: answers(cardPolicyJson),
      },
    },
    async (request) => {
      const { scheme, ...body } = request.body
      return setPolicy(actorOf(request), scheme, undefined, body)
    },
  )

  async function setPolicy(
    actor: Person,
    scheme: string,
    card: CardId | undefined,
    { policy, reason: why }: { readonly policy?: unknown; readonly reason: string },
  ) {
    const holdings = toldOffline(scheme, 'body.scheme')
    const at = office.clock.now()
    return db.transaction().execute(async (trx) => {
      const wanted = { scheme, card, policy, person: actor.id }
      const { version, bytes } = await setCardPolicy(trx, holdings, wanted, at)
      const shown = holdings.showPolicy(bytes)
      const subject = card === undefined ? `scheme:${scheme}` : `card:${card}`
      const detail = { ...shown, reason: why }
      await recordAct(trx, { person: actor.id, act: 'wallet.policy', subject, detail }, at)
      return { version, scheme, card: card ?? null, policy: shown }
    })
  }

  /** @throws {OfficeError} if cards of that scheme take no policy. */
  function toldOffline(scheme: string, field: string): Holdings {
    const { holdings } = schemeOf(office, scheme, field)
    if (holdings) return holdings
    throw new OfficeError('conflict', `Cards of the scheme ${scheme} are not told a policy.`)
  }

  async function policyToJson(scheme: string, card: CardId | undefined, holdings: Holdings) {
    const [wanted, ofAll] = await Promise.all([
      wantedPolicy(db, scheme, card, holdings),
      wantedPolicy(db, scheme, undefined, holdings),
    ])
    const { version, bytes } = wanted
    const isOwn = version !== ofAll.version
    return {
      version,
      scheme,
      card: isOwn ? (card ?? null) : null,
      policy: holdings.showPolicy(bytes),
    }
  }
}
