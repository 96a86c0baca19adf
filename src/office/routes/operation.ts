import { sql } from 'kysely'
import { z } from 'zod'
import { auditJson, progressJson } from '../answers.ts'
import { bookSums } from '../books.ts'
import { answers, numberText, type Api, type Desk } from '../http.ts'
import { progressOf } from '../ledger/view.ts'
import { metricText } from '../metrics.ts'
import { findTampering, listActs } from '../registry/audit.ts'
import { listPeople } from '../registry/people.ts'

/** What tells an operator, and their machines, how the office does. */
export function operationRoutes(app: Api, { office, metrics }: Desk): void {
  const { db } = office

  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Whether the office and its database answer',
        response: answers(z.object({ status: z.literal('ok') })),
      },
    },
    async () => {
      await sql`select 1`.execute(db)
      return { status: 'ok' as const }
    },
  )

  app.get(
    '/metrics',
    { schema: { summary: 'Figures in the Prometheus text format', produces: ['text/plain'] } },
    async (_request, reply) => {
      // What takes time in proportion to the ledger is not counted here: this is asked every few seconds.
      const { rows } = await sql<Record<string, bigint>>`
        select
          (select coalesce(max(id), 0) from batch) as batches,
          (select count(*) from batch where not placed) as to_place,
          (select count(*) from entry where not uploaded) as missing,
          (select count(*) from "case" where not withdrawn and resolved_at is null) as cases,
          (select count(*) from till where enrolled_at is not null and stopped_at is null) as tills,
          (select coalesce(max(id), 0) from transfer) as transfers`.execute(db)
      const count = (name: string) => Number(rows[0]?.[name] ?? 0n)
      const one = (value: number) => [['', value]] as const
      return reply
        .type('text/plain; version=0.0.4; charset=utf-8')
        .send(
          [
            metricText('kontant_batches_total', 'counter', 'Batches stored', one(count('batches'))),
            metricText(
              'kontant_batches_waiting',
              'gauge',
              'Batches stored and not in the ledger yet',
              one(count('to_place')),
            ),
            metricText(
              'kontant_records_missing',
              'gauge',
              'Records shown by others and not handed in',
              one(count('missing')),
            ),
            metricText(
              'kontant_transfers_total',
              'counter',
              'Transfers posted',
              one(count('transfers')),
            ),
            metricText('kontant_cases_open', 'gauge', 'Open cases', one(count('cases'))),
            metricText(
              'kontant_tills',
              'gauge',
              'Tills enrolled and not stopped',
              one(count('tills')),
            ),
            metricText(
              'kontant_http_requests_total',
              'counter',
              'Requests answered by this process',
              metrics.requests,
            ),
            metricText(
              'kontant_http_request_seconds_total',
              'counter',
              'Time spent on answers by this process',
              one(metrics.requestMs / 1000),
            ),
          ].join(''),
        )
    },
  )

  app.get(
    '/api/openapi.json',
    { schema: { summary: 'This description', produces: ['application/json'] } },
    (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  )

  app.get(
    '/api/progress',
    {
      schema: {
        summary: 'How far the office is with what it was sent',
        response: answers(progressJson),
      },
    },
    async () => {
      const sums = await bookSums(db)
      return {
        ...(await progressOf(db)),
        sums: sums.map(({ currency, sum }) => ({ currency, sum: String(sum) })),
      }
    },
  )

  app.get(
    '/api/audit',
    {
      schema: {
        summary: 'What people did, newest first',
        querystring: z.object({
          before: numberText(1, Number.MAX_SAFE_INTEGER).optional(),
          limit: numberText(1, 1000).default(100),
          check: z
            .stringbool()
            .default(false)
            .meta({ description: 'Also check the whole chain: takes time in proportion to it' }),
        }),
        response: answers(
          z.object({
            entries: z.array(auditJson),
            tamperedFrom: z.int().nullable().optional().meta({
              description: 'If asked to check: the first entry that does not fit, or null',
            }),
          }),
        ),
      },
    },
    async (request) => {
      const { before, limit, check } = request.query
      const acts = await listActs(db, limit, before)
      const logins = new Map((await listPeople(db)).map(({ id, login }) => [id, login]))
      const entries = acts.map((act) => ({
        ...act,
        person: act.person === undefined ? null : (logins.get(act.person) ?? act.person),
      }))
      if (!check) return { entries }
      return { entries, tamperedFrom: (await findTampering(db)) ?? null }
    },
  )
}
