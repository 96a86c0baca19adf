import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../office/embedded.ts'
import { PlayBroken, playScenario } from '../town/play.ts'
import type { DatabaseServer } from '../town/databases.ts'
import { parseScenario, ScenarioError, type ScenarioFile } from '../town/scenario/file.ts'
import type { PlayCommand } from './command-line.ts'
import { CommandFailed, InputError, withProgress, type Io } from './io.ts'
import { codeOf } from './system.ts'

/** `kontant play FILE`. @returns whether everything was as the scenario expects. */
export async function play({ file, json, trace, database }: PlayCommand, io: Io): Promise<boolean> {
  const scenario = await readScenario(file)
  return withServer(database, io, async (server) => {
    const options = { server, ...(trace && { trace }) }
    try {
      const result = json
        ? await withProgress(io, `Playing ${file}`, () => playScenario(scenario, options))
        : await playScenario(scenario, { ...options, print: io.out })
      if (json) io.out(JSON.stringify(result, undefined, 2))
      return result.ok
    } catch (error) {
      if (error instanceof PlayBroken) throw new CommandFailed(error.message)
      throw error
    }
  })
}

/** @throws {InputError} if it is missing or no scenario. */
async function readScenario(file: string): Promise<ScenarioFile> {
  try {
    return parseScenario(await readFile(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof ScenarioError) throw new InputError(error.message)
    if (codeOf(error) === 'ENOENT') throw new InputError(`${file}: there is no such file`)
    if (codeOf(error) === 'EISDIR') throw new InputError(`${file} is a directory, not a file`)
    throw error
  }
}

/** Nothing that a play leaves has to outlive it, so its own server need not reach the disk. */
const FOR_A_PLAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } as const

async function withServer<T>(
  url: string | undefined,
  io: Io,
  work: (server: DatabaseServer) => Promise<T>,
): Promise<T> {
  if (url !== undefined) return work({ url })
  const directory = await mkdtemp(join(tmpdir(), 'kontant-play-'))
  try {
    const server = await withProgress(io, 'Starting a database for the play', () =>
      startEmbedded(directory, FOR_A_PLAY),
    )
    try {
      return await work({ url: server.url })
    } finally {
      await server.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
