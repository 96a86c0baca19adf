import { BATCH_PATH } from '../../kernel/batch.ts'
import { DOCUMENTS_PATH } from '../../kernel/documents.ts'
import { ENROLMENT_PATH, enrolmentRequestSchema } from '../../kernel/enrolment.ts'
import { answerDocumentRequest } from '../documents.ts'
import { enrolTill, type EnrolmentStatus } from '../enrolment.ts'
import { OfficeError } from '../errors.ts'
import { COSE, coseMessage, errorAnswer, sendCose, type Api, type Desk } from '../http.ts'
import type { IntakeResult } from '../ledger/intake.ts'

const response = {
  200: { description: 'Signed by the office', content: { [COSE]: { schema: coseMessage } } },
  '4xx': errorAnswer,
  '5xx': errorAnswer,
}

/** What tills call. Whoever carries these messages need not be trusted: docs/protocol/. */
export function tillDeviceRoutes(app: Api, { office, evidence }: Desk): void {
  app.post(
    ENROLMENT_PATH,
    {
      schema: {
        summary: 'Enrol a till: docs/protocol/enrolment.md',
        body: enrolmentRequestSchema,
        response,
      },
    },
    async (request, reply) => {
      const result = await enrolTill(office, request.body)
      if (result.status !== 'enrolled') throw enrolmentRefusal(result.status)
      return sendCose(reply, result.answer)
    },
  )

  app.post(
    BATCH_PATH,
    {
      schema: {
        summary: 'Hand in a batch and get its acknowledgement: docs/protocol/batch.md',
        consumes: [COSE],
        body: coseMessage,
        response,
      },
    },
    async (request, reply) => {
      const result = await evidence.receive(request.body)
      if (result.status !== 'stored') throw batchRefusal(result)
      return sendCose(reply, result.acknowledgement)
    },
  )

  app.post(
    DOCUMENTS_PATH,
    {
      schema: {
        summary: 'Ask for documents newer than those held: docs/protocol/documents.md',
        consumes: [COSE],
        body: coseMessage,
        response,
      },
    },
    async (request, reply) => sendCose(reply, await answerDocumentRequest(office, request.body)),
  )
}

/** Whoever has no code learns nothing of which till there is, or which had one. */
function enrolmentRefusal(status: Exclude<EnrolmentStatus, 'enrolled'>): OfficeError {
  switch (status) {
    case 'unknown_till':
    case 'till_stopped':
    case 'no_code':
    case 'wrong_proof':
      return new OfficeError(
        'code_refused',
        'This code is not good: type it again, or ask for one.',
      )
    case 'code_expired':
      return new OfficeError(
        'code_refused',
        'This code is too old: ask the operator for a new one.',
      )
    case 'code_used':
      return new OfficeError(
        'code_refused',
        'Another till was enrolled with this code. If that was not yours, have it stopped at once.',
      )
    case 'key_known':
      return new OfficeError(
        'conflict',
        'This key was enrolled before: make a new one.',
        'publicKey',
      )
  }
}

function batchRefusal(result: Exclude<IntakeResult, { readonly status: 'stored' }>): Error {
  switch (result.status) {
    case 'malformed':
      return result.error
    case 'unknown_key':
      return new OfficeError('unknown_till', 'This office has no such till, or not with that key.')
    case 'revoked_key':
      return new OfficeError('till_stopped', 'The key of this till was revoked: ask the operator.')
    case 'bad_signature':
      return new OfficeError('bad_signature', 'The batch is not signed by the till that it names.')
  }
}
