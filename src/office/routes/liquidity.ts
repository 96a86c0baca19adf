import { z } from 'zod'
import { liquidityJson, type LiquidityJson } from '../answers.ts'
import { actorOf, answers, reason, type Api, type Desk } from '../http.ts'
import { liquidityOf, setLiquidity, type Liquidity } from '../ledger/liquidity.ts'
import { recordAct } from '../registry/audit.ts'

export function liquidityRoutes(app: Api, { office }: Desk): void {
  const { db, clock } = office

  app.get(
    '/api/liquidity',
    {
      schema: {
        summary: 'What happens to payments whose payer’s money is not there yet',
        response: answers(liquidityJson),
      },
    },
    async () => toJson(await liquidityOf(db)),
  )

  app.put(
    '/api/liquidity',
    {
      schema: {
        summary: 'The same, changed from the next payment on',
        body: z.strictObject({ ...liquidityJson.shape, reason }),
        response: answers(liquidityJson),
      },
    },
    async (request) => {
      const { policy, poolMax } = request.body
      const liquidity: Liquidity = { policy, poolMax: BigInt(poolMax) }
      await db.transaction().execute(async (trx) => {
        await setLiquidity(trx, liquidity)
        const person = actorOf(request).id
        const act = { person, act: 'liquidity.set', subject: 'office', detail: request.body }
        await recordAct(trx, act, clock.now())
      })
      return toJson(liquidity)
    },
  )
}

function toJson({ policy, poolMax }: Liquidity): LiquidityJson {
  return { policy, poolMax: String(poolMax) }
}
