import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { connect } from '../../src/office/database.ts'
import { startEmbedded } from '../../src/office/embedded.ts'
import { migrate } from '../../src/office/migrate.ts'
import { databaseUrl, onServer } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run, and the migrated database that each test's own is a copy of. */
    server: { readonly url: string; readonly template: string }
  }
}

/** One server for a run. Nothing in it has to outlive the run, so it need not reach the disk. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer()
  const template = `kontant_template_${process.pid}`
  await onServer(server.url, (client) => client.query(`create database ${template}`))
  const db = connect(databaseUrl(server.url, template))
  await migrate(db)
  await db.destroy()
  project.provide('server', { url: server.url, template })
  return async () => {
    await onServer(server.url, (client) => client.query(`drop database ${template}`))
    await server.stop()
  }
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const { DATABASE_URL: url } = process.env
  if (url !== undefined) return { url, stop: () => Promise.resolve() }
  const directory = await mkdtemp(join(tmpdir(), 'kontant-test-'))
  const server = await startEmbedded(directory, {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    autovacuum: 'off',
    max_connections: '300',
  })
  return {
    url: server.url,
    async stop() {
      await server.stop()
      await rm(directory, { recursive: true, force: true })
      await rm(server.cluster, { recursive: true, force: true })
    },
  }
}
