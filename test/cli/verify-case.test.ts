import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { writeLogin } from '../../src/cli/login.ts'
import { fingerprintOf, generatePrivateKey, publicKeyToPem } from '../../src/kernel/p256.ts'
import { createApi } from '../../src/office/api.ts'
import { decodeCaseFile, signCaseFile } from '../../src/office/case-file/document.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import type { Api } from '../../src/office/http.ts'
import { listCases } from '../../src/office/ledger/cases.ts'
import type { CaseKind } from '../../src/office/ledger/findings.ts'
import { listActs } from '../../src/office/registry/audit.ts'
import { officeSchemes } from '../../src/schemes/office.ts'
import { CASE_STORIES } from '../support/case-stories.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { createLedgerOffice, type LedgerOffice } from '../support/ledger-office.ts'
import { addTestPerson, PASSWORD } from '../support/people.ts'
import { kontant, type Ran } from './run.ts'

let database: TestDatabase
let town: LedgerOffice
let api: Api
let office = ''
let directory = ''
const path = (name: string) => join(directory, name)

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontant-case-'))
  database = await createTestDatabase()
  town = await createLedgerOffice(database.db)
  api = await createApi(town.office, {
    evidence: town.evidence,
    fail(error) {
      throw error
    },
  })
  office = await api.listen({ host: '127.0.0.1', port: 0 })
  await addTestPerson(town.office, { login: 'ida', role: 'auditor' })
  await writeLogin(path('login'), { name: 'ida', password: PASSWORD })
  expect(await kontant('case', 'key', '--office', office, '--out', path('office.pem'))).toEqual({
    status: 0,
    out: `${path('office.pem')} is the public key of the office. Its fingerprint is ${fingerprintOf(town.office.key.publicKey)}.`,
    err: '',
  })
})
afterAll(async () => {
  await api.close()
  await town.evidence.stop()
  await database.drop()
  rmSync(directory, { recursive: true })
})

/** The id of a case of that kind, which happens if it has not. */
async function caseOf(kind: CaseKind): Promise<string> {
  const known = (await listCases(database.db)).find((one) => one.kind === kind)
  if (known) return known.id
  await CASE_STORIES.find((story) => story.kind === kind)?.tell(town)
  return caseOf(kind)
}

function exportCase(id: string, out: string): Promise<Ran> {
  return kontant(
    ...['case', 'export', id, '--office', office, '--login', path('login'), '--out', path(out)],
  )
}

function verify(file: string, ...more: readonly string[]): Promise<Ran> {
  return kontant('verify-case', path(file), '--root', path('office.pem'), ...more)
}

describe('kontant case export', () => {
  test('writes what the office gives, for its owner only, and says so in the audit log', async () => {
    const id = await caseOf('equivocation')
    const { status, out } = await exportCase(id, 'own.cose')
    expect([status, out]).toEqual([
      0,
      `${path('own.cose')} is case ${id} with its evidence.\nTo check it: kontant verify-case ${path('own.cose')} --root office.pem`,
    ])
    expect(statSync(path('own.cose')).mode & 0o777).toBe(0o600)
    const file = readFileSync(path('own.cose'))
    expect(verifyCaseFile(file, town.office.key.publicKey, officeSchemes).result).toBe('proven')
    const [newest] = await listActs(database.db, 1)
    expect(newest).toMatchObject({ act: 'case.export', subject: `case:${id}` })
  })

  test('does not write over a file', async () => {
    writeFileSync(path('mine.cose'), 'mine')
    const { status, err } = await exportCase(await caseOf('equivocation'), 'mine.cose')
    expect(status).toBe(1)
    expect(err).toContain('it is there already')
    expect(readFileSync(path('mine.cose'), 'utf8')).toBe('mine')
  })

  test.each([
    ['4711', 'the office refused: There is no case 4711.'],
    ['suspected', 'is suspected, and proves nothing to others'],
  ])('of %s says why not', async (which, why) => {
    const id = which === 'suspected' ? await suspectedCase() : which
    const { status, err } = await exportCase(id, 'none.cose')
    expect(status).toBe(1)
    expect(err).toContain(why)
  })

  async function suspectedCase(): Promise<string> {
    const [till, card] = [await town.addTill(), await town.addCard()]
    town.mint.batch(till, [town.mint.make(till, card)])
    await town.send(town.mint.batch(till, []))
    return (await listCases(database.db)).find(({ strength }) => strength === 'suspected')?.id ?? ''
  }

  test('says that nobody is there', async () => {
    const nobody = ['case', 'key', '--office', 'http://127.0.0.1:9', '--out', path('none.pem')]
    const { status, err } = await kontant(...nobody)
    expect(status).toBe(1)
    expect(err).toContain('no office answers')
  })
})

describe('kontant verify-case', () => {
  beforeAll(async () => {
    for (const kind of ['equivocation', 'fork'] as const) {
      expect((await exportCase(await caseOf(kind), `${kind}.cose`)).status).toBe(0)
    }
    const { key, keyId } = town.office
    const { file } = decodeCaseFile(readFileSync(path('equivocation.cose')))
    const innocent = { ...file.finding, suspects: [{ kind: 'till', till: 4711 } as const] }
    const signed = {
      swapped: signCaseFile(key, keyId, { ...file, finding: innocent }),
      keyless: signCaseFile(key, keyId, { ...file, keys: [] }),
      foreign: signCaseFile(generatePrivateKey(), keyId, file),
    }
    for (const [name, bytes] of Object.entries(signed)) writeFileSync(path(`${name}.cose`), bytes)
    writeFileSync(path('text.cose'), 'no case')
    const pem = generatePrivateKey().handle.export({ type: 'pkcs8', format: 'pem' })
    writeFileSync(path('private.pem'), pem)
  })

  test.each([
    ['equivocation', 0, 'proven', 5],
    ['text', 3, 'malformed', 1],
    ['foreign', 4, 'not_signed', 2],
    ['keyless', 5, 'bad_evidence', 3],
    ['swapped', 6, 'does_not_follow', 5],
    ['fork', 7, 'office_only', 5],
  ])('of %s ends with %i: %s', async (name, status, result, steps) => {
    const ran = await verify(`${name}.cose`)
    expect(ran.status).toBe(status)
    expect(ran.err).toBe('')
    expect(ran.out.split('\n').at(-1)).toMatch(new RegExp(`^${result}: `))
    expect(ran.out.match(/^ {2}(yes|no ) {2}/gm)).toEqual([
      ...Array.from({ length: steps - 1 }, () => '  yes  '),
      result === 'proven' ? '  yes  ' : '  no   ',
    ])
    const { status: again, out } = await verify(`${name}.cose`, '--json')
    expect(again).toBe(status)
    expect(JSON.parse(out)).toMatchObject({
      result,
      root: fingerprintOf(town.office.key.publicKey),
    })
  })

  test('tells who did what, in the words of the console, and what it was worth', async () => {
    const { out } = await verify('equivocation.cose')
    const { finding } = decodeCaseFile(readFileSync(path('equivocation.cose'))).file
    const [suspect] = finding.suspects
    const till = suspect?.kind === 'till' ? suspect.till : 0
    expect(out).toContain(`Two versions signed, against till ${till}.`)
    expect(out).toContain(`till ${till} signed two different records for the same place`)
    expect(out).toContain('At stake: 4.00 USD')
  })

  test('tells nothing of a file that proves nothing', async () => {
    for (const name of ['foreign', 'keyless', 'swapped']) {
      expect((await verify(`${name}.cose`)).out).not.toContain('Two versions signed')
    }
  })

  test.each([
    ['none.cose', 'office.pem', 'none.cose is missing'],
    ['equivocation.cose', 'none.pem', 'none.pem is missing'],
    ['equivocation.cose', 'private.pem', 'not a P-256 public key in PEM'],
    ['equivocation.cose', 'fork.cose', 'not a P-256 public key in PEM'],
  ])('of %s with the key %s: %s', async (file, root, message) => {
    const { status, err } = await kontant('verify-case', path(file), '--root', path(root))
    expect(status).toBe(3)
    expect(err).toContain(message)
  })

  test('refuses with another office’s key', async () => {
    writeFileSync(path('other.pem'), publicKeyToPem(generatePrivateKey().publicKey))
    const other = ['--root', path('other.pem')]
    expect((await kontant('verify-case', path('equivocation.cose'), ...other)).status).toBe(4)
  })
})
