import { writeFile } from 'node:fs/promises'
import type { Bytes } from '../kernel/bytes.ts'
import { fingerprintOf, publicKeyFromPem } from '../kernel/p256.ts'
import { fetchedWay, signIn } from '../town/office-client.ts'
import { asked, fetchBytes } from './asking.ts'
import type { CaseCommand } from './command-line.ts'
import { CommandFailed, type Io } from './io.ts'
import { readLogin } from './login.ts'
import { codeOf } from './system.ts'

/** `kontant case …` */
export async function runCase(command: CaseCommand, io: Io): Promise<void> {
  const { office, out } = command
  if (command.act === 'key') {
    const pem = await asked(office, () => fetchBytes(office, '/api/office/key'))
    const key = publicKeyFromPem(new TextDecoder().decode(pem), office)
    await write(out, pem)
    io.out(`${out} is the public key of the office. Its fingerprint is ${fingerprintOf(key)}.`)
    return
  }
  const { id } = command
  const login = await readLogin(command.login)
  const file = await asked(office, async () =>
    fetchBytes(office, `/api/cases/${id}/export`, {
      cookie: await signIn(fetchedWay(office), login),
    }),
  )
  await write(out, file)
  io.out(`${out} is case ${id} with its evidence.`)
  io.out(`To check it: kontant verify-case ${out} --root office.pem`)
}

/** Readable by its owner only: it may open somebody's records. Never over what is there. */
async function write(path: string, bytes: Bytes): Promise<void> {
  try {
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    const why = code === 'EEXIST' ? 'it is there already' : code
    throw new CommandFailed(`${path} cannot be written: ${why}. Choose another by --out`)
  }
}
