import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { readCertificate, type Role } from '../../../src/schemes/coin/certificates.ts'
import { hasOpenpace, printed } from '../../support/openpace.ts'
import { World } from './world.ts'

const world = new World('certificates')
const customer = await world.customer()
const vendor = await world.vendor()
const ALL = [
  world.root,
  world.bank().certificate,
  ...(await customer.certificates()),
  ...(await vendor.certificates()),
]
const LEVELS: Readonly<Record<Role, string>> = {
  root: 'CVCA',
  bank: 'DV',
  'identity element': 'Terminal',
  'coin element': 'Terminal',
  'vendor element': 'Terminal',
}

test('a role that is none is refused', () => {
  const [root = new Uint8Array()] = ALL
  const rights = '530b' + 'c000000000000000000000'
  for (const role of ['40', '81', '03', 'ff']) {
    const bytes = fromHex(toHex(root).replace(rights, `530b${role}${rights.slice(6)}`))
    expect(() => readCertificate(bytes)).toThrow(FormatError)
    expect(() => readCertificate(bytes)).toThrow('rights.role: expected one of c0, 80, 00, 01, 02')
  }
})

describe.skipIf(!hasOpenpace)('openpace', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'kontant-coin-'))
    for (const bytes of ALL) write(readCertificate(bytes).certificate.holder, bytes)
  })
  afterAll(() => rmSync(directory, { recursive: true }))
  const write = (name: string, bytes: Bytes) => writeFileSync(join(directory, name), bytes)

  test.for(ALL.map((bytes) => readCertificate(bytes)))(
    'verifies the $role’s, and sees where it stands',
    ({ role, bytes, certificate: { holder } }) => {
      const said = printed(directory, holder)
      expect(said).toContain(`${LEVELS[role]} certificate`)
      expect(said).toContain('certificate verified')
      const forged = bytes.slice()
      forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
      write('forged', forged)
      expect(printed(directory, 'forged')).toContain('certificate not verified')
    },
  )
})
