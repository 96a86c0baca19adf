import type { Bytes } from './bytes.ts'

/** Milliseconds since 1970-01-01T00:00:00Z. Every field that holds one says whose clock it is from. */
export type Instant = number

/** The time of one party. In a simulated town each party's clock may run wrong. */
export interface Clock {
  now(): Instant
}

/** Unpredictable bytes; predictable only in a simulation. */
export interface RandomSource {
  bytes(size: number): Bytes
}

/**
 * A request that a till sends to an office and what came back.
 * A lost request and a lost answer look the same: `send` rejects with {@link Unreachable}.
 */
export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, from `/`. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Bytes
}

export interface TransportResponse {
  readonly status: number
  readonly body: Bytes
}

/** Nobody answered. Whether the request arrived is unknown. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}
