import { BATCH_PATH } from '../kernel/batch.ts'
import {
  Unreachable,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '../kernel/ports.ts'

/** What the network swallows of an upload. */
export type Loss = 'request' | 'acknowledgement'

/** The line of one till to the office. */
export class Line implements Transport {
  readonly #office: () => Transport | undefined
  readonly #heard: Transport
  #online = true
  #loss: Loss | undefined

  /**
   * @param office undefined while it is down.
   * @param heard the line as somebody has it who listens at the till's end.
   */
  constructor(
    office: () => Transport | undefined,
    heard: (line: Transport) => Transport = (line) => line,
  ) {
    this.#office = office
    this.#heard = heard({ send: (request) => this.#pass(request) })
  }

  connect(online: boolean): void {
    this.#online = online
  }

  /** Uploads lose that, until `undefined` takes it back. */
  lose(loss: Loss | undefined): void {
    this.#loss = loss
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    return this.#heard.send(request)
  }

  async #pass(request: TransportRequest): Promise<TransportResponse> {
    const office = this.#online ? this.#office() : undefined
    if (!office) throw new Unreachable('there is no network')
    const loss = request.path === BATCH_PATH ? this.#loss : undefined
    if (loss === 'request') throw new Unreachable('the request was lost')
    const answer = await office.send(request)
    if (loss === 'acknowledgement') throw new Unreachable('the answer was lost')
    return answer
  }
}
