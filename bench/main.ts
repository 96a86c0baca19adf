import { availableParallelism, cpus } from 'node:os'
import { benchCoinTaps, coinTapLines } from './coin-tap.ts'
import type { CpuTimes } from './cpu.ts'
import { benchOffice } from './office.ts'
import { opensslSpeed, opensslVersion } from './openssl.ts'
import { pcscLines } from './pcsc.ts'
import { benchPlainPostgres } from './postgres.ts'
import { readingsPerSecond } from './puf.ts'
import { benchPurseTaps, purseTapLines } from './purse-tap.ts'
import { spreadLine } from './share.ts'
import { benchTaps } from './tap.ts'
import { benchUpload } from './upload.ts'
import { benchWalletTaps, walletTapLines } from './wallet-tap.ts'

/** All figures of docs/benchmarks.md in one run: only their ratios mean anything on another machine. */
const LOAD = {
  tills: 100,
  cards: 1000,
  payments: Number(process.env.KONTANT_BENCH_PAYMENTS ?? 90_000),
  batchItems: 200,
}

function line(name: string, value: string): void {
  console.log(`${name.padEnd(72)} ${value}`)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function cpuLine({ main, workers, helpers, database }: CpuTimes, payments: number): string {
  const each = (us: number) => `${(us / payments).toFixed(0)} µs`
  return [
    each(main + workers + helpers + database),
    `= threads that verify ${each(workers)}`,
    `+ placer ${each(main)}`,
    `+ collector and compiler ${each(helpers)}`,
    `+ PostgreSQL ${each(database)}`,
  ].join(' ')
}

const [cpu] = cpus()
console.log(
  `${cpu?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, node ${process.version}\n`,
)

let before = opensslSpeed()
line('P-256 verifications a second, one core times the cores', whole(before.timesCores))
line('  all cores at once', `${whole(before.atOnce)} (${opensslVersion()})`)

const plain = await benchPlainPostgres()
const plainForms = [
  [
    `statement by statement (${plain.driver}, ${plain.statements.clients} clients)`,
    plain.statements,
  ],
  [`as one function call (${plain.driver}, ${plain.call.clients} clients)`, plain.call],
] as const
line('plain PostgreSQL, a transaction a payment:', '')
for (const [name, { perSecond }] of plainForms) line(`  ${name}`, whole(perSecond))

for (const order of ['in order', 'shuffled'] as const) {
  const office = await benchOffice({ ...LOAD, order })
  line(`payments a second, upload to settled and durable, ${order}`, whole(office.perSecond))
  // A machine shared with others is faster now and slower then.
  const after = opensslSpeed()
  const forms = [
    ['one core times the cores', (before.timesCores + after.timesCores) / 2],
    ['all cores at once', (before.atOnce + after.atOnce) / 2],
  ] as const
  before = after
  for (const [name, perSecond] of forms) {
    const ratio = (office.perSecond / perSecond).toFixed(2)
    line(
      `  of the P-256 verifications, ${name}`,
      `${ratio} (${whole(perSecond)}, before and after)`,
    )
  }
  for (const [name, { perSecond }] of plainForms) {
    line(`  of plain PostgreSQL, ${name}`, `${(office.perSecond / perSecond).toFixed(1)} x`)
  }
  const acknowledged = (100 * office.acknowledgedSeconds) / office.seconds
  line('  uploads acknowledged after', `${acknowledged.toFixed(0)} % of that time`)
  if (office.cpu) line('  processor time a payment', cpuLine(office.cpu, office.payments))
}
line('a till uploads 1,000 offline payments over HTTP', `${(await benchUpload(1000)).toFixed(2)} s`)
console.log('')

for (const tap of await benchTaps(400)) {
  const bytes = `${whole(tap.bytesToCard)} B to the card, ${whole(tap.bytesFromCard)} B back`
  line(`tap, ${tap.what}: traffic`, `${tap.apdus} APDUs, ${bytes}`)
  line(`tap, ${tap.what}: modelled`, `${tap.modelledMs.toFixed(0)} ms at 106 kbit/s`)
  line(`tap, ${tap.what}: till's software`, spreadLine(tap.software))
}
for (const [name, value] of purseTapLines(await benchPurseTaps())) line(name, value)
for (const [name, value] of walletTapLines(await benchWalletTaps())) line(name, value)
for (const [name, value] of coinTapLines(await benchCoinTaps(10))) line(name, value)
line('PUF readings a second, with their correction, emulated', whole(readingsPerSecond(20_000)))
for (const [name, value] of await pcscLines(5000)) line(name, value)
