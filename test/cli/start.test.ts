import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const SAYING = fileURLToPath(new URL('loaded-modules.ts', import.meta.url))

interface Loaded {
  /** Below src. */
  readonly own: readonly string[]
  readonly packages: readonly string[]
}

/** What a command line of its own process has loaded when it ends. */
function loadedBy(...argv: readonly string[]): Loaded {
  const { stderr } = spawnSync(process.execPath, ['--import', SAYING, MAIN, ...argv], {
    encoding: 'utf8',
  })
  const files = stderr.split('\n').flatMap((line) => /^loaded (.+)$/.exec(line)?.[1] ?? [])
  const names = (at: RegExp) => [...new Set(files.flatMap((file) => at.exec(file)?.[1] ?? []))]
  return {
    own: names(/\/src\/(.+)$/).filter((name) => !name.includes('node_modules')),
    packages: names(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\//),
  }
}

/** One import too many and every command is slow to start, which no other test would notice. */
describe('a command loads what it needs, and nothing else', () => {
  test.each([['--version'], ['help', 'card'], ['card', 'nonsense']])('%s %s', (...argv) => {
    const { own, packages } = loadedBy(...argv)
    expect(own).toContain('cli/main.ts')
    expect(own.filter((file) => !/^(cli|kernel)\//.test(file)).toSorted()).toEqual([
      'town/nearest.ts',
      'town/scheme-names.ts',
    ])
    expect(packages).toEqual([])
  })

  test.each([
    ['card', 'show', 'ada', '--cards', '/nowhere'],
    ['certificate', 'show', '/nowhere'],
  ])('%s %s without office, database or schemas', (...argv) => {
    const { own, packages } = loadedBy(...argv)
    expect(own.filter((file) => file.startsWith('office/'))).toEqual([])
    for (const heavy of ['zod', 'kysely', 'pg', 'fastify']) expect(packages).not.toContain(heavy)
  })

  test('till without the office', () => {
    const { own } = loadedBy('till', '--data', '/dev/null/till')
    expect(own).toContain('till/kiosk.ts')
    expect(own).not.toContain('office/api.ts')
  })
})
