import { describe, expect, it, test } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/kernel/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/kernel/cbor.ts'
import { decodeSigned, signDocument } from '../../src/kernel/cose.ts'
import {
  createEnrolmentCode,
  ENROLMENT_TYPE,
  enrolmentKey,
  enrolmentRequest,
  enrolmentRequestSchema,
  formatEnrolmentCode,
  openEnrolment,
  parseEnrolmentCode,
  provesCode,
  signEnrolment,
} from '../../src/kernel/enrolment.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { parseWith } from '../../src/kernel/schema.ts'
import { random } from '../support/mint.ts'
import { flip } from './changes.ts'

const code = parseEnrolmentCode('7-K3QX-90TB-5RZM')

test.each([
  ['7-K3QX-90TB-5RZM', 7, 'K3QX90TB5RZM'],
  ['7-k3qx-90tb-5rzm', 7, 'K3QX90TB5RZM'],
  [' 7 K3QX 90TB 5RZM ', 7, 'K3QX90TB5RZM'],
  ['7-K3QX90TB5RZM', 7, 'K3QX90TB5RZM'],
  // O for 0, I and L for 1: what people read.
  ['7-OILX-90TB-5RZM', 7, '011X90TB5RZM'],
  ['7-oilx-90tb-5rzm', 7, '011X90TB5RZM'],
  ['4294967295-0000-0000-0000', 0xffffffff, '000000000000'],
])('"%s" is a code', (text, till, secret) => {
  expect(parseEnrolmentCode(text)).toEqual({ till, secret })
})

test.each([
  '',
  '7',
  '7-',
  'K3QX-90TB-5RZM',
  '7-K3QX-90TB-5RZ',
  '7-K3QX-90TB-5RZMM',
  '0-K3QX-90TB-5RZM',
  '-7-K3QX-90TB-5RZM',
  '4294967296-K3QX-90TB-5RZM',
  '99999999999-K3QX-90TB-5RZM',
  '7-K3QU-90TB-5RZM',
  '7-K3Q!-90TB-5RZM',
  '7-K3QÄ-90TB-5RZM',
  '7_K3QX_90TB_5RZM',
  '7.5-K3QX-90TB-5RZM',
])('"%s" is no code', (text) => {
  expect(() => parseEnrolmentCode(text, 'body.code')).toThrow(FormatError)
  expect(() => parseEnrolmentCode(text, 'body.code')).toThrow(/^body\.code: /)
})

test('a new code is written and read, and no two are alike', () => {
  const codes = Array.from({ length: 200 }, () => createEnrolmentCode(12, random))
  for (const made of codes) expect(parseEnrolmentCode(formatEnrolmentCode(made))).toEqual(made)
  expect(new Set(codes.map(({ secret }) => secret)).size).toBe(200)
  expect(formatEnrolmentCode(code)).toBe('7-K3QX-90TB-5RZM')
})

const till = generatePrivateKey()
const office = generatePrivateKey()

describe('a till’s request', () => {
  const request = enrolmentRequest(code, till.publicKey)
  const proof = fromHex(request.proof)

  it('shows that it knows the code, for its own key only', () => {
    expect(parseWith(enrolmentRequestSchema, request, 'body')).toEqual(request)
    expect(provesCode(enrolmentKey(code), till.publicKey, proof)).toBe(true)
    expect(provesCode(enrolmentKey(code), office.publicKey, proof)).toBe(false)
    expect(provesCode(enrolmentKey(code), till.publicKey, flip(proof, 5))).toBe(false)
    expect(provesCode(enrolmentKey(code), till.publicKey, proof.subarray(1))).toBe(false)
  })

  it.each([
    ['another secret', { ...code, secret: 'K3QX90TB5RZN' }],
    ['another till', { ...code, till: 8 }],
  ])('does not show it of %s', (_, other) => {
    expect(provesCode(enrolmentKey(other), till.publicKey, proof)).toBe(false)
  })

  it.each([
    ['till 0', { till: 0 }, 'body.till'],
    ['a short key', { publicKey: request.publicKey.slice(2) }, 'body.publicKey'],
    [
      'capitals',
      { publicKey: request.publicKey.toUpperCase().replace(/^./, 'A') },
      'body.publicKey',
    ],
    ['a long proof', { proof: `${request.proof}00` }, 'body.proof'],
    ['something more', { note: 1 }, 'body'],
  ])('with %s is refused', (_, change, field) => {
    const work = () => parseWith(enrolmentRequestSchema, { ...request, ...change }, 'body')
    expect(work).toThrow(expect.objectContaining({ field }))
  })
})

describe('an office’s answer', () => {
  const answer = {
    till: 7,
    generation: 1,
    currency: 'USD',
    officeGeneration: 1,
    officeTime: 1_600_000_000_000,
    secrets: new Map([['block', fromHex('00112233')]]),
    documents: [utf8('keys')],
    tillKey: till.publicKey,
  } as const
  const signed = signEnrolment(office, enrolmentKey(code), answer, random)
  /** The content as it is on the wire, with some of it replaced, signed again. */
  const signedWith = (
    change: Readonly<Record<string, unknown>>,
    by = office,
    type = ENROLMENT_TYPE,
  ) => {
    const content = decodeCbor(decodeSigned(signed, 'x').payload, 'x')
    const fields = content instanceof Map ? [...content] : []
    return signDocument(
      by,
      'office:1',
      type,
      encodeCbor({ ...Object.fromEntries(fields), ...change }),
    )
  }

  it('opens for that till with that code', () => {
    const { officeKey, ...enrolment } = openEnrolment(signed, code, till)
    expect(toHex(officeKey.bytes)).toBe(toHex(office.publicKey.bytes))
    const { tillKey: _, ...expected } = answer
    expect(enrolment).toEqual(expected)
  })

  it('hides the secrets', () => {
    expect(toHex(signed)).not.toContain('00112233')
  })

  it.each<[string, () => unknown, string]>([
    [
      'with another code',
      () => openEnrolment(signed, { ...code, secret: 'K3QX90TB5RZN' }, till),
      'enrolment.proof',
    ],
    [
      'for another till’s code',
      () => openEnrolment(signed, { ...code, till: 8 }, till),
      'enrolment.proof',
    ],
    ['for another key', () => openEnrolment(signed, code, generatePrivateKey()), 'enrolment.proof'],
    [
      'signed by somebody else',
      () => openEnrolment(signedWith({}, till), code, till),
      'enrolment.signature',
    ],
    [
      'naming another office, which signed it',
      () => openEnrolment(signedWith({ officePublicKey: till.publicKey.bytes }, till), code, till),
      'enrolment.proof',
    ],
    [
      'of another content type',
      () => openEnrolment(signedWith({}, office, 'text/plain'), code, till),
      'enrolment.contentType',
    ],
    [
      'of version 2',
      () => openEnrolment(signedWith({ version: 2 }), code, till),
      'enrolment.version',
    ],
    ['for till 8', () => openEnrolment(signedWith({ till: 8 }), code, till), 'enrolment.till'],
    [
      'of generation 0',
      () => openEnrolment(signedWith({ generation: 0 }), code, till),
      'enrolment.generation',
    ],
    [
      'in another currency',
      () => openEnrolment(signedWith({ currency: 'XXX' }), code, till),
      'enrolment.currency',
    ],
    [
      'with a key that is no point',
      () => openEnrolment(signedWith({ officePublicKey: new Uint8Array(64) }), code, till),
      'enrolment.officePublicKey',
    ],
    [
      'with a proof of 31 bytes',
      () => openEnrolment(signedWith({ proof: new Uint8Array(31) }), code, till),
      'enrolment.proof',
    ],
    [
      'with another generation than its secrets',
      () => openEnrolment(signedWith({ generation: 2 }), code, till),
      'sealed',
    ],
    [
      'with secrets cut off',
      () => openEnrolment(signedWith({ secrets: new Uint8Array(10) }), code, till),
      'sealed.ephemeral',
    ],
    [
      'with text among the documents',
      () => openEnrolment(signedWith({ documents: ['a'] }), code, till),
      'enrolment.documents[0]',
    ],
    ['with something more', () => openEnrolment(signedWith({ note: 1 }), code, till), 'enrolment'],
  ])('%s does not open', (_, work, field) => {
    expect(work).toThrow(expect.objectContaining({ name: 'FormatError', field }))
  })

  it('with any byte changed does not open', () => {
    for (const [index] of signed.entries()) {
      expect(() => openEnrolment(flip(signed, index), code, till)).toThrow(FormatError)
    }
  })
})
