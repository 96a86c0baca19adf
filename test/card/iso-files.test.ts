import { afterAll, describe, expect, test } from 'vitest'
import { utf8, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { InvariantError } from '../../src/kernel/errors.ts'
import { decodeTemplate, decodeTlv, encodeTlv } from '../../src/kernel/tlv.ts'
import { EEPROM_CHIP, SECURE_ELEMENT, type Chip } from '../../src/card/chip-times.ts'
import { isoCardNvm } from '../../src/card/iso-card.ts'
import { IsoFiles } from '../../src/card/iso/files.ts'
import { contact } from '../../src/card/iso/link.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { AID, insertedCard, SumApplet } from './iso-applets.ts'

const PIN = digits('1234')
const PUK = digits('87654321')
const NEW_PIN = digits('4321')
const WRONG = digits('0000')

/** A PIN as it is sent: 8 bytes, filled up with 00. */
function digits(text: string): string {
  return toHex(utf8(text)).padEnd(16, '0')
}

const PINS = {
  1: { pin: fromHex(PIN), unblocking: fromHex(PUK), tries: 3 },
  2: { pin: fromHex(digits('22222222')), unblocking: fromHex(digits('99')), tries: 1 },
} as const

/** CREATE FILE with these parameters, in hexadecimal. */
function create(parameters: string, template = 0x62): string {
  return withData('00e00000', toHex(encodeTlv(template, hex(parameters))))
}

function hex(text: string): Bytes {
  return fromHex(text.replaceAll(' ', ''))
}

function withData(header: string, data: string, le = ''): string {
  const size = (data.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')
  return `${header}${size}${data}${le}`
}

const TRANSPARENT = create('80020010 820101 83022f00')
const DIRECTORY = create('81020100 820138 83025f00')
const LINEAR = create('82050221000403 83022f01 8002 0010')
const VARIABLE = create('80020010 820104 83022f02')
const CYCLIC = create('82050621000403 83022f03')
/** Read with PIN 1, write with PIN 2, never append; activate with PIN 1, deactivate with PIN 2. */
const GUARDED = create('80020004 820101 83022f04 8c061f1112ff1211')

const verify = (pin: string, number = 1) => `0020000${number}08${pin}`

function card(chip: Chip = SECURE_ELEMENT) {
  const root = new IsoFiles({ size: 1500, pins: PINS })
  return insertedCard({ root, chip, applets: [new SumApplet()] })
}

/** The last answer of a new card. */
function answerTo(...apdus: readonly string[]): string {
  const { send } = card()
  return apdus.map(send).at(-1) ?? ''
}

const MASTER_FCP = '8102 05dc 820138 83023f00 8a0105 8c06 1f 0000000000'

describe('SELECT', () => {
  const inside = [DIRECTORY, TRANSPARENT]
  test.each<[string, readonly string[], string, string]>([
    ['the master file', [], '00a40000023f0000', 'MF'],
    ['the master file without its identifier', [DIRECTORY], '00a4000000', 'MF'],
    ['the master file from a directory', [DIRECTORY], '00a40000023f0000', 'MF'],
    ['a file', [TRANSPARENT], '00a40000022f0000', '2f00'],
    ['a file of the current directory', inside, '00a40000022f0000', '2f00'],
    ['the directory itself', inside, '00a40000025f0000', '5f00'],
    ['the directory above', inside, '00a4030000', 'MF'],
    ['above the master file', [], '00a4030000', 'MF'],
    ['above, of a file: its directory’s', inside, '00a4030000', 'MF'],
    ['above with an identifier', inside, '00a40300023f0000', '6700'],
    ['a child directory', [DIRECTORY, '00a4000000'], '00a40100025f0000', '5f00'],
    ['a child directory that is a file', [TRANSPARENT], '00a40100022f0000', '6a82'],
    ['a child file', [TRANSPARENT], '00a40200022f0000', '2f00'],
    ['a child file that is a directory', [DIRECTORY, '00a4000000'], '00a40200025f0000', '6a82'],
    ['a child that is not there', [], '00a40100025f0000', '6a82'],
    ['a path from the master file', inside, '00a40800045f002f0000', '2f00'],
    ['a path of one', inside, '00a40800025f0000', '5f00'],
    ['a path through a file', [TRANSPARENT], '00a40800042f002f0000', '6a82'],
    ['a path from the directory', inside, '00a40900022f0000', '2f00'],
    ['a path with the master file in it', inside, '00a40800063f005f002f0000', '6a82'],
    ['half a path', inside, '00a40800035f002f00', '6700'],
    ['no path', inside, '00a4080000', '6700'],
    ['by a path that is not there', inside, '00a40800045f005f0100', '6a82'],
    ['by name', [], '00a4040005a00000000300', '6a82'],
    ['one byte of an identifier', [], '00a40000013f00', '6700'],
    ['what is not there', [TRANSPARENT], '00a40000022f0100', '6a82'],
    ['of another kind', [], '00a40500023f0000', '6a86'],
    ['file management data', [], '00a40008023f0000', '6a86'],
    ['the next occurrence', [], '00a40002023f0000', '6a86'],
    ['without an answer', [], '00a4000c023f00', '9000'],
    ['by path, without an answer', inside, '00a4080c045f002f00', '9000'],
    ['what is deactivated', [TRANSPARENT, '00040000'], '00a4000c022f00', '6283'],
    [
      'in what is deactivated',
      [...inside, '00a40300', '00a4010c025f00', '00040000'],
      '00a4000c022f00',
      '6985',
    ],
    ['by a path, in what is deactivated', [DIRECTORY, '00040000'], '00a4080c045f002f00', '6985'],
  ])('%s', (_, before, apdu, expected) => {
    const answer = answerTo(...before, apdu)
    const id = expected === 'MF' ? '3f00' : expected
    if (/9000$/.test(answer) && answer.length > 4) {
      const fcp = decodeTemplate(decodeTlv(hex(answer.slice(0, -4)), 0x6f, 'fci'), 'fcp')
      expect(toHex(fcp.get(0x83) ?? new Uint8Array())).toBe(id)
    } else expect(answer).toBe(expected)
  })

  test('one that fails changes nothing', () => {
    const { send } = card()
    for (const apdu of [DIRECTORY, TRANSPARENT]) send(apdu)
    for (const failing of ['00a40800045f005f0100', '00a40000027f0000', '00a40008023f0000']) {
      send(failing)
      expect(send('00b0000004')).toBe('000000009000')
    }
  })
})

describe('file control parameters', () => {
  test('of the master file', () => {
    expect(answerTo('00a40004023f0000')).toBe(`6216${MASTER_FCP}9000`.replaceAll(' ', ''))
    expect(answerTo('00a40000023f0000')).toBe(`6f16${MASTER_FCP}9000`.replaceAll(' ', ''))
  })

  test.each([
    ['a transparent file', '80020010 820101 83022f00 8a0105 8c061f0000000000'],
    ['a directory', '81020100 820138 83025f00 8a0105 8c061f0000000000'],
    ['records', '80020010 82050221000403 83022f01 8a0105 8c061f0000000000'],
    ['a ring', '8002000c 82050621000403 83022f03 8a0105 8c061f0000000000'],
    ['rules', '80020004 820101 83022f04 8a0105 8c061f1112ff1211'],
    ['rules of a directory', '81020100 820138 83025f00 8a0105 8c061f11120000ff'],
  ])('of %s are those that it was made with', (_, parameters) => {
    const { send } = card()
    expect(send(create(parameters))).toBe('9000')
    const id = /8302(....)/.exec(parameters)?.[1]
    expect(send(`00a40004 02${id ?? ''} 00`)).toBe(toHex(encodeTlv(0x62, hex(parameters))) + '9000')
  })

  test('what is left out is told', () => {
    const { send } = card()
    send(create('820104 83022f02 80020010'))
    expect(send('00a40004022f0200')).toBe(
      toHex(encodeTlv(0x62, hex('80020010 8205042100ff00 83022f02 8a0105 8c061f0000000000'))) +
        '9000',
    )
  })
})

describe('CREATE FILE', () => {
  const ok = '820101 83022f00 80020010'
  test.each([
    ['as OpenSC sends it', create('81020010 820101 83022f00', 0x6f), '9000'],
    ['in any order', create('83022f00 80020010 820101'), '9000'],
    ['with a data coding byte', create('82020121 83022f00 80020010'), '9000'],
    ['deactivated', create(`${ok} 8a0104`), '9000'],
    ['rules for some only', create(`${ok} 8c020100`), '9000'],
    ['no rules: never', create(`${ok} 8c0100`), '9000'],
    ['P1', TRANSPARENT.replace('00e00000', '00e00100'), '6a86'],
    ['P2', TRANSPARENT.replace('00e00000', '00e00001'), '6a86'],
    ['no data', '00e00000', '6700'],
    ['another template', create(ok, 0x64), '6a80'],
    ['two templates', withData('00e00000', '6200 6200'), '6a80'],
    ['no template', withData('00e00000', ok), '6a80'],
    ['a template that is cut off', withData('00e00000', '620b 820101'), '6a80'],
    ['no descriptor', create('83022f00 80020010'), '6a80'],
    ['no identifier', create('820101 80020010'), '6a80'],
    ['an identifier of one byte', create('820101 83012f 80020010'), '6a80'],
    ['no size', create('820101 83022f00'), '6a80'],
    ['two sizes', create(`${ok} 81020010`), '6a80'],
    ['a size of one byte', create('820101 83022f00 800110'), '6a80'],
    ['a size of three bytes', create('820101 83022f00 8003000010'), '6a80'],
    ['one tag twice', create(`${ok} 83022f00`), '6a80'],
    ['a name', create(`${ok} 8405f000000001`), '6a80'],
    ['a short identifier', create(`${ok} 880108`), '6a80'],
    ['a kind that is none', create('820100 83022f00 80020010'), '6a80'],
    ['a shareable file', create('820141 83022f00 80020010'), '6a80'],
    ['another data coding', create('82020101 83022f00 80020010'), '6a80'],
    ['records in a transparent file', create('82050121000403 83022f00 80020010'), '6a80'],
    ['a ring without records', create('820106 83022f00 80020010'), '6a80'],
    ['a ring of no records', create('82050621000400 83022f00 80020010'), '6a80'],
    ['records of no bytes', create('82050221000003 83022f00 80020010'), '6a80'],
    ['records of more than 255 bytes', create('82050221010101 83022f00 80020110'), '6a80'],
    ['records that do not fit', create('82050221000404 83022f00 8002000f'), '6a80'],
    ['a number of records in two bytes', create('8206022100040003 83022f00'), '6a80'],
    ['the master file’s identifier', create('820101 83023f00 80020010'), '6a89'],
    ['the current path', create('820101 83023fff 80020010'), '6a80'],
    ['the identifier FFFF', create('820101 8302ffff 80020010'), '6a80'],
    ['PIN 1', create('820101 83020000 80020017'), '6a80'],
    ['PIN 2', create('820101 83020100 80020017'), '6a80'],
    ['a life cycle that is none', create(`${ok} 8a0106`), '6a80'],
    ['a life cycle of two bytes', create(`${ok} 8a020505`), '6a80'],
    ['a rule that needs a key', create(`${ok} 8c020121`), '6a80'],
    ['a third PIN', create(`${ok} 8c020113`), '6a80'],
    ['a rule to delete itself', create(`${ok} 8c024000`), '6a80'],
    ['a mode that is none', create(`${ok} 8c0140`), '6a80'],
    ['too few conditions', create(`${ok} 8c020300`), '6a80'],
    ['too many conditions', create(`${ok} 8c03010000`), '6a80'],
    ['no access mode', create(`${ok} 8c00`), '9000'],
    ['expanded format', create(`${ok} ab00`), '6a80'],
    ['directories and files apart', create('820138 83025f00 81020010 8c03060011'), '6a80'],
    ['directories only', create('820138 83025f00 81020010 8c020400'), '9000'],
    ['more than there is', create('820101 83022f00 80020600'), '6a84'],
    ['of secure messaging', `0c${TRANSPARENT.slice(2)}`, '6882'],
  ])('%s', (_, apdu, expected) => {
    const { card: made, send } = card()
    const before = made.nvm.snapshot()
    expect(send(apdu)).toBe(expected)
    if (expected !== '9000') expect(made.nvm.snapshot()).toEqual(before)
  })

  test('the same identifier again', () => {
    expect(answerTo(TRANSPARENT, TRANSPARENT)).toBe('6a89')
    expect(answerTo(DIRECTORY, create('820101 83025f00 80020010'))).toBe('6a89')
    expect(answerTo(TRANSPARENT, DIRECTORY, TRANSPARENT)).toBe('9000')
  })

  test('what is made is selected', () => {
    expect(answerTo(TRANSPARENT, '00d6000001aa', '00b0000002')).toBe('aa009000')
    expect(answerTo(DIRECTORY, TRANSPARENT, '00a4080c022f00')).toBe('6a82')
  })
})

describe('transparent files', () => {
  const written = [TRANSPARENT, `00d6000010${'0102030405060708'.repeat(2)}`]
  test.each<[string, readonly string[], string, string]>([
    ['all', written, '00b0000000', `${'0102030405060708'.repeat(2)}9000`],
    ['some', written, '00b0000203', '0304059000'],
    ['the end', written, '00b0000f01', '089000'],
    ['beyond the end', written, '00b0000f02', '086282'],
    ['from the end on', written, '00b0001001', '6b00'],
    ['without Le', written, '00b00000', '6700'],
    ['with data', written, '00b000000100', '6700'],
    ['by a short identifier', written, '00b0810001', '6a86'],
    ['no file', [], '00b0000001', '6986'],
    ['a directory', [DIRECTORY], '00b0000001', '6986'],
    ['records', [LINEAR], '00b0000001', '6981'],
    ['what is deactivated', [...written, '00040000'], '00b0000001', '6985'],
    ['what is activated again', [...written, '00040000', '00440000'], '00b0000001', '019000'],
    ['what is guarded', [GUARDED], '00b0000001', '6982'],
    ['what is guarded, with the PIN', [GUARDED, verify(PIN)], '00b0000001', '009000'],
    ['write in the middle', [...written, '00d6000202aabb'], '00b0000104', '02aabb059000'],
    ['write over the end', written, '00d6000f02aabb', '6b00'],
    ['write beyond the end', written, '00d6001001aa', '6b00'],
    ['write nothing', written, '00d60000', '6700'],
    ['write by a short identifier', written, '00d6810001aa', '6a86'],
    ['write records', [LINEAR], '00d6000001aa', '6981'],
    ['write what is guarded', [GUARDED, verify(PIN)], '00d6000001aa', '6982'],
    ['write with the other PIN', [GUARDED, verify(digits('22222222'), 2)], '00d6000001aa', '9000'],
    ['what nobody may read: a PIN', ['00a4000c020000'], '00b0000008', '6982'],
    ['what nobody may write: a PIN', ['00a4000c020000'], '00d6000001ff', '6982'],
  ])('%s', (_, before, apdu, expected) => {
    expect(answerTo(...before, apdu)).toBe(expected)
  })
})

describe('records', () => {
  const fixed = [LINEAR, '00dc010404a1a1a1a1', '00dc020404a2a2a2a2']
  const ring = [CYCLIC, '00e2000004b1b1b1b1', '00e2000004b2b2b2b2']
  test.each<[string, readonly string[], string, string]>([
    ['by number', fixed, '00b2020400', 'a2a2a2a29000'],
    ['the first', fixed, '00b2000000', 'a1a1a1a19000'],
    ['the last', fixed, '00b2000100', '000000009000'],
    ['the next: the first', fixed, '00b2000200', 'a1a1a1a19000'],
    ['the next of the first', [...fixed, '00b2000000'], '00b2000200', 'a2a2a2a29000'],
    ['the one before the last', [...fixed, '00b2000100'], '00b2000300', 'a2a2a2a29000'],
    ['the current one', [...fixed, '00b2000000', '00b2000200'], '00b2000400', 'a2a2a2a29000'],
    [
      'a number moves nothing',
      [...fixed, '00b2000000', '00b2030400'],
      '00b2000400',
      'a1a1a1a19000',
    ],
    ['the current one, of none', fixed, '00b2000400', '6a83'],
    ['before the first', [...fixed, '00b2000000'], '00b2000300', '6a83'],
    ['more than there are', fixed, '00b2040400', '6a83'],
    ['by another record identifier', fixed, '00b2010000', '6a86'],
    ['all from here on', fixed, '00b2010500', '6a86'],
    ['by a short identifier', fixed, '00b2010c00', '6a86'],
    ['without Le', fixed, '00b20104', '6700'],
    ['less than one', fixed, '00b2010401', 'a16103'],
    ['of a transparent file', [TRANSPARENT], '00b2010400', '6981'],
    ['of no file', [], '00b2010400', '6986'],
    ['write one that is too short', fixed, '00dc010403a1a1a1', '6a80'],
    ['write one that is not there', fixed, '00dc040404a1a1a1a1', '6a83'],
    ['write nothing', fixed, '00dc0104', '6700'],
    ['append', fixed, '00e2000004a4a4a4a4', '9000'],
    ['what is appended', [...fixed, '00e2000004a4a4a4a4'], '00b2040400', 'a4a4a4a49000'],
    ['append beyond the size', [...fixed, '00e2000004a4a4a4a4'], '00e2000004a5a5a5a5', '6a84'],
    ['append one that is too long', fixed, '00e2000005a4a4a4a4a4', '6a80'],
    ['append nothing', fixed, '00e20000', '6700'],
    ['append with P1', fixed, '00e2010004a4a4a4a4', '6a86'],
    ['append by a short identifier', fixed, '00e2000804a4a4a4a4', '6a86'],
    ['append to a transparent file', [TRANSPARENT], '00e20000 01 aa', '6981'],
    ['append where it is not allowed', [GUARDED, verify(PIN)], '00e2000001aa', '6981'],
    [
      'append lengths of their own',
      [VARIABLE, '00e2000003c1c1c1', '00e2000001c2'],
      '00b2020400',
      'c29000',
    ],
    ['the newest of a ring', ring, '00b2010400', 'b2b2b2b29000'],
    ['the one before in a ring', ring, '00b2020400', 'b1b1b1b19000'],
    [
      'the oldest of a ring is overwritten',
      [...ring, '00e2000004b3b3b3b3', '00e2000004b4b4b4b4'],
      '00b2030400',
      'b2b2b2b29000',
    ],
  ])('%s', (_, before, apdu, expected) => {
    expect(answerTo(...before, apdu)).toBe(expected)
  })
})

describe('DELETE FILE', () => {
  test.each<[string, readonly string[], string, string]>([
    ['a file', [TRANSPARENT], '00e40000022f00', '9000'],
    [
      'a directory with a file in it',
      [DIRECTORY, TRANSPARENT, '00a40000'],
      '00e40000025f00',
      '9000',
    ],
    ['what is not here', [DIRECTORY], '00e40000022f00', '6a82'],
    ['the master file', [], '00e40000023f00', '6a82'],
    ['nothing', [TRANSPARENT], '00e40000', '6700'],
    ['with P1', [TRANSPARENT], '00e40100022f00', '6a86'],
    [
      'where it is not allowed',
      [create('81020100 820138 83025f00 8c020200'), TRANSPARENT],
      '00e40000022f00',
      '6982',
    ],
    ['again', [TRANSPARENT, '00e40000022f00'], '00e40000022f00', '6a82'],
    [
      'and make it again: it is empty',
      [TRANSPARENT, '00d6000001aa', '00e40000022f00', TRANSPARENT],
      '00b0000001',
      '009000',
    ],
    ['the selected one: none is selected', [TRANSPARENT, '00e40000022f00'], '00b0000001', '6986'],
  ])('%s', (_, before, apdu, expected) => {
    expect(answerTo(...before, apdu)).toBe(expected)
  })
})

describe('ACTIVATE and DEACTIVATE', () => {
  const off = [TRANSPARENT, '00040000']
  test.each<[string, readonly string[], string, string]>([
    ['off', [TRANSPARENT], '00040000', '9000'],
    ['off again', off, '00040000', '6985'],
    ['on', off, '00440000', '9000'],
    ['a life cycle', off, '00a40000022f0000', '6283'],
    ['off by P1', [TRANSPARENT], '00040100', '6a86'],
    ['off with data', [TRANSPARENT], '000400000100', '6700'],
    ['off where it is not allowed', [GUARDED, verify(PIN)], '00040000', '6982'],
    ['off where it is', [GUARDED, verify(digits('22222222'), 2)], '00040000', '9000'],
    ['a PIN', ['00a4000c020000'], '00040000', '6982'],
  ])('%s', (_, before, apdu, expected) => {
    expect(answerTo(...before, apdu).slice(-4)).toBe(expected)
  })
})

describe('PIN', () => {
  const miss = verify(WRONG)
  const change = (old: string, next: string) => `0024000110${old}${next}`
  const unblock = (puk: string, next: string) => `002c000110${puk}${next}`
  const blocked = [miss, miss, miss]
  test.each<[string, readonly string[], string, string]>([
    ['right', [], verify(PIN), '9000'],
    ['wrong', [], miss, '63c2'],
    ['wrong twice', [miss], miss, '63c1'],
    ['wrong three times', [miss, miss], miss, '6983'],
    ['right after that', blocked, verify(PIN), '6983'],
    ['right in between gives the tries back', [miss, miss, verify(PIN)], miss, '63c2'],
    ['how many tries', [miss], '00200001', '63c2'],
    ['how many tries of none', blocked, '00200001', '6983'],
    ['too short', [], '002000010431323334', '6700'],
    ['with P1', [], `0020010108${PIN}`, '6a86'],
    ['of no number', [], verify(PIN, 0), '6a88'],
    ['of another number', [], verify(PIN, 3), '6a88'],
    ['the second has one try', [], verify(PIN, 2), '6983'],
    ['one is not the other', [GUARDED, verify(digits('22222222'), 2)], '00b0000001', '6982'],
    ['a wrong try takes the right one back', [GUARDED, verify(PIN), miss], '00b0000001', '6982'],
    ['change', [], change(PIN, NEW_PIN), '9000'],
    ['the new one', [change(PIN, NEW_PIN)], verify(NEW_PIN), '9000'],
    ['the old one', [change(PIN, NEW_PIN)], verify(PIN), '63c2'],
    ['change from a wrong one', [], change(WRONG, NEW_PIN), '63c2'],
    ['and the old one holds', [change(WRONG, NEW_PIN)], verify(PIN), '9000'],
    ['change to one that fits all', [], change(PIN, 'ffffffffffffffff'), '6a80'],
    ['change to one that fits many', [], change(PIN, '31323334000000ff'), '6a80'],
    ['change without the old one', [], `0024000108${NEW_PIN}`, '6700'],
    ['change what is blocked', blocked, change(PIN, NEW_PIN), '6983'],
    ['unblock', blocked, unblock(PUK, NEW_PIN), '9000'],
    ['the new one after that', [...blocked, unblock(PUK, NEW_PIN)], verify(NEW_PIN), '9000'],
    ['all tries after that', [...blocked, unblock(PUK, NEW_PIN)], miss, '63c2'],
    ['unblock with a wrong one', blocked, unblock(PIN, NEW_PIN), '63c2'],
    [
      'unblock with a wrong one three times',
      [unblock(PIN, PIN), unblock(PIN, PIN)],
      unblock(PIN, PIN),
      '6983',
    ],
    ['unblock to one that fits all', blocked, unblock(PUK, 'ffffffffffffffff'), '6a80'],
    [
      'in a directory it is the master file’s',
      [DIRECTORY, GUARDED, verify(PIN)],
      '00b0000001',
      '009000',
    ],
    ['a reset forgets it', [], 'reset', '6982'],
    ['an applet forgets it', [], 'applet', '6982'],
  ])('%s', (_, before, apdu, expected) => {
    if (apdu !== 'reset' && apdu !== 'applet') {
      expect(answerTo(...before, apdu)).toBe(expected)
      return
    }
    const { field, send } = card()
    for (const step of [GUARDED, verify(PIN)]) expect(send(step)).toBe('9000')
    if (apdu === 'reset') field.powerOn()
    else send(withData('00a40400', toHex(AID)))
    expect(send('00a4000c022f04')).toBe('9000')
    expect(send('00b0000001')).toBe(expected)
  })

  test.each([
    ['of 7 bytes', { pin: new Uint8Array(7) }],
    ['that fits all', { pin: new Uint8Array(8).fill(0xff) }],
    ['that anybody unblocks', { unblocking: new Uint8Array(8).fill(0xff) }],
    ['with no tries', { tries: 0 }],
    ['with 16 tries', { tries: 16 }],
  ])('a design with one %s is our own mistake', (_, wrong) => {
    const root = new IsoFiles({ size: 100, pins: { 1: { ...PINS[1], ...wrong } } })
    expect(() => isoCardNvm({ applets: [], root })).toThrow(InvariantError)
  })
})

describe('GET CHALLENGE', () => {
  test.each([
    ['8 bytes', '0084000008', '01020304050607089000'],
    ['1 byte', '0084000001', '019000'],
    ['without Le', '00840000', '6700'],
    ['with P1', '0084010008', '6a86'],
    ['with data', '00840000010008', '6700'],
  ])('%s', (_, apdu, expected) => {
    expect(answerTo(apdu)).toBe(expected)
  })

  test('256 bytes', () => {
    expect(answerTo('0084000000').length).toBe(2 * 258)
  })
})

test.each([
  ['class', '80b0000001', '6e00'],
  ['secure messaging', '04b0000001', '6882'],
  ['secure messaging with a header that is checked', '0cb0000001', '6882'],
  ['instruction', '00f0000000', '6d00'],
])('unknown %s', (_, apdu, expected) => {
  expect(answerTo(TRANSPARENT, apdu)).toBe(expected)
})

describe('files and applets', () => {
  const applet = withData('00a40400', toHex(AID))

  test('an applet has all commands but SELECT', () => {
    const { send } = card()
    send(TRANSPARENT)
    expect(send(applet)).toBe('6109')
    expect(send('00b0000001')).toBe('6e00')
    expect(send('00a4000c027f00')).toBe('6a82')
    expect(send('8040000000')).toBe('010203049000')
    expect(send('00a4000c022f00')).toBe('9000')
    expect(send('00b0000001')).toBe('009000')
    expect(send('8040000000')).toBe('6e00')
  })

  test('a master file that allows nothing', () => {
    const root = new IsoFiles({ size: 100, rules: {} })
    const { send } = insertedCard({ root, applets: [] })
    expect(send(TRANSPARENT)).toBe('6982')
    expect(send('00e40000020000')).toBe('6982')
    expect(send('00040000')).toBe('6982')
  })
})

test('with T=0', () => {
  const root = new IsoFiles({ size: 300 })
  const { send } = insertedCard({ root, applets: [], link: contact('T=0') })
  expect(send(TRANSPARENT)).toBe('9000')
  expect(send('00a40000022f00')).toBe('6118')
  expect(send('00c0000018')).toMatch(/^6f16.*9000$/)
  expect(send('00b0000000')).toBe('6c10')
  expect(send('00b0000010')).toBe(`${'00'.repeat(16)}9000`)
})

describe.each([
  ['secure element', SECURE_ELEMENT],
  ['EEPROM', EEPROM_CHIP],
])('tears, %s', (name, chip) => {
  let cuts = 0
  afterAll(() => console.log(`files by ISO, ${name}: ${cuts} cuts`))

  const all = [TRANSPARENT, LINEAR, VARIABLE, CYCLIC, GUARDED, DIRECTORY, TRANSPARENT]
  /** What can be seen of all files, and of the first two records of each. */
  const look = (send: (apdu: string) => string) =>
    ['2f00', '2f01', '2f02', '2f03', '2f04', '5f00', '5f002f00', '2f05'].map((path) => [
      send(withData('00a40804', path, '00')),
      send('00b0000000'),
      send('00b2010400'),
      send('00b2020400'),
    ])

  test.each<[string, readonly string[], string]>([
    ['CREATE FILE', [], create('80020014 820101 83022f05')],
    ['DELETE FILE', [], '00e40000022f00'],
    ['DELETE FILE of a directory', [], '00e40000025f00'],
    ['UPDATE BINARY', ['00a4000c022f00'], `00d6000010${'ab'.repeat(16)}`],
    ['UPDATE RECORD', ['00a4000c022f01'], '00dc020404abababab'],
    ['APPEND RECORD', ['00a4000c022f01'], '00e2000004abababab'],
    ['APPEND RECORD to a variable one', ['00a4000c022f02'], '00e2000004abababab'],
    ['APPEND RECORD to a ring', ['00a4000c022f03'], '00e2000004abababab'],
    ['DEACTIVATE FILE', ['00a4000c022f00'], '00040000'],
  ])('%s', (_, before, apdu) => {
    const start = card(chip)
    for (const made of all) expect(start.send(made)).toBe('9000')
    start.send('00a40000')
    const image = start.card.nvm.snapshot()
    const old = look(start.send)

    /** The same card again, with the fuse in this command. */
    const run = (fuse?: Parameters<typeof start.card.nvm.arm>[0]) => {
      start.card.nvm.restore(image)
      start.field.powerOn()
      for (const step of before) expect(start.send(step)).toBe('9000')
      start.card.nvm.arm(fuse)
      const writes = start.card.nvm.writes
      const answer = start.send(apdu)
      start.card.nvm.arm(undefined)
      start.field.powerOn()
      return { answer, writes: start.card.nvm.writes - writes, seen: look(start.send) }
    }
    const whole = run()
    expect(whole.answer).toBe('9000')
    expect(whole.seen).not.toEqual(old)
    for (let atWrite = 1; atWrite <= whole.writes; atWrite++) {
      for (const tear of TEARS) {
        const { answer, seen } = run({ atWrite, tear })
        expect(answer).toBe('')
        expect([old, whole.seen]).toContainEqual(seen)
        cuts++
      }
    }
  })

  test('no tear gives a try back', () => {
    const start = card(chip)
    const image = start.card.nvm.snapshot()
    const first = start.card.nvm.writes
    expect(start.send(verify(WRONG))).toBe('63c2')
    const writes = start.card.nvm.writes - first
    let taken = false
    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      for (const tear of TEARS) {
        start.card.nvm.restore(image)
        start.field.powerOn()
        start.card.nvm.arm({ atWrite, tear })
        expect(start.send(verify(WRONG))).toBe('')
        start.field.powerOn()
        const left = start.send('00200001')
        // Before it was taken nothing was compared, and nothing learnt.
        expect(left).toBe(taken || left === '63c2' ? '63c2' : '63c3')
        taken ||= left === '63c2'
        cuts++
      }
    }
    expect(taken).toBe(true)
  })
})
