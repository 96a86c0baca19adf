import { expect, test } from 'vitest'
import { seal, unseal } from '../../src/kernel/aes.ts'
import { concat, copyOf, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { hmacSha256 } from '../../src/kernel/hash.ts'
import { message, octets, varOctets } from '../../src/kernel/message.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { openMessage, signMessage } from '../../src/kernel/signed-message.ts'
import { lasting, room, wiping } from '../../src/kernel/wiping.ts'

const layout = message('layout', { name: octets(4), rest: varOctets({ max: 100 }) })
const key = new Uint8Array(32).fill(7)
const random = { bytes: (size: number) => new Uint8Array(size).fill(9) }
const content = { name: utf8('name'), rest: utf8('a secret') }
const sealed = seal(key, layout.encode(content), key, random)
const signed = signMessage(layout, content, generatePrivateKey())

/** Everything that the kernel makes of secrets. */
const ROWS: readonly (readonly [string, () => readonly Bytes[]])[] = [
  ['what is joined', () => [concat(key, key), copyOf(key)]],
  ['what is encoded', () => [layout.encode(content)]],
  ['what is decoded', () => Object.values(layout.decode(layout.encode(content)))],
  ['what is deciphered', () => [unseal(key, sealed, key)]],
  ['what is derived', () => [hmacSha256(key, key)]],
  [
    'what is signed',
    () => {
      const { bytes, body, content: read } = openMessage(layout, signed)
      return [bytes, body, read.name, read.rest]
    },
  ],
  ['what is made by hand', () => [room(5).fill(5)]],
]

const isWiped = (bytes: Bytes) => bytes.every((byte) => byte === 0)

test.for(ROWS)('%s is wiped, and outside it is not', ([, make]) => {
  expect(make().some(isWiped)).toBe(false)
  let made: readonly Bytes[] = []
  wiping(() => {
    made = make()
    expect(made.some(isWiped)).toBe(false)
    return undefined
  })
  expect(made.every(isWiped)).toBe(true)
})

test('its result is a copy; what lasts lasts; and it is over, however it ended', () => {
  let lasts: Bytes = new Uint8Array()
  let inner: Bytes = new Uint8Array()
  const result = wiping(() => {
    lasts = lasting(() => copyOf(key))
    inner = wiping(() => copyOf(key))
    expect(inner).toEqual(key)
    return concat(inner, key)
  })
  expect([result, lasts, inner].map(isWiped)).toEqual([false, false, true])
  expect(result).toEqual(concat(key, key))
  let made: Bytes = new Uint8Array()
  const fails = () =>
    wiping(() => {
      made = copyOf(key)
      throw new Error('work')
    })
  expect(fails).toThrow('work')
  expect(isWiped(made)).toBe(true)
  expect(isWiped(concat(key))).toBe(false)
})

test('nothing is on the heap that moves its objects', () => {
  const result = wiping(() => {
    // Of 64 bytes or less V8 makes the buffer only when it is asked for.
    expect(room(32).buffer.byteLength).toBe(32)
    return copyOf(key)
  })
  expect(result.buffer.byteLength).toBe(32)
})
