import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { isPinBlock, pinBlock } from '../../../src/kernel/pin.ts'
import {
  boundStamp,
  cardKey,
  evidence,
  fci,
  FCI_SIZE,
  isSignedBy,
  issuerStamp,
  LAYOUTS,
  mac,
  modulePlan,
  openSigned,
  PARAMETERS_SIZE,
  PERSONALISATION_SIZE,
  pinPad,
  PURSE_KINDS,
  record,
  RECORD_SIZE,
  recordDigest,
  SEQUENCE_MAX,
  SIGNED_SIZE,
  signRecord,
  STATE_SIZE,
  SUMMARY_SIZE,
  VALUE_MAX,
  xor,
  type KeyName,
  type MacPurpose,
  type PurseRecord,
} from '../../../src/schemes/purse/message.ts'

const bytes = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((array) => new Uint8Array(array))

const records: fc.Arbitrary<PurseRecord> = fc.record({
  kind: fc.constantFrom(...PURSE_KINDS),
  currency: fc.nat(0xffff),
  file: fc.nat(0xffff),
  card: bytes(8),
  sequence: fc.nat(SEQUENCE_MAX),
  loadSequence: fc.nat(0xffff),
  paymentSequence: fc.nat(0xffff),
  amount: fc.bigInt(0n, VALUE_MAX),
  balance: fc.bigInt(0n, VALUE_MAX),
  maker: fc.nat(0xffffffff),
  generation: fc.integer({ min: 1, max: 0xffff }),
  madeAt: fc.maxSafeNat(),
  moduleSequence: fc.nat(0xffffffff),
  moduleBatch: fc.nat(0xffffffff),
  challenge: bytes(8),
  cancelLock: bytes(16),
  previous: bytes(32),
})

const key = new Uint8Array(16).fill(7)
const signer = generatePrivateKey()
const [sample] = fc.sample(records, 1) as [PurseRecord]

/** What a card, a module, a till or an office makes of received bytes: a record, or nothing. */
function accepted(received: Bytes): PurseRecord | undefined {
  try {
    const content = openSigned(received)
    return isSignedBy(received, signer.publicKey) ? content : undefined
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/** Whether all that it throws is the one error that names a field. */
function namesField(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    return error instanceof FormatError && error.field.length > 0
  }
}

test.for([
  ['record', RECORD_SIZE, 108],
  ['fci', FCI_SIZE, 31],
  ['parameters', PARAMETERS_SIZE, 30],
  ['personalisation', PERSONALISATION_SIZE, 111],
  ['cardState', STATE_SIZE, 205],
  ['summary', SUMMARY_SIZE, 49],
  ['cardPlan', 1 + PERSONALISATION_SIZE + SIGNED_SIZE, 284],
  ['draft', 15, 15],
] as const)('%s has its size', ([name, constant, size]) => {
  expect([LAYOUTS[name].size, constant]).toEqual([size, size])
})

describe('a signed record', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(records, (content) => {
        const signed = signRecord(content, signer)
        expect(signed).toHaveLength(172)
        expect(accepted(signed)).toEqual(content)
      }),
    )
  })

  test('with one byte changed is never accepted, and a signature changes no digest', () => {
    const change = fc.record({ at: fc.nat(SIGNED_SIZE - 1), by: fc.integer({ min: 1, max: 255 }) })
    fc.assert(
      fc.property(records, change, (content, { at, by }) => {
        const signed = signRecord(content, signer)
        const digest = toHex(recordDigest(signed))
        signed[at] = (signed[at] ?? 0) ^ by
        expect(accepted(signed)).toBeUndefined()
        expect(toHex(recordDigest(signed)) === digest).toBe(at >= RECORD_SIZE)
      }),
      { numRuns: 300 },
    )
  })

  test('of another size is never accepted', () => {
    const signed = signRecord(sample, signer)
    for (let size = 0; size < SIGNED_SIZE; size++) {
      expect(accepted(signed.slice(0, size))).toBeUndefined()
    }
    expect(accepted(new Uint8Array([...signed, 0]))).toBeUndefined()
  })

  test.for([
    ['amount', { amount: VALUE_MAX + 1n }],
    ['amount', { amount: -1n }],
    ['balance', { balance: VALUE_MAX + 1n }],
    ['sequence', { sequence: 2 ** 32 }],
    ['loadSequence', { loadSequence: 65_536 }],
    ['paymentSequence', { paymentSequence: -1 }],
    ['generation', { generation: 0 }],
    ['madeAt', { madeAt: -1 }],
    ['card', { card: new Uint8Array(7) }],
    ['challenge', { challenge: new Uint8Array(9) }],
    ['previous', { previous: new Uint8Array(31) }],
  ] as const)('%s is checked before anything is signed', ([field, change]) => {
    expect(() => signRecord({ ...sample, ...change }, signer)).toThrow(`record.${field}`)
  })
})

test('random bytes name a field or are read, and nothing else happens', () => {
  const messages = Object.values(LAYOUTS)
  const sized = fc
    .constantFrom(...messages)
    .chain((message) => bytes(message.size ?? 57).map((input) => [message, input] as const))
  const anything = fc.tuple(
    fc.constantFrom(...messages),
    fc.uint8Array({ maxLength: 400 }).map((array) => new Uint8Array(array)),
  )
  fc.assert(
    fc.property(fc.oneof(sized, anything), ([message, input]) => {
      expect(namesField(() => message.decode(input))).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

test('what is read is written the same: no message has two encodings', () => {
  const keys = { debit: key, pin: key, own: key }
  const plan = modulePlan.encode({ till: 7, currency: 978, ...keys, load: [key] })
  expect(modulePlan.encode(modulePlan.decode(plan))).toEqual(plan)
  const name = new Uint8Array(9)
  const answer = fci.encode({ name, id: new Uint8Array(8), nonce: new Uint8Array(8) })
  for (const at of [0, 1, 2, 3, 13, 14]) {
    expect(() => fci.decode(answer.with(at, 0x42)), `byte ${at}`).toThrow(FormatError)
  }
  expect(() => modulePlan.decode(plan.with(56, 2))).toThrow('modulePlan.load')
  const shown = evidence.encode({
    signed: signRecord(sample, signer),
    previous: [],
    authorisation: key,
    extra: [],
    stamp: [key],
    policyVersion: 1,
    tokens: [],
  })
  expect(evidence.encode(evidence.decode(shown))).toEqual(shown)
})

describe('MACs', () => {
  const PURPOSES: readonly MacPurpose[] = [
    ...(['state', 'authorisation', 'stamp', 'issuer stamp', 'pin', 'cancel', 'summary'] as const),
  ]

  test('of two purposes are never the same, whatever the key and the bytes', () => {
    fc.assert(
      fc.property(bytes(16), fc.uint8Array({ maxLength: 250 }), (secret, content) => {
        const made = PURPOSES.map((purpose) => toHex(mac(secret, purpose, content)))
        expect(new Set(made).size).toBe(PURPOSES.length)
      }),
    )
  })

  test('of one purpose do not care how their bytes are joined', () => {
    const whole = mac(key, 'stamp', Uint8Array.of(1, 2, 3))
    expect(mac(key, 'stamp', Uint8Array.of(1), Uint8Array.of(2, 3))).toEqual(whole)
  })

  test('no bytes make a stamp that is an issuer stamp, or an authorisation', () => {
    const content = record.encode(sample)
    const made = [
      boundStamp(key, content),
      issuerStamp(key, content),
      mac(key, 'authorisation', content),
    ]
    expect(new Set(made.map(toHex)).size).toBe(3)
  })

  test('each card has four keys of its own', () => {
    const names: readonly KeyName[] = ['debit', 'load', 'pin', 'issuer']
    const cards = [new Uint8Array(8), new Uint8Array(8).fill(1)]
    const keys = cards.flatMap((card) => names.map((name) => toHex(cardKey(key, card, name))))
    expect(new Set(keys).size).toBe(8)
  })
})

describe('PINs', () => {
  test('4 to 8 digits and FF: nothing else is a PIN block', () => {
    expect(toHex(pinBlock('4821'))).toBe('34383231ffffffff')
    expect(toHex(pinBlock('12345678'))).toBe('3132333435363738')
    for (const wrong of ['', '123', '123456789', '12a4', '１２３４', ' 1234']) {
      expect(() => pinBlock(wrong)).toThrow(FormatError)
    }
    fc.assert(
      fc.property(fc.stringMatching(/^\d{4,8}$/), (passcode) => {
        expect(isPinBlock(pinBlock(passcode))).toBe(true)
      }),
    )
  })

  test.for([
    ['three digits', '343832ffffffffff'],
    ['digits behind FF', '34383231ffff3132'],
    ['another filling', '3438323100000000'],
    ['too short', '34383231ffffff'],
    ['too long', '34383231ffffffffff'],
    ['letters', '4141414141414141'],
  ])('no PIN block: %s', ([, wrong = '']) => {
    expect(isPinBlock(fromHex(wrong))).toBe(false)
  })

  test('a pad hides and shows again, and is another for another nonce or challenge', () => {
    const [nonce, challenge] = [new Uint8Array(8).fill(1), new Uint8Array(8).fill(2)]
    const pad = pinPad(key, nonce, challenge)
    expect(xor(xor(pinBlock('4821'), pad), pad)).toEqual(pinBlock('4821'))
    const others = [
      pinPad(key, challenge, challenge),
      pinPad(key, nonce, nonce),
      pinPad(key, nonce),
    ]
    expect(others.map(toHex)).not.toContain(toHex(pad))
  })
})
