import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { CardId } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import { publicKeyToPem } from '../../kernel/p256.ts'
import { exportCase } from '../case-file/export.ts'
import { caseDetailJson, caseJson, type CaseJson } from '../answers.ts'
import type { CaseCoinsJson } from '../coins/answers.ts'
import { coinsOfCase, currenciesOfCases, type CoinsOfCase } from '../coins/case-view.ts'
import { digestText } from '../digest-text.ts'
import { listCases, type Case } from '../ledger/cases.ts'
import { DECISIONS, type Decision } from '../ledger/chain.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdParam,
  cardIdText,
  COSE,
  coseMessage,
  errorAnswer,
  idText,
  reason,
  sendCose,
  type Api,
  type Desk,
} from '../http.ts'
import { ledgerOf } from '../ledger/view.ts'
import type { RecordDecision } from '../ledger/placement.ts'
import { recordAct } from '../registry/audit.ts'
import type { Tables } from '../tables.ts'
import { lineToJson } from './ledger-json.ts'

const PEM = 'application/x-pem-file'

const params = z.object({ id: idText })

export function caseRoutes(app: Api, { office, evidence }: Desk): void {
  const { db, clock, events } = office

  app.get(
    '/api/cases',
    {
      schema: {
        summary: 'Cases, newest first',
        querystring: z.object({
          card: cardIdText.optional(),
          open: z
            .stringbool()
            .default(false)
            .meta({ description: 'Leave out what is resolved or withdrawn' }),
        }),
        response: answers(z.object({ cases: z.array(caseJson) })),
      },
    },
    async (request) => {
      const { card, open } = request.query
      const cases = await listCases(db, {
        open,
        ...(card !== undefined && { card: cardIdParam(card) }),
      })
      return { cases: await casesToJson(db, cases) }
    },
  )

  app.get(
    '/api/cases/:id',
    { schema: { summary: 'One case and its evidence', params, response: answers(caseDetailJson) } },
    async (request) => {
      const found = await oneCase(request.params.id)
      const lines = found.card === undefined ? [] : await ledgerOf(db, found.card)
      const records = new Set(found.records)
      const [json] = await casesToJson(db, [found])
      const coins = await coinsOfCase(db, found)
      return {
        ...(json ?? caseToJson(found, undefined)),
        evidence: lines.filter(({ digest }) => records.has(digest)).map(lineToJson),
        coins: coins ? coinsToJson(coins) : null,
      }
    },
  )

  app.get(
    '/api/cases/:id/export',
    {
      schema: {
        summary: 'A proven case as a file that others can check: docs/protocol/case.md',
        params,
        response: {
          200: {
            description: 'Signed by the office',
            content: { [COSE]: { schema: coseMessage } },
          },
          '4xx': errorAnswer,
          '5xx': errorAnswer,
        },
      },
    },
    async (request, reply) => {
      const found = await oneCase(request.params.id)
      const [json] = await casesToJson(db, [found])
      const file = await db.transaction().execute(async (trx) => {
        const act = {
          person: actorOf(request).id,
          act: 'case.export',
          subject: `case:${found.id}`,
          detail: {},
        }
        const exported = await exportCase(trx, office, found, json?.currency ?? undefined)
        // It opens records that were closed to whoever gets it: that somebody has it is worth knowing.
        await recordAct(trx, act, clock.now())
        return exported
      })
      reply.header('content-disposition', `attachment; filename="case-${found.id}.cose"`)
      return sendCose(reply, file)
    },
  )

  app.get(
    '/api/office/key',
    {
      schema: {
        summary: 'The public key that what this office signs is checked with, in PEM',
        response: {
          200: { description: 'PEM (RFC 7468)', content: { [PEM]: { schema: z.string() } } },
          '5xx': errorAnswer,
        },
      },
    },
    async (_request, reply) => {
      reply.header('content-disposition', `attachment; filename="office-${office.generation}.pem"`)
      return reply.type(PEM).send(publicKeyToPem(office.key.publicKey))
    },
  )

  app.post(
    '/api/cases/:id/resolve',
    {
      schema: {
        summary: 'Close a case: somebody has looked, and says what came of it',
        params,
        body: z.strictObject({
          reason,
          decisions: z
            .array(z.strictObject({ record: digestText, decision: z.enum(DECISIONS) }))
            .max(100)
            .default([])
            .meta({ description: 'Records of the card whose money is to be paid, or is not' }),
        }),
        response: answers(caseJson),
      },
    },
    async (request) => {
      const { id, card } = await oneCase(request.params.id)
      const { reason: said } = request.body
      const decisions = await decisionsOf(card, request.body.decisions)
      await db.transaction().execute(async (trx) => {
        const at = clock.now()
        if (!(await evidence.resolve(trx, { id, card, reason: said, decisions }))) {
          throw new OfficeError('conflict', `Case ${id} is resolved already.`)
        }
        const subject = `case:${id}`
        const person = actorOf(request).id
        await recordAct(
          trx,
          {
            person,
            act: 'case.resolve',
            subject,
            detail: { reason: said, decisions: decisions.map(decisionText).join(', ') },
          },
          at,
        )
      })
      events.emit({ type: 'case', id })
      if (card !== undefined) events.emit({ type: 'entry', card })
      const resolved = await oneCase(id)
      const [json] = await casesToJson(db, [resolved])
      return json ?? caseToJson(resolved, undefined)
    },
  )

  /** @throws {OfficeError} `bad_input` if a record is not in the ledger of the case's card. */
  async function decisionsOf(
    card: CardId | undefined,
    wanted: readonly { readonly record: string; readonly decision: Decision }[],
  ): Promise<readonly RecordDecision[]> {
    const lines = card === undefined || wanted.length === 0 ? [] : await ledgerOf(db, card)
    return wanted.map(({ record, decision }, index) => {
      const line = lines.find(({ digest, uploaded }) => digest === record && uploaded)
      if (line) return { card: line.card, sequence: line.sequence, record: line.digest, decision }
      const field = `body.decisions[${index}].record`
      throw new OfficeError(
        'bad_input',
        'No record of that digest was handed in for the card.',
        field,
      )
    })
  }

  /** @throws {OfficeError} `not_found`. */
  async function oneCase(id: string): Promise<Case> {
    const [found] = await listCases(db, { id })
    if (found) return found
    throw new OfficeError('not_found', `There is no case ${id}.`, 'params.id')
  }
}

function decisionText({ record, decision }: RecordDecision): string {
  return `${decision} ${record}`
}

async function casesToJson(db: Kysely<Tables>, cases: readonly Case[]): Promise<CaseJson[]> {
  const cards = [...new Set(cases.flatMap(({ card }) => card ?? []))]
  const rows =
    cards.length === 0
      ? []
      : await db.selectFrom('card').select(['id', 'currency']).where('id', 'in', cards).execute()
  const currencies = new Map(rows.map(({ id, currency }) => [id as CardId, currency]))
  const cardless = await currenciesOfCases(
    db,
    cases.filter(({ card }) => card === undefined),
  )
  return cases.map((one) =>
    caseToJson(one, one.card === undefined ? cardless.get(one.id) : currencies.get(one.card)),
  )
}

function coinsToJson({ coins, elements }: CoinsOfCase): CaseCoinsJson {
  return {
    coins: coins.map(({ value, state, madeFor, creditor, claims, ...coin }) => ({
      ...coin,
      value: String(value),
      state: state ?? null,
      madeFor: madeFor ?? null,
      creditor: creditor ?? null,
      claims: claims.map(({ hands, ...claim }) => ({ ...claim, hands: [...hands] })),
    })),
    elements: elements.map(({ card, till, ...element }) => ({
      ...element,
      card: card ?? null,
      till: till ?? null,
    })),
  }
}

function caseToJson(one: Case, currency: CurrencyCode | undefined): CaseJson {
  return {
    id: one.id,
    kind: one.kind,
    strength: one.strength,
    card: one.card ?? null,
    suspects: [...one.suspects],
    amount: one.amount === undefined ? null : String(one.amount),
    currency: currency ?? null,
    records: [...one.records],
    openedAt: one.openedAt,
    changedAt: one.changedAt,
    withdrawn: one.withdrawn,
    resolution: one.resolution ?? null,
  }
}
