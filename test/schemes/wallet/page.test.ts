import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeCommand } from '../../../src/kernel/apdu.ts'
import { concat, fromHex, toHex, utf8, type Bytes } from '../../../src/kernel/bytes.ts'
import type { LayoutLine } from '../../../src/kernel/message.ts'
import { importPrivateKey, openSealed, withScalar } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import {
  isCertifiedBy,
  readCertificate,
  ROLE_OID,
  ROLES,
} from '../../../src/schemes/wallet/certificates.ts'
import { WRITE_STATUSES } from '../../../src/reader/writing.ts'
import { isSignedBy, openMessage } from '../../../src/kernel/signed-message.ts'
import {
  cardPlan,
  CERTIFICATES,
  DEFAULT_POLICY,
  evidence,
  INS,
  instruction,
  INSTRUCTION_KINDS,
  LAYOUTS,
  order,
  pinContext,
  PIN_SUBJECTS,
  record,
  RECORD_KINDS,
  RECORD_PARTS,
  RECORD_SIZE,
  refusal,
  request,
  SIGNED_RECORD_SIZE,
  SIGNED_STATEMENT_SIZE,
  statement,
  STATEMENT_SIZE,
  WALLET_AID,
  WALLET_SW,
} from '../../../src/schemes/wallet/message.ts'
import { overhear, showCertificate } from './card-bench.ts'
import { Office, PIN, taken } from './card-world.ts'
import { exampleChip } from './page-chip.ts'

/** The page is the protocol: the code is held against it, and its examples are replayed from it. */
const page = readFileSync(new URL('../../../docs/protocol/wallet.md', import.meta.url), 'utf8')

/** The cells of every table row under the first heading or sentence that contains `under`. */
function rowsAfter(under: string): string[][] {
  const start = page.indexOf(under)
  expect(start, `the page has "${under}"`).toBeGreaterThan(-1)
  const lines = page.slice(start).split('\n')
  const table = lines.slice(lines.findIndex((line) => line.startsWith('| ')))
  const end = table.findIndex((line) => !line.startsWith('|'))
  return table.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

function exampleOf(name: string): string {
  return new RegExp(`\`\`\`example ${name}\n([^]*?)\n\`\`\``).exec(page)?.[1] ?? ''
}

/** The lines of a fenced example: a name and hexadecimal. */
function example(name: string): (label: string) => Bytes {
  const pairs = new Map(
    exampleOf(name)
      .split('\n')
      .map((line) => line.split(/\s+(?=[0-9a-f]+$)/) as [string, string]),
  )
  return (label) => {
    const value = pairs.get(label)
    if (value === undefined) throw new Error(`example ${name} has no ${label}`)
    return fromHex(value)
  }
}

describe('the tables are the layouts', () => {
  test.for([
    ['record', '## The record'],
    ['request', 'signs a **request**'],
    ['refusal', 'whoever did not will not be able to'],
    ['policy', '## Policy'],
    ['instruction', '## Instructions'],
    ['order', 'it goes as an **order**'],
    ['statement', '## Statement'],
    ['fci', 'SELECT (`00 A4 04 00`)'],
    ['cardState', 'anybody at the card may know'],
    ['asking', '### REQUEST and RECEIVE'],
    ['declining', '### REFUSE and REFUND'],
    ['shownRecord', 'nothing else:'],
    ['evidence', 'through any phone:'],
    ['cardPlan', 'writes is a cardPlan'],
    ['personalisation', 'a blank chip is written at the office'],
  ] as const)('%s', ([name, under]) => {
    expect(rowsAfter(under)).toEqual(tableOf(LAYOUTS[name].layout))
  })

  test('all of them', () => {
    expect(Object.keys(LAYOUTS)).toHaveLength(15)
  })

  function tableOf(layout: readonly LayoutLine[]): string[][] {
    let offset = 0
    return layout.map(({ field, size, description }) => {
      const row = [Number.isNaN(offset) ? '' : String(offset), String(size ?? 'varies')]
      offset += size ?? Number.NaN
      return [...row, field, description]
    })
  }
})

test.for([
  ['kind', 'balance', RECORD_KINDS],
  ['kind', 'does', INSTRUCTION_KINDS],
  ['limit', 'default', Object.keys(DEFAULT_POLICY).slice(1)],
  ['role', 'holder reference', ROLES],
  ['status', 'when', WRITE_STATUSES],
] as const)('the list of each %s and what it %s is in its order', ([first, second, list]) => {
  const heading = new RegExp(`^\\| ${first} +\\| ${second} .*$`, 'm').exec(page)?.[0] ?? ''
  expect(rowsAfter(heading).map(([name]) => name)).toEqual(list)
})

test('status words, in the order of the checks', () => {
  const rows = rowsAfter('What a command says').map(([word, name]) => [name, word])
  expect(rows).toEqual(Object.entries(WALLET_SW).map(([name, sw]) => [name, sw.toString(16)]))
})

test('instructions', () => {
  const rows = rowsAfter('| command ')
  expect(rows.map(([name, , ins]) => [name, ins])).toEqual(
    Object.entries(INS).map(([name, ins]) => [name, ins.toString(16)]),
  )
  expect(rows.filter(([, cla]) => cla === '00').map(([name]) => name)).toEqual([
    'GET_DATA',
    'VERIFY_CERTIFICATE',
  ])
  expect(page).toContain(`\`${toHex(WALLET_AID)}\``)
  expect(page).toContain(`\`${toHex(ROLE_OID)}\``)
})

test('parts, certificates and subjects of codes', () => {
  const parts = rowsAfter('says\nwhich part').map(([p2 = '', part = '']) => [
    part.split(':')[0],
    p2,
  ])
  expect(parts).toEqual(
    Object.entries(RECORD_PARTS).map(([name, p2]) => [name, p2.toString().padStart(2, '0')]),
  )
  expect(rowsAfter('| command ').find(([name]) => name === 'GET_DATA')?.[4]).toBe(
    Object.entries(CERTIFICATES)
      .map(([name, p2]) => `0${p2} ${name}`)
      .join(', '),
  )
  const subjects = new Map(
    rowsAfter("the card's nonce, as SELECT gave it").map(([name, , subject]) => [name, subject]),
  )
  expect([...subjects]).toEqual([
    ['PAY', 'digest of the request'],
    ['VERIFY PIN', 'nothing'],
    ['CHANGE PIN', toHex(PIN_SUBJECTS.change)],
    ['UNBLOCK PIN', toHex(PIN_SUBJECTS.unblock)],
  ])
  expect(PIN_SUBJECTS.verify).toHaveLength(0)
})

test('the cost of each act', async () => {
  const office = new Office(1)
  const till = office.till(7)
  const [card, friend] = [await office.card(), await office.card()]
  showCertificate(card, till.certificate)
  const papers = await friend.papers()
  showCertificate(card, papers[0])
  showCertificate(friend, (await card.papers())[0])
  const cost: string[][] = []
  let passed: [Bytes, Bytes][] = []
  for (const each of [card, friend]) overhear(each, (...apdus) => passed.push(apdus))
  const noted = (from = 0) => {
    const some = passed.slice(from).filter(([apdu]) => apdu[1] !== INS.GET_DATA)
    passed = []
    const sizes = (at: 0 | 1) => some.reduce((sum, apdus) => sum + apdus[at].length, 0)
    cost.push([some.length, sizes(0), sizes(1)].map(String))
  }
  for (const pin of [undefined, PIN]) {
    const asked = await till.ask(card, 100n)
    passed = []
    taken(await card.tapped((held) => held.pay(asked, { pin })))
    noted()
  }
  const asked = await friend.ask(100n)
  noted(1)
  const payment = taken(await card.payPerson(asked, papers))
  noted(1)
  taken(await friend.tapped((held) => held.receive(payment.bytes)))
  noted(1)
  expect(
    rowsAfter('## Cost')
      .slice(0, -1)
      .map((row) => row.slice(1)),
  ).toEqual(cost)
})

const keys = example('keys')
const said = example('messages')
const key = (name: string) =>
  withScalar(keys(`${name} key`), ({ pkcs8 }) => importPrivateKey(pkcs8))

describe('the examples', () => {
  test('certificates', () => {
    const [root, office, card, till] = ['root', 'office', 'card', 'till 7'].map((name) => {
      const read = readCertificate(keys(`${name} certificate`))
      expect(read.certificate.publicKey.bytes).toEqual(key(name).publicKey.bytes)
      return read
    })
    if (!root || !office || !card || !till) throw new Error('there are four')
    expect(root.certificate.holder).toBe('ZZROOT00001')
    expect(office.certificate.holder).toBe('ZZOFF000100001')
    expect(till.party).toEqual({ kind: 'till', office: 1, till: 7 })
    expect(card.party).toEqual({ kind: 'card', office: 1, card: toHex(keys('card')) })
    expect(isCertifiedBy(office, root)).toBe(true)
    expect([card, till].map((read) => isCertifiedBy(read, office))).toEqual([true, true])
    expect(cardPlan.decode(keys('plan'))).toEqual({
      publicKey: card.certificate.publicKey.bytes,
      personalisation: keys('personalisation'),
      office: office.bytes,
      certificate: card.bytes,
    })
  })

  test('orders', () => {
    for (const [name, kind] of [
      ['load order', 'load'],
      ['acknowledge order', 'acknowledge'],
    ] as const) {
      const told = openMessage(instruction, order.decode(said(name)).instruction)
      expect(isSignedBy(told, key('office').publicKey)).toBe(true)
      expect(told.content.kind).toBe(kind)
    }
  })

  test('the payment', () => {
    const asked = openMessage(request, said('request'))
    expect(isSignedBy(asked, key('till 7').publicKey)).toBe(true)
    expect(asked.digest).toEqual(said('request digest'))
    expect(asked.content).toMatchObject({
      payee: { kind: 'till', office: 1, till: 7 },
      amount: 30_00n,
      payer: keys('card'),
      payerNonce: keys('nonce'),
    })
    expect(pinBlock('4821')).toEqual(said('PIN block'))
    const context = pinContext(keys('nonce'), asked.digest)
    expect(context).toEqual(said('associated data'))
    expect(context).toEqual(
      concat(utf8('kontant wallet pin'), keys('nonce'), said('request digest')),
    )
    expect(openSealed(key('card'), said('sealed PIN'), context)).toEqual(said('PIN block'))
    const paid = openMessage(record, said('record'))
    expect(isSignedBy(paid, key('card').publicKey)).toBe(true)
    expect(paid.digest).toEqual(said('payment id'))
    expect(paid.content).toMatchObject({
      kind: 'pay',
      sequence: 2,
      amount: 30_00n,
      balance: 70_00n,
      cause: asked.digest,
    })
    const refused = openMessage(refusal, said('refusal'))
    expect(isSignedBy(refused, key('till 7').publicKey)).toBe(true)
    expect(refused.content.request).toEqual(asked.digest)
  })

  test('evidence, as anybody reads it', () => {
    const content = evidence.decode(said('evidence'))
    expect(content.shown).toEqual(said('shown record'))
    expect(LAYOUTS.shownRecord.decode(content.shown)).toEqual({
      record: said('record').slice(0, RECORD_SIZE),
      signature: [said('record').slice(RECORD_SIZE)],
      certificate: keys('card certificate'),
      office: keys('office certificate'),
      cause: said('request'),
      counterparty: [keys('till 7 certificate'), keys('office certificate')],
    })
  })

  test('the tap, APDU by APDU, at a card that was written by the plan', async () => {
    const chip = await exampleChip(keys('plan'), key('card'), keys('nonce'))
    const lines = exampleOf('tap').split('\n')
    expect(lines).toHaveLength(18)
    let before: Bytes = new Uint8Array()
    for (let at = 0; at < lines.length; at += 2) {
      const apdu = fromHex(lines[at]?.slice(3) ?? '')
      const expected = fromHex(lines[at + 1]?.slice(3) ?? '')
      const answer = chip.transmit(apdu)
      // Of the first part of an answer nothing can be said before the second is there.
      if (expected.at(-2) === 0x61) {
        expect(answer.slice(-2)).toEqual(expected.slice(-2))
        before = answer.slice(0, -2)
        continue
      }
      sameButSigned(concat(before, answer), withBefore(lines, at, expected), apdu)
      before = new Uint8Array()
    }
  })

  /** An answer in two parts, in one. */
  function withBefore(lines: readonly string[], at: number, expected: Bytes): Bytes {
    const first = fromHex(lines[at - 1]?.slice(3) ?? '')
    return first.at(-2) === 0x61 ? concat(first.slice(0, -2), expected) : expected
  }

  /** Byte for byte, and where the card has signed, signed by this card. */
  function sameButSigned(answer: Bytes, expected: Bytes, apdu: Bytes): void {
    const parts = signedParts(answer.length - 2, decodeCommand(apdu).ins)
    const unsigned = (bytes: Bytes) =>
      toHex(bytes.filter((_, at) => !parts.some(({ from, to }) => at >= from && at < to)))
    expect(unsigned(answer)).toBe(unsigned(expected))
    for (const { start, to } of parts) {
      const layout = to - start === SIGNED_RECORD_SIZE ? record : statement
      for (const bytes of [answer, expected]) {
        const message = openMessage<unknown>(layout, bytes.slice(start, to))
        expect(isSignedBy(message, key('card').publicKey)).toBe(true)
      }
    }
  }

  /** Where signatures stand in an answer, by its size. */
  function signedParts(size: number, ins: number) {
    const signed = (start: number, body: number, whole: number) => ({
      start,
      from: start + body,
      to: start + whole,
    })
    const ofRecord = signed(0, RECORD_SIZE, SIGNED_RECORD_SIZE)
    if (ins === 0xa4) return []
    if (size === SIGNED_RECORD_SIZE) return [ofRecord]
    if (size === SIGNED_STATEMENT_SIZE) {
      return [signed(0, STATEMENT_SIZE, SIGNED_STATEMENT_SIZE)]
    }
    if (size < SIGNED_RECORD_SIZE) return []
    return [ofRecord, signed(SIGNED_RECORD_SIZE, STATEMENT_SIZE, SIGNED_STATEMENT_SIZE)]
  }
})
