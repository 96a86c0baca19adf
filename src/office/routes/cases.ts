import type { Kysely } from 'kysely'
import { z } from 'zod'
import type { CardId } from '../../kernel/ids.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import { caseDetailJson, caseJson, type CaseJson } from '../answers.ts'
import { listCases, resolveCase, type Case } from '../cases.ts'
import { OfficeError } from '../errors.ts'
import {
  actorOf,
  answers,
  cardIdParam,
  cardIdText,
  idText,
  reason,
  type Api,
  type Desk,
} from '../http.ts'
import { ledgerOf } from '../ledger.ts'
import { recordAct } from '../registry/audit.ts'
import type { Tables } from '../tables.ts'
import { lineToJson } from './ledger-json.ts'

const params = z.object({ id: idText })

export function caseRoutes(app: Api, { office }: Desk): void {
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
      return {
        ...(json ?? caseToJson(found, undefined)),
        evidence: lines.filter(({ digest }) => records.has(digest)).map(lineToJson),
      }
    },
  )

  app.post(
    '/api/cases/:id/resolve',
    {
      schema: {
        summary: 'Close a case: somebody has looked, and says what came of it',
        params,
        body: z.strictObject({ reason }),
        response: answers(caseJson),
      },
    },
    async (request) => {
      const { id } = await oneCase(request.params.id)
      await db.transaction().execute(async (trx) => {
        const at = clock.now()
        if (!(await resolveCase(trx, id, request.body.reason, at))) {
          throw new OfficeError('conflict', `Case ${id} is resolved already.`)
        }
        const subject = `case:${id}`
        const person = actorOf(request).id
        await recordAct(trx, { person, act: 'case.resolve', subject, detail: request.body }, at)
      })
      events.emit({ type: 'case', id })
      const resolved = await oneCase(id)
      const [json] = await casesToJson(db, [resolved])
      return json ?? caseToJson(resolved, undefined)
    },
  )

  /** @throws {OfficeError} `not_found`. */
  async function oneCase(id: string): Promise<Case> {
    const [found] = await listCases(db, { id })
    if (found) return found
    throw new OfficeError('not_found', `There is no case ${id}.`, 'params.id')
  }
}

async function casesToJson(db: Kysely<Tables>, cases: readonly Case[]): Promise<CaseJson[]> {
  const cards = [...new Set(cases.flatMap(({ card }) => card ?? []))]
  const rows =
    cards.length === 0
      ? []
      : await db.selectFrom('card').select(['id', 'currency']).where('id', 'in', cards).execute()
  const currencies = new Map(rows.map(({ id, currency }) => [id as CardId, currency]))
  return cases.map((one) => caseToJson(one, one.card && currencies.get(one.card)))
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
