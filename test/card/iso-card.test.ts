import { afterAll, describe, expect, test } from 'vitest'
import { decodeCommand, response, SW } from '../../src/kernel/apdu.ts'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { InvariantError } from '../../src/kernel/errors.ts'
import { CHIP_OPERATIONS, type Applet } from '../../src/card/applet.ts'
import { EEPROM_CHIP, SECURE_ELEMENT } from '../../src/card/chip-times.ts'
import { LINK_CUTS } from '../../src/card/field.ts'
import { IsoCard, isoCardNvm } from '../../src/card/iso-card.ts'
import { answerToReset, contact, contactless } from '../../src/card/iso/link.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { AID, countingRandom, insertedCard, send, SumApplet } from './iso-applets.ts'

const SELECT = `00 a4 04 00 09 ${toHex(AID)} 00`
const SELECTED = `${toHex(AID)}9000`

describe('no APDU at all: 6700', () => {
  test.each([
    ['nothing', ''],
    ['one byte', '00'],
    ['three bytes', '00a404'],
    ['Lc and too little data', '00a4040003f04b'],
    ['Lc and too much data', '00a4040001f04b6f'],
    ['extended length, case 2', '00b00000000010'],
    ['extended length, case 3', '00a40400000001f0'],
    ['Lc 0 and Le', '00a404000000'],
  ])('%s', (_, apdu) => {
    expect(insertedCard().send(apdu)).toBe('6700')
  })
})

describe('class', () => {
  test.each([
    ['basic channel', '00', '6d00'],
    ['channel 1', '01', '6881'],
    ['channel 3', '03', '6881'],
    ['secure messaging is for the applet', '0c', '6e00'],
    ['command chaining', '10', '6884'],
    ['reserved', '20', '6e00'],
    ['reserved, with bits that would mean something', '33', '6e00'],
    ['channel 4', '40', '6881'],
    ['channel 19', '7f', '6881'],
    ['proprietary, known to nobody here', '80', '6e00'],
    ['proprietary, the last', 'fe', '6e00'],
    ['invalid', 'ff', '6e00'],
  ])('%s: %s', (_, cla, expected) => {
    expect(insertedCard().send(`${cla}100000`)).toBe(expected)
  })

  test.each([
    ['80', '6982'],
    ['84', '6e00'],
    ['0c', '6e00'],
    ['00', '6e00'],
    ['01', '6881'],
    ['10', '6884'],
    ['ff', '6e00'],
  ])('%s, with an applet that knows 80 only', (cla, expected) => {
    const { send: transmit } = insertedCard()
    transmit(SELECT)
    expect(transmit(`${cla}100000`)).toBe(expected)
  })
})

describe('SELECT by name', () => {
  const [first, second, other] = ['f000000001aa', 'f000000001bb', 'f000000002']
  const short = 'f000000001'
  const card = (...names: string[]) =>
    insertedCard({ applets: names.map((name) => new SumApplet(fromHex(name))) })
  const select = (name: string, p2 = '00') =>
    `00a404${p2}${(name.length / 2).toString(16).padStart(2, '0')}${name}00`

  test.each([
    ['the whole name', select(second), `${second}9000`],
    ['its beginning: the first', select(short), `${first}9000`],
    ['no more than the provider', select('f000000002'), `${other}9000`],
    ['less than the provider', select('f0000000'), '6a82'],
    ['no name', '00a4040000', '6a82'],
    ['more than the name', select(`${other}00`), '6a82'],
    ['a name of somebody else', select('a0000000031010'), '6a82'],
    ['of another kind than by name', '00a40000023f0000', '6a82'],
    ['without an answer', select(first, '0c'), '9000'],
    ['the next before any is current: the first', select(short, '02'), `${first}9000`],
    ['the next without an answer', select(short, '0e'), '9000'],
    ['the last', select(first, '01'), '6a86'],
    ['the one before', select(first, '03'), '6a86'],
    ['its file control parameters', select(first, '04'), '6a86'],
    ['its file management data', select(first, '08'), '6a86'],
    ['bits that are reserved', select(first, '10'), '6a86'],
    ['of secure messaging', `0c${select(first).slice(2)}`, '6e00'],
  ])('%s', (_, apdu, expected) => {
    expect(card(first, second, other).send(apdu)).toBe(expected)
  })

  test('the next, until there is none, and then the current one stays', () => {
    const { send: transmit } = card(first, other, second)
    expect(transmit(select(short))).toBe(`${first}9000`)
    expect(transmit(select(short, '02'))).toBe(`${second}9000`)
    expect(transmit('8020000001 2a')).toBe('9000')
    expect(transmit(select(short, '02'))).toBe('6a82')
    expect(transmit('8010000001 05 00')).toBe('000000059000')
  })

  test('the whole name goes before one that begins with it', () => {
    expect(card(first, short).send(select(short))).toBe(`${short}9000`)
  })

  test('the next after the whole name is one that begins with it', () => {
    const { send: transmit } = card(first, short)
    transmit(select(short))
    expect(transmit(select(short, '02'))).toBe(`${first}9000`)
    expect(transmit(select(short, '02'))).toBe('6a82')
  })

  test('one that finds nothing leaves the session as it was', () => {
    const { send: transmit } = card(first)
    transmit(select(first))
    transmit('80200000012a')
    expect(transmit(select('a0000000031010'))).toBe('6a82')
    expect(transmit('801000000105')).toBe('6104')
  })

  test.each([
    ['a reset', (inserted: ReturnType<typeof insertedCard>) => inserted.field.powerOn()],
    ['the selection of another', ({ send: transmit }) => void transmit(select(other))],
    ['its own selection', ({ send: transmit }) => void transmit(select(first))],
  ])('%s ends the session', (_, end) => {
    const inserted = card(first, other)
    inserted.send(select(first))
    inserted.send('80200000012a')
    end(inserted)
    inserted.send(select(first))
    expect(inserted.send('801000000105')).toBe('6982')
  })

  test('after a reset none is current', () => {
    const { field, send: transmit } = card(first)
    transmit(select(first))
    field.powerOn()
    expect(transmit('801000000105')).toBe('6e00')
  })
})

test('applets have memories of their own', () => {
  const names = ['f000000001', 'f000000002']
  const { send: transmit } = insertedCard({
    applets: names.map((name) => new SumApplet(fromHex(name))),
  })
  const add = (name: string, amount: string) => {
    transmit(`00a404000${name.length / 2}${name}00`)
    transmit('80200000012a')
    return transmit(`8010000001${amount}00`)
  }
  expect(names.map((name) => add(name, '05'))).toEqual(['000000059000', '000000059000'])
  expect(add('f000000001', '01')).toBe('000000069000')
})

describe('an applet for another one of its card', () => {
  const served = fromHex('f000000001')
  const client = fromHex('f000000002')
  const serving: Applet = {
    aid: served,
    memorySize: 1,
    open: () => ({ selected: response(SW.OK), process: () => response(SW.NOT_ALLOWED) }),
    // Counts in its own memory, and takes more than a link can carry.
    serve: ({ memory }, aid) => ({
      process: ({ data }) => {
        if (toHex(aid) !== toHex(client)) return response(SW.NOT_ALLOWED)
        memory.write({ offset: 0, bytes: memory.read(0, 1).map((count) => count + 1) })
        return response(SW.OK, concat(memory.read(0, 1), data))
      },
    }),
  }
  const ANY = decodeCommand(fromHex('80000000'))
  /** Asks the applet that it is told in the data to answer 300 bytes. */
  const asking = (aid: Bytes): Applet => ({
    aid,
    memorySize: 1,
    open: (host) => ({
      selected: response(SW.OK),
      process: ({ data }) =>
        host.neighbour(data)?.process({ ...ANY, data: new Uint8Array(300) }) ??
        response(SW.NOT_FOUND),
    }),
  })
  const transmitTo = (aid: Bytes) => {
    const stranger = fromHex('f000000003')
    const { card, send: transmit } = insertedCard({
      applets: [serving, asking(client), asking(stranger), new SumApplet()],
    })
    expect(transmit(`00a4040005${toHex(aid)}00`)).toBe('9000')
    return { card, ask: (name: Bytes) => transmit(`80000000${uint8(name.length)}${toHex(name)}00`) }
  }
  const uint8 = (value: number) => toHex(Uint8Array.of(value))

  test('answers with its own memory', () => {
    const { ask } = transmitTo(client)
    expect(ask(served)).toBe(`01${'00'.repeat(255)}612d`)
    expect(ask(served).slice(0, 2)).toBe('02')
  })

  test('does not answer a third one, nor a reader', () => {
    expect(transmitTo(fromHex('f000000003')).ask(served)).toBe('6986')
    expect(transmitTo(served).ask(served)).toBe('6986')
  })

  test('is not found if it serves nobody, or is not there', () => {
    const { ask } = transmitTo(client)
    expect(ask(AID)).toBe('6a82')
    expect(ask(fromHex('f0000000ff'))).toBe('6a82')
    expect(ask(served.subarray(0, 4))).toBe('6a82')
  })
})

test('data that the applet cannot decode: 6A80', () => {
  const { send: transmit } = insertedCard()
  transmit(SELECT)
  expect(transmit('8050000001ff')).toBe('6a80')
})

test('randomness is handed in', () => {
  const { send: transmit } = insertedCard()
  transmit(SELECT)
  expect(transmit('8040000000')).toBe('010203049000')
})

describe('an answer as long as Le says', () => {
  const dialogue = (protocol: 'T=0' | 'T=1' | 'T=CL', ...apdus: string[]) => {
    const link = protocol === 'T=CL' ? contactless(106) : contact(protocol)
    const { send: transmit } = insertedCard({ link })
    transmit(SELECT)
    return apdus.map(transmit).map((answer) => answer.replaceAll('5a', '.'))
  }

  test.each(['T=1', 'T=CL'] as const)('%s', (protocol) => {
    expect(dialogue(protocol, '8030000500')).toEqual(['.....9000'])
    expect(dialogue(protocol, '8030000505')).toEqual(['.....9000'])
    expect(dialogue(protocol, '8030000506')).toEqual(['.....9000'])
    expect(dialogue(protocol, '8030000000')).toEqual(['9000'])
    expect(dialogue(protocol, '80300005')).toEqual(['6105'])
    expect(dialogue(protocol, '8030000503', '00c0000002')).toEqual(['...6102', '..9000'])
    expect(dialogue(protocol, '8030000503', '80c0000000')).toEqual(['...6102', '..9000'])
    expect(dialogue(protocol, '8030000501', '00c0000001', '00c0000000')).toEqual([
      '.6104',
      '.6103',
      '...9000',
    ])
    // The same command once more is a new one.
    expect(dialogue(protocol, '8030000503', '8030000502')).toEqual(['...6102', '..6103'])
  })

  test('T=0', () => {
    expect(dialogue('T=0', '8030000505')).toEqual(['.....9000'])
    expect(dialogue('T=0', '8030000500', '8030000505')).toEqual(['6c05', '.....9000'])
    expect(dialogue('T=0', '8030000506', '8030000505')).toEqual(['6c05', '.....9000'])
    expect(dialogue('T=0', '8030000503', '00c0000002')).toEqual(['...6102', '..9000'])
    expect(dialogue('T=0', '80300005', '00c0000005')).toEqual(['6105', '.....9000'])
    expect(dialogue('T=0', '803000050100', '00c0000005')).toEqual(['6105', '.....9000'])
    expect(dialogue('T=0', '80300005010000', '00c0000005')).toEqual(['6105', '.....9000'])
    expect(dialogue('T=0', '80300005', '00c0000000', '00c0000005')).toEqual([
      '6105',
      '6c05',
      '.....9000',
    ])
    expect(dialogue('T=0', '8030000005')).toEqual(['9000'])
  })

  test('T=0 performs a command once, though it is sent twice', () => {
    expect(dialogue('T=0', '8040000000', '8040000004', '8040000004')).toEqual([
      '6c04',
      '010203049000',
      '050607089000',
    ])
    expect(dialogue('T=0', '8040000000', '8040000003')).toEqual(['6c04', '0506076101'])
    expect(dialogue('T=0', '8040000000', '8040000104')).toEqual(['6c04', '050607089000'])
  })

  test('more than 256 bytes', () => {
    const [first, second, third] = dialogue('T=1', '8030020100', '00c0000000', '00c0000000')
    expect([first, second, third]).toEqual([
      `${'.'.repeat(256)}6100`,
      `${'.'.repeat(256)}6101`,
      '.9000',
    ])
  })

  test.each([
    ['nothing waits', [], '00c0000000', '6e00'],
    ['all is fetched', ['8030000500'], '00c0000000', '6e00'],
    ['another command came between', ['80300005', '8030000000'], '00c0000000', '6e00'],
    ['no APDU came between', ['80300005', '00'], '00c0000000', '6e00'],
    ['of another class', ['80300005'], '84c0000000', '6e00'],
    ['P1', ['80300005'], '00c0010000', '6e00'],
    ['P2', ['80300005'], '00c0000100', '6e00'],
    ['no Le', ['80300005'], '00c00000', '6e00'],
    ['data', ['80300005'], '00c00000010000', '6e00'],
  ])('GET RESPONSE is the applet’s: %s', (_, before, apdu, expected) => {
    expect(dialogue('T=1', ...before, apdu).at(-1)).toBe(expected)
  })

  test('nothing waits after a reset', () => {
    const { field, send: transmit } = insertedCard()
    transmit(SELECT)
    transmit('80300005')
    field.powerOn()
    expect(transmit('00c0000000')).toBe('6d00')
  })
})

describe('answer to reset', () => {
  test.each([
    ['contactless', contactless(106), '', '3b80800101'],
    ['a DESFire', contactless(106), '80', '3b8180018080'],
    [
      'a MIFARE Classic 1K, by PC/SC part 3',
      contactless(424),
      '804f0ca00000030603000100000000',
      '3b8f8001804f0ca000000306030001000000006a',
    ],
    ['a Multiflex 3K', contact('T=0'), '1450', '3b021450'],
    ['T=0, faster', contact('T=0', 38_400), '1450', '3b12131450'],
    ['T=1', contact('T=1'), '8031', '3b8201803132'],
    ['T=1, faster', contact('T=1', 115_200), '8031', '3b92180180313a'],
  ])('%s', (_, link, historical, expected) => {
    expect(toHex(answerToReset(link, fromHex(historical)))).toBe(expected)
  })

  test('has at most 15 historical bytes', () => {
    expect(() => answerToReset(contact('T=0'), new Uint8Array(16))).toThrow(InvariantError)
  })
})

describe('time', () => {
  test('chip operations, page writes and air', () => {
    const { card, send: transmit } = insertedCard()
    const of = (apdu: string) => {
      const before = card.modelledMs
      const answer = transmit(apdu)
      return { answer, ms: card.modelledMs - before }
    }
    const air = (bytes: number) => ((bytes + 6) * 9 * 128) / 13_560 + 0.2
    const { command = 0, random = 0 } = SECURE_ELEMENT.operationMs
    expect(of(SELECT)).toEqual({ answer: SELECTED, ms: expect.closeTo(command + air(26)) })
    expect(of('8040000004').ms).toBeCloseTo(command + random + air(11))
    of('80200000012a')
    expect(of('801000000105').ms).toBeCloseTo(command + 3 * 2.5 + air(8))
  })

  test.each([
    // Selection 2.5 ms, RATS and ATS 18 bytes.
    ['contactless', contactless(106), 2.5 + 0.2 + 18 * 0.085],
    ['contactless, faster', contactless(848), 2.5 + 0.2 + 18 * 0.085],
    // 9 and 12 characters of 1.25 ms.
    ['T=0', contact('T=0'), 9 * 1.25],
    ['T=1, faster', contact('T=1', 115_200), 12 * 1.25],
  ])('until it can be asked something: %s', (_, link, expected) => {
    const { card } = insertedCard({ link, historicalBytes: new Uint8Array(7).fill(0x80) })
    expect(card.modelledMs).toBeCloseTo(expected, 2)
  })

  test('four times the bit rate takes a quarter of the time on the air', () => {
    const [slow, fast] = [contactless(106), contactless(424)].map(
      (link) => link.exchangeMs(100, 100) - 0.2,
    )
    expect(slow).toBeCloseTo(4 * (fast ?? 0))
  })

  // cards.md 3.3: 250 bytes in 4 APDUs. literature 2.1: Decrease, 11 characters.
  test('agrees with the published figures', () => {
    const four = (link: ReturnType<typeof contactless>) => 4 * (link.exchangeMs(40, 22.5) - 0.2)
    expect(Math.round(four(contactless(106)))).toBe(23)
    expect(Math.round(four(contactless(424)))).toBe(6)
    expect(Math.round(contact('T=0').exchangeMs(8, 2))).toBe(14)
  })

  test('a secure element can do everything', () => {
    expect(Object.keys(SECURE_ELEMENT.operationMs).toSorted()).toEqual(
      [...CHIP_OPERATIONS].toSorted(),
    )
  })

  test('what a chip cannot do is our own mistake', () => {
    const sign = {
      aid: AID,
      memorySize: 0,
      open: (host: Parameters<SumApplet['open']>[0]) => {
        host.spend('ecdsa-sign')
        return new SumApplet().open(host)
      },
    }
    const { card } = insertedCard({ applets: [sign], chip: EEPROM_CHIP })
    expect(() => card.process(fromHex(SELECT.replaceAll(' ', '')))).toThrow(InvariantError)
  })
})

describe.each([
  ['secure element', SECURE_ELEMENT],
  ['EEPROM', EEPROM_CHIP],
])('tears, %s', (name, chip) => {
  let cuts = 0
  afterAll(() => console.log(`card, ${name}: ${cuts} cuts`))

  const opened = () => {
    const inserted = insertedCard({ chip })
    inserted.send(SELECT)
    inserted.send('80200000012a')
    expect(inserted.send('80100000010700')).toBe('000000079000')
    return inserted
  }
  const stateOf = (transmit: (apdu: string) => string) => {
    transmit(SELECT)
    transmit('80200000012a')
    return transmit('80100000010000')
  }

  test('at every page write: the sum before or after, and the session is gone', () => {
    const whole = opened()
    const start = whole.card.nvm.writes
    whole.send('80100000010500')
    const writes = whole.card.nvm.writes - start
    expect(writes).toBeGreaterThan(2)
    for (let atWrite = 1; atWrite <= writes; atWrite++) {
      for (const tear of TEARS) {
        const { card, field, send: transmit } = opened()
        card.nvm.arm({ atWrite, tear })
        expect(transmit('80100000010500')).toBe('')
        expect(transmit('80100000010500')).toBe('')
        field.powerOn()
        expect(transmit('80100000010500')).toBe('6e00')
        expect(['000000079000', '0000000c9000']).toContain(stateOf(transmit))
        cuts++
      }
    }
  })

  test('again in the recovery, which comes with the first command', () => {
    const { card, field, send: transmit } = opened()
    card.nvm.arm({ atWrite: chip === EEPROM_CHIP ? 15 : 3, tear: 'erased' })
    expect(transmit('80100000010500')).toBe('')
    field.powerOn()
    card.nvm.arm({ atWrite: 1, tear: 'zeroed' })
    expect(send(field, '00')).toBe('')
    field.powerOn()
    expect(stateOf(transmit)).toBe('0000000c9000')
  })

  test.each(LINK_CUTS)('of the link, %s', (cut) => {
    const { field, send: transmit } = opened()
    field.arm({ atApdu: 1, cut })
    expect(transmit('80100000010500')).toBe(cut === 'half-answer' ? '000000' : '')
    field.powerOn()
    expect(stateOf(transmit)).toBe(cut === 'before' ? '000000079000' : '0000000c9000')
  })
})

test('a card keeps what it has in its image', () => {
  const design = { applets: [new SumApplet()] }
  const { card, send: transmit } = insertedCard(design)
  transmit(SELECT)
  transmit('80200000012a')
  transmit('801000000105')
  const copy = new IsoCard(isoCardNvm(design, card.nvm.snapshot()), design, countingRandom())
  copy.powerOn()
  for (const apdu of [SELECT, '80200000012a']) copy.process(fromHex(apdu.replaceAll(' ', '')))
  expect(toHex(copy.process(fromHex('80100000010100')))).toBe('000000069000')
})

test.each([
  ['too short', [fromHex('f0000000')]],
  ['too long', [new Uint8Array(17)]],
  ['there twice', [AID, concat(AID)]],
])('an AID that is %s is our own mistake', (_, names) => {
  const design = { applets: names.map((name) => new SumApplet(name)) }
  expect(() => new IsoCard(isoCardNvm(design), design, countingRandom())).toThrow(InvariantError)
})
