import { BATCH_PATH, decodeBatch } from '../../kernel/batch.ts'
import { DOCUMENTS_PATH } from '../../kernel/documents.ts'
import { ENROLMENT_PATH } from '../../kernel/enrolment.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import type { TransportRequest } from '../../kernel/ports.ts'
import type { TellRequest } from './trace.ts'

/** Requests of tills in words. */
export const tellTillRequest: TellRequest = (request, answer) => {
  const lost = '— nothing: the network has swallowed it —'
  return { asks: asks(request), answers: answer ? outcome(request, answer.status) : lost }
}

function asks({ path, body, method }: TransportRequest): string {
  switch (path) {
    case BATCH_PATH: {
      const read = body && unlessMalformed(() => decodeBatch(body).batch)
      return read ? `batch ${read.number}: ${read.items.length} records, signed` : 'a batch'
    }
    case DOCUMENTS_PATH:
      return 'what is new?'
    case ENROLMENT_PATH:
      return 'enrol me, by this code'
    default:
      return `${method} ${path}`
  }
}

function outcome({ path }: TransportRequest, status: number): string {
  if (status !== 200) return `refused: ${status}`
  switch (path) {
    case BATCH_PATH:
      return 'acknowledged, signed: it is kept for good'
    case DOCUMENTS_PATH:
      return 'documents, signed'
    case ENROLMENT_PATH:
      return 'who you are, and the first documents'
    default:
      return 'done'
  }
}
