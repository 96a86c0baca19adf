import { connect } from '../../src/office/database.ts'
import { createApi } from '../../src/office/api.ts'
import { fromHex } from '../../src/kernel/bytes.ts'
import { createLedgerOffice } from './ledger-office.ts'

/** An office process on a database that is there already, until it is killed; says where it listens. */
const [, , url = '', dataKey = ''] = process.argv
const town = await createLedgerOffice(connect(url, 8), undefined, fromHex(dataKey))
const fail = (error: unknown) => {
  console.error(error)
  process.exit(1)
}
const api = await createApi(town.office, { evidence: town.evidence, fail })
process.stdout.write(`${await api.listen({ host: '127.0.0.1', port: 0 })}\n`)
