import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/kernel/bytes.ts'
import { cardIdBytes, parseCardId } from '../../../src/kernel/ids.ts'
import { currency } from '../../../src/kernel/money.ts'
import { generatePrivateKey } from '../../../src/kernel/p256.ts'
import { createAuthority, readAuthority } from '../../../src/schemes/wallet/office/authority.ts'
import { walletHoldings } from '../../../src/schemes/wallet/office/holdings.ts'
import { isSignedBy, openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  DEFAULT_POLICY,
  instruction,
  order,
  policy,
  request,
  statement,
  type Statement,
} from '../../../src/schemes/wallet/message.ts'
import { RANDOM } from '../../support/office.ts'

const NOW = Date.UTC(2026, 8, 8)
const secrets = createAuthority(NOW)
const authority = readAuthority(secrets)
const key = generatePrivateKey()
const id = parseCardId('00c0ffee00c0ffee')
const card = { id, uid: toHex(key.publicKey.bytes) }
const SEK = currency('SEK')

const SAID: Statement = {
  office: authority.office,
  card: cardIdBytes(id),
  nonce: RANDOM.bytes(8),
  sequence: 7,
  last: RANDOM.bytes(32),
  balance: 1200n,
  instruction: 3,
  instructionDigest: RANDOM.bytes(32),
  acknowledged: 5,
  policyVersion: 1,
}

function open(changed: Partial<Statement> = {}, by = key) {
  const bytes = signMessage(statement, { ...SAID, ...changed }, by)
  return walletHoldings.openStatement(bytes, card, secrets)
}

describe('a statement', () => {
  test('of this card says how it stands', () => {
    const { office: _office, card: _card, ...said } = SAID
    expect(open()).toMatchObject({
      ...said,
      last: toHex(said.last),
      instructionDigest: toHex(said.instructionDigest),
    })
  })

  test.each([
    ['of another card', () => open({ card: cardIdBytes(parseCardId('00c0ffee00c0ffef')) })],
    ['of another office', () => open({ office: authority.office + 1 })],
    ['by another key', () => open({}, generatePrivateKey())],
  ])('%s is none of this card', (_what, said) => {
    expect(said()).toBeUndefined()
  })

  test('that is cut off is malformed', () => {
    const bytes = signMessage(statement, SAID, key)
    const cut = () => walletHoldings.openStatement(bytes.slice(1), card, secrets)
    expect(cut).toThrow('statement')
  })
})

describe('an instruction', () => {
  const wanted = {
    kind: 'acknowledge',
    card: id,
    number: 4,
    madeAt: NOW,
    expiresAt: NOW + 1,
    currency: SEK,
    amount: 0n,
    record: undefined,
    policy: policy.encode(DEFAULT_POLICY),
  } as const

  test('is the office’s, and what was wanted', () => {
    const digest = open()?.last
    if (!digest) throw new Error('it says how it stands')
    const { bytes } = walletHoldings.instruct(
      { ...wanted, record: { sequence: 7, digest } },
      secrets,
    )
    const told = openMessage(instruction, bytes)
    expect(isSignedBy(told, authority.certificates[0].certificate.publicKey)).toBe(true)
    expect(told.content).toMatchObject({ kind: 'acknowledge', number: 4, sequence: 7 })
    expect(toHex(told.content.record)).toBe(digest)
    const permit = RANDOM.bytes(64)
    expect(order.decode(walletHoldings.orderOf(bytes, permit))).toEqual({
      instruction: bytes,
      permit: [permit],
    })
  })

  test('to a card without records names none', () => {
    const digest = open()?.last
    if (!digest) throw new Error('it says how it stands')
    const { bytes } = walletHoldings.instruct(
      { ...wanted, record: { sequence: 0, digest } },
      secrets,
    )
    expect(openMessage(instruction, bytes).content.record).toEqual(new Uint8Array(32))
  })
})

test('a request back is the office’s, to this card in its state of now', () => {
  const wanted = { card: id, nonce: SAID.nonce, currency: SEK, amount: 50n }
  const bytes = walletHoldings.requestBack(
    { ...wanted, madeAt: NOW, expiresAt: NOW + 1 },
    secrets,
    RANDOM,
  )
  const asked = openMessage(request, bytes)
  expect(isSignedBy(asked, authority.certificates[0].certificate.publicKey)).toBe(true)
  expect(asked.content).toMatchObject({
    payee: { kind: 'office', office: authority.office },
    payer: cardIdBytes(id),
    payerNonce: SAID.nonce,
    amount: 50n,
  })
})

test('a policy is shown as it is wanted', () => {
  const { version, ...shown } = walletHoldings.showPolicy(walletHoldings.firstPolicy)
  expect(version).toBe(1)
  const next = walletHoldings.encodePolicy(2, shown, 'policy')
  expect(policy.decode(next)).toEqual({ ...DEFAULT_POLICY, version: 2 })
  expect(walletHoldings.balanceMax(next)).toBe(DEFAULT_POLICY.balanceMax)
})
