import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { httpTransport } from '../../src/cli/http-transport.ts'
import { toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { Unreachable } from '../../src/kernel/ports.ts'
import { NotaryClient, NoAnswer } from '../../src/office/inter-office-client.ts'
import { readReport } from '../../src/notary/reports.ts'
import { Chance } from '../fuzz/chance.ts'
import { RANDOM } from '../support/office.ts'
import { createWorld, type Bank, type Paid } from './world.ts'

const CHILD = new URL('notary-child.ts', import.meta.url).pathname
const CONNECTIONS = 4
const CARDS = 20
const AMOUNT = 1_00n

/**
 * Both offices bring every payment at the same time, in orders of their own and several connections
 * each, while the notary is killed and started again.
 */
export function defineRace(payments: number, kills: number): void {
  test(`${payments} payments, brought by payer’s and payee’s offices at once, with the notary killed ${kills} times, are one transfer each`, async () => {
    const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
    const chance = new Chance(seed)
    const world = await createWorld()
    world.clock.instant = Date.now()
    const first = await world.office(1, BigInt(payments) * AMOUNT)
    const second = await world.office(2)
    const paid = await payAll(first, second, payments)
    const data = mkdtempSync(join(tmpdir(), 'kontant-race-'))
    writeFileSync(join(data, 'data.key'), `${toHex(world.dataKey)}\n`, { mode: 0o600 })

    const seen = { requests: 0, lost: 0, kills: 0 }
    const running = { url: '', child: undefined as ChildProcess | undefined }
    const start = async () => Object.assign(running, await startChild(data, world.url))
    await start()
    const sides = [
      { bank: first, items: paid.map(({ payment }) => payment.evidence) },
      { bank: second, items: paid.map(({ receipt }) => receipt) },
    ]
    // A kill each time so many more requests were answered, at whatever the notary does just then.
    const all = 2 * Math.ceil(payments / 50)
    let nextKill = Math.ceil(all / (kills + 1))
    const answered = async () => {
      seen.requests += 1
      if (seen.requests < nextKill || seen.kills >= kills) return
      nextKill += Math.ceil(all / (kills + 1))
      seen.kills += 1
      const { child } = running
      child?.kill('SIGKILL')
      await start()
    }
    const states: string[] = []
    await Promise.all(
      sides.flatMap(({ bank, items }) => {
        const pages = shuffled(chance, pagesOf(shuffled(chance, items), 50))
        return Array.from({ length: CONNECTIONS }, async () => {
          for (let page = pages.pop(); page; page = pages.pop()) {
            states.push(...(await settleUntilAnswered(bank, page, running, seen)))
            await answered()
          }
        })
      }),
    )
    running.child?.kill('SIGKILL')

    console.log(
      `race, seed ${seed}: ${payments} payments, ${seen.requests} requests answered, ` +
        `${seen.lost} without an answer, the notary killed ${seen.kills} times`,
    )
    const { rows } = await sql<{ transfers: bigint; payments: bigint; settled: bigint }>`
      select
        (select count(*) from transfer where reference like 'settle %') as transfers,
        (select count(*) from payment) as payments,
        (select count(*) from payment where state = 'settled') as settled`.execute(world.opened.db)
    const count = BigInt(payments)
    expect(rows).toEqual([{ transfers: count, payments: count, settled: count }])
    expect(new Set(states)).toEqual(new Set(['settled']))
    expect(states).toHaveLength(2 * payments)
    expect(await first.accounts()).toEqual([0n, 0n])
    expect(await second.accounts()).toEqual([0n, count * AMOUNT])
    expect((await readReport(world.opened.db)).wrong).toEqual([])
    await expectFeed(first, paid)
    await expectFeed(second, paid)
    expect(seen.kills).toBe(kills)
    rmSync(data, { recursive: true, force: true })
    await world.drop()
  })
}

interface Made {
  readonly payment: Paid
  /** How the payee’s card shows it. */
  readonly receipt: Bytes
}

async function payAll(first: Bank, second: Bank, payments: number): Promise<readonly Made[]> {
  const payers = Array.from({ length: CARDS }, () => first.card())
  const payees = Array.from({ length: CARDS }, () => second.card())
  const each = (BigInt(payments) * AMOUNT) / BigInt(CARDS)
  for (const card of payers) await card.topUp(each)
  return Array.from({ length: payments }, (_, index) => {
    const payer = payers[index % CARDS]
    const payee = payees[(index * 7) % CARDS]
    if (!payer || !payee) throw new Error('there are cards')
    const payment = payer.pay(payee.payee, AMOUNT)
    return { payment, receipt: payee.receive(payer, payment) }
  })
}

/** As an office does: what was not answered is brought again. */
async function settleUntilAnswered(
  bank: Bank,
  page: readonly Bytes[],
  running: { readonly url: string },
  seen: { lost: number },
): Promise<readonly string[]> {
  for (;;) {
    try {
      const client = new NotaryClient(
        bank.seat(),
        httpTransport(running.url),
        { now: Date.now },
        RANDOM,
      )
      const results = await client.ask(
        page.map((evidence) => ({ act: 'settle', evidence }) as const),
      )
      return results.map((one) => (one.result === 'known' ? one.state : one.result))
    } catch (error) {
      if (!(error instanceof NoAnswer || error instanceof Unreachable)) throw error
      seen.lost += 1
      // The next one listens before the killer goes on: until then there is nobody to ask.
      await new Promise((again) => setTimeout(again, 20))
    }
  }
}

async function expectFeed(bank: Bank, paid: readonly Made[]): Promise<void> {
  const ids: string[] = []
  for (;;) {
    const [answer] = await bank.send({ act: 'feed', after: ids.length })
    const entries = answer?.entries ?? []
    for (const { number, id } of entries) {
      ids.push(toHex(id))
      expect(number).toBe(ids.length)
    }
    if (entries.length === 0) break
  }
  expect(ids.toSorted()).toEqual(paid.map(({ payment }) => payment.id).toSorted())
}

async function startChild(data: string, database: string) {
  const child = spawn(process.execPath, [CHILD, data, database], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const [url] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown]
  if (typeof url !== 'string') throw new Error(`the notary ended with status ${String(url)}`)
  return { url, child }
}

function pagesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, page) =>
    items.slice(page * size, (page + 1) * size),
  )
}

function shuffled<T>(chance: Chance, items: readonly T[]): T[] {
  const left = [...items]
  return Array.from(items, () => left.splice(chance.below(left.length), 1)).flat()
}
