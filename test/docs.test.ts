import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { CASE_KINDS } from '../src/office/ledger/findings.ts'

/** Every page, from the root of the repository. */
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]
const textOf = (page: string) => readFileSync(page, 'utf8')

/** What stands in blocks marked `sh run`: a command a line. */
const COMMANDS = PAGES.flatMap((page) =>
  [...textOf(page).matchAll(/^ *```sh run\n([\s\S]*?)^ *```$/gm)].flatMap(([, block = '']) =>
    block.split('\n').flatMap((line) => (line.trim() === '' ? [] : [[page, line.trim()] as const])),
  ),
)
const PREFIX = 'npm run kontant -- '

describe('a command in the documents that is marked so', () => {
  test('is there', () => {
    expect(COMMANDS.length).toBeGreaterThanOrEqual(3)
  })

  test.each(COMMANDS)('%s: %s', (_page, command) => {
    expect(command.startsWith(PREFIX)).toBe(true)
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['src/cli/main.ts', ...command.slice(PREFIX.length).split(' ')],
      { encoding: 'utf8', env: { ...process.env, DATABASE_URL: inject('server').url } },
    )
    expect(`${stderr}\n${stdout.slice(-2000)}\nstatus ${status}`).toMatch(/status 0$/)
  })
})

describe.each(PAGES)('%s', (page) => {
  const text = textOf(page)

  test('links to what is there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link)
    const missing = links.filter((link) => !existsSync(normalize(join(dirname(page), link))))
    expect(missing).toEqual([])
  })

  test('names files that are there', () => {
    const named = [...text.matchAll(/`((?:src|test|scenarios|docs|bench|web)\/[\w./-]+)`/g)]
    const missing = named
      .map(([, file = '']) => file)
      .filter((file) => !existsSync(file) && !file.startsWith('web/dist'))
    expect(missing).toEqual([])
  })

  test('names scripts that are there', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as {
      scripts: Readonly<Record<string, string>>
    }
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
  })
})

test('docs/threats.md has every kind of case, in the order of the list', () => {
  const kinds = [...textOf('docs/threats.md').matchAll(/^\|[^|]*\| `([a-z-]+)`/gm)].map(
    ([, kind = '']) => kind,
  )
  expect(kinds).toEqual([...CASE_KINDS])
})

test('docs/threats.md names scenarios and tests that are there', () => {
  const text = textOf('docs/threats.md')
  const scenarios = [...text.matchAll(/`([\w-]+\.yaml)`/g)].map(([, file = '']) => file)
  expect(scenarios.length).toBeGreaterThan(5)
  expect(scenarios.filter((file) => !existsSync(join('scenarios', file)))).toEqual([])
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  const named = [...text.matchAll(/`([\w-]+\.test\.ts)`/g)].map(([, file = '']) => file)
  expect(named.filter((file) => !tests.some((one) => one.endsWith(`/${file}`)))).toEqual([])
})
