import { startOfficeServer } from '../../src/cli/office-server.ts'

/** An office as `kontant office` runs it, until it is killed. Says where it listens. */
const [, , data = '', database = ''] = process.argv
const office = await startOfficeServer({
  data,
  database,
  host: '127.0.0.1',
  port: 0,
  currency: 'USD',
})
process.stdout.write(`${office.url}\n`)
await office.broken
