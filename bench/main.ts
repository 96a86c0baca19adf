import { availableParallelism, cpus } from 'node:os'
import { benchOffice } from './office.ts'
import { opensslSpeed } from './openssl.ts'
import { benchPlainPostgres } from './postgres.ts'
import { benchTaps } from './tap.ts'
import { benchUpload } from './upload.ts'

/** All figures of docs/benchmarks.md in one run: only their ratios mean anything on another machine. */
const PAYMENTS = Number(process.env.KONTANT_BENCH_PAYMENTS ?? 90_000)

function line(name: string, value: string): void {
  console.log(`${name.padEnd(58)} ${value}`)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

const [cpu] = cpus()
console.log(
  `${cpu?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, node ${process.version}\n`,
)

const openssl = opensslSpeed()
line(`P-256 verifications a second, all cores (${openssl.version})`, whole(openssl.perSecond))

const plain = await benchPlainPostgres()
line(`plain PostgreSQL, a transaction a payment (${plain.driver})`, whole(plain.perSecond))

const office = await benchOffice({ tills: 100, cards: 1000, payments: PAYMENTS, batchItems: 200 })
line('payments a second, upload to settled and durable', whole(office.perSecond))
line('  of the P-256 verifications', (office.perSecond / openssl.perSecond).toFixed(2))
line('  of plain PostgreSQL', `${(office.perSecond / plain.perSecond).toFixed(1)} x`)
line(
  '  uploads acknowledged after',
  `${((100 * office.acknowledgedSeconds) / office.seconds).toFixed(0)} % of that time`,
)
line('a till uploads 1,000 offline payments over HTTP', `${(await benchUpload(1000)).toFixed(2)} s`)
console.log('')

for (const tap of await benchTaps(400)) {
  const bytes = `${whole(tap.bytesToCard)} B to the card, ${whole(tap.bytesFromCard)} B back`
  line(`tap, ${tap.what}: traffic`, `${tap.apdus} APDUs, ${bytes}`)
  line(`tap, ${tap.what}: modelled`, `${tap.modelledMs.toFixed(0)} ms at 106 kbit/s`)
  line(
    `tap, ${tap.what}: till's software`,
    `${tap.softwareMs.median.toFixed(1)} ms median, ${tap.softwareMs.p99.toFixed(1)} ms p99`,
  )
}
