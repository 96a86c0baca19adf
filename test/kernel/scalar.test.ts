import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import {
  generatePrivateKey,
  isScalar,
  publicKeyOfFleeting,
  sign,
  verify,
  withScalar,
} from '../../src/kernel/p256.ts'

const ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const scalar = (last: number) => concat(new Uint8Array(31), Uint8Array.of(last))

describe('a private key from its scalar', () => {
  test.each([
    // SEC 2, 2.4.2: the base point itself.
    [
      toHex(scalar(1)),
      '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
        '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
    ],
    // RFC 6979, A.2.5.
    [
      'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
      '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6' +
        '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    ],
  ])('%s', (hex, point) => {
    withScalar(fromHex(hex), (key) => {
      const publicKey = publicKeyOfFleeting(key)
      expect(toHex(publicKey.bytes)).toBe(point)
      expect(verify(publicKey, utf8('x'), sign(key, utf8('x')))).toBe(true)
      expect(verify(generatePrivateKey().publicKey, utf8('x'), sign(key, utf8('x')))).toBe(false)
    })
  })

  test.each([
    ['0', toHex(scalar(0)), false],
    ['1', toHex(scalar(1)), true],
    ['the order less 1', ORDER.replace(/51$/, '50'), true],
    ['the order', ORDER, false],
    ['more than it', 'ff'.repeat(32), false],
    ['31 bytes', '01'.repeat(31), false],
    ['33 bytes', '01'.repeat(33), false],
  ])('%s', (_, hex, good) => {
    expect(isScalar(fromHex(hex))).toBe(good)
    const make = () => withScalar(fromHex(hex), publicKeyOfFleeting)
    if (good) expect(make).not.toThrow()
    else expect(make).toThrow(FormatError)
  })

  test('what is handed in stays as it was, and what was handed out is wiped', () => {
    const given = scalar(7)
    const key = withScalar(given, ({ pkcs8 }) => pkcs8)
    expect(given).toEqual(scalar(7))
    expect(key.length).toBeGreaterThan(given.length)
    expect(key.every((byte) => byte === 0)).toBe(true)
    expect(() =>
      withScalar(given, () => {
        throw new Error('work')
      }),
    ).toThrow('work')
  })
})
