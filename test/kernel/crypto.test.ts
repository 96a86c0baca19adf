import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  aesCbcDecrypter,
  aesCbcEncrypt,
  aesCmac,
  diversify,
  seal,
  unseal,
} from '../../src/kernel/aes.ts'
import { concat, fromHex, secretsEqual, toHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { hmacSha256, isHmacSha256, sha256, sha256Hex } from '../../src/kernel/hash.ts'
import {
  exportPrivateKey,
  generatePrivateKey,
  importPrivateKey,
  openSealed,
  publicKeyFrom,
  sealTo,
  sign,
  verify,
} from '../../src/kernel/p256.ts'
import { random } from '../support/mint.ts'
import { flip } from './changes.ts'

/** SP 800-38A, F.2, and RFC 4493, 4, have the same key and message. */
const KEY = fromHex('2b7e151628aed2a6abf7158809cf4f3c')
const MESSAGE = fromHex(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
)

test.each([
  // RFC 4493, 4, examples 1 to 4.
  [0, 'bb1d6929e95937287fa37d129b756746'],
  [16, '070a16b46b4d4144f79bdd9dd04a287c'],
  [40, 'dfa66747de9ae63030ca32611497c827'],
  [64, '51f0bebf7e3b9d92fc49741779363cfe'],
])('AES-CMAC of %i bytes', (size, mac) => {
  expect(toHex(aesCmac(KEY, MESSAGE.subarray(0, size)))).toBe(mac)
})

describe('AES-128-CBC', () => {
  const iv = fromHex('000102030405060708090a0b0c0d0e0f')
  // SP 800-38A, F.2.1 and F.2.2.
  const ciphertext = fromHex(
    '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2' +
      '73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
  )

  it('encrypts and decrypts the published example', () => {
    expect(toHex(aesCbcEncrypt(KEY, iv, MESSAGE))).toBe(toHex(ciphertext))
    expect(toHex(aesCbcDecrypter(KEY, iv)(ciphertext))).toBe(toHex(MESSAGE))
  })

  it('decrypts one after the other with what is kept of a key, as if each were the first', () => {
    const decrypt = aesCbcDecrypter(KEY, iv)
    for (const size of [64, 16, 0, 48, 64]) {
      expect(() => decrypt(ciphertext.subarray(0, 15))).toThrow('is no whole blocks')
      expect(toHex(decrypt(ciphertext.subarray(0, size)))).toBe(toHex(MESSAGE.subarray(0, size)))
    }
  })

  it('pads nothing: half a block is an error', () => {
    expect(() => aesCbcEncrypt(KEY, iv, MESSAGE.subarray(0, 15))).toThrow(
      'wrong final block length',
    )
  })
})

describe('diversified keys', () => {
  const uid = fromHex('04a1b2c3')

  it('is CMAC over 01 ‖ size ‖ diversifier ‖ purpose', () => {
    const input = concat(fromHex('0104'), uid, utf8('block iv'))
    expect(toHex(diversify(KEY, uid, 'block iv'))).toBe(toHex(aesCmac(KEY, input)))
  })

  it.each([
    ['another master key', () => diversify(flip(KEY, 0), uid, 'block iv')],
    ['another chip', () => diversify(KEY, fromHex('04a1b2c4'), 'block iv')],
    ['another purpose', () => diversify(KEY, uid, 'block encryption')],
    ['a byte moved from purpose to chip', () => diversify(KEY, concat(uid, utf8('b')), 'lock iv')],
  ])('%s gives another key', (_, other) => {
    expect(toHex(other())).not.toBe(toHex(diversify(KEY, uid, 'block iv')))
  })
})

test.each([
  // FIPS 180-4 examples, NIST CSRC.
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('SHA-256 of "%s"', (message, digest) => {
  expect(toHex(sha256(utf8(message)))).toBe(digest)
})

const repeated = (byte: number, size: number): Bytes => new Uint8Array(size).fill(byte)

test.each([
  // RFC 4231, 4.2 to 4.8; test case 5 truncates, which we never do: the first 128 bits of it.
  [
    1,
    repeated(0x0b, 20),
    utf8('Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  [
    2,
    utf8('Jefe'),
    utf8('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    3,
    repeated(0xaa, 20),
    repeated(0xdd, 50),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  [
    4,
    fromHex('0102030405060708090a0b0c0d0e0f10111213141516171819'),
    repeated(0xcd, 50),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
  [5, repeated(0x0c, 20), utf8('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
  [
    6,
    repeated(0xaa, 131),
    utf8('Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    7,
    repeated(0xaa, 131),
    utf8(
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
])('HMAC-SHA-256, RFC 4231 test case %i', (_, key, data, mac) => {
  const whole = hmacSha256(key, data)
  expect(toHex(whole).slice(0, mac.length)).toBe(mac)
  expect(isHmacSha256(key, data, whole)).toBe(true)
})

// Up to a block, and beyond it, it goes two ways; each leaves nothing behind that the next one finds.
test('whether a MAC is one is seen of keys and data of every size', () => {
  for (const keySize of [0, 1, 8, 63, 64, 65, 131]) {
    for (const dataSize of [0, 1, 4, 63, 64, 65, 200]) {
      const [key, data] = [repeated(keySize, keySize), repeated(dataSize + 1, dataSize)]
      const mac = hmacSha256(key, data)
      expect(isHmacSha256(key, data, mac)).toBe(true)
      for (const place of [0, 31]) expect(isHmacSha256(key, data, flip(mac, place))).toBe(false)
      expect(isHmacSha256(key, data, mac.subarray(0, 31))).toBe(false)
      expect(isHmacSha256(key, concat(data, Uint8Array.of(0)), mac)).toBe(false)
    }
  }
})

test('a digest in digits is the same digest', () => {
  expect(sha256Hex(utf8('abc'))).toBe(toHex(sha256(utf8('abc'))))
})

test.each([
  ['', '', true],
  ['00', '00', true],
  ['00', '01', false],
  ['00', '0000', false],
])('secrets %s and %s are equal: %s', (a, b, equal) => {
  expect(secretsEqual(fromHex(a), fromHex(b))).toBe(equal)
})

/** RFC 6979, A.2.5. */
const RFC_6979 = {
  publicKey: publicKeyFrom(
    fromHex(
      '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6' +
        '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    ),
  ),
  sample: {
    r: 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
    s: 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  },
  test: {
    r: 'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367',
    s: '019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
  },
}
/** The order of the group and the field's prime (SEC 2, 2.4.2). */
const N = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
const P = 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff'
const ZERO = '00'.repeat(32)
const { r: R, s: S } = RFC_6979.sample

function plus(hex: string, addend: bigint): string {
  return (BigInt(`0x${hex}`) + addend).toString(16).padStart(64, '0')
}

describe('ECDSA P-256', () => {
  it.each(['sample', 'test'] as const)('accepts the published signature of "%s"', (message) => {
    const { r, s } = RFC_6979[message]
    expect(verify(RFC_6979.publicKey, utf8(message), fromHex(r + s))).toBe(true)
  })

  it('accepts n − s in place of s: a digest of what was signed must not include the signature', () => {
    const mirrored = plus(N, -BigInt(`0x${S}`))
    expect(verify(RFC_6979.publicKey, utf8('sample'), fromHex(R + mirrored))).toBe(true)
  })

  it.each([
    ['another message’s', RFC_6979.test.r + RFC_6979.test.s],
    ['r = 0', ZERO + S],
    ['s = 0', R + ZERO],
    ['r = s = 0', ZERO + ZERO],
    ['r = n', N + S],
    ['s = n', R + N],
    ['r = n, s = n', N + N],
    ['r = p', P + S],
    ['s + n, which is s', R + plus(S, BigInt(`0x${N}`) - (1n << 256n)).slice(-64)],
    ['r = 1, s = 1', plus(ZERO, 1n) + plus(ZERO, 1n)],
    ['r = n − 1, s = n − 1', plus(N, -1n) + plus(N, -1n)],
    ['r and s exchanged', S + R],
    ['the greatest bytes', 'ff'.repeat(64)],
    ['no bytes', ''],
    ['63 bytes', (R + S).slice(2)],
    ['65 bytes', `${R + S}00`],
    ['65 bytes, a zero before', `00${R}${S}`],
    ['DER', `3046022100${R}022100${S}`],
  ])('refuses %s', (_, signature) => {
    expect(verify(RFC_6979.publicKey, utf8('sample'), fromHex(signature))).toBe(false)
  })

  it('refuses the signature of any other message, with any byte changed, and for another key', () => {
    const key = generatePrivateKey()
    const other = generatePrivateKey()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(63), (message, index) => {
        const signature = sign(key, message)
        expect(signature.length).toBe(64)
        expect(verify(key.publicKey, message, signature)).toBe(true)
        expect(verify(key.publicKey, concat(message, fromHex('00')), signature)).toBe(false)
        expect(verify(key.publicKey, message, flip(signature, index))).toBe(false)
        expect(verify(other.publicKey, message, signature)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })
})

describe('P-256 keys', () => {
  const [x, y] = [
    toHex(RFC_6979.publicKey.bytes).slice(0, 64),
    toHex(RFC_6979.publicKey.bytes).slice(64),
  ]

  it.each([
    ['63 bytes', (x + y).slice(2), 'key: expected 64 bytes, got 63'],
    ['with its leading 04', `04${x}${y}`, 'key: expected 64 bytes, got 65'],
    ['the point at infinity', ZERO + ZERO, 'key: not a point on the curve P-256'],
    ['a point beside the curve', x + plus(y, 1n), 'key: not a point on the curve P-256'],
    ['x beyond the field', P + y, 'key: not a point on the curve P-256'],
    ['coordinates exchanged', y + x, 'key: not a point on the curve P-256'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => publicKeyFrom(fromHex(bytes), 'key')).toThrow(
      new FormatError('key', message.slice(5)),
    )
  })

  it('comes back from PKCS #8', () => {
    const key = generatePrivateKey()
    const again = importPrivateKey(exportPrivateKey(key))
    expect(again.publicKey.bytes).toEqual(key.publicKey.bytes)
    expect(verify(key.publicKey, utf8('x'), sign(again, utf8('x')))).toBe(true)
  })

  it.each([
    ['nothing', ''],
    ['no DER', '00'],
    // RFC 8410, 10.3: an Ed25519 key.
    [
      'a key of another curve',
      '302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842',
    ],
  ])('refuses %s as PKCS #8', (_, der) => {
    expect(() => importPrivateKey(fromHex(der), 'key')).toThrow(
      'key: not a P-256 private key in PKCS #8',
    )
  })

  it('refuses another curve’s public key', () => {
    // secp256k1's generator: a point, of another curve.
    const generator =
      '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798' +
      '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'
    expect(() => publicKeyFrom(fromHex(generator))).toThrow(FormatError)
  })
})

describe('sealing', () => {
  const key = sha256(utf8('key'))
  const secret = utf8('the sealed secret')
  const context = utf8('place 7')

  it('is AES-256-GCM: the published example', () => {
    // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
    const gcmKey = fromHex('feffe9928665731c6d6a8f9467308308'.repeat(2))
    const nonce = 'cafebabefacedbaddecaf888'
    const plaintext = fromHex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
        '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    )
    const aad = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2')
    const sealed = seal(gcmKey, plaintext, aad, { bytes: () => fromHex(nonce) })
    expect(toHex(sealed)).toBe(
      `${nonce}522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa` +
        '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
        '76fc6ece0f4e1768cddf8853bb2d551b',
    )
    expect(toHex(unseal(gcmKey, sealed, aad))).toBe(toHex(plaintext))
  })

  it('never seals twice alike', () => {
    const sealings = Array.from({ length: 100 }, () => toHex(seal(key, secret, context, random)))
    expect(new Set(sealings).size).toBe(100)
  })

  it('opens with the key and context that it was sealed with, and no other', () => {
    const sealed = seal(key, secret, context, random)
    expect(unseal(key, sealed, context)).toEqual(secret)
    expect(() => unseal(flip(key, 3), sealed, context)).toThrow(FormatError)
    expect(() => unseal(key, sealed, utf8('place 8'))).toThrow(FormatError)
    expect(() => unseal(key, sealed, concat(context, fromHex('00')))).toThrow(FormatError)
  })

  it('does not open with any byte changed, or cut off, or added', () => {
    const sealed = seal(key, secret, context, random)
    for (const [index] of sealed.entries()) {
      expect(() => unseal(key, flip(sealed, index), context)).toThrow(FormatError)
      expect(() => unseal(key, sealed.subarray(0, index), context)).toThrow(FormatError)
    }
    expect(() => unseal(key, concat(sealed, fromHex('00')), context)).toThrow(FormatError)
  })
})

describe('sealing to a key', () => {
  const recipient = generatePrivateKey()
  const secret = utf8('4821')
  const context = utf8('card 1')
  const sealed = sealTo(recipient.publicKey, secret, context, random)

  it('opens for the recipient in that context, and for nobody else', () => {
    expect(openSealed(recipient, sealed, context)).toEqual(secret)
    expect(() => openSealed(generatePrivateKey(), sealed, context)).toThrow(FormatError)
    expect(() => openSealed(recipient, sealed, utf8('card 2'))).toThrow(FormatError)
  })

  it('does not open with any byte changed, or cut off', () => {
    for (const [index] of sealed.entries()) {
      expect(() => openSealed(recipient, flip(sealed, index), context)).toThrow(FormatError)
      expect(() => openSealed(recipient, sealed.subarray(0, index), context)).toThrow(FormatError)
    }
  })

  it('does not open with somebody else’s ephemeral key, though that is a point', () => {
    const foreign = concat(generatePrivateKey().publicKey.bytes, sealed.subarray(64))
    expect(() => openSealed(recipient, foreign, context)).toThrow('sealed: does not open')
  })

  it('hides the secret', () => {
    expect(toHex(sealed)).not.toContain(toHex(secret))
    expect(createHash('sha256').update(sealed).digest('hex')).toHaveLength(64)
  })
})
