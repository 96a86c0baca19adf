import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { encodeVpcd, VpcdDecoder, type VpcdMessage } from '../../src/reader/vpcd-frames.ts'

const kindsOf = (messages: readonly VpcdMessage[]) =>
  messages.map((message) => (message.kind === 'apdu' ? toHex(message.apdu) : message.kind))

describe('what a virtual reader says', () => {
  test.each([
    ['000100', ['power-off']],
    ['000101', ['power-on']],
    ['000102', ['reset']],
    ['000104', ['atr']],
    ['000103', ['03']],
    ['0001ff', ['ff']],
    ['0002ffca', ['ffca']],
    ['00020001', ['0001']],
    ['000102000104', ['reset', 'atr']],
    ['0001010001040005ffca000000', ['power-on', 'atr', 'ffca000000']],
    ['', []],
    ['00', []],
    ['0005ffca0000', []],
  ])('%s', (stream, messages) => {
    expect(kindsOf(new VpcdDecoder().push(fromHex(stream)))).toEqual(messages)
  })

  test('an empty message means nothing', () => {
    expect(() => new VpcdDecoder().push(fromHex('0000'))).toThrow(FormatError)
    const decoder = new VpcdDecoder()
    decoder.push(fromHex('00010000'))
    expect(() => decoder.push(fromHex('00'))).toThrow('vpcd.length: expected 1 to 65535, got 0')
  })
})

test.each([
  [0, false],
  [1, true],
  [0xffff, true],
  [0x1_0000, false],
])('an answer of %i bytes can be sent: %s', (size, can) => {
  const encode = () => encodeVpcd(new Uint8Array(size))
  if (can) expect(encode().subarray(0, 2)).toEqual(Uint8Array.of(size >> 8, size & 0xff))
  else expect(encode).toThrow(FormatError)
})

const payload = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }) },
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 2, 3, 4).map((byte) => Uint8Array.of(byte)) },
  { weight: 1, arbitrary: fc.constantFrom(0xffff, 0x100).map((size) => new Uint8Array(size)) },
)

test('however the stream is cut, the messages are the same', () => {
  let streams = 0
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 6 }),
      fc.array(fc.nat(400), { maxLength: 30 }),
      (payloads, cuts) => {
        const stream = concat(...payloads.map(encodeVpcd))
        const whole = new VpcdDecoder().push(stream)
        expect(whole).toHaveLength(payloads.length)
        const decoder = new VpcdDecoder()
        const messages: VpcdMessage[] = []
        let offset = 0
        for (const size of [...cuts, stream.length]) {
          messages.push(...decoder.push(stream.subarray(offset, offset + size)))
          offset += size
        }
        expect(messages).toEqual(whole)
        streams += 1
      },
    ),
    { numRuns: 300 },
  )
  console.log(`vpcd: ${streams} streams, each cut at random`)
})

test('byte for byte as well', () => {
  const stream = fromHex('0001020001040005ffca0000000002900000010000020102')
  const decoder = new VpcdDecoder()
  const messages = [...stream].flatMap((byte) => decoder.push(Uint8Array.of(byte)))
  expect(kindsOf(messages)).toEqual(['reset', 'atr', 'ffca000000', '9000', 'power-off', '0102'])
})
