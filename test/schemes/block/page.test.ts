import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { fromHex, toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { digestOf, parseCardId } from '../../../src/kernel/ids.ts'
import type { LayoutLine } from '../../../src/kernel/message.ts'
import { publicKeyFrom } from '../../../src/kernel/p256.ts'
import { READER_PROFILES } from '../../../src/kernel/storage-apdu.ts'
import { decodeToken, tokenBody, tokenDigest, tokenSignedBy } from '../../../src/kernel/token.ts'
import { aesCbcDecrypter, aesCbcEncrypt } from '../../../src/kernel/aes.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import { WRITE_STATUSES } from '../../../src/reader/writing.ts'
import { CARD_LAYOUTS, planCard, sectorKeys } from '../../../src/schemes/block/card.ts'
import {
  blockDigest,
  blockSignedBy,
  chipKeys,
  evidence,
  LAYOUTS,
  openBlock,
  passcodeHmac,
  tillSecrets,
} from '../../../src/schemes/block/message.ts'
import { BLOCK_REJECTIONS, blockOffice } from '../../../src/schemes/block/office.ts'
import { blockTillFor } from '../../../src/schemes/block/till.ts'
import { BLOCK_STATUSES } from '../../../src/schemes/block/statuses.ts'
import type { Order } from '../../../src/till/scheme.ts'
import { Chip, USD, World } from './world.ts'

/** The pages are the protocol: the code is held against them, and their examples are replayed from them. */
const block = readPage('block')
const token = readPage('token')

function readPage(name: string): string {
  return readFileSync(new URL(`../../../docs/protocol/${name}.md`, import.meta.url), 'utf8')
}

/** The cells of every table row under the first heading or sentence that contains `under`. */
function rowsAfter(page: string, under: string): string[][] {
  const start = page.indexOf(under)
  expect(start, `the page has "${under}"`).toBeGreaterThan(-1)
  const lines = page.slice(start).split('\n')
  const first = lines.findIndex((line) => line.startsWith('| '))
  const table = lines.slice(first)
  const end = table.findIndex((line) => !line.startsWith('|'))
  return table.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

function column(page: string, under: string): (string | undefined)[] {
  return rowsAfter(page, under).map(([cell]) => cell)
}

/** The lines of a fenced example, as pairs of a name and hexadecimal. */
function exampleOf(page: string, name: string): (readonly [string, Bytes])[] {
  const fenced = new RegExp(`\`\`\`example ${name}\n([^]*?)\n\`\`\``).exec(page)?.[1] ?? ''
  return fenced.split('\n').map((line) => {
    const [label = '', value = ''] = line.split(/\s+(?=[0-9a-f]+$)/)
    return [label, fromHex(value)]
  })
}

function example(page: string, name: string): (label: string) => Bytes {
  const pairs = new Map(exampleOf(page, name))
  return (label) => {
    const value = pairs.get(label)
    if (!value) throw new Error(`example ${name} has no ${label}`)
    return value
  }
}

describe('the tables are the layouts', () => {
  test.for([
    ['header', block, 'Header, 8 bytes', LAYOUTS.header.layout],
    ['content', block, 'Content, 64 bytes', LAYOUTS.content.layout],
    ['card header', block, 'Header page, 16 bytes', CARD_LAYOUTS.cardHeader.layout],
    ['plan', block, 'hands the issuing desk', CARD_LAYOUTS.cardPlan.layout],
    ['till secrets', block, 'What a till gets at enrolment', tillSecrets.layout],
    ['evidence', block, '## Evidence', LAYOUTS.evidence.layout],
    ['token', token, 'Body, 31 bytes', tokenBody.layout],
  ] as const)('%s', ([, page, under, layout]) => {
    expect(rowsAfter(page, under)).toEqual(tableOf(layout))
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
  ['A tap', '## A tap', BLOCK_STATUSES],
  ['issuing', 'the same plan is written again', WRITE_STATUSES],
  ['rejections', 'What the office makes of it', BLOCK_REJECTIONS],
] as const)('the statuses of %s stand in the order of the checks', ([, under, statuses]) => {
  expect(column(block, under)).toEqual(statuses)
})

test('the cost of a tap', () => {
  const profiles = [READER_PROFILES.ACR122U, READER_PROFILES.ACR1255U]
  const order: Order = { kind: 'load', id: 'x', amount: 1n, passcode: '' }
  const rows = profiles.map((profile) => {
    const { apdus, bytesOut, bytesIn } = blockTillFor(profile).cost(order)
    return [profile.name, profile.blocksPerCommand, apdus, bytesOut, bytesIn].map(String)
  })
  expect(rowsAfter(block, '### Cost')).toEqual(rows)
})

const keys = example(block, 'keys')
const issued = example(block, 'issue')
const paid = example(block, 'pay')
const master = keys('master')
const uid = keys('uid')
const officeKey = publicKeyFrom(keys('office public key'))
const tillKey = publicKeyFrom(keys('till 7 public key'))
const card = parseCardId('0011223344556677')
const keyOf = (maker: number) => ({ 0: officeKey, 7: tillKey })[maker]

describe('the examples', () => {
  test('keys', () => {
    const { encryption, iv } = chipKeys(master, uid)
    expect([encryption, iv]).toEqual([keys('encryption key'), keys('iv')])
    for (const sector of [1, 2, 7]) {
      const { A, B } = sectorKeys(master, uid, sector)
      expect([A, B]).toEqual([keys(`sector ${sector} key A`), keys(`sector ${sector} key B`)])
    }
  })

  test.for([
    [
      'issue',
      issued,
      officeKey,
      { kind: 'issue', vendor: 0, sequence: 0, balance: 10_000n },
      Date.UTC(2020, 8, 8, 12, 0),
    ],
    [
      'pay',
      paid,
      tillKey,
      { kind: 'pay', vendor: 7, sequence: 1, balance: 9500n },
      Date.UTC(2020, 8, 8, 12, 3),
    ],
  ] as const)('block: %s', ([, shown, signer, fields, timestamp]) => {
    const { encryption, iv } = chipKeys(master, uid)
    const bytes = shown('block')
    expect(aesCbcEncrypt(encryption, iv, shown('content'))).toEqual(bytes.slice(0, 64))
    expect(aesCbcDecrypter(encryption, iv)(bytes.slice(0, 64))).toEqual(shown('content'))
    expect(bytes.slice(64, 72)).toEqual(shown('header'))
    expect(passcodeHmac('4821', shown('hmacKey'))).toEqual(shown('passcodeHmac'))
    expect(openBlock(bytes, { encryption, iv })).toEqual({
      ...fields,
      currency: 840,
      generation: 1,
      card,
      timestamp,
      hmacKey: shown('hmacKey'),
      passcodeHmac: shown('passcodeHmac'),
    })
    expect(blockSignedBy(bytes, signer)).toBe(true)
    expect(blockDigest(bytes)).toEqual(shown('digest'))
  })

  test('plan, and the pages that the desk writes by it', async () => {
    const plan = planCard(master, { uid, card, currency: 840, block: issued('block') })
    expect(plan).toEqual(issued('plan'))
    const chip = new Chip(uid)
    expect(await chip.write(plan)).toBe('written')
    const image = chip.nvm.snapshot()
    const pages = exampleOf(block, 'pages')
    expect(pages.map(([page]) => Number(page))).toEqual(
      Array.from({ length: 16 }, (_, index) => index + 4),
    )
    for (const [page, content] of pages) {
      const start = Number(page) * 16
      expect(toHex(image.slice(start, start + 16))).toBe(toHex(content))
    }
  })

  test('evidence, as the office reads it', () => {
    const secrets = tillSecrets.encode({ master })
    const verdict = blockOffice.verify(paid('evidence'), { secrets, keyOf })
    expect(verdict).toMatchObject({
      ok: true,
      entry: {
        card,
        sequence: 1,
        kind: 'pay',
        amount: 500n,
        balance: 9500n,
        maker: 7,
        policyVersion: 1,
        digest: digestOf(paid('digest')),
        predecessor: { digest: digestOf(issued('digest')), balance: 10_000n, shown: true },
        findings: [],
      },
    })
    expect(evidence.decode(paid('evidence')).tokens).toEqual([example(token, 'token')('token')])
  })

  test('token', () => {
    const shown = example(token, 'token')
    expect(tokenSignedBy(officeKey, shown('token'))).toBe(true)
    expect(tokenDigest(shown('token'))).toEqual(shown('digest'))
    expect(decodeToken(shown('token'))).toEqual({
      product: 3,
      price: 500n,
      currency: 840,
      madeAt: Date.UTC(2020, 8, 1),
      till: 7,
      nonce: shown('nonce'),
    })
  })
})

describe('the dialogue', () => {
  const world = new World()
  afterAll(() => world.close())

  test('of a tap that finishes a record, APDU by APDU', async () => {
    const till = world.till(7)
    till.stock([example(token, 'token')('token')])
    const { journal, ...desk } = till.desk
    const tokens = journal.tokensFor([{ product: 3, quantity: 1 }]) ?? []
    const order: Order = {
      kind: 'pay',
      id: 'example',
      amount: 500n,
      products: [],
      passcode: '4821',
    }
    journal.intend({
      orderId: order.id,
      scheme: 'block',
      card,
      sequence: 1,
      kind: 'pay',
      amount: 500n,
      balanceAfter: 9500n,
      madeAt: Date.UTC(2020, 8, 8, 12, 3),
      digest: digestOf(paid('digest')),
      evidence: paid('evidence'),
      tokens,
    })
    const chip = new Chip(uid)
    await chip.write(issued('plan'))
    const dialogue: string[] = []
    const result = await chip.tapped(async () => {
      const channel = inProcessChannel({
        atr: chip.field.atr,
        transmit(apdu) {
          const answer = chip.field.transmit(apdu)
          dialogue.push(`=> ${toHex(apdu)}`, `<= ${toHex(answer)}`)
          return answer
        },
      })
      const secrets = tillSecrets.encode({ master })
      return blockTillFor(chip.profile).perform(channel, order, {
        ...desk,
        journal,
        secrets,
        keyOf,
      })
    })
    expect(dialogue.join('\n')).toBe(/```example tap\n([^]*?)\n```/.exec(block)?.[1])
    expect(result).toMatchObject({
      result: 'done',
      record: { state: 'confirmed', orderId: 'example' },
      view: { card, currency: USD, balance: 9500n, sequence: 1, lastMaker: 7 },
    })
  })
})
