import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { concat, fromHex, type Bytes } from '../../src/kernel/bytes.ts'
import {
  decodeCertificate,
  isIssuedBy,
  issueCertificate,
  isValidAt,
  type Certificate,
} from '../../src/kernel/cvc.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { exportPrivateKey, generatePrivateKey } from '../../src/kernel/p256.ts'
import { encodeTlv } from '../../src/kernel/tlv.ts'
import { hasOpenpace, openpace, printed } from '../support/openpace.ts'

const [rootKey, officeKey, tillKey] = [0, 1, 2].map(generatePrivateKey) as [
  ReturnType<typeof generatePrivateKey>,
  ReturnType<typeof generatePrivateKey>,
  ReturnType<typeof generatePrivateKey>,
]
/** id-AT, 0.4.0.127.0.7.3.1.2.2: what openpace knows. */
const AT = fromHex('04007f000703010202')
const ROOT: Certificate = {
  authority: 'SEKONTANT00001',
  holder: 'SEKONTANT00001',
  publicKey: rootKey.publicKey,
  role: AT,
  rights: fromHex('c000000000'),
  from: Date.UTC(2026, 10, 21),
  to: Date.UTC(2029, 11, 31),
}
const OFFICE: Certificate = {
  ...ROOT,
  holder: 'SEOFFICE00001',
  publicKey: officeKey.publicKey,
  rights: fromHex('8000000000'),
}
const TILL: Certificate = {
  ...ROOT,
  authority: OFFICE.holder,
  holder: 'SETILL00007',
  publicKey: tillKey.publicKey,
  rights: fromHex('0000000000'),
}

/** Made by `cvc-create` of openpace 1.1.2, self-signed. */
const FOREIGN_ROOT = fromHex(
  '7f218201b07f4e8201685f290100420b58584356434130303030317f4982011d060a04007f00070202020203' +
    '8120ffffffff00000001000000000000000000000000ffffffffffffffffffffffff' +
    '8220ffffffff00000001000000000000000000000000fffffffffffffffffffffffc' +
    '83205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b' +
    '8441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
    '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5' +
    '8520ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551' +
    '8641048718e11a5c85b3b23ec980b9f3a20951e6116fa7fd3f68e20d344e4c1e4586bf' +
    '82febb5e01d8ead9d3d0e5e868b8cd94ad0c21532efde302f4894b428d29e6858701015f20' +
    '0b58584356434130303030317f4c12060904007f0007030102025305c0000000005f2506020601010201' +
    '5f24060300010203015f37406f7a3a2e639984f1227728a292fc68c850923b32d18e80d7ce642faea6a601a6' +
    '884c38b9915ed751c8815cc1ae6d7dbd422cd1c8e73f9ae98794f0e0ee59197f',
)

describe('a certificate', () => {
  test('is read as it was written, and fits a short APDU if it is no root’s', () => {
    for (const [content, authority] of [
      [ROOT, rootKey],
      [OFFICE, rootKey],
      [TILL, officeKey],
    ] as const) {
      const bytes = issueCertificate(content, authority)
      const { publicKey, ...read } = decodeCertificate(bytes)
      const { publicKey: key, ...written } = content
      expect(read).toMatchObject(written)
      expect(publicKey.bytes).toEqual(key.bytes)
      expect(bytes.length).toBe({ c0: 443, 80: 232, 0: 229 }[(content.rights[0] ?? 0).toString(16)])
    }
  })

  test('of another program is read and verified', () => {
    const root = decodeCertificate(FOREIGN_ROOT)
    expect(root).toMatchObject({ authority: 'XXCVCA00001', holder: 'XXCVCA00001', role: AT })
    expect([root.from, root.to]).toEqual([Date.UTC(2026, 10, 21), Date.UTC(2030, 11, 31)])
    expect(isIssuedBy(root, root)).toBe(true)
  })

  test('is only its issuer’s', () => {
    const office = decodeCertificate(issueCertificate(OFFICE, rootKey))
    expect(isIssuedBy(office, ROOT)).toBe(true)
    expect(isIssuedBy(office, { ...ROOT, publicKey: tillKey.publicKey })).toBe(false)
    expect(isIssuedBy(office, { ...ROOT, holder: 'SEKONTANT00002' })).toBe(false)
  })

  test.each([
    ['the day before', Date.UTC(2026, 10, 20, 23, 59, 59, 999), false],
    ['its first instant', Date.UTC(2026, 10, 21), true],
    ['its last', Date.UTC(2029, 11, 31, 23, 59, 59, 999), true],
    ['the day after', Date.UTC(2030, 0, 1), false],
  ])('at %s', (_, at, expected) => {
    expect(isValidAt(ROOT, at)).toBe(expected)
  })

  test.each<readonly [string, Partial<Certificate>, string]>([
    ['a name without a country', { holder: '12OFFICE00001' }, 'holder'],
    ['a name that is too long', { holder: 'SEKONTANTOFF00001' }, 'holder'],
    ['a name without a number', { holder: 'SEK' }, 'holder'],
    ['an authority with an umlaut', { authority: 'SEÖ00001' }, 'authority'],
    ['no rights', { rights: new Uint8Array() }, 'rights'],
    ['rights without end', { rights: new Uint8Array(33) }, 'rights'],
    ['a noon', { from: Date.UTC(2026, 10, 21, 12) }, 'from'],
    ['another century', { to: Date.UTC(2100, 0, 1) }, 'to'],
  ])('with %s is not made', (_, change, field) => {
    const make = () => issueCertificate({ ...OFFICE, ...change }, rootKey)
    expect(make).toThrow(FormatError)
    expect(make).toThrow(field)
  })

  const BODY = decodeCertificate(issueCertificate(OFFICE, rootKey)).body
  const swap = (from: string, to: string) =>
    fromHex(Buffer.from(BODY).toString('hex').replace(from, to))

  test.each<readonly [string, Bytes, string]>([
    ['another profile', swap('5f290100', '5f290101'), 'body.profile'],
    ['another algorithm', swap('070202020203', '070202020202'), 'body.publicKey'],
    ['a month that is none', swap('5f2506020601010201', '5f2506020601030201'), 'body.from'],
    ['a digit that is none', swap('5f2506020601010201', '5f25060206010a0201'), 'body.from'],
    ['parts in another order', swap('5f2506', '5f2406'), 'body.5f25'],
  ])('with %s is refused', (_, body, field) => {
    const bytes = encodeTlv(0x7f21, body, encodeTlv(0x5f37, new Uint8Array(64)))
    expect(() => decodeCertificate(bytes)).toThrow(field)
  })

  test.each([
    [
      'a signature that is too short',
      encodeTlv(0x5f37, new Uint8Array(63)),
      'certificate.signature',
    ],
    ['two signatures', concat(...[0, 1].map(() => encodeTlv(0x5f37, new Uint8Array(64)))), '5f37'],
    ['none', new Uint8Array(), 'certificate.5f37'],
  ])('with %s is refused', (_, rest, field) => {
    expect(() => decodeCertificate(encodeTlv(0x7f21, BODY, rest))).toThrow(field)
  })

  test('with any byte changed is refused, or nobody’s', () => {
    const office = issueCertificate(OFFICE, rootKey)
    let refused = 0
    for (let at = 0; at < office.length; at++) {
      for (const change of [0x01, 0x80]) {
        const bytes = office.slice()
        bytes[at] = (bytes[at] ?? 0) ^ change
        if (!isTaken(bytes)) refused += 1
      }
    }
    expect(refused).toBe(2 * office.length)
  })

  test('is never made of other bytes, and never throws anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(isTaken(new Uint8Array(bytes))).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })
})

function isTaken(bytes: Bytes): boolean {
  try {
    return isIssuedBy(decodeCertificate(bytes), ROOT)
  } catch (error) {
    if (error instanceof FormatError) return false
    throw error
  }
}

describe.skipIf(!hasOpenpace)('openpace', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'kontant-cvc-'))
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('verifies ours, up to the root and no other', () => {
    const write = (name: string, bytes: Bytes) => writeFileSync(join(directory, name), bytes)
    write(ROOT.holder, issueCertificate(ROOT, rootKey))
    write(OFFICE.holder, issueCertificate(OFFICE, rootKey))
    write('till', issueCertificate(TILL, officeKey))
    write('forged', issueCertificate(TILL, rootKey))
    const print = (name: string) => printed(directory, name)
    for (const name of [ROOT.holder, OFFICE.holder, 'till']) {
      expect(print(name)).toContain('certificate verified')
    }
    expect(print('forged')).toContain('certificate not verified')
  })

  test('makes certificates that we verify', () => {
    writeFileSync(join(directory, 'root.pkcs8'), exportPrivateKey(rootKey))
    writeFileSync(join(directory, 'office.pkcs8'), exportPrivateKey(officeKey))
    const create = (...options: readonly string[]) =>
      openpace(
        directory,
        'cvc-create',
        '--type=at',
        '--expires=301231',
        '--scheme=ECDSA_SHA_256',
        '--sign-with=root.pkcs8',
        ...options,
      )
    create('--role=cvca', '--chr=XXCVCA00001', '--out-cert=cvca.cvcert')
    create(
      '--role=dv_domestic',
      '--chr=XXISSUER00001',
      '--sign-as=cvca.cvcert',
      '--key=office.pkcs8',
      '--out-cert=dv.cvcert',
    )
    const read = (name: string) =>
      decodeCertificate(new Uint8Array(readFileSync(join(directory, name))))
    const [root, office] = [read('cvca.cvcert'), read('dv.cvcert')]
    expect(root.publicKey.bytes).toEqual(rootKey.publicKey.bytes)
    expect([isIssuedBy(root, root), isIssuedBy(office, root)]).toEqual([true, true])
    expect(isIssuedBy(office, decodeCertificate(FOREIGN_ROOT))).toBe(false)
  })
})
