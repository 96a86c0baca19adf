import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { decodeCertificate, isIssuedBy } from '../../src/kernel/cvc.ts'
import { exportPrivateKey, generatePrivateKey } from '../../src/kernel/p256.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import type { Party } from '../../src/kernel/party.ts'
import { certify, readCertificate, type Role } from '../../src/schemes/wallet/certificates.ts'
import {
  openRevocation,
  openRoot,
  requestCertificate,
  signRequested,
  writeRoot,
  type Root,
} from '../../src/schemes/wallet/root.ts'
import { RANDOM } from '../support/office.ts'
import { hasOpenpace, openpace, printed } from '../support/openpace.ts'
import { kontant } from './run.ts'

let directory = ''
const at = (name: string) => join(directory, name)
const read = (name: string): Bytes => new Uint8Array(readFileSync(at(name)))
const PASSPHRASE = 'twelve words or so'
const officeKey = generatePrivateKey()
let root: Root

/** A request as an office or a notary writes it. */
function request(name: string, role: Role, party: Party, generation = 1, key = officeKey): void {
  writeFileSync(at(name), requestCertificate({ role, party, generation }, key))
}
const run = (...argv: readonly string[]) => kontant('certificate', ...argv)
const withRoot = (file = 'root.key') => ['--root', at(file), '--passphrase', at('passphrase')]

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'kontant-certificate-'))
  writeFileSync(at('passphrase'), `${PASSPHRASE}\n`)
  expect(await run('root', at('root.key'), '--passphrase', at('passphrase'))).toMatchObject({
    status: 0,
    err: '',
  })
  root = openRoot(read('root.key'), PASSPHRASE)
  await run('export', at('root.key'), '--out', at('ZZROOT00001'))
  await run('root', at('second.key'), '--passphrase', at('passphrase'), '--generation', '2')
  request('office.request', 'office', { kind: 'office', office: 2 })
  const signed = await run(
    'sign',
    at('office.request'),
    ...withRoot(),
    '--out',
    at('ZZOFF000200001'),
  )
  expect(signed).toMatchObject({ status: 0, err: '' })
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('a root', () => {
  test('is a file for its owner only, and opens with its passphrase and no other', () => {
    expect(statSync(at('root.key')).mode & 0o777).toBe(0o600)
    const file = read('root.key')
    expect(root.certificate.bytes).toEqual(read('ZZROOT00001'))
    expect(() => openRoot(file, `${PASSPHRASE}.`)).toThrow('passphrase: is not that of this root')
  })

  test('is not written over, and takes no short passphrase', async () => {
    expect(await run('root', at('root.key'), '--passphrase', at('passphrase'))).toMatchObject({
      status: 1,
      err: `${at('root.key')} is there already`,
    })
    writeFileSync(at('short'), 'eleven char')
    const { status, err } = await run('root', at('other.key'), '--passphrase', at('short'))
    expect([status, err]).toEqual([3, 'the passphrase is too short: at least 12 characters'])
    expect(readdirSync(directory)).not.toContain('other.key')
  })

  test('does not open under another certificate', () => {
    const other = generatePrivateKey()
    const file = writeRoot({ ...root, key: other }, PASSPHRASE, RANDOM)
    expect(() => openRoot(file, PASSPHRASE)).toThrow('rootFile.key')
  })

  test('certifies what a request asks for, and says what that is', async () => {
    const { out } = await run('show', at('ZZOFF000200001'))
    expect(out).toMatch(
      /^office office:2, key 1: ZZOFF000200001 by ZZROOT00001, 20\d\d-\d\d-\d\d to /,
    )
    const { out: json } = await run('show', at('ZZOFF000200001'), '--json')
    expect(JSON.parse(json)).toMatchObject({ role: 'office', party: 'office:2', generation: 1 })
    expect(read('ZZOFF000200001').length).toBeLessThanOrEqual(255)
  })

  test.each<readonly [string, Role, Party, string]>([
    [
      'a card',
      'card',
      { kind: 'card', office: 2, card: '0011223344556677' as never },
      'a root certifies no card',
    ],
    ['a till', 'till', { kind: 'till', office: 2, till: 3 }, 'a root certifies no till'],
    ['another root', 'root', { kind: 'office', office: 0 }, 'a root certifies no root'],
    [
      'a notary that is an office',
      'notary',
      { kind: 'office', office: 2 },
      'no notary is office:2',
    ],
    [
      'an office that is the notary',
      'office',
      { kind: 'office', office: 0 },
      'no office is office:0',
    ],
  ])('does not certify %s', (_, role, party, message) => {
    request('wrong.request', role, party)
    expect(() => signRequested(read('wrong.request'), root, Date.now())).toThrow(message)
  })

  test('does not certify what is not signed with its own key, or changed', async () => {
    const good = read('office.request')
    for (let index = 0; index < good.length; index += 1) {
      const bytes = good.slice()
      bytes[index] = (bytes[index] ?? 0) ^ 1
      expect(() => signRequested(bytes, root, Date.now())).toThrow(FormatError)
    }
    writeFileSync(at('changed.request'), good.subarray(1))
    const { status, err } = await run(
      'sign',
      at('changed.request'),
      ...withRoot(),
      '--out',
      at('x'),
    )
    expect([status, err]).toEqual([3, expect.stringContaining(at('changed.request'))])
    expect(readdirSync(directory)).not.toContain('x')
  })

  test('revokes what it certified, and nothing else', async () => {
    const { status } = await run('revoke', at('ZZOFF000200001'), ...withRoot(), '--out', at('gone'))
    expect(status).toBe(0)
    expect(openRevocation(read('gone'), [root.certificate])).toMatchObject({
      role: 'office',
      party: { kind: 'office', office: 2 },
      generation: 1,
    })
    expect(() => openRevocation(read('gone'), [])).toThrow('revocation.signature')
    const other = await run(
      'revoke',
      at('ZZOFF000200001'),
      ...withRoot('second.key'),
      '--out',
      at('x'),
    )
    expect([other.status, other.err]).toEqual([1, expect.stringContaining('is not signed by')])
  })

  test('is followed by another, while what it certified stays good', async () => {
    await run('export', at('second.key'), '--out', at('ZZROOT00002'))
    request('next.request', 'office', { kind: 'office', office: 2 }, 2)
    await run('sign', at('next.request'), ...withRoot('second.key'), '--out', at('ZZOFF000200002'))
    const verify = (certificate: string, under: string) =>
      run('verify', at(certificate), '--root', at(under)).then(({ status }) => status)
    expect(await verify('ZZOFF000200001', 'ZZROOT00001')).toBe(0)
    expect(await verify('ZZOFF000200002', 'ZZROOT00002')).toBe(0)
    expect(await verify('ZZOFF000200002', 'ZZROOT00001')).toBe(1)
    expect(await verify('ZZOFF000200001', 'ZZROOT00002')).toBe(1)
    expect(await verify('ZZOFF000200001', 'ZZOFF000200001')).toBe(1)
  })
})

describe.skipIf(!hasOpenpace)('openpace', () => {
  test('verifies ours with our roles: root, office, card, till', () => {
    const office = readCertificate(read('ZZOFF000200001'))
    const day = office.certificate.from
    const holder = (role: Role, party: Party) =>
      certify(
        {
          subject: { role, party, generation: 1 },
          publicKey: generatePrivateKey().publicKey,
          from: day,
          to: day,
        },
        { subject: office, key: officeKey },
      )
    writeFileSync(
      at('card'),
      holder('card', { kind: 'card', office: 2, card: '00c0ffee00c0ffee' as never }),
    )
    writeFileSync(at('till'), holder('till', { kind: 'till', office: 2, till: 7 }))
    const forged = read('card')
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    writeFileSync(at('forged'), forged)
    for (const name of ['ZZROOT00001', 'ZZOFF000200001', 'card', 'till']) {
      expect(printed(directory, name)).toContain('certificate verified')
    }
    expect(printed(directory, 'forged')).toContain('certificate not verified')
  })

  test('makes a certificate over one of our keys that we verify, and that is none of ours', () => {
    writeFileSync(at('root.pkcs8'), exportPrivateKey(root.key))
    writeFileSync(at('office.pkcs8'), exportPrivateKey(officeKey))
    openpace(
      directory,
      'cvc-create',
      '--type=at',
      '--expires=301231',
      '--scheme=ECDSA_SHA_256',
      '--sign-with=root.pkcs8',
      '--role=dv_domestic',
      '--chr=ZZOFF000900001',
      '--sign-as=ZZROOT00001',
      '--key=office.pkcs8',
      '--out-cert=theirs',
    )
    const theirs = decodeCertificate(read('theirs'))
    expect(isIssuedBy(theirs, root.certificate.certificate)).toBe(true)
    expect(() => readCertificate(read('theirs'))).toThrow('expected a role of Kontant')
  })
})
