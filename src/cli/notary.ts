import { randomUUID } from 'node:crypto'
import { toHex } from '../kernel/bytes.ts'
import { currency, formatAmount } from '../kernel/money.ts'
import { NOTARY } from '../kernel/party.ts'
import { listCases } from '../notary/cases.ts'
import { addNotaryKey, addRevocation, certifyNotaryKey } from '../notary/keys.ts'
import { orderReserve, type OperatorResult } from '../notary/operator.ts'
import { readReport } from '../notary/reports.ts'
import { FormatError } from '../kernel/errors.ts'
import { requestCertificate } from '../schemes/wallet/root.ts'
import { readInput, writeNew } from './certificate.ts'
import { CommandFailed, InputError, untilStopped, withProgress, type Io } from './io.ts'
import type { NotaryCommand } from './notary-command.ts'
import { openNotary, startNotaryServer, type OpenNotary } from './notary-server.ts'
import { systemClock, systemRandom } from './system.ts'

/** `kontant notary …` */
export async function runNotary(command: NotaryCommand, io: Io): Promise<void> {
  if (command.act === 'run') return serveNotary(command, io)
  const opened = await withProgress(io, 'Opening the database of the notary', () =>
    openNotary(command),
  )
  try {
    await operate(opened, command, io)
  } finally {
    await opened.close()
  }
}

async function serveNotary(
  command: NotaryCommand & { readonly act: 'run' },
  io: Io,
): Promise<void> {
  const server = await withProgress(io, 'Starting the notary and its database', () =>
    startNotaryServer(command),
  )
  try {
    io.out(`The notary listens on ${server.url}. Ctrl-C stops it.`)
    if (!server.notary.keys.some(({ certificate }) => certificate)) {
      io.err('It has no certificate yet: kontant notary request, then kontant notary certify.')
    }
    await untilStopped(io, [server.broken])
  } finally {
    if (io.stop.aborted) io.err('Stopping …')
    await server.stop()
  }
}

type OperatorCommand = Exclude<NotaryCommand, { readonly act: 'run' }>

async function operate(opened: OpenNotary, command: OperatorCommand, io: Io): Promise<void> {
  const { db, notary } = opened
  switch (command.act) {
    case 'request':
      return request(opened, command, io)
    case 'certify': {
      const certificate = await readInput(command.certificate)
      const root = await readInput(command.root)
      await orInputError(command.certificate, () =>
        certifyNotaryKey(db, notary.keys, certificate, root, systemClock.now()),
      )
      io.out('The notary has its certificate. One that runs uses it after its next start.')
      return
    }
    case 'revoke': {
      const signed = await readInput(command.file)
      const name = await orInputError(command.file, () =>
        addRevocation(db, signed, systemClock.now()),
      )
      io.out(`Revoked: ${name}`)
      return
    }
    case 'deposit':
    case 'withdraw':
    case 'release':
    case 'cover':
      return moveReserve(opened, command, io)
    case 'report':
      return report(opened, command, io)
    case 'cases':
      return cases(opened, command, io)
  }
}

async function request(
  { db, notary, dataKey }: OpenNotary,
  { out, next }: OperatorCommand & { readonly act: 'request' },
  io: Io,
): Promise<void> {
  const key = next
    ? await addNotaryKey(db, dataKey, systemRandom, systemClock.now())
    : notary.keys.at(-1)
  if (!key) throw new CommandFailed('the notary has no key')
  const { generation } = key
  const subject = { role: 'notary', party: { kind: 'office', office: NOTARY }, generation } as const
  await writeNew(out, requestCertificate(subject, key.key))
  io.out(`${out} asks for a certificate of the notary, key ${generation}: kontant certificate sign`)
}

const MOVED: Readonly<Record<Exclude<OperatorResult, 'done'>, string>> = {
  'unknown office': 'this office has not joined',
  'too little': 'there is not so much in that account',
  'done before': 'this reference was used before: nothing was moved again',
}

async function moveReserve(
  { db }: OpenNotary,
  command: Extract<OperatorCommand, { readonly amount: bigint }>,
  io: Io,
): Promise<void> {
  const { act, office, amount, currency: code, reason } = command
  const reference = command.reference ?? randomUUID()
  const wanted = { act, office, amount, currency: code, reason, reference }
  const result = await orderReserve(db, wanted, systemClock.now())
  if (result !== 'done') throw new CommandFailed(MOVED[result])
  io.out(`${act}: office ${office}, ${formatAmount(amount, currency(code))} ${code}`)
}

async function report(
  { db }: OpenNotary,
  { json }: { readonly json: boolean },
  io: Io,
): Promise<void> {
  const { offices, coins, sums, wrong } = await readReport(db)
  if (json) {
    const text = JSON.stringify(
      { offices, coins, sums, wrong },
      (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      2,
    )
    io.out(text)
    return
  }
  for (const one of offices) {
    const money = (amount: bigint) => formatAmount(amount, currency(one.currency))
    io.out(
      `office ${one.office}, ${one.currency}: free ${money(one.free)}, issued ${money(one.issued)}, ` +
        `permitted ${money(one.permitted)}, paid ${money(one.paid)}, received ${money(one.received)}, ` +
        `waiting ${money(one.waiting)}${since(one.waitingSince)}`,
    )
  }
  for (const { bank, currency: code, paid, waiting, waitingSince, refused } of coins) {
    const money = (amount: bigint) => formatAmount(amount, currency(code))
    io.out(
      `coins of bank ${bank}, ${code}: paid to others ${money(paid)}, ` +
        `waiting ${money(waiting)}${since(waitingSince)}, not paid ${money(refused)}`,
    )
  }
  const isSound = wrong.length === 0 && sums.every(({ sum }) => sum === 0n)
  if (!isSound) throw new CommandFailed(`the books do not agree: ${wrong.join(', ')}`)
  io.out('The books agree: every sum is 0.')
}

function since(at: number | undefined): string {
  return at === undefined ? '' : ` since ${new Date(at).toISOString().slice(0, 10)}`
}

async function cases({ db }: OpenNotary, { json }: { readonly json: boolean }, io: Io) {
  const all = await listCases(db)
  if (json) {
    const found = all.map(({ amount, evidence, ...one }) => ({
      ...one,
      amount: amount === undefined ? null : String(amount),
      evidence: evidence.map(toHex),
    }))
    io.out(JSON.stringify(found, undefined, 2))
    return
  }
  for (const { id, kind, strength, office, card, about, withdrawn } of all) {
    const state = withdrawn ? 'withdrawn' : strength
    io.out(
      `case ${id}: ${kind}, ${state}, office ${office}${card ? `, card ${card}` : ''}: ${about}`,
    )
  }
  if (all.length === 0) io.out('No cases.')
}

async function orInputError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FormatError) throw new InputError(`${path}: ${error.message}`)
    throw error
  }
}
