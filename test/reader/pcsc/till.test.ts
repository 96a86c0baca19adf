import type { SpawnOptions } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { freePorts } from '../../support/ports.ts'
import { MAIN, Running } from '../../support/running.ts'
import { Lab, skippedLoudly } from './lab.ts'

const isSkipped = skippedLoudly('`kontant till --reader` and `kontant card serve`')

const STDIO: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'] }
const data = mkdtempSync(join(tmpdir(), 'kontant-reader-'))
const running: Running[] = []
let lab: Lab | undefined

afterAll(async () => {
  for (const one of running) await one.stop()
  await lab?.stop()
  rmSync(data, { recursive: true, force: true })
})

function start(...argv: readonly string[]): Running {
  const one = Running.start(...argv)
  running.push(one)
  return one
}

test.skipIf(isSkipped)(
  'a till sells offline at a card in a PC/SC reader, as three processes',
  async () => {
    const port = await freePorts(4)
    const up = start('up', '--data', data, '--port', String(port))
    await up.says('Five things to try:')
    const passcode = /ada \(passcode (\d+)\)/.exec(up.output)?.[1] ?? ''
    expect(await up.stop()).toBe(0)

    lab = await Lab.start()
    const [reader] = lab.readers
    const place = ['--data', join(data, 'tills', 'till-1'), '--port', String(port + 1)]
    const till = start(
      'till',
      ...place,
      '--office',
      `http://127.0.0.1:${port}`,
      '--reader',
      '00 00',
    )
    await till.says(`It serves cards in reader ${reader?.name}.`)
    const call = async (path: string, body?: object) => {
      const answer = await fetch(`http://127.0.0.1:${port + 1}${path}`, {
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
        headers: { ...(body && { 'content-type': 'application/json' }) },
      })
      return (await answer.json()) as {
        readonly answer: { readonly result: string } | null
        readonly queue: number
      }
    }
    await call('/api/order', { kind: 'pay', amount: '250', passcode })

    const serve = [process.execPath, MAIN, 'card', 'serve', 'ada', '--cards', join(data, 'cards')]
    const inReader = lab
    /** The card comes, and goes when the till has answered something new. */
    const tap = async (before: unknown) => {
      const serving = new Running(inReader.spawn(serve, STDIO))
      running.push(serving)
      await serving.says('ada is in reader')
      let state = await call('/api/state')
      while (isDeepStrictEqual(state.answer, before)) state = await call('/api/state')
      expect(await serving.stop()).toBe(0)
      return state
    }
    let state = await tap(null)
    // The service may look just when the card comes: then it is tapped again, as people do, and pays once.
    for (let taps = 1; taps < 3 && state.answer?.result !== 'done'; taps++) {
      state = await tap(state.answer)
    }
    expect(state).toMatchObject({
      answer: { result: 'done', view: { balance: '2250' } },
      queue: 1,
    })
    expect(await till.stop()).toBe(0)
  },
)
