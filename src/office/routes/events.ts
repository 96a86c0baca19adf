import type { Api, Desk } from '../http.ts'

/** Often enough that a proxy does not take the silence for an end. */
const HEARTBEAT_MS = 15_000

/** Server-sent events (HTML Living Standard, 9.2): what changed, so that a page asks again. */
export function eventRoutes(app: Api, { office }: Desk): void {
  const open = new Set<() => void>()
  // A stream has no end of its own: without this the server would wait for it when it stops.
  app.addHook('preClose', (done) => {
    for (const close of open) close()
    done()
  })

  app.get(
    '/api/events',
    {
      schema: {
        summary: 'Server-sent events: batch, entry, case, card, till, placed',
        produces: ['text/event-stream'],
      },
    },
    (request, reply) => {
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      })
      raw.write('retry: 2000\n\n')
      const unsubscribe = office.events.subscribe((event) => {
        raw.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
      })
      const heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS)
      const close = () => {
        clearInterval(heartbeat)
        unsubscribe()
        open.delete(close)
        raw.end()
      }
      open.add(close)
      request.raw.once('close', close)
    },
  )
}
