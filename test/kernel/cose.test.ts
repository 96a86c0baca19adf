import { describe, expect, it, test } from 'vitest'
import { concat, fromHex, toHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { encodeCbor } from '../../src/kernel/cbor.ts'
import { decodeSigned, signDocument, verifySigned } from '../../src/kernel/cose.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { generatePrivateKey, publicKeyFrom, sign, verify } from '../../src/kernel/p256.ts'
import { flip } from './changes.ts'

describe('RFC 9052, C.2.1: a single ECDSA signature', () => {
  const publicKey = publicKeyFrom(
    fromHex(
      'bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff' +
        '20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e',
    ),
  )
  const payload = utf8('This is the content.')
  const signature = fromHex(
    '8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e' +
      '2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36',
  )
  const published = concat(fromHex('d28443a10126a10442313154'), payload, fromHex('5840'), signature)

  it('is over the Sig_structure of 4.4', () => {
    // ["Signature1", << {1: -7} >>, h'', payload]
    const structure = concat(fromHex('846a5369676e617475726531' + '43a10126' + '4054'), payload)
    expect(verify(publicKey, structure, signature)).toBe(true)
  })

  it('has its key id unprotected, which ours has not', () => {
    expect(() => decodeSigned(published, 'x')).toThrow('x.unprotected: expected an empty map')
  })
})

const key = generatePrivateKey()
const payload = utf8('content')
const valid = signDocument(key, 'till:7:1', 'application/test', payload)

test('our documents are signed over the Sig_structure built by hand', () => {
  const header = concat(
    fromHex('a3' + '0126' + '0370'),
    utf8('application/test'),
    fromHex('0448'),
    utf8('till:7:1'),
  )
  const structure = concat(
    fromHex('846a5369676e617475726531'),
    fromHex('58'),
    Uint8Array.of(header.length),
    header,
    fromHex('40' + '47'),
    payload,
  )
  const document = decodeSigned(valid, 'x')
  expect(toHex(document.signed)).toBe(toHex(structure))
  expect(verify(key.publicKey, structure, document.signature)).toBe(true)
  expect(toHex(valid)).toBe(
    toHex(
      concat(
        fromHex('d284' + '58'),
        Uint8Array.of(header.length),
        header,
        fromHex('a0' + '47'),
        payload,
        fromHex('5840'),
        document.signature,
      ),
    ),
  )
})

test('a document comes back as it was signed', () => {
  const document = decodeSigned(valid, 'x')
  expect(document).toMatchObject({ contentType: 'application/test', keyId: 'till:7:1', payload })
  expect(verifySigned(document, key.publicKey)).toBe(true)
  expect(verifySigned(document, generatePrivateKey().publicKey)).toBe(false)
})

test('with any bit changed it is refused, or its signature is', () => {
  for (const [index] of valid.entries()) {
    for (const mask of [1, 2, 4, 8, 16, 32, 64, 128]) {
      let document
      try {
        document = decodeSigned(flip(valid, index, mask), 'x')
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
        continue
      }
      expect(verifySigned(document, key.publicKey)).toBe(false)
    }
  }
})

describe('a document that differs from ours in one thing is refused', () => {
  const header = (...entries: readonly (readonly [unknown, unknown])[]) =>
    encodeCbor(new Map(entries))
  const good = header([1, -7], [3, 'application/test'], [4, utf8('till:7:1')])
  const signature = sign(key, payload)
  const tagged = (value: unknown): Bytes => concat(fromHex('d2'), encodeCbor(value))

  it.each([
    ['nothing', fromHex(''), 'x'],
    ['no tag', valid.subarray(1), 'x'],
    ['the tag of COSE_Sign', concat(fromHex('d862'), valid.subarray(1)), 'x'],
    ['the tag in two bytes', concat(fromHex('d812'), valid.subarray(1)), 'x'],
    ['the tag twice', concat(fromHex('d2'), valid), 'x'],
    ['three parts', tagged([good, new Map(), payload]), 'x'],
    ['five parts', tagged([good, new Map(), payload, signature, 0]), 'x'],
    ['a map', tagged(new Map()), 'x'],
    ['no bytes as header', tagged([0, new Map(), payload, signature]), 'x.protected'],
    [
      'something unprotected',
      tagged([good, new Map([[4, 1]]), payload, signature]),
      'x.unprotected',
    ],
    ['no map unprotected', tagged([good, [], payload, signature]), 'x.unprotected'],
    ['a detached payload', tagged([good, new Map(), null, signature]), 'x.payload'],
    ['text as payload', tagged([good, new Map(), 'content', signature]), 'x.payload'],
    ['a short signature', tagged([good, new Map(), payload, signature.subarray(1)]), 'x.signature'],
    ['no signature', tagged([good, new Map(), payload, new Uint8Array()]), 'x.signature'],
    ['an empty header', tagged([new Uint8Array(), new Map(), payload, signature]), 'x.protected'],
    [
      'a header that is no map',
      tagged([encodeCbor([]), new Map(), payload, signature]),
      'x.protected',
    ],
  ])('%s', (_, bytes, field) => {
    expectRefusal(bytes, field)
  })

  it.each([
    ['another algorithm', header([1, -8], [3, 'application/test'], [4, utf8('k')])],
    ['no algorithm', header([3, 'application/test'], [4, utf8('k')])],
    ['no content type', header([1, -7], [4, utf8('k')])],
    ['a number as content type', header([1, -7], [3, 60], [4, utf8('k')])],
    ['no key id', header([1, -7], [3, 'application/test'])],
    ['text as key id', header([1, -7], [3, 'application/test'], [4, 'k'])],
    ['a key id that is not UTF-8', header([1, -7], [3, 'a/b'], [4, fromHex('ff')])],
    ['a key id with a byte order mark', header([1, -7], [3, 'a/b'], [4, fromHex('efbbbf61')])],
    ['a critical header', header([1, -7], [2, [99]], [3, 'application/test'], [4, utf8('k')])],
    ['an unknown header', header([1, -7], [3, 'application/test'], [4, utf8('k')], [99, 0])],
  ])('%s in the header', (_, protectedHeader) => {
    expectRefusal(tagged([protectedHeader, new Map(), payload, signature]), 'x.protected')
  })
})

function expectRefusal(bytes: Uint8Array, field: string): void {
  let thrown: unknown
  try {
    decodeSigned(bytes, 'x')
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(FormatError)
  expect(thrown).toMatchObject({ field })
}
