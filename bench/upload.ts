import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { httpTransport } from '../src/cli/http-transport.ts'
import { READER_PROFILES } from '../src/kernel/storage-apdu.ts'
import { createApi } from '../src/office/api.ts'
import { openDatabase } from '../src/office/database.ts'
import { giveCode } from '../src/office/enrolment.ts'
import { issueCard } from '../src/office/issue.ts'
import { addMerchant } from '../src/office/registry/merchants.ts'
import { defaultPolicy, setPolicy } from '../src/office/registry/policies.ts'
import { addTill } from '../src/office/registry/tills.ts'
import { blockTillFor } from '../src/schemes/block/till.ts'
import { createTill } from '../src/till/till.ts'
import { Chip, pay } from '../test/schemes/block/world.ts'
import { createLedgerOffice, type LedgerOffice } from '../test/support/ledger-office.ts'
import { random } from '../test/support/mint.ts'

const clock = { now: () => Date.now() }

/**
 * A till sells offline at one card after the other, then uploads everything over HTTP.
 *
 * @returns seconds until its queue was empty.
 */
export async function benchUpload(payments: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'kontant-bench-'))
  const database = await openDatabase({ directory: join(directory, 'office') })
  const town = await createLedgerOffice(database.db)
  const api = await createApi(town.office, {
    evidence: town.evidence,
    fail(error) {
      throw error
    },
  })
  try {
    const till = createTill({
      path: join(directory, 'till.db'),
      storageKey: random.bytes(32),
      clock,
      random,
      transport: httpTransport(await api.listen({ host: '127.0.0.1', port: 0 })),
      schemes: [blockTillFor(READER_PROFILES.ACR1255U)],
      software: new Uint8Array(32),
    })
    await till.enrol(await equip(town))
    await till.syncOnce()
    const chip = await issueChip(town)
    for (let n = 0; n < payments; n += 1) {
      const { result } = await chip.tapped((channel) => till.tap(channel, pay(1n)))
      if (result !== 'done') throw new Error(`payment ${n} was ${result}`)
    }
    const start = performance.now()
    await till.syncOnce()
    const seconds = (performance.now() - start) / 1000
    if (till.status.queued > 0) throw new Error(`${till.status.queued} are still queued`)
    till.close()
    return seconds
  } finally {
    await api.close()
    await town.evidence.stop()
    await database.close()
    await rm(directory, { recursive: true, force: true })
  }
}

/** @returns the code with which a till enrols. */
function equip({ office }: LedgerOffice): Promise<string> {
  return office.db.transaction().execute(async (trx) => {
    const at = clock.now()
    const merchant = await addMerchant(trx, 'bakery', at)
    const till = await addTill(trx, { name: 'bakery', merchant: merchant.id, currency: 'USD' }, at)
    await setPolicy(trx, till.number, { ...defaultPolicy('USD'), offlinePaymentsMax: null }, at)
    const { code } = await giveCode(office, trx, till.number)
    return code
  })
}

async function issueChip({ office }: LedgerOffice): Promise<Chip> {
  const uid = random.bytes(4)
  const issued = await office.db.transaction().execute((trx) =>
    issueCard(office, trx, {
      scheme: 'block',
      uid,
      currency: 'USD',
      balance: 60_000n,
      passcode: '4821',
      label: undefined,
      holder: undefined,
    }),
  )
  const chip = new Chip(uid)
  const status = await chip.write(issued.plan)
  if (status !== 'written') throw new Error(`the chip is ${status}`)
  return chip
}
