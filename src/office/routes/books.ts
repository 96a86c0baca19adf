import { z } from 'zod'
import { ACCOUNT_KINDS } from '../ledger/account-kinds.ts'
import { accountJson, transferJson } from '../answers.ts'
import { findAccount, listAccounts, listTransfers, type AccountRef } from '../books.ts'
import { OfficeError } from '../errors.ts'
import { answers, idText, numberText, type Api, type Desk } from '../http.ts'

const limit = numberText(1, 1000).default(200)

export function bookRoutes(app: Api, { office }: Desk): void {
  const { db } = office

  app.get(
    '/api/accounts',
    {
      schema: {
        summary: 'Accounts: the sum of all is always 0',
        querystring: z.object({
          kind: z.enum(ACCOUNT_KINDS).optional(),
          after: idText.optional().meta({ description: 'The last one of the page before' }),
          limit,
        }),
        response: answers(z.object({ accounts: z.array(accountJson) })),
      },
    },
    async (request) => {
      const accounts = await listAccounts(db, request.query)
      return {
        accounts: accounts.map((account) => ({
          ...refToJson(account),
          currency: account.currency,
          balance: String(account.balance),
          owed: String(account.owed),
        })),
      }
    },
  )

  app.get(
    '/api/accounts/:id/transfers',
    {
      schema: {
        summary: 'What an account got and gave, newest first',
        params: z.object({ id: idText }),
        querystring: z.object({
          before: idText.optional().meta({ description: 'The last one of the page before' }),
          limit,
        }),
        response: answers(z.object({ transfers: z.array(transferJson) })),
      },
    },
    async (request) => {
      const { id } = request.params
      if (!(await findAccount(db, id))) {
        throw new OfficeError('not_found', `There is no account ${id}.`, 'params.id')
      }
      const { before, limit: count } = request.query
      const transfers = await listTransfers(db, id, count, before)
      return {
        transfers: transfers.map((transfer) => ({
          ...transfer,
          debit: refToJson(transfer.debit),
          credit: refToJson(transfer.credit),
          amount: String(transfer.amount),
        })),
      }
    },
  )
}

function refToJson({ id, kind, owner, name }: AccountRef) {
  return { id, kind, owner, name: name ?? null }
}
