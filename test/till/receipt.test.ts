import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { digestOf } from '../../src/kernel/ids.ts'
import { currency } from '../../src/kernel/money.ts'
import { generatePrivateKey, publicKeyFrom } from '../../src/kernel/p256.ts'
import { decodeToken } from '../../src/kernel/token.ts'
import {
  checkReceipt,
  describeReceipt,
  RECEIPT_STATUSES,
  receiptBody,
  receiptCode,
  receiptQrText,
  receiptSvg,
  receiptText,
  type ReceiptStatus,
} from '../../src/till/receipt.ts'
import type { JournalRecord } from '../../src/till/scheme.ts'
import { recordOf, START, tokenBytes } from './support.ts'

const key = generatePrivateKey()
const maker = { till: 7, generation: 1, key, currency: currency('USD') }

function journalRecord(change: Partial<JournalRecord> = {}): JournalRecord {
  return { ...recordOf({ madeAt: START }), id: 12, state: 'confirmed', ...change }
}

const head = {
  merchant: 'Café Löwe',
  tillName: 'Bar',
  till: 7,
  currency: currency('USD'),
  timeZone: 'Europe/Stockholm',
  products: new Map([[3, 'Coffee']]),
}

describe('a receipt on paper', () => {
  test('has 48 columns', () => {
    const tokens = [tokenBytes(1), tokenBytes(2), tokenBytes(3, 100n, 9)].map((bytes) => ({
      token: decodeToken(bytes),
      bytes,
    }))
    const text = receiptText(journalRecord({ tokens, amount: 600n }), head)
    expect(text).toBe(
      [
        '                   Café Löwe',
        '                      Bar',
        '------------------------------------------------',
        '2 × Coffee                              5.00    ',
        '1 × Product 9                           1.00    ',
        'Payment                                 6.00 USD',
        'Balance on the card                    95.00 USD',
        '------------------------------------------------',
        'Card                                       …ee01',
        'Transaction                                 7-12',
        'Time        2026-09-08 14:00:00 Europe/Stockholm',
        '',
      ].join('\n'),
    )
  })

  test.each([
    [{ state: 'intended' }, 'NOT CONFIRMED'],
    [{ state: 'void' }, 'VOID'],
    [{ kind: 'load' }, 'Money added'],
    [{ kind: 'reversal' }, 'Undone'],
    [{ kind: 'passcode' }, 'Passcode changed'],
  ] as const)('of %o says: %s', (change, said) => {
    expect(receiptText(journalRecord(change), head)).toContain(said)
  })

  test('of a refund names the payment, and the balance only if the card took it', () => {
    const refund = { kind: 'refund', refuses: 9 } as const
    const text = (change: Partial<JournalRecord>) =>
      receiptText(journalRecord({ ...refund, ...change }), head)
    expect(text({})).toContain(
      [
        'Paid back                               5.00 USD',
        'Payment taken back                           7-9',
        'Balance on the card                    95.00 USD',
      ].join('\n'),
    )
    expect(text({ state: 'intended' })).toContain('has not taken it yet')
    expect(text({ state: 'void', kind: 'reversal' })).toContain('had paid nothing')
    for (const state of ['intended', 'void'] as const) {
      expect(text({ state })).not.toContain('Balance')
      expect(
        Math.max(
          ...text({ state })
            .split('\n')
            .map((line) => line.length),
        ),
      ).toBe(48)
    }
  })

  test('never is wider, whatever the names', () => {
    const text = receiptText(journalRecord(), {
      ...head,
      merchant: 'x'.repeat(99),
      tillName: 'y'.repeat(99),
    })
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(48)
  })
})

describe('a code', () => {
  const code = receiptCode(journalRecord(), maker)
  const keyOf = (till: number, generation: number, at: number) =>
    till === 7 && generation === 1 && at <= START ? key.publicKey : undefined
  const shown = new Set<ReceiptStatus>()

  const rows: readonly (readonly [ReceiptStatus, string, string])[] = [
    ['malformed', 'nothing', ''],
    ['malformed', 'another word before', code.replace('receipt', 'RECEIPT')],
    ['malformed', 'something after', `${code}A`],
    ['malformed', 'padding', `${code}==`],
    ['malformed', 'a space', code.replace('/', '/ ')],
    ['malformed', 'cut short', code.slice(0, -4)],
    ['malformed', 'another version', withByte(code, 0, 2)],
    ['malformed', 'a kind that is none', withByte(code, 13, 9)],
    ['malformed', 'a currency that is none', withByte(code, 14, 0xff)],
    ['unknown_till', 'another till', withByte(code, 4, 8)],
    ['unknown_till', 'another generation', withByte(code, 6, 2)],
    ['unknown_till', 'later than its key was good', withByte(code, 39, 0xff)],
    ['bad_signature', 'another amount', withByte(code, 23, 1)],
    ['bad_signature', 'another signature', withByte(code, 111, 1)],
    ['genuine', 'as it was made', code],
  ]

  test.each(rows)('is %s with %s', (expected, _name, changed) => {
    shown.add(expected)
    const check = checkReceipt(changed, keyOf)
    expect(check.status).toBe(expected)
    expect(check.body === undefined).toBe(expected === 'malformed')
  })

  test('and every status was shown', () => {
    expect([...shown]).toEqual(RECEIPT_STATUSES)
  })

  test('says what the record said, and of the card only its end', () => {
    const { body } = checkReceipt(code, keyOf)
    expect(body).toEqual({
      till: 7,
      generation: 1,
      sequence: 1,
      cardEnd: fromHex('ee01'),
      kind: 'pay',
      currency: 840,
      amount: 500n,
      balance: 9_500n,
      madeAt: START,
      digestStart: fromHex(journalRecord().digest.slice(0, 16)),
    })
    expect(body && describeReceipt(body)).toBe(
      'Payment 5.00 USD, card …ee01, till 7, 2026-09-08 12:00:00 UTC',
    )
  })

  test('with any byte changed is not genuine', () => {
    fc.assert(
      fc.property(fc.nat(111), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const bytes = bytesOf(code)
        const changed = codeOf(bytes.map((byte, at) => (at === index ? byte ^ change : byte)))
        expect(checkReceipt(changed, () => key.publicKey).status).not.toBe('genuine')
      }),
    )
  })

  test('is short enough for a quick scan, and drawn for screen and terminal', () => {
    expect(code.length).toBeLessThan(180)
    expect(receiptSvg(code)).toMatch(/^<svg .*<\/svg>$/s)
    const lines = receiptQrText(code).split('\n')
    expect(lines.length).toBeLessThan(32)
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
  })
})

function bytesOf(code: string): Uint8Array {
  return new Uint8Array(Buffer.from(code.slice('kontant:receipt/'.length), 'base64url'))
}

function codeOf(bytes: Uint8Array): string {
  return `kontant:receipt/${Buffer.from(bytes).toString('base64url')}`
}

function withByte(code: string, index: number, value: number): string {
  return codeOf(bytesOf(code).map((byte, at) => (at === index ? value : byte)))
}

describe('docs/protocol/receipt.md', () => {
  const page = readFileSync('docs/protocol/receipt.md', 'utf8').replaceAll(/ +/g, ' ')

  test('lists the layout as it is', () => {
    let offset = 0
    for (const { field, size = 0, description } of receiptBody.layout) {
      expect(page).toContain(`| ${offset} | ${size} | \`${field}\` | ${description} |`)
      offset += size
    }
    expect(offset).toBe(receiptBody.size)
  })

  test('has an example that holds', () => {
    const [, code = ''] = /(kontant:receipt\/[\w-]+)/.exec(page) ?? []
    const [, publicKey = ''] = /public key +([0-9a-f]{128})/.exec(page) ?? []
    const { status, body } = checkReceipt(code, () => publicKeyFrom(fromHex(publicKey)))
    expect(status).toBe('genuine')
    expect(page).toContain(body && describeReceipt(body))
    expect(page).toContain(toHex(bytesOf(code).subarray(0, 48)))
    expect(body?.digestStart).toEqual(sha256(utf8('example record')).slice(0, 8))
    expect(digestOf(body?.digestStart ?? new Uint8Array())).toHaveLength(16)
  })
})
