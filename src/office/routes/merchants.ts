import { z } from 'zod'
import { merchantJson } from '../answers.ts'
import { actorOf, answers, name, type Api, type Desk } from '../http.ts'
import { recordAct } from '../registry/audit.ts'
import { addMerchant, listMerchants } from '../registry/merchants.ts'

export function merchantRoutes(app: Api, { office }: Desk): void {
  const { db, clock } = office

  app.get(
    '/api/merchants',
    {
      schema: {
        summary: 'Merchants',
        response: answers(z.object({ merchants: z.array(merchantJson) })),
      },
    },
    async () => ({ merchants: [...(await listMerchants(db))] }),
  )

  app.post(
    '/api/merchants',
    {
      schema: {
        summary: 'A new merchant',
        body: z.strictObject({ name }),
        response: answers(merchantJson),
      },
    },
    async (request) => {
      const at = clock.now()
      return db.transaction().execute(async (trx) => {
        const merchant = await addMerchant(trx, request.body.name, at)
        const subject = `merchant:${merchant.id}`
        const detail = { name: merchant.name }
        await recordAct(
          trx,
          { person: actorOf(request).id, act: 'merchant.create', subject, detail },
          at,
        )
        return merchant
      })
    },
  )
}
