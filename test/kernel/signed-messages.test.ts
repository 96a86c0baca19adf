import * as fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  ACKNOWLEDGEMENT_TYPE,
  BATCH_ITEMS_MAX,
  BATCH_TYPE,
  batchDigest,
  decodeBatch,
  decodeBatches,
  encodeBatches,
  EVIDENCE_SIZE_MAX,
  openAcknowledgement,
  signAcknowledgement,
  signBatch,
  verifyBatch,
  type Acknowledgement,
  type Batch,
} from '../../src/kernel/batch.ts'
import { concat, fromHex, toHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { encodeCbor } from '../../src/kernel/cbor.ts'
import { decodeSigned, signDocument } from '../../src/kernel/cose.ts'
import {
  decodeDocumentRequest,
  decodeDocuments,
  DOCUMENT_REQUEST_TYPE,
  DOCUMENT_TYPE,
  encodeDocuments,
  openOfficeDocument,
  signDocumentRequest,
  signOfficeDocument,
  type OfficeDocument,
} from '../../src/kernel/documents.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { decodeToken, signToken, tokenDigest, tokenSignedBy } from '../../src/kernel/token.ts'
import { flip } from './changes.ts'

/** n of P-256 (SEC 2, 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The same document under the other signature that anybody can make of one: n − s in place of s. */
function mirrored(signed: Uint8Array): Bytes {
  const s = BigInt(`0x${toHex(signed.subarray(-32))}`)
  return concat(signed.subarray(0, -32), fromHex((ORDER - s).toString(16).padStart(64, '0')))
}

function refusalOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

/** Whatever is wrong with a document, the error names the field. */
function expectRefusal(work: () => unknown, field: string): void {
  const error = refusalOf(work)
  expect(error).toBeInstanceOf(FormatError)
  expect(error).toMatchObject({ field })
}

const till = generatePrivateKey()
const office = generatePrivateKey()
const stranger = generatePrivateKey()

const batch: Batch = {
  type: 'batch',
  version: 1,
  till: 7,
  generation: 1,
  number: 3,
  previous: sha256(utf8('batch 2')),
  madeAt: 1_600_000_000_000,
  completeUpTo: 1_599_999_999_000,
  documents: { keys: 4, policy: 1, hot: 0, tokens: 2 },
  totals: { paid: 1250n, loaded: 0n, cash: 0n },
  software: sha256(utf8('program')),
  items: [{ scheme: 'block', outcome: 'confirmed', evidence: utf8('evidence') }],
}
/** As it is on the wire, with some fields replaced or added. */
const batchWith = (change: Readonly<Record<string, unknown>>) => ({
  ...batch,
  items: [['block', 'confirmed', utf8('evidence')]],
  ...change,
})
const without = (value: object, key: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
const signedAs = (payload: unknown, type = BATCH_TYPE, keyId = 'till:7:1') =>
  signDocument(till, keyId, type, encodeCbor(payload))

describe('a batch', () => {
  it('comes back as it was signed', () => {
    const received = decodeBatch(signBatch(till, batch))
    expect(received.batch).toEqual(batch)
    expect(verifyBatch(received, till.publicKey)).toBe(true)
    expect(verifyBatch(received, stranger.publicKey)).toBe(false)
  })

  it('comes back at the bounds', () => {
    const most: Batch = {
      ...batch,
      till: 0xffffffff,
      generation: 0xffff,
      number: Number.MAX_SAFE_INTEGER,
      madeAt: Number.MAX_SAFE_INTEGER,
      completeUpTo: 0,
      documents: {},
      totals: { paid: 2n ** 62n - 1n, loaded: 2n ** 53n, cash: -(2n ** 62n) + 1n },
      items: Array.from({ length: BATCH_ITEMS_MAX }, (_, index) => ({
        scheme: 'sixteen letters.',
        outcome: 'void',
        evidence: new Uint8Array(index === 0 ? EVIDENCE_SIZE_MAX : 0),
      })),
    }
    expect(decodeBatch(signBatch(till, most)).batch).toEqual(most)
    expect(decodeBatch(signBatch(till, { ...batch, items: [] })).batch.items).toEqual([])
  })

  it('has one digest under any signature: a carrier cannot make two of one', () => {
    const signed = signBatch(till, batch)
    const other = mirrored(signed)
    expect(toHex(other)).not.toBe(toHex(signed))
    expect(verifyBatch(decodeBatch(other), till.publicKey)).toBe(true)
    expect(toHex(decodeBatch(other).digest)).toBe(toHex(decodeBatch(signed).digest))
    expect(toHex(batchDigest(other))).toBe(toHex(batchDigest(signed)))
    expect(toHex(batchDigest(signed))).toBe(toHex(sha256(decodeSigned(signed, 'x').payload)))
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['another type', { type: 'acknowledgement' }, 'batch.type'],
    ['version 0', { version: 0 }, 'batch.version'],
    ['version 2', { version: 2 }, 'batch.version'],
    ['till 0', { till: 0 }, 'batch.till'],
    ['till 2³²', { till: 2 ** 32 }, 'batch.till'],
    ['a till as text', { till: '7' }, 'batch.till'],
    ['generation 0', { generation: 0 }, 'batch.generation'],
    ['generation 65536', { generation: 65_536 }, 'batch.generation'],
    ['number 0', { number: 0 }, 'batch.number'],
    ['number −1', { number: -1 }, 'batch.number'],
    ['number 2⁵³', { number: 2n ** 53n }, 'batch.number'],
    ['a digest of 31 bytes', { previous: new Uint8Array(31) }, 'batch.previous'],
    ['a digest of 33 bytes', { previous: new Uint8Array(33) }, 'batch.previous'],
    ['a digest as text', { previous: '0'.repeat(32) }, 'batch.previous'],
    ['made before 1970', { madeAt: -1 }, 'batch.madeAt'],
    ['complete up to before 1970', { completeUpTo: -1 }, 'batch.completeUpTo'],
    ['a document version of −1', { documents: { keys: -1 } }, 'batch.documents.keys'],
    ['a document version as text', { documents: { keys: '1' } }, 'batch.documents.keys'],
    ['documents as a list', { documents: [] }, 'batch.documents'],
    ['no cash', { totals: { paid: 0, loaded: 0 } }, 'batch.totals.cash'],
    ['a total as text', { totals: { paid: '0', loaded: 0, cash: 0 } }, 'batch.totals.paid'],
    // Cash that no database holds: it would stop an office that believed it.
    ['a total of 2⁶²', { totals: { paid: 2n ** 62n, loaded: 0, cash: 0 } }, 'batch.totals.paid'],
    ['cash of −2⁶²', { totals: { paid: 0, loaded: 0, cash: -(2n ** 62n) } }, 'batch.totals.cash'],
    ['a total too many', { totals: { paid: 0, loaded: 0, cash: 0, tips: 0 } }, 'batch.totals'],
    ['software of 31 bytes', { software: new Uint8Array(31) }, 'batch.software'],
    ['items that are no list', { items: {} }, 'batch.items'],
    [
      '1001 items',
      { items: Array.from({ length: 1001 }, () => ['block', 'void', fromHex('')]) },
      'batch.items',
    ],
    ['an item of two', { items: [['block', 'void']] }, 'batch.items[0]'],
    ['an item of four', { items: [['block', 'void', fromHex(''), 0]] }, 'batch.items[0]'],
    ['a long scheme', { items: [['seventeen letters', 'void', fromHex('')]] }, 'batch.items[0][0]'],
    ['a scheme as number', { items: [[1, 'void', fromHex('')]] }, 'batch.items[0][0]'],
    ['an unknown outcome', { items: [['block', 'paid', fromHex('')]] }, 'batch.items[0][1]'],
    ['evidence as text', { items: [['block', 'void', '']] }, 'batch.items[0][2]'],
    [
      'evidence of one byte too many, second',
      {
        items: [
          ['block', 'void', fromHex('')],
          ['block', 'void', new Uint8Array(EVIDENCE_SIZE_MAX + 1)],
        ],
      },
      'batch.items[1][2]',
    ],
    ['an unknown key', { note: 1 }, 'batch'],
    ['a key of JavaScript’s own', { constructor: 1 }, 'batch'],
  ])('with %s is refused', (_, change, field) => {
    expectRefusal(() => decodeBatch(signedAs(batchWith(change))), field)
  })

  it.each(Object.keys(batch))('without %s is refused', (key) => {
    expectRefusal(() => decodeBatch(signedAs(without(batchWith({}), key))), `batch.${key}`)
  })

  it.each<[string, () => Uint8Array, string]>([
    ['of another content type', () => signedAs(batchWith({}), DOCUMENT_TYPE), 'batch.contentType'],
    [
      'under another till’s key id',
      () => signedAs(batchWith({}), BATCH_TYPE, 'till:8:1'),
      'batch.keyId',
    ],
    [
      'under another generation',
      () => signedAs(batchWith({}), BATCH_TYPE, 'till:7:2'),
      'batch.keyId',
    ],
    [
      'under a key id with a zero',
      () => signedAs(batchWith({}), BATCH_TYPE, 'till:07:1'),
      'batch.keyId',
    ],
    ['that is a list', () => signedAs([1]), 'batch'],
    ['with a number as key', () => signedAs(new Map([[1, 2]])), 'batch'],
    ['with __proto__', () => signedAs(new Map([['__proto__', 2]])), 'batch'],
    ['that is no CBOR', () => signDocument(till, 'till:7:1', BATCH_TYPE, utf8('{}')), 'batch'],
    ['that is empty', () => new Uint8Array(), 'batch'],
  ])('%s is refused', (_, make, field) => {
    const error = refusalOf(() => decodeBatch(make()))
    expect(error).toBeInstanceOf(FormatError)
    expect(error).toMatchObject({ field: expect.stringMatching(`^${field}`) })
  })

  it('with any byte changed is refused, or its signature is', () => {
    const signed = signBatch(till, batch)
    for (const [index] of signed.entries()) {
      const changed = flip(signed, index)
      const error = refusalOf(() => {
        expect(verifyBatch(decodeBatch(changed), till.publicKey)).toBe(false)
      })
      if (error !== undefined) expect(error).toBeInstanceOf(FormatError)
    }
  })
})

describe('a list of batches', () => {
  it('comes back', () => {
    const batches = [signBatch(till, batch), utf8('anything')]
    expect(decodeBatches(encodeBatches(batches))).toEqual(batches)
    expect(decodeBatches(encodeBatches([]))).toEqual([])
  })

  it.each<[string, unknown, string]>([
    ['a map', new Map(), 'batches'],
    ['text in it', ['a'], 'batches[0]'],
    ['a list in it', [fromHex(''), []], 'batches[1]'],
  ])('%s is none', (_, value, field) => {
    expectRefusal(() => decodeBatches(encodeCbor(value)), field)
  })
})

describe('an acknowledgement', () => {
  const acknowledgement: Acknowledgement = {
    type: 'acknowledgement',
    version: 1,
    till: 7,
    number: 3,
    digest: sha256(utf8('batch 3')),
    durableUpTo: 3,
    officeTime: 1_600_000_000_000,
    documents: { keys: 4 },
  }
  const open = (change: Readonly<Record<string, unknown>>) =>
    openAcknowledgement(
      signDocument(
        office,
        'office:1',
        ACKNOWLEDGEMENT_TYPE,
        encodeCbor({ ...acknowledgement, ...change }),
      ),
      office.publicKey,
    )

  it('comes back as it was signed', () => {
    const signed = signAcknowledgement(office, 'office:1', acknowledgement)
    expect(openAcknowledgement(signed, office.publicKey)).toEqual(acknowledgement)
    expect(open({ durableUpTo: 0 })).toEqual({ ...acknowledgement, durableUpTo: 0 })
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['another type', { type: 'batch' }, 'acknowledgement.type'],
    ['version 2', { version: 2 }, 'acknowledgement.version'],
    ['till 0', { till: 0 }, 'acknowledgement.till'],
    ['number 0', { number: 0 }, 'acknowledgement.number'],
    ['a short digest', { digest: new Uint8Array(31) }, 'acknowledgement.digest'],
    ['durable up to −1', { durableUpTo: -1 }, 'acknowledgement.durableUpTo'],
    ['a time before 1970', { officeTime: -1 }, 'acknowledgement.officeTime'],
    ['a version of −1', { documents: { keys: -1 } }, 'acknowledgement.documents.keys'],
    ['an unknown key', { note: 1 }, 'acknowledgement'],
  ])('with %s is refused', (_, change, field) => {
    expectRefusal(() => open(change), field)
  })

  it('signed by anybody else, or as something else, is refused', () => {
    const signed = signAcknowledgement(stranger, 'office:1', acknowledgement)
    expectRefusal(() => openAcknowledgement(signed, office.publicKey), 'acknowledgement.signature')
    const other = signDocument(office, 'office:1', BATCH_TYPE, encodeCbor(acknowledgement))
    expectRefusal(() => openAcknowledgement(other, office.publicKey), 'acknowledgement.contentType')
  })

  it('is checked before it is read: what no office signed says nothing of its content', () => {
    const unsigned = signDocument(stranger, 'office:1', ACKNOWLEDGEMENT_TYPE, utf8('not CBOR'))
    expectRefusal(
      () => openAcknowledgement(unsigned, office.publicKey),
      'acknowledgement.signature',
    )
  })
})

const envelope = { format: 1, till: 0, since: 0, version: 1, madeAt: 1_600_000_000_000 } as const
const policy = {
  currency: 'USD',
  mayLoad: true,
  freeAmounts: false,
  paymentMax: 5000n,
  balanceMax: 65_535n,
  offlinePaymentsMax: null,
  offlineAmountMax: null,
  offlineAgeMax: null,
  passcodeTries: 3,
  passcodePause: 60_000,
} as const
const DOCUMENTS: readonly OfficeDocument[] = [
  {
    ...envelope,
    type: 'keys',
    keys: [
      { maker: 0, generation: 1, publicKey: office.publicKey.bytes, revokedFrom: null },
      { maker: 7, generation: 0xffff, publicKey: till.publicKey.bytes, revokedFrom: 5 },
    ],
  },
  { ...envelope, type: 'policy', till: 7, policy },
  { ...envelope, type: 'hot', since: 4, version: 5, add: [new Uint8Array(8)], remove: [] },
  {
    ...envelope,
    type: 'tokens',
    till: 7,
    products: [{ id: 1, name: 'Tea', price: 150n }],
    tokens: [utf8('token')],
  },
]

describe.each(DOCUMENTS.map((document) => [document.type, document] as const))(
  'a document of %s',
  (_, document) => {
    it('comes back as it was signed', () => {
      const signed = signOfficeDocument(office, 'office:1', document)
      expect(openOfficeDocument(signed, office.publicKey)).toEqual(document)
    })

    it.each(Object.keys(document))('without %s is refused', (key) => {
      const payload = encodeCbor(without(document, key))
      const signed = signDocument(office, 'office:1', DOCUMENT_TYPE, payload)
      expectRefusal(() => openOfficeDocument(signed, office.publicKey), `document.${key}`)
    })

    it('with a field more is refused', () => {
      const payload = encodeCbor({ ...document, more: 1 })
      const signed = signDocument(office, 'office:1', DOCUMENT_TYPE, payload)
      expectRefusal(() => openOfficeDocument(signed, office.publicKey), 'document')
    })

    it('signed by anybody else is refused', () => {
      const signed = signOfficeDocument(stranger, 'office:1', document)
      expectRefusal(() => openOfficeDocument(signed, office.publicKey), 'document.signature')
    })

    it('with any byte changed is refused', () => {
      const signed = signOfficeDocument(office, 'office:1', document)
      for (const [index] of signed.entries()) {
        const error = refusalOf(() => openOfficeDocument(flip(signed, index), office.publicKey))
        expect(error).toBeInstanceOf(FormatError)
      }
    })
  },
)

test.each<[string, object, string]>([
  ['an unknown type', { ...envelope, type: 'news' }, 'document.type'],
  ['format 2', { ...DOCUMENTS[0], format: 2 }, 'document.format'],
  ['till −1', { ...DOCUMENTS[0], till: -1 }, 'document.till'],
  ['till 2³²', { ...DOCUMENTS[0], till: 2 ** 32 }, 'document.till'],
  ['since −1', { ...DOCUMENTS[0], since: -1 }, 'document.since'],
  ['version 0', { ...DOCUMENTS[0], version: 0 }, 'document.version'],
  ['a time before 1970', { ...DOCUMENTS[0], madeAt: -1 }, 'document.madeAt'],
  [
    'a key of 63 bytes',
    {
      ...DOCUMENTS[0],
      keys: [{ maker: 1, generation: 1, publicKey: new Uint8Array(63), revokedFrom: null }],
    },
    'document.keys[0].publicKey',
  ],
  [
    'a key of generation 0',
    {
      ...DOCUMENTS[0],
      keys: [{ maker: 1, generation: 0, publicKey: new Uint8Array(64), revokedFrom: null }],
    },
    'document.keys[0].generation',
  ],
  [
    'a key revoked at no time',
    { ...DOCUMENTS[0], keys: [{ maker: 1, generation: 1, publicKey: new Uint8Array(64) }] },
    'document.keys[0].revokedFrom',
  ],
  [
    'another currency',
    { ...DOCUMENTS[1], policy: { ...policy, currency: 'XXX' } },
    'document.policy.currency',
  ],
  [
    'mayLoad as number',
    { ...DOCUMENTS[1], policy: { ...policy, mayLoad: 1 } },
    'document.policy.mayLoad',
  ],
  [
    'no greatest balance',
    { ...DOCUMENTS[1], policy: { ...policy, balanceMax: null } },
    'document.policy.balanceMax',
  ],
  [
    'no tries',
    { ...DOCUMENTS[1], policy: { ...policy, passcodeTries: 0 } },
    'document.policy.passcodeTries',
  ],
  [
    'a pause before now',
    { ...DOCUMENTS[1], policy: { ...policy, passcodePause: -1 } },
    'document.policy.passcodePause',
  ],
  [
    '−1 payments',
    { ...DOCUMENTS[1], policy: { ...policy, offlinePaymentsMax: -1 } },
    'document.policy.offlinePaymentsMax',
  ],
  ['a limit more', { ...DOCUMENTS[1], policy: { ...policy, tips: 1 } }, 'document.policy'],
  ['a card of 7 bytes', { ...DOCUMENTS[2], add: [new Uint8Array(7)] }, 'document.add[0]'],
  ['a card as text', { ...DOCUMENTS[2], remove: ['0011223344556677'] }, 'document.remove[0]'],
  [
    'product 0',
    { ...DOCUMENTS[3], products: [{ id: 0, name: 'Tea', price: 1 }] },
    'document.products[0].id',
  ],
  [
    'a price as text',
    { ...DOCUMENTS[3], products: [{ id: 1, name: 'Tea', price: '1' }] },
    'document.products[0].price',
  ],
  [
    'a token of 257 bytes',
    { ...DOCUMENTS[3], tokens: [new Uint8Array(257)] },
    'document.tokens[0]',
  ],
])('a document with %s is refused', (_, document, field) => {
  const signed = signDocument(office, 'office:1', DOCUMENT_TYPE, encodeCbor(document))
  expectRefusal(() => openOfficeDocument(signed, office.publicKey), field)
})

test('a document under another content type is refused', () => {
  const signed = signDocument(office, 'office:1', ACKNOWLEDGEMENT_TYPE, encodeCbor(DOCUMENTS[0]))
  expectRefusal(() => openOfficeDocument(signed, office.publicKey), 'document.contentType')
})

test('a list of documents comes back, and nothing else is one', () => {
  const list = [utf8('a'), utf8('b')]
  expect(decodeDocuments(encodeDocuments(list))).toEqual(list)
  expectRefusal(() => decodeDocuments(encodeCbor('a')), 'documents')
  expectRefusal(() => decodeDocuments(encodeCbor([1])), 'documents[0]')
  expectRefusal(() => decodeDocuments(utf8('{"error":1}')), 'documents')
})

describe('a document request', () => {
  const request = {
    type: 'document-request',
    version: 1,
    till: 7,
    generation: 1,
    madeAt: 1_600_000_000_000,
    holds: { keys: 4, secrets: 7, policy: 0, hot: 2, tokens: 1 },
  } as const

  it('comes back as it was signed', () => {
    const signed = signDocumentRequest(till, 'till:7:1', request)
    expect(decodeDocumentRequest(signed)).toMatchObject({
      request,
      document: { keyId: 'till:7:1' },
    })
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['another type', { type: 'batch' }, 'request.type'],
    ['version 0', { version: 0 }, 'request.version'],
    ['till 0', { till: 0 }, 'request.till'],
    ['generation 0', { generation: 0 }, 'request.generation'],
    ['a time before 1970', { madeAt: -1 }, 'request.madeAt'],
    ['a version held of −1', { holds: { ...request.holds, hot: -1 } }, 'request.holds.hot'],
    ['a version missing', { holds: without(request.holds, 'hot') }, 'request.holds.hot'],
    ['a version more', { holds: { ...request.holds, news: 1 } }, 'request.holds'],
    ['an unknown key', { note: 1 }, 'request'],
  ])('with %s is refused', (_, change, field) => {
    const payload = encodeCbor({ ...request, ...change })
    const signed = signDocument(till, 'till:7:1', DOCUMENT_REQUEST_TYPE, payload)
    expectRefusal(() => decodeDocumentRequest(signed), field)
  })

  it('under another content type is refused', () => {
    const signed = signDocument(till, 'till:7:1', BATCH_TYPE, encodeCbor(request))
    expectRefusal(() => decodeDocumentRequest(signed), 'request.contentType')
  })
})

describe('a token', () => {
  const token = {
    product: 1,
    price: 500n,
    currency: 840,
    madeAt: 1_600_000_000_000,
    till: 7,
    nonce: fromHex('0102030405060708'),
  }
  const signed = signToken(office, token)

  it('comes back as it was signed', () => {
    expect(decodeToken(signed)).toEqual(token)
    expect(tokenSignedBy(office.publicKey, signed)).toBe(true)
    expect(tokenSignedBy(stranger.publicKey, signed)).toBe(false)
  })

  it('is one token under any signature', () => {
    const other = mirrored(signed)
    expect(tokenSignedBy(office.publicKey, other)).toBe(true)
    expect(toHex(tokenDigest(other))).toBe(toHex(tokenDigest(signed)))
    expect(toHex(tokenDigest(signToken(office, token)))).toBe(toHex(tokenDigest(signed)))
  })

  it.each<[string, Bytes, string]>([
    ['empty', fromHex(''), 'token'],
    ['a byte short', signed.slice(1), 'token'],
    ['a byte long', concat(signed, fromHex('00')), 'token'],
    ['of version 2', flip(signed, 0, 3), 'token.version'],
    [
      'of product 0',
      concat(signed.subarray(0, 1), new Uint8Array(4), signed.subarray(5)),
      'token.product',
    ],
    [
      'for till 0',
      concat(signed.subarray(0, 19), new Uint8Array(4), signed.subarray(23)),
      'token.till',
    ],
    [
      'made too late',
      concat(signed.subarray(0, 11), fromHex('ff'.repeat(8)), signed.subarray(19)),
      'token.madeAt',
    ],
  ])('that is %s is refused', (_, bytes, field) => {
    expectRefusal(() => decodeToken(bytes), field)
  })

  it('with any byte changed is refused, or its signature is', () => {
    fc.assert(
      fc.property(fc.nat(signed.length - 1), fc.nat(7), (index, bit) => {
        expect(tokenSignedBy(office.publicKey, flip(signed, index, 1 << bit))).toBe(false)
      }),
    )
  })

  it.each([
    ['product', { product: 0 }],
    ['price', { price: 2n ** 32n }],
    ['price', { price: -1n }],
    ['till', { till: 0 }],
    ['nonce', { nonce: new Uint8Array(7) }],
  ])('with a wrong %s is not signed', (field, change) => {
    expectRefusal(() => signToken(office, { ...token, ...change }), `token.${field}`)
  })
})
