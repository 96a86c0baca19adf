import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import chromium, { inflate } from '@sparticuz/chromium'
import { chromium as launcher, type Browser, type BrowserContextOptions } from 'playwright-core'

/** Both sizes that a page has to work at. */
export const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true },
  desk: { viewport: { width: 1440, height: 900 } },
} as const satisfies Record<string, BrowserContextOptions>
export type Size = keyof typeof SIZES

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A browser from the npm registry. On a machine without the shared libraries that it needs it gets
 * those that its package carries; if it then still lacks some, this says which.
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['KONTANT_BROWSER'] ?? (await chromium.executablePath())
  const env = { ...process.env, ...(await missingParts(executablePath)) }
  const still = missingLibraries(executablePath, env)
  if (still.length > 0) throw new Error(complaint(still))
  return launcher.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--headless=shell'],
    env: definedOnly(env),
  })
}

async function missingParts(executable: string): Promise<Record<string, string>> {
  const parts: Record<string, string> = {}
  if (missingLibraries(executable, process.env).length > 0) {
    await inflate(join(binFolder(), 'al2023.tar.br'))
    const known = process.env['LD_LIBRARY_PATH']
    const carried = join(tmpdir(), 'al2023', 'lib')
    parts['LD_LIBRARY_PATH'] = known === undefined ? carried : `${carried}:${known}`
  }
  if (!existsSync('/etc/fonts/fonts.conf')) parts['FONTCONFIG_PATH'] = join(tmpdir(), 'fonts')
  return parts
}

function binFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium')), '../bin')
}

/** By the loader itself; nothing where there is no `ldd` to ask. */
function missingLibraries(executable: string, env: NodeJS.ProcessEnv): string[] {
  const { stdout } = spawnSync('ldd', [executable], { env, encoding: 'utf8' })
  return [...(stdout ?? '').matchAll(/^\s*(\S+) => not found$/gm)].flatMap(([, name]) => name ?? [])
}

function complaint(missing: readonly string[]): string {
  return [
    `THE BROWSER CANNOT START: this machine lacks ${missing.join(', ')}.`,
    'The pages were NOT tested. On Debian or Ubuntu: apt-get install libnss3 libexpat1,',
    'or name a Chromium of your own in KONTANT_BROWSER.',
  ].join('\n')
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** Builds the pages if a source of theirs is newer than what was built. */
export function buildPages(): void {
  const built = join(ROOT, 'web/dist/till/index.html')
  const sources = globSync('web/**/*.{ts,tsx,css,html}', { cwd: ROOT }).filter(
    (path) => !path.startsWith('web/dist/'),
  )
  const newest = Math.max(...sources.map((path) => statSync(join(ROOT, path)).mtimeMs))
  if (existsSync(built) && statSync(built).mtimeMs >= newest) return
  execFileSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', 'web'], {
    cwd: ROOT,
    // Vitest says `test`, with which React would come as for development.
    env: { ...process.env, NODE_ENV: 'production' },
  })
}
