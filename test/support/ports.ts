import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what a system gives by itself: between the look at a port and its use nobody else gets it. */
const FIRST = 20_000
const LAST = 32_000

/** The first of that many ports in a row that nobody listens on. */
export async function freePorts(many: number): Promise<number> {
  for (;;) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    const row = Array.from({ length: many }, (_, n) => isFree(first + n))
    if ((await Promise.all(row)).every(Boolean)) return first
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
