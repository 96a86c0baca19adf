import { BATCH_TYPE, decodeBatch, OUTCOMES, tillKeyId, type Batch } from '../../src/kernel/batch.ts'
import { toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/kernel/cbor.ts'
import { decodeSigned, signDocument } from '../../src/kernel/cose.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import type { PrivateKey } from '../../src/kernel/p256.ts'
import { REFUSALS } from '../../src/office/errors.ts'
import { BLOCK_KINDS, BLOCK_SIZE, evidence, type Block } from '../../src/schemes/block/message.ts'
import { signToken, TOKEN_SIZE } from '../../src/kernel/token.ts'
import type { Mint, MintCard, MintTill } from '../support/mint.ts'
import { broken, type Route } from './api-bodies.ts'
import { anything, mutated, warped, type Chance } from './chance.ts'

/** One request that must change nothing. */
export interface Attempt {
  readonly method: Route['method']
  readonly url: string
  readonly type?: string
  readonly body?: string | Bytes
  /** For the tally. */
  readonly kind: string
  /** What the error's field must say. */
  readonly field?: string
  /** It may as well be answered: it asks for nothing to be done. */
  readonly harmless?: boolean
}

export const COSE = 'application/cose'

/** Enough of it to see what happened; the seed gives the whole. */
export function described({ kind, method, url, type, body }: Attempt): string {
  const bytes = typeof body === 'string' ? body.slice(0, 500) : body && toHex(body).slice(0, 1000)
  return [kind, method, url, type, bytes].join(' ')
}

export interface Said {
  readonly code: string | undefined
  readonly field: string | undefined
}

/** What an answer says of an error; nothing if it is none of ours. */
export function saidOf(status: number, body: string): Said {
  if (status < 400) return { code: undefined, field: undefined }
  const { error } = JSON.parse(body) as { error?: Partial<Said> }
  return { code: error?.code, field: error?.field }
}

/** What is wrong with how an attempt was answered; undefined if nothing is. */
export function faultOf(
  { harmless = false, field }: Attempt,
  status: number,
  said: Said,
): string | undefined {
  if (status < 400) return harmless ? undefined : 'it was done'
  if (status >= 500) return 'it broke something'
  if (!REFUSALS.some((refusal) => refusal === said.code)) return 'an unknown refusal'
  if (said.code !== 'bad_input') return field === undefined ? undefined : `not ${field}`
  if (said.field === undefined) return 'no field is named'
  return field === undefined || said.field.startsWith(field) ? undefined : `not ${field}`
}

interface Signing {
  readonly key: PrivateKey
  readonly keyId: string
  readonly contentType: string
  /** Whether it is a message of this kind at all, whoever signed it. */
  readonly read: (bytes: Bytes) => unknown
}

/** A signed message that is none; undefined if chance has made a good one. */
export function badSigned(
  chance: Chance,
  good: Bytes,
  stranger: PrivateKey,
  { key, keyId, contentType, read }: Signing,
): readonly [string, Bytes | undefined] {
  switch (chance.below(5)) {
    case 0:
      return ['random bytes', chance.bytes(chance.below(300))]
    case 1:
      return ['changed bytes', mutated(chance, good)]
    case 2:
      return [
        'random content, well signed',
        unlessRead(signDocument(key, keyId, contentType, chance.bytes(chance.below(60))), read),
      ]
    case 3: {
      const content = warped(chance, decodeCbor(decodeSigned(good, 'good').payload, 'good'))
      return [
        'changed content, well signed',
        unlessRead(signDocument(key, keyId, contentType, encodeCbor(content)), read),
      ]
    }
    default: {
      const content =
        chance.below(2) === 0
          ? anything(chance)
          : decodeCbor(decodeSigned(good, 'good').payload, 'good')
      return [
        'signed by a stranger',
        signDocument(stranger, keyId, contentType, encodeCbor(content)),
      ]
    }
  }
}

function unlessRead(bytes: Bytes, read: (bytes: Bytes) => unknown): Bytes | undefined {
  try {
    read(bytes)
    return undefined
  } catch (error) {
    if (error instanceof FormatError) return bytes
    throw error
  }
}

export function badBatch(chance: Chance, good: Bytes, till: MintTill, stranger: PrivateKey) {
  return badSigned(chance, good, stranger, {
    key: till.key,
    keyId: tillKeyId(till.number, 1),
    contentType: BATCH_TYPE,
    read: (bytes) => decodeBatch(bytes),
  })
}

/** Evidence whose block is not the one that was signed. */
export function badEvidence(chance: Chance, good: Bytes): { kind: string; bytes: Bytes } {
  const shown = evidence.decode(good)
  switch (chance.below(4)) {
    case 0:
      return { kind: 'random bytes', bytes: chance.bytes(chance.below(400)) }
    case 1: {
      const block = chance.bytes(BLOCK_SIZE)
      return { kind: 'a random block', bytes: evidence.encode({ ...shown, block }) }
    }
    case 2: {
      const block = new Uint8Array(shown.block)
      const at = chance.below(BLOCK_SIZE)
      block[at] = (block[at] ?? 0) ^ (1 + chance.below(255))
      return { kind: 'a block with a byte changed', bytes: evidence.encode({ ...shown, block }) }
    }
    default: {
      // Of its own frame only the length and the version: the rest is the batch's word, and may stand.
      const cut = good.slice(0, chance.below(good.length))
      return { kind: 'cut off', bytes: cut }
    }
  }
}

export function badBody(
  chance: Chance,
  { method, path, body: schema }: Route,
): Attempt | undefined {
  const url = path
    .replaceAll(/\{\w+\}/g, '1')
    .replace('/api/cards/1', '/api/cards/0123456789abcdef')
    .replace('/api/coins/1', '/api/coins/0123456789abcdef')
  const type = 'application/json'
  switch (chance.below(8)) {
    case 0:
      return {
        method,
        url,
        type,
        body: chance.bytes(chance.below(80)),
        kind: 'random bytes',
      }
    case 1: {
      const whole = JSON.stringify(broken(chance, schema ?? {}).body) ?? '{'
      return {
        method,
        url,
        type,
        body: whole.slice(0, chance.below(whole.length)),
        kind: 'JSON cut off',
      }
    }
    case 2:
      return { method, url, type, body: '['.repeat(1 + chance.below(30_000)), kind: 'deep JSON' }
    case 3: {
      const other = chance.one([
        'text/plain',
        'application/xml',
        COSE,
        'application/json; charset=x',
        'x',
      ])
      return { method, url, type: other, body: '<a/>', kind: 'another content type' }
    }
    default: {
      const { body, place } = broken(chance, schema ?? {})
      // A field that is wrong in two ways is told by the outer one.
      const field = place.split('.').slice(0, 2).join('.')
      return {
        method,
        url,
        type,
        body: JSON.stringify(body),
        kind: 'one field wrong',
        field: field === 'body' ? 'body' : field,
      }
    }
  }
}

const STRANGE_PARTS = [
  '0',
  '-1',
  '1e3',
  '%00',
  '%ff',
  '%',
  '..',
  '.',
  '%2e%2e%2f',
  "1'--",
  '1;drop',
  '9'.repeat(18),
  '9'.repeat(40),
  'a'.repeat(200),
  '水',
  '[]',
  'null',
  'g'.repeat(16),
  '0x1',
  '1.5',
  ' ',
  '*',
] as const

export function badPath(chance: Chance, { method, path }: Route): Attempt {
  const part = () => encodeOrNot(chance, chance.one(STRANGE_PARTS))
  const isWrite = method !== 'GET'
  const filled = path.replaceAll(/\{\w+\}/g, () => part())
  // What asks for something to be done is asked for in vain: without a body, or of nobody.
  const url = isWrite && filled === path ? `${filled}/${part()}` : filled
  const query =
    chance.below(2) === 0
      ? `?${chance.one(['limit', 'after', 'before', 'search', 'status', 'card', 'open', 'kind'])}=${part()}`
      : ''
  return {
    method,
    url: `${url}${query}`,
    kind: isWrite ? 'a strange path, to write' : 'a strange path or query',
    harmless: !isWrite,
  }
}

function encodeOrNot(chance: Chance, part: string): string {
  return chance.below(3) === 0
    ? encodeURIComponent(part)
    : part.replaceAll(' ', '%20').replaceAll('水', '%E6%B0%B4')
}

const TIMES = [0, 1, Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 2), Number.MAX_SAFE_INTEGER] as const

/** A record that this till really signed, of which anything may be untrue. */
export function anyRecord(chance: Chance, mint: Mint, till: MintTill, card: MintCard) {
  const before = mint.open(card, card.head)
  const block: Block = {
    ...before,
    kind: chance.one(BLOCK_KINDS),
    vendor: till.number,
    generation: chance.one([1, 1, 1, 2, 0xffff]),
    currency: chance.one([840, 840, 840, 978, 0, 0xffff]),
    timestamp: chance.one(TIMES),
    balance: chance.one([0n, 1n, before.balance, before.balance - 1n, 0xffffn]),
    sequence: chance.one([0, before.sequence, before.sequence + 1, before.sequence + 2, 0xffff]),
    hmacKey: chance.one([before.hmacKey, chance.bytes(8)]),
    passcodeHmac: chance.one([before.passcodeHmac, chance.bytes(32)]),
  }
  const bytes = mint.seal(card, block, till)
  const shown = chance.one([card.head, card.head, bytes, chance.bytes(BLOCK_SIZE)])
  return {
    at: block.timestamp,
    outcome: chance.one(OUTCOMES),
    evidence: evidence.encode({
      uid: chance.one([card.uid, card.uid, card.uid, chance.bytes(4)]),
      block: bytes,
      previous: chance.below(8) === 0 ? [] : [shown],
      amount: chance.one([0, 1, 1, 0xffff, 0xffffffff]),
      policyVersion: chance.one([0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff]),
      tokens: Array.from({ length: chance.below(3) }, () => anyToken(chance, till)),
      newPasscode: chance.bytes(chance.one([0, 1, 93, 256])),
    }),
  }
}

function anyToken(chance: Chance, till: MintTill): Bytes {
  if (chance.below(3) === 0) return chance.bytes(TOKEN_SIZE)
  return signToken(till.key, {
    product: chance.one([1, 0xffffffff]),
    price: chance.one([0n, 100n, 0xffffffffn]),
    currency: chance.one([840, 0]),
    madeAt: chance.one(TIMES),
    till: chance.one([till.number, 1, 0xffffffff]),
    nonce: chance.one([new Uint8Array(8), chance.bytes(8)]),
  })
}

/** What a batch says around its items. */
export function anyFrame(chance: Chance): Partial<Batch> {
  const sum = () => chance.one([0n, 1n, -1n, 2n ** 62n - 1n, -(2n ** 62n) + 1n])
  return {
    number: chance.one([1, 2, 5, 0xffffffff, Number.MAX_SAFE_INTEGER]),
    previous: chance.bytes(32),
    madeAt: chance.one(TIMES),
    completeUpTo: chance.one(TIMES),
    documents: { ['\0']: chance.below(10), policy: Number.MAX_SAFE_INTEGER },
    totals: { paid: sum(), loaded: sum(), cash: sum() },
  }
}
