import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../../src/card/iso-card.ts'
import { aesCmac } from '../../../src/kernel/aes.ts'
import { concat, fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { digestOf, parseCardId } from '../../../src/kernel/ids.ts'
import { currency } from '../../../src/kernel/money.ts'
import type { LayoutLine } from '../../../src/kernel/message.ts'
import { publicKeyFrom } from '../../../src/kernel/p256.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { moduleChip, purseChip } from '../../../src/schemes/purse/chips.ts'
import { WRITE_STATUSES } from '../../../src/reader/writing.ts'
import { writeCardPlan, writeModulePlan } from '../../../src/schemes/purse/issuing.ts'
import {
  boundStamp,
  cancelLock,
  cardKey,
  INS,
  isSignedBy,
  issuerStamp,
  LAYOUTS,
  mac,
  masters,
  MODULE_AID,
  pinPad,
  PURSE_AID,
  PURSE_KINDS,
  PURSE_SW,
  RECORD_SIZE,
  recordDigest,
  xor,
  type KeyName,
  type MacPurpose,
} from '../../../src/schemes/purse/message.ts'
import { moduleKey, PURSE_REJECTIONS, purseOffice } from '../../../src/schemes/purse/office.ts'
import { PURSE_STATUSES } from '../../../src/schemes/purse/statuses.ts'
import { purseTill } from '../../../src/schemes/purse/till.ts'
import { changePasscode, PASSCODE, pay } from './world.ts'

/** The page is the protocol: the code is held against it, and its examples are replayed from it. */
const page = readFileSync(new URL('../../../docs/protocol/purse.md', import.meta.url), 'utf8')

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

/** A column, without what is empty because the row above says it. */
function column(under: string, index = 0): string[] {
  return rowsAfter(under).flatMap((row) => row[index] || [])
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
    ['fci', 'answers:'],
    ['cardState', 'cardState:'],
    ['parameters', 'parameters:'],
    ['personalisation', 'personalisation:'],
    ['cardPlan', 'gets for one card'],
    ['modulePlan', 'modulePlan:'],
    ['draft', 'draft:'],
    ['authorisation', 'authorisation:'],
    ['summary', 'summary:'],
    ['evidence', '## Evidence'],
  ] as const)('%s', ([name, under]) => {
    expect(rowsAfter(under)).toEqual(tableOf(LAYOUTS[name].layout))
  })

  test('all of them', () => {
    expect(Object.keys(LAYOUTS)).toHaveLength(11)
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
  ['a tap', '## A tap', PURSE_STATUSES],
  ['writing', 'the same plan is written again', WRITE_STATUSES],
  ['rejections', 'What the office makes of it', PURSE_REJECTIONS],
  ['records', 'makes no second record', PURSE_KINDS],
] as const)('the list of %s is in its order', ([, under, list]) => {
  expect(column(under)).toEqual(list)
})

test('status words, in the order of the checks', () => {
  const rows = rowsAfter('What a command says').map(([word, name]) => [name, word])
  expect(rows).toEqual(Object.entries(PURSE_SW).map(([name, sw]) => [name, sw.toString(16)]))
})

test('instructions', () => {
  const shown = [...column('## The card'), ...column('## The module').slice(1)]
  const codes = [...column('## The card', 1), ...column('## The module', 1).slice(1)]
  expect(shown.map((name, index) => [name, codes[index]])).toEqual(
    Object.entries(INS).map(([name, ins]) => [name, ins.toString(16)]),
  )
  expect(column('## The module', 1)[0]).toBe(INS.PERSONALISE.toString(16))
  expect(page).toContain(`\`${toHex(PURSE_AID)}\``)
  expect(page).toContain(`\`${toHex(MODULE_AID)}\``)
})

test('MAC purposes', () => {
  const rows = rowsAfter('MAC(key, purpose, data)')
  expect(rows).toHaveLength(7)
  const data = Uint8Array.of(1, 2, 3)
  for (const [purpose = '', byte = ''] of rows) {
    const key = new Uint8Array(16)
    expect(mac(key, purpose as MacPurpose, data)).toEqual(aesCmac(key, concat(fromHex(byte), data)))
  }
})

test('the cost of a tap', () => {
  const rows = [pay(), pay(1n, PASSCODE), changePasscode()].map((order) => {
    const { apdus, bytesOut, bytesIn } = purseTill.cost(order)
    return [apdus, bytesOut, bytesIn].map(String)
  })
  expect(rowsAfter('### Cost').map((row) => row.slice(1))).toEqual(rows)
})

const keys = example('keys')
const issued = example('issue')
const paid = example('pay')
const modulePlan = example('module')('plan')
const key = (name: KeyName) => keys(`${name} key`)
const secrets = masters.encode({
  debit: keys('debit master'),
  pin: keys('pin master'),
  load: keys('load master'),
  issuer: keys('issuer master'),
  module: keys('module master'),
})
const makers = {
  0: publicKeyFrom(keys('office public key')),
  7: publicKeyFrom(keys('till 7 public key')),
}
const keyOf = (maker: number) => (maker === 0 || maker === 7 ? makers[maker] : undefined)

describe('the examples', () => {
  test('keys', () => {
    for (const name of ['debit', 'load', 'pin', 'issuer'] as const) {
      expect(cardKey(keys(`${name} master`), keys('card'), name)).toEqual(key(name))
    }
    expect(moduleKey(keys('module master'), 7)).toEqual(keys('module 7 own key'))
    const plan = purseOffice.module?.(
      { till: 7, currency: currency('EUR'), mayLoad: false },
      secrets,
    )
    expect(plan).toEqual(modulePlan)
  })

  test('the issue', () => {
    expect(isSignedBy(issued('signed'), makers[0])).toBe(true)
    expect(recordDigest(issued('signed'))).toEqual(issued('digest'))
    expect(issuerStamp(key('issuer'), issued('signed').slice(0, RECORD_SIZE))).toEqual(
      issued('issuer stamp'),
    )
    expect(LAYOUTS.cardPlan.decode(issued('plan')).first).toEqual(issued('signed'))
    expect(purseOffice.verify(issued('evidence'), { secrets, keyOf })).toMatchObject({
      ok: true,
      entry: { kind: 'issue', balance: 10_000n, isAttested: true, findings: [] },
    })
  })

  test('the payment', () => {
    expect(pinBlock('4821')).toEqual(paid('PIN block'))
    expect(pinPad(key('pin'), paid('nonce'), paid('challenge'))).toEqual(paid('pad'))
    expect(xor(paid('PIN block'), paid('pad'))).toEqual(paid('hidden PIN'))
    expect(LAYOUTS.record.decode(paid('record'))).toEqual({
      kind: 'pay',
      currency: 978,
      file: 0x0104,
      card: keys('card'),
      sequence: 1,
      loadSequence: 0,
      paymentSequence: 1,
      amount: 3000n,
      balance: 7000n,
      maker: 7,
      generation: 1,
      madeAt: Date.UTC(2026, 8, 8, 12, 3),
      moduleSequence: 1,
      moduleBatch: 1,
      challenge: paid('challenge'),
      cancelLock: paid('cancel lock'),
      previous: issued('digest'),
    })
    expect(isSignedBy(concat(paid('record'), paid('signature')), makers[7])).toBe(true)
    expect(recordDigest(paid('record'))).toEqual(paid('digest'))
    expect(mac(key('debit'), 'authorisation', paid('record'))).toEqual(paid('authorisation'))
    expect(boundStamp(key('debit'), paid('record'))).toEqual(paid('stamp'))
    expect(issuerStamp(key('issuer'), paid('record'))).toEqual(paid('issuer stamp'))
    const cancelled = concat(keys('card'), Uint8Array.of(0, 0, 0, 1), paid('challenge'))
    expect(mac(keys('module 7 own key'), 'cancel', cancelled)).toEqual(paid('cancel key'))
    expect(cancelLock(paid('cancel key'))).toEqual(paid('cancel lock'))
  })

  test('evidence, as the office reads it', () => {
    expect(purseOffice.verify(paid('evidence'), { secrets, keyOf })).toMatchObject({
      ok: true,
      entry: {
        card: parseCardId('0011223344556677'),
        sequence: 1,
        kind: 'pay',
        amount: 3000n,
        balance: 7000n,
        maker: 7,
        digest: digestOf(paid('digest')),
        predecessor: { digest: digestOf(issued('digest')), balance: 10_000n, shown: true },
        isAttested: true,
        findings: [],
      },
    })
  })

  test('the tap, APDU by APDU, at a card and a module written by the plans', async () => {
    const card = chip(purseChip, paid('nonce'))
    const module = chip(moduleChip, paid('challenge'))
    expect(await writeCardPlan(inProcessChannel(card), issued('plan'))).toBe('written')
    expect(await writeModulePlan(inProcessChannel(module), modulePlan)).toBe('written')
    const fields = { card, module }
    const lines = exampleOf('tap').split('\n')
    expect(lines).toHaveLength(16)
    for (let at = 0; at < lines.length; at += 2) {
      const [name = '', , apdu = ''] = lines[at]?.split(' ') ?? []
      const answer = fields[name as keyof typeof fields].transmit(fromHex(apdu))
      expect(`${name} <= ${toHex(answer)}`).toBe(lines[at + 1])
    }
  })

  /** One that draws these bytes whenever it draws. */
  function chip(design: IsoCardDesign, drawn: Bytes): Field {
    const field = new Field(new IsoCard(isoCardNvm(design), design, { bytes: () => drawn.slice() }))
    field.powerOn()
    return field
  }
})
