import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Chance } from '../fuzz/chance.ts'
import { createTestDatabase } from '../support/database.ts'
import { createLedgerOffice } from '../support/ledger-office.ts'
import { random } from '../support/mint.ts'
import { booksOf, Connection, expectedBooks, isAcknowledged, playDay, shuffledBy } from './day.ts'
import { allPlaced, dataDirectory, startChild, type Office } from './kills.ts'

const CONNECTIONS = 8

test('two offices that start at once on one database are one office, and stay it when one is killed', async () => {
  const seed = Number(process.env.KONTANT_SEED ?? Date.now() % 2 ** 31)
  const chance = new Chance(seed)
  const database = await createTestDatabase()
  const dataKey = random.bytes(32)
  const data = dataDirectory(dataKey)
  const started = await Promise.allSettled([0, 1].map(() => startChild(data, database.url)))
  const offices = started.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  onTestFinished(() => offices.forEach(({ process: child }) => child.kill('SIGKILL')))
  const [survivor, victim] = offices
  if (!survivor || !victim) throw new Error('two were started')

  // One key, and one person who may do everything, whose password is in the file.
  const [key, ...others] = await Promise.all(
    offices.map(({ url }) => textOf(url, '/api/office/key')),
  )
  expect(others).toEqual([key])
  const [name, password] = readFileSync(join(data, 'login'), 'utf8').split('\n')
  for (const { url } of offices) expect(await signIn(url, { name, password })).toBe(200)

  // Everything to both, in no order.
  const town = await createLedgerOffice(database.db, undefined, dataKey)
  const day = await playDay(town, chance, { cards: 20, tills: 8, payments: 12 })
  const queues = new Map(offices.map((office) => [office, shuffledBy(chance, day.batches)]))
  const killAfter = Math.ceil(day.batches.length / 2)
  const answers = { acknowledged: 0, unanswered: 0, refused: [] as string[] }
  const upload = async (office: Office, from = queues.get(office) ?? []) => {
    const connection = new Connection()
    for (let batch = from.pop(); batch; batch = from.pop()) {
      const answer = await connection.send(office.url, batch.bytes)
      if (answer === undefined) answers.unanswered += 1
      else if (isAcknowledged(town, batch, answer)) answers.acknowledged += 1
      else answers.refused.push(`${batch.till}:${batch.number}: ${answer.status}`)
      const left = queues.get(victim)?.length ?? 0
      if (left <= day.batches.length - killAfter) victim.process.kill('SIGKILL')
    }
    connection.close()
  }
  await Promise.all(
    offices.flatMap((office) => Array.from({ length: CONNECTIONS }, () => upload(office))),
  )
  await allPlaced(database.db)
  survivor.process.kill('SIGKILL')
  for (const { process: child } of offices) if (child.signalCode === null) await once(child, 'exit')

  console.log(
    `two processes, seed ${seed}: ${day.batches.length} batches, each to both; ` +
      `${answers.acknowledged} acknowledged, ${answers.unanswered} without an answer after the kill`,
  )
  expect(answers.refused).toEqual([])
  expect(answers.unanswered).toBeGreaterThan(0)
  expect(await booksOf(database.db, town)).toEqual(expectedBooks(day))
  rmSync(data, { recursive: true, force: true })
  await town.evidence.stop()
  await database.drop()
})

async function textOf(url: string, path: string): Promise<string> {
  return (await fetch(`${url}${path}`)).text()
}

async function signIn(url: string, login: object): Promise<number> {
  const answer = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(login),
  })
  return answer.status
}
