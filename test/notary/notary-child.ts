import { startNotaryServer } from '../../src/cli/notary-server.ts'

/** A notary as `kontant notary` runs it, until it is killed. Says where it listens. */
const [, , data = '', database = ''] = process.argv
const notary = await startNotaryServer({ data, database, host: '127.0.0.1', port: 0 })
process.stdout.write(`${notary.url}\n`)
await notary.broken
