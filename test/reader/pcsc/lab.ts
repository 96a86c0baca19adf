import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VPCD_PORT, VPCD_SLOTS } from '../../../src/reader/vpcd.ts'
import { leftOut } from '../../support/left-out.ts'

const VPCD_LIBRARY = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so'

/** Programs and files that a lab is made of, and the Debian package that each comes in. */
const PARTS: readonly (readonly [part: string, package_: string])[] = [
  ['pcscd', 'pcscd'],
  ['ip', 'iproute2'],
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  [VPCD_LIBRARY, 'vsmartcard-vpcd'],
]

const TOOLS: readonly (readonly [part: string, package_: string])[] = [
  ['opensc-tool', 'opensc'],
  ['opensc-explorer', 'opensc'],
  ['pcsc_scan', 'pcsc-tools'],
  ['scriptor', 'pcsc-tools'],
]

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** Debian packages without which tests with real PC/SC cannot run here. */
function missingPackages(): readonly string[] {
  const isThere = (part: string) =>
    part.startsWith('/')
      ? existsSync(part)
      : PATH.split(':').some((directory) => existsSync(join(directory, part)))
  const missing = [...PARTS, ...TOOLS].filter(([part]) => !isThere(part))
  return [...new Set(missing.map(([, name]) => name))]
}

/** Why tests with real PC/SC are left out here; undefined if they run. */
export const WHY_NOT: string | undefined = (() => {
  if (process.platform !== 'linux') return 'it needs Linux: its virtual readers are private to it'
  const missing = missingPackages()
  if (missing.length > 0) return `install ${missing.join(', ')} (apt-get install)`
  const { status, stderr } = spawnSync('unshare', [...privileges(), '-m', '-n', 'true'], {
    encoding: 'utf8',
  })
  return status === 0 ? undefined : `this user may make no namespaces: ${stderr.trim()}`
})()

/** Whether what takes real PC/SC is left out here; says so once a file. */
export function skippedLoudly(what: string, why: string | undefined = WHY_NOT): boolean {
  return leftOut(what, why)
}

/** Becomes root of its own namespaces if it is not root anyway. */
function privileges(): readonly string[] {
  return process.getuid?.() === 0 ? [] : ['-r']
}

export interface LabReader {
  /** As PC/SC names it. */
  readonly name: string
  /** Where its virtual card connects. */
  readonly port: number
}

export interface LabOptions {
  /** What each pair of readers is called; PC/SC adds two numbers. pcsc-mini sees two pairs at most. */
  readonly names?: readonly string[]
}

/**
 * A PC/SC service with virtual readers of its own, in namespaces of its own: nothing of the machine's is
 * touched, and several run at once.
 */
export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'kontant-lab-'))
  readonly readers: readonly LabReader[]
  readonly #process: ChildProcess
  readonly #pid: number

  private constructor(options: LabOptions) {
    const { names = ['Virtual PCD'] } = options
    this.readers = writeReaders(this.directory, names)
    this.#process = spawn(
      'unshare',
      [...privileges(), '-m', '-n', 'sh', '-c', SCRIPT, 'lab', this.directory],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, PATH } },
    )
    this.#pid = this.#process.pid ?? 0
  }

  static async start(options: LabOptions = {}): Promise<Lab> {
    const lab = new Lab(options)
    const { stdout } = lab.#process
    const [ready] = stdout ? ((await once(stdout, 'data')) as [Buffer]) : []
    if (!ready?.toString().startsWith('ready')) throw new Error(lab.log())
    process.env['PCSCLITE_CSOCK_NAME'] = lab.socket
    return lab
  }

  /** The service's socket, as this process reaches it; libpcsclite reads it from the environment. */
  get socket(): string {
    return `/proc/${this.#pid}/root/run/pcscd/pcscd.comm`
  }

  /** The first words of a command line that runs in the lab. */
  get inside(): readonly [string, ...string[]] {
    const user = privileges().length === 0 ? [] : ['-U', '--preserve-credentials']
    return ['nsenter', '-t', String(this.#pid), ...user, '-m', '-n', '--']
  }

  spawn(command: readonly string[], options: SpawnOptions): ChildProcess {
    const [program, ...rest] = [...this.inside, ...command]
    const env = { ...process.env, ...options.env, PATH }
    return spawn(program ?? '', rest, { ...options, env })
  }

  /**
   * Runs a tool to its end, or for so many ms: then there is no status. What it says and what it complains
   * of come in the order of its doing.
   */
  async run(
    command: readonly string[],
    options: { input?: string; env?: NodeJS.ProcessEnv; patience?: number } = {},
  ) {
    const child = this.spawn(['sh', '-c', 'exec stdbuf -o0 "$@" 2>&1', 'sh', ...command], {
      stdio: 'pipe',
      ...(options.env && { env: options.env }),
      ...(options.patience !== undefined && { timeout: options.patience }),
    })
    let out = ''
    child.stdout?.on('data', (data) => (out += String(data)))
    child.stdin?.end(options.input)
    const [status] = (await once(child, 'close')) as [number | null]
    return { status, out }
  }

  log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8')
  }

  /** Stops the service and starts it again: its clients and cards have to notice. */
  async restartService(): Promise<void> {
    const { stdin, stdout } = this.#process
    const ready = stdout && once(stdout, 'data')
    stdin?.write('restart\n')
    await ready
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin?.end()
    await ended
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Two readers a name. The library keeps its slots in static memory, so that each pair needs a copy. */
function writeReaders(directory: string, names: readonly string[]): readonly LabReader[] {
  const pairs = names.map((name, index) => {
    const library = join(directory, `libifdvpcd-${index}.so`)
    copyFileSync(VPCD_LIBRARY, library)
    return { name, library, port: VPCD_PORT + index * VPCD_SLOTS }
  })
  mkdirSync(join(directory, 'readers'))
  const entries = pairs.map(({ name, library, port }) => {
    const channel = `0x${port.toString(16)}`
    return `FRIENDLYNAME "${name}"\nDEVICENAME /dev/null:${channel}\nLIBPATH ${library}\nCHANNELID ${channel}\n`
  })
  // In one file: of several, the service takes whichever the file system has first.
  writeFileSync(join(directory, 'readers', 'vpcd'), entries.join('\n'))
  return pairs.flatMap(({ name, port }) =>
    Array.from({ length: VPCD_SLOTS }, (_, slot) => ({
      name: `${name} 00 0${slot}`,
      port: port + slot,
    })),
  )
}

/**
 * The route makes the kernel acknowledge at once: Debian's vpcd sends a message in two parts and waits
 * 40 ms in between without it. Ends when its standard input does.
 */
const SCRIPT = `
set -e
ip link set lo up
for net in 127.0.0.0/8 127.0.0.1; do
  ip route replace table local local $net dev lo proto kernel scope host src 127.0.0.1 quickack 1
done
mount -t tmpfs tmpfs /run
mkdir /run/pcscd
serve() {
  pcscd --foreground --info -c "$1/readers" >>"$1/log" 2>&1 & service=$!
  until [ -S /run/pcscd/pcscd.comm ]; do kill -0 $service; sleep 0.02; done
  echo ready
}
end() { kill $service; wait $service || true; }
serve "$1"
while read -r _; do end; serve "$1"; done
end
`
