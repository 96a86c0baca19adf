import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kontant } from './run.ts'

const STORY = `currency: EUR
cards: { ada: { balance: 10.00 } }
tills: { bar: {} }
steps:
  - { pay: { card: ada, till: bar, amount: 2.00 } }
  - { sync: bar }
expect:
  cards: { ada: BALANCE }
`

describe('kontant play', () => {
  let directory = ''
  const file = (name: string) => join(directory, name)

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'kontant-cli-'))
    writeFileSync(file('right.yaml'), STORY.replace('BALANCE', '8.00'))
    writeFileSync(file('wrong.yaml'), STORY.replace('BALANCE', '7.00'))
    writeFileSync(file('typo.yaml'), STORY.replace('sync', 'sycn').replace('BALANCE', '8.00'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('0: everything was as expected', async () => {
    const { status, out, err } = await kontant('play', file('right.yaml'))
    expect(err).toBe('')
    expect(out).toContain('ada pays €2 at bar, €8 left: done')
    expect(out).toContain('Ledger of ada')
    expect(out).toContain('Everything was as expected.')
    expect(status).toBe(0)
  })

  test('--json: one object and nothing else', async () => {
    const { status, out } = await kontant('play', '--json', file('right.yaml'))
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      ok: true,
      ledgers: { ada: [{ till: 'bar', balance: '8.00', complete: true }] },
    })
    expect(status).toBe(0)
  })

  test('1: an expectation did not hold, with its line and what was found', async () => {
    const { status, out } = await kontant('play', file('wrong.yaml'))
    expect(out).toContain(`${file('wrong.yaml')}:8: expected 7.00 on ada\n  found 8.00`)
    expect(status).toBe(1)
    const json = await kontant('play', file('wrong.yaml'), '--json')
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, failures: [{ line: 8 }] })
    expect(json.status).toBe(1)
  })

  test('1: the play broke off, with the line', async () => {
    writeFileSync(
      file('broken.yaml'),
      STORY.replace('{ sync: bar }', '{ crash: bar }\n  - { giveUp: bar }').replace('BALANCE', '8'),
    )
    const { status, err } = await kontant('play', file('broken.yaml'))
    expect(err).toContain(`${file('broken.yaml')}:7: the play broke off here: bar has no power`)
    expect(status).toBe(1)
  })

  test('2: the command line is wrong', async () => {
    const { status, err } = await kontant('play')
    expect(err).toBe('expected FILE here, got nothing\nSee: kontant play --help')
    expect(status).toBe(2)
  })

  test('3: the file is missing, or a directory, or no scenario', async () => {
    const missing = await kontant('play', file('nowhere.yaml'))
    expect(missing.err).toBe(`${file('nowhere.yaml')}: there is no such file`)
    expect(missing.status).toBe(3)
    const folder = await kontant('play', directory)
    expect(folder.err).toBe(`${directory} is a directory, not a file`)
    expect(folder.status).toBe(3)
    const typo = await kontant('play', file('typo.yaml'))
    expect(typo.err).toContain(`${file('typo.yaml')}:6:7: unknown word "sycn". Did you mean sync?`)
    expect(typo.status).toBe(3)
  })
})

test.each([['--help'], ['help', 'up'], ['--version']])(
  'kontant %s says it and ends with 0',
  async (...argv) => {
    const { status, out } = await kontant(...argv)
    expect(out).not.toBe('')
    expect(status).toBe(0)
  },
)
