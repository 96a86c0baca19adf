import type { FastifyReply, FastifyRequest } from 'fastify'

/** Counted by this process since it started; what the database knows is counted there. */
export interface Metrics {
  /** Requests by method, route and status. */
  readonly requests: Map<string, number>
  /** Time spent on answers, in milliseconds. */
  requestMs: number
}

export function createMetrics(): Metrics {
  return { requests: new Map(), requestMs: 0 }
}

export function countRequest(metrics: Metrics, request: FastifyRequest, reply: FastifyReply): void {
  const route = request.routeOptions.url ?? 'unknown'
  const labels = `method="${request.method}",route="${route}",status="${reply.statusCode}"`
  metrics.requests.set(labels, (metrics.requests.get(labels) ?? 0) + 1)
  metrics.requestMs += reply.elapsedTime
}

/** One family in the Prometheus text format, version 0.0.4. */
export function metricText(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: Iterable<readonly [labels: string, value: number]>,
): string {
  const lines = [...values].map(([labels, value]) =>
    labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`,
  )
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}
