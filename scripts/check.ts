import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What `npm run check` runs, all at once: most of its time each has a thread of its own. */
const CHECKS = [
  'prettier --check .',
  'tsc -p tsconfig.json',
  'tsc -p web/tsconfig.json',
  'oxlint --type-aware --deny-warnings',
]

/** Whether it found nothing. What it says is shown when it is over, so that no two are mixed. */
async function run(check: string): Promise<boolean> {
  // npm lets the shell find the programs.
  const child = spawn(check, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => (said += String(text)))
  }
  const [status] = (await once(child, 'close')) as [number | null]
  console.log(`> ${check}: ${status === 0 ? 'nothing found' : `status ${status}`}\n${said}`)
  return status === 0
}

const results = await Promise.all(CHECKS.map(run))
process.exitCode = results.every(Boolean) ? 0 : 1
