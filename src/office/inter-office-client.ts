import { bytesEqual, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import type { CardId } from '../kernel/ids.ts'
import {
  digestOfRequest,
  NOTARY_PATH,
  openAnswer,
  REQUEST_NONCE_SIZE,
  signRequest,
  type KnownNotary,
  type NotaryAct,
  type NotaryAnswer,
  type NotaryResult,
  type ResultOf,
} from '../kernel/notary.ts'
import type { PrivateKey } from '../kernel/p256.ts'
import type { OfficeNumber } from '../kernel/party.ts'
import { Unreachable, type Clock, type RandomSource, type Transport } from '../kernel/ports.ts'
import { COSE } from './http.ts'

/** What an office is among others: who hands it to the engine knows the scheme that it is for. */
export interface NotarySeat {
  readonly scheme: string
  readonly office: OfficeNumber
  readonly generation: number
  readonly key: PrivateKey
  /** Of that key, by the root of all. */
  readonly certificate: Bytes
  readonly notary: KnownNotary
  /** A card’s certificate and its office’s, for whoever knows the root alone. */
  certificatesOf(card: CardId, publicKey: Bytes): readonly Bytes[]
}

/** Whether anything came of a request is unknown, or nothing did: it is to be made again. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Asks a notary, over any network: what it says counts by its signature alone. */
export class NotaryClient {
  readonly #seat: NotarySeat
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #random: RandomSource
  /** By how much the notary’s clock is ahead, as far as it matters; ms. */
  #ahead = 0

  constructor(seat: NotarySeat, transport: Transport, clock: Clock, random: RandomSource) {
    this.#seat = seat
    this.#transport = transport
    this.#clock = clock
    this.#random = random
  }

  /**
   * One result an act, in their order.
   *
   * @throws {NoAnswer} if none came that the notary has signed for this request.
   */
  async ask<A extends NotaryAct>(acts: readonly A[]): Promise<readonly ResultOf<A['act']>[]> {
    const answer = await this.#send(acts)
    switch (answer.result) {
      case 'done':
        return answer.results as readonly NotaryResult[] as readonly ResultOf<A['act']>[]
      case 'unknown key': {
        const joined = await this.#again([{ act: 'join', certificate: this.#seat.certificate }])
        if (joined[0]?.act !== 'join' || joined[0].result !== 'joined') {
          throw new NoAnswer('the notary does not take the certificate of this office')
        }
        return (await this.#again(acts)) as readonly ResultOf<A['act']>[]
      }
      case 'stale':
        this.#ahead = answer.notaryTime - this.#clock.now()
        return (await this.#again(acts)) as readonly ResultOf<A['act']>[]
      case 'revoked key':
      case 'bad signature':
        throw new NoAnswer(`the notary says: ${answer.result}`)
    }
  }

  async #again(acts: readonly NotaryAct[]): Promise<readonly NotaryResult[]> {
    const { result, results } = await this.#send(acts)
    if (result !== 'done') throw new NoAnswer(`the notary says: ${result}`)
    return results
  }

  async #send(acts: readonly NotaryAct[]): Promise<NotaryAnswer> {
    const { office, generation, key, notary } = this.#seat
    const signed = signRequest(key, {
      office,
      generation,
      notary: notary.generation,
      madeAt: this.#clock.now() + this.#ahead,
      nonce: this.#random.bytes(REQUEST_NONCE_SIZE),
      acts: [...acts],
    })
    const answer = await this.#exchange(signed)
    if (!bytesEqual(answer.request, digestOfRequest(signed))) {
      throw new NoAnswer('that is the answer to another request')
    }
    if (answer.result === 'done' && answer.results.length !== acts.length) {
      throw new NoAnswer('the notary does not answer everything')
    }
    return answer
  }

  async #exchange(signed: Bytes): Promise<NotaryAnswer> {
    const headers = { 'content-type': COSE }
    try {
      const request = { method: 'POST', path: NOTARY_PATH, headers, body: signed } as const
      const { status, body } = await this.#transport.send(request)
      if (status !== 200) throw new NoAnswer(`the notary answers with status ${status}`)
      return openAnswer(body, this.#seat.notary)
    } catch (error) {
      if (error instanceof Unreachable || error instanceof FormatError) {
        throw new NoAnswer(error.message, { cause: error })
      }
      throw error
    }
  }
}
