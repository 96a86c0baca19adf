import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError, InvariantError } from '../../src/kernel/errors.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { Field } from '../../src/card/field.ts'
import { decodeCardImage, encodeCardImage, type CardImage } from '../../src/card/image.ts'
import {
  CardKinds,
  classicKind,
  isoKind,
  multiflexKind,
  type StoredCard,
} from '../../src/card/image-kinds.ts'
import { isoCardNvm, type IsoCardDesign } from '../../src/card/iso-card.ts'
import { IsoFiles } from '../../src/card/iso/files.ts'
import { deliveredImage } from '../../src/card/mifare-classic.ts'
import { deliveredMultiflex } from '../../src/card/multiflex/delivery.ts'
import { UID } from './cards.ts'
import { AID, countingRandom, send, SumApplet } from './iso-applets.ts'

const DESIGN: IsoCardDesign = {
  applets: [new SumApplet()],
  root: new IsoFiles({ size: 300 }),
  historicalBytes: utf8('sum'),
}
const kinds = new CardKinds([
  classicKind(),
  multiflexKind('3K'),
  multiflexKind('8K'),
  isoKind('sum', DESIGN),
])
const random = countingRandom()
const multiflex = (model: '3K' | '8K') =>
  deliveredMultiflex(model, { serial: fromHex('0102030405060708'), random })

const IMAGE: CardImage = {
  kind: 'sum',
  atr: fromHex('3b8380010073756dec'),
  pageSize: 16,
  memory: fromHex('a1a2a3a4'),
}

test('byte by byte', () => {
  const body = [
    toHex(utf8('kontant-card')),
    '01',
    `0003${toHex(utf8('sum'))}`,
    '00093b8380010073756dec',
    '0010',
    '00000004a1a2a3a4',
  ].join('')
  expect(toHex(encodeCardImage(IMAGE))).toBe(body + toHex(sha256(fromHex(body))))
  expect(decodeCardImage(encodeCardImage(IMAGE))).toEqual(IMAGE)
})

describe('no image', () => {
  const whole = encodeCardImage(IMAGE)
  const at = (offset: number, text: string) => {
    const changed = whole.slice()
    changed.set(fromHex(text), offset)
    return changed
  }
  /** With a digest that fits. */
  const digested = (bytes: Bytes) => concat(bytes.slice(0, -32), sha256(bytes.subarray(0, -32)))
  test.each<[string, Bytes, string]>([
    ['nothing', new Uint8Array(), 'image.magic'],
    ['another beginning', at(0, '00'), 'image.magic'],
    ['another version', digested(at(12, '02')), 'image.version'],
    ['a kind in capitals', digested(at(15, '53')), 'image.kind'],
    ['a kind that is not ASCII', digested(at(15, 'ff')), 'image.kind'],
    ['a kind that is too long', digested(at(13, '0021')), 'image.kind.length'],
    ['an answer to reset that is too long', digested(at(18, '0022')), 'image.atr.length'],
    ['pages of no bytes', digested(at(29, '0000')), 'image.pageSize'],
    ['a memory that is too long', digested(at(31, '00100001')), 'image.memory.length'],
    ['a memory that is cut off', digested(at(31, '00000025')), 'image.memory'],
    ['a changed memory', at(35, 'a0'), 'image.digest'],
    ['a changed digest', at(whole.length - 1, '00'), 'image.digest'],
    ['cut off', whole.slice(0, -1), 'image.digest'],
    ['more behind it', concat(whole, Uint8Array.of(0)), 'image'],
  ])('%s', (_, bytes, field) => {
    expect(() => decodeCardImage(bytes)).toThrow(FormatError)
    expect(() => decodeCardImage(bytes)).toThrow(`${field}: `)
  })

  test.each<[string, Partial<CardImage>, string]>([
    ['no kind', { kind: '' }, 'image.kind'],
    ['a kind that is no name', { kind: 'a b' }, 'image.kind'],
    ['a kind of 33 letters', { kind: 'a'.repeat(33) }, 'image.kind'],
    ['no answer to reset', { atr: Uint8Array.of(0x3b) }, 'image.atr'],
    ['pages of 65,536 bytes', { pageSize: 0x10000 }, 'image.pageSize'],
  ])('none is made of %s', (_, change, field) => {
    expect(() => encodeCardImage({ ...IMAGE, ...change })).toThrow(`${field}: `)
  })
})

test('any bytes at all, with and without what an image begins with', () => {
  const whole = encodeCardImage(IMAGE)
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, byte]) => whole.with(at, byte)),
    fc.nat(whole.length - 1).map((size) => whole.slice(0, size)),
  )
  fc.assert(
    fc.property(hostile, (bytes) => {
      try {
        expect(encodeCardImage(decodeCardImage(bytes))).toEqual(new Uint8Array(bytes))
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})

describe('a card survives the run', () => {
  /** The same card in another reader, a day later. */
  const reopened = (stored: StoredCard) => {
    const again = kinds.open(stored.save(), countingRandom())
    expect(again.kind).toBe(stored.kind)
    expect(again.card.atr).toEqual(stored.card.atr)
    return inserted(again)
  }
  const inserted = ({ card }: StoredCard) => {
    const field = new Field(card)
    field.powerOn()
    return (apdu: string) => send(field, apdu)
  }

  test('MIFARE Classic', () => {
    const stored = kinds.put('mifare-classic-1k', deliveredImage(UID), random)
    const open = ['ff82000006ffffffffffff', 'ff860000050100046000']
    const first = inserted(stored)
    for (const apdu of open) first(apdu)
    expect(first(`ffd6000410${'ab'.repeat(16)}`)).toBe('9000')
    const second = reopened(stored)
    for (const apdu of open) second(apdu)
    expect(second('ffb0000410')).toBe(`${'ab'.repeat(16)}9000`)
  })

  test.each(['3K', '8K'] as const)('Multiflex %s', (model) => {
    const stored = kinds.put(`multiflex-${model.toLowerCase()}`, multiflex(model), random)
    inserted(stored)
    const second = reopened(stored)
    expect(second('c0a40000020002')).toMatch(/^61/)
    expect(second('c0b0000008')).toBe('01020304050607089000')
  })

  test('applets and files', () => {
    const stored = kinds.put('sum', isoCardNvm(DESIGN).snapshot(), random)
    const select = `00a4040009${toHex(AID)}`
    const first = inserted(stored)
    expect(first('00e000000d620b82010183022f0080020004')).toBe('9000')
    for (const apdu of [select, '80200000012a', '801000000107']) first(apdu)
    const second = reopened(stored)
    expect(second('00a4000c022f00')).toBe('9000')
    for (const apdu of [select, '80200000012a']) second(apdu)
    expect(second('80100000010000')).toBe('000000079000')
  })

  test('a dump of a MIFARE Classic without header', () => {
    const stored = kinds.open(deliveredImage(UID), random)
    expect(stored.kind.name).toBe('mifare-classic-1k')
    expect(inserted(stored)('ffca000000')).toBe(`${toHex(UID)}9000`)
    expect(stored.nvm.snapshot()).toEqual(deliveredImage(UID))
  })
})

describe('a file that does not fit its kind', () => {
  const good = decodeCardImage(kinds.put('sum', isoCardNvm(DESIGN).snapshot(), random).save())
  test.each<[string, Bytes, string]>([
    ['no kind that is known', encodeCardImage({ ...good, kind: 'wallet' }), 'image.kind'],
    ['the memory of another', encodeCardImage({ ...good, kind: 'multiflex-3k' }), 'image.memory'],
    ['no whole memory', encodeCardImage({ ...good, memory: good.memory.slice(1) }), 'image.memory'],
    ['another answer to reset', encodeCardImage({ ...good, atr: IMAGE.memory }), 'image.atr'],
    ['other pages', encodeCardImage({ ...good, pageSize: 16 }), 'image.pageSize'],
    ['no dump either', new Uint8Array(1000), 'mfd'],
    ['a dump with another check character', deliveredImage(UID).with(4, 0), 'mfd.bcc'],
    [
      'an image of such a dump',
      encodeCardImage({
        ...decodeCardImage(kinds.put('mifare-classic-1k', deliveredImage(UID), random).save()),
        memory: deliveredImage(UID).with(4, 0),
      }),
      'mfd.bcc',
    ],
  ])('%s', (_, file, field) => {
    expect(() => kinds.open(file, random)).toThrow(FormatError)
    expect(() => kinds.open(file, random)).toThrow(`${field}: `)
  })
})

test('two kinds of one name are our own mistake', () => {
  expect(() => new CardKinds([classicKind(), classicKind()])).toThrow(InvariantError)
})
