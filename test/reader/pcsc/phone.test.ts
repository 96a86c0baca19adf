import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Phones, PIN } from '../../cli/phones.ts'
import { Lab, skippedLoudly } from './lab.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))

const isSkipped = skippedLoudly('`kontant phone --reader`')

let phones: Phones
let lab: Lab
const ends: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  if (isSkipped) return
  phones = await Phones.of('alice', 'bob')
  lab = await Lab.start()
})
afterAll(async () => {
  for (const end of ends) await end()
  await lab?.stop()
  await phones?.close()
})

/** Lays somebody’s card into a reader; the words by which a phone finds it. */
async function lay(name: string, slot: number): Promise<readonly string[]> {
  const reader = lab.readers[slot]
  if (reader === undefined) throw new Error('there is no such reader')
  const card = lab.spawn(
    [
      ...[process.execPath, MAIN, 'card', 'serve', name],
      ...['--cards', phones.cards, '--port', String(reader.port)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = once(card, 'exit')
  ends.push(() => {
    card.kill('SIGINT')
    return ended
  })
  if (card.stdout) await once(card.stdout, 'data')
  return ['--reader', reader.name]
}

test.skipIf(isSkipped)('two people pay each other with cards in PC/SC readers', async () => {
  const alice = await lay('alice', 0)
  const bob = await lay('bob', 1)
  expect(await phones.does('alice', `load 300 --pin ${PIN}`, alice)).toContain('300.00 SEK')
  await phones.does('bob', 'ask 80 --out @ask', bob)
  await phones.does('alice', `pay @ask --pin ${PIN} --out @paid`, alice)
  expect(await phones.does('bob', 'receive @paid', bob)).toMatch(/^1 {2}receive 80.00 SEK, card:1:/)
  await phones.does('bob', `sync --pin ${PIN}`, bob)
  const shown: unknown = JSON.parse(await phones.does('bob', 'show --json', bob))
  expect(shown).toMatchObject({ balance: '8000', spendable: '8000', currency: 'SEK' })
})
