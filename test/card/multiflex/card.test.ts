import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/kernel/bytes.ts'
import { FormatError } from '../../../src/kernel/errors.ts'
import { deliveredMultiflex } from '../../../src/card/multiflex/delivery.ts'
import type { ModelName } from '../../../src/card/multiflex/models.ts'
import { Chance } from '../../fuzz/chance.ts'
import {
  Bench,
  create,
  firstSix,
  GET_CHALLENGE,
  GIVE_CHALLENGE,
  INTERNAL_KEY_1,
  KEY,
  OTHER_PIN,
  personalised,
  PIN,
  protectedForm,
  SERIAL,
  STAMP_KEY,
  VERIFY_KEY,
  VERIFY_PIN,
} from './cards.ts'

const FRESH = personalised()
/** The challenge of the published vectors. */
const CHALLENGE = '644627e0079dd86c'

function delivered(model: ModelName): Bench {
  const options = { serial: fromHex(SERIAL), random: new Chance(7) }
  return new Bench(deliveredMultiflex(model, options), model)
}

/** A card whose challenge is that of the vectors. */
const withChallenge = () => new Bench(FRESH, '8K', { bytes: () => fromHex(CHALLENGE) })

describe('as delivered', () => {
  test.each([
    ['3K', '3b021450', 2832],
    ['8K', '3b3215000680', 8016],
  ] as const)('%s: answer to reset, free memory, serial number', (model, atr, free) => {
    const bench = delivered(model)
    expect(toHex(bench.card.atr)).toBe(atr)
    expect(bench.send('c0a40000023f00')).toBe('6114')
    const size = free.toString(16).padStart(4, '0')
    expect(bench.send('c0c0000014')).toBe(`ffff${size}3f0038ff0f44440105ff000200ff00009000`)
    bench.select('0002')
    expect(bench.send('c0b0000008')).toBe(`${SERIAL}9000`)
  })

  test('the transport key opens the master file, and can be changed by who has it', () => {
    const bench = delivered('3K').do(VERIFY_KEY).select('0011')
    bench.do('c0d6000f08 0102030405060708', 'c0a40000023f00')
    const file = create({ id: '2001', type: '01', size: 4, access: '000000' })
    expect(bench.send(file)).toBe('6982')
    expect(bench.send(VERIFY_KEY)).toBe('6300')
    bench.do('f02a000108 0102030405060708', file)
  })

  test('the other two external keys are nobody’s', () => {
    const keys = (seed: number) => {
      const options = { serial: fromHex(SERIAL), random: new Chance(seed) }
      const bench = new Bench(deliveredMultiflex('8K', options))
      const body = bench.contents().get('3f00/0011')?.body
      return [
        toHex(body?.slice(3, 11) ?? new Uint8Array()),
        toHex(body?.slice(27, 35) ?? new Uint8Array()),
      ]
    }
    expect(new Set([...keys(1), ...keys(2)]).size).toBe(4)
  })

  test.each([
    ['serial', { serial: fromHex('01') }],
    ['transportKey', { serial: fromHex(SERIAL), transportKey: fromHex('01') }],
  ] as const)('%s of another size', (field, options) => {
    const deliver = () => deliveredMultiflex('3K', { ...options, random: new Chance(1) })
    expect(deliver).toThrow(FormatError)
    expect(deliver).toThrow(field)
  })
})

describe('DES', () => {
  test('Internal Authentication: the vector of SCEZ, with the kit’s key as internal key', () => {
    const bench = delivered('8K').do(
      VERIFY_KEY,
      create({ id: '0001', type: '01', size: 14, access: 'f4ff44' }),
      `c0d600000e ff 0800 ${KEY} ffff 00`,
    )
    expect(bench.send(`c088000008 ${CHALLENGE}`)).toBe('6106')
    expect(bench.send('c0c0000006')).toBe('0d31a8f31cef9000')
  })

  test('External Authentication: the same vector the other way', () => {
    const bench = withChallenge()
    expect(bench.send(GET_CHALLENGE)).toBe(`${CHALLENGE}9000`)
    bench.do('c082000007 01 0d31a8f31cef')
  })

  // Literature, computed from what SCEZ does.
  test.each([
    ['Increase 012345', 'f032000003 012345', 'f03200000b 03 012345 ff 0897f7d89a90'],
    ['Decrease 011234', 'f030000003 011234', 'f03000000b 03 011234 ff 25c956441f5c'],
    ['Invalidate', 'f004000000', 'f00400000b 00 ffffffff 55581e9ba42c'],
    ['Delete File 2003', 'f0e4000002 2003', 'f0e400000b 02 2003 ffff 0cefcc5a836f'],
  ])('protected form of %s', (name, plain, sent) => {
    expect(protectedForm(plain, CHALLENGE, KEY)).toBe(sent.replaceAll(' ', ''))
    const purse = create({
      id: '2003',
      type: '06',
      size: 12,
      access: '333333',
      records: 4,
      recordLength: 3,
    })
    const bench = withChallenge().select('2000', '2010')
    bench.doProtected(purse, 'f032000003 011234')
    if (name.startsWith('Delete')) bench.do('c0a40000022010')
    expect(bench.send(sent)).toBe('6985')
    bench.do(GET_CHALLENGE, sent)
    expect(bench.send(sent)).toBe(name === 'Invalidate' ? '6283' : '6985')
  })

  test('one bit of a protected command turned, and it is refused', () => {
    let turned = 0
    const bench = new Bench(FRESH).select('2000', '2005')
    const sent = fromHex(protectedForm('c0d6000003 a1a2a3', CHALLENGE, KEY))
    // Bytes 0 and 1 make another command, 4 and 5 are the lengths: those do not get as far.
    const places = Array.from(sent, (_, at) => at).filter((at) => at === 2 || at === 3 || at > 5)
    for (const at of places) {
      for (let bit = 0; bit < 8; bit++) {
        const again = new Bench(bench.card.nvm.snapshot(), '8K', {
          bytes: () => fromHex(CHALLENGE),
        })
        again.select('2000', '2005').do(GET_CHALLENGE)
        const altered = sent.slice()
        altered[at] = (altered[at] ?? 0) ^ (1 << bit)
        expect(again.send(toHex(altered))).toBe('6300')
        expect(toHex(again.contents().get('3f00/2000/2005')?.body ?? sent)).toBe('00'.repeat(8))
        turned++
      }
    }
    expect(turned).toBe(96)
  })
})

describe('Get Response after a change of value', () => {
  test('plain: 9000 as the document has it, and new value and amount can be fetched', () => {
    const bench = new Bench(FRESH).select('2000', '2003').do(VERIFY_PIN)
    expect(bench.send('f030000003 000010')).toBe('9000')
    expect(bench.send('c0c0000006')).toBe('0000f00000109000')
  })

  test('stamped: new value, amount, first six bytes of DES under internal key 0', () => {
    const bench = new Bench(FRESH).select('2000', '2003').do(VERIFY_PIN, GIVE_CHALLENGE)
    expect(bench.send('f034000003 000010')).toBe('610c')
    const stamp = firstSix('a1a2a3a4a5a6a7a8', STAMP_KEY)
    expect(bench.send('c0c000000c')).toBe(`0000f0000010${stamp}9000`)
  })

  test('stamped and protected: Give Challenge, Get Challenge, the command', () => {
    const bench = new Bench(FRESH).select('2000', '2006').do(GIVE_CHALLENGE)
    expect(bench.send(bench.protect('f036000003 000010'))).toBe('610c')
    const stamp = firstSix('a1a2a3a4a5a6a7a8', STAMP_KEY)
    expect(bench.send('c0c0000000')).toBe('6c0c')
    expect(bench.send('c0c000000c')).toBe(`000010000010${stamp}9000`)
    expect(bench.send('c0c000000c')).toBe('6985')
  })

  test('the stamp key of the nearest directory counts', () => {
    const bench = new Bench(FRESH)
      .select('2000')
      .do(
        VERIFY_KEY,
        create({ id: '0001', type: '01', size: 14, access: 'f4ff44' }),
        `c0d600000e ff 0800 ${INTERNAL_KEY_1} ffff 00`,
      )
    bench.select('2000', '2003').do(VERIFY_PIN, GIVE_CHALLENGE, 'f034000003 000010')
    const stamp = firstSix('a1a2a3a4a5a6a7a8', INTERNAL_KEY_1)
    expect(bench.send('c0c000000c')).toBe(`0000f0000010${stamp}9000`)
  })
})

describe('where a PIN and a key count', () => {
  const UPDATE = 'c0d6000001 00'
  const REFUSED = '6982'

  /** 2010 has a file that asks for the PIN, and one that asks for key 1. */
  function nested(): Bench {
    const bench = new Bench(FRESH).select('2000', '2010')
    const pinFile = create({ id: '2011', type: '01', size: 1, access: '010000' })
    const keyFile = create({ id: '2012', type: '01', size: 1, access: '040000' })
    bench.doProtected(pinFile, keyFile)
    return bench.select('2000', '2010')
  }

  const own = (id: string, size: number) => create({ id, type: '01', size, access: '000000' })

  test('in its directory and in those below, until a reset or a logout', () => {
    for (const end of ['c0a40000022011', 'f0220700'] as const) {
      const bench = nested().select().do(VERIFY_PIN, VERIFY_KEY).select('2000', '2010', '2011')
      expect(bench.send(UPDATE)).toBe('9000')
      bench.select('2000', '2010', '2012')
      expect(bench.send(UPDATE)).toBe('9000')
      if (end === 'f0220700') bench.do(end)
      else bench.reset()
      for (const file of ['2011', '2012']) {
        bench.select('2000', '2010', file)
        expect(bench.send(UPDATE)).toBe(REFUSED)
      }
    }
  })

  test('not below a file of the same kind, and the one below not above', () => {
    const bench = nested()
    bench.doProtected(own('0000', 23)).do(`c0d6000017 01ffff ${OTHER_PIN} 0303 ${PIN} 0303`)
    bench.select().do(VERIFY_PIN).select('2000', '2010', '2011')
    expect(bench.send(UPDATE)).toBe(REFUSED)
    expect(bench.send(VERIFY_PIN)).toBe('6300')
    bench.do(`c020000108 ${OTHER_PIN}`, UPDATE)
    bench.select('2000', '2001')
    expect(bench.send(UPDATE)).toBe('9000')
    bench.reset().select('2000', '2010').do(`c020000108 ${OTHER_PIN}`).select('2000', '2001')
    expect(bench.send(UPDATE)).toBe(REFUSED)
  })

  test('not when its file is deleted, and another takes its place', () => {
    const bench = nested()
    bench.doProtected(own('0000', 23)).do(`c0d6000017 01ffff ${OTHER_PIN} 0303 ${PIN} 0303`)
    bench.do(`c020000108 ${OTHER_PIN}`, 'c0a40000022011', UPDATE, 'c0a40000022010')
    bench.doProtected('f0e4000002 0000', own('0000', 23))
    bench.select('2000', '2010', '2011')
    expect(bench.send(UPDATE)).toBe(REFUSED)
  })

  test('an empty or a short file of that identifier hides the one above', () => {
    const bench = nested()
    bench.doProtected(own('0011', 1))
    bench.select().do(VERIFY_KEY).select('2000', '2010', '2012')
    expect(bench.send(UPDATE)).toBe(REFUSED)
    expect(bench.send(VERIFY_KEY)).toBe('6981')
  })

  test('key 2 is not key 1', () => {
    const bench = new Bench(FRESH).do(VERIFY_KEY).select('0011')
    bench.do('c0d6001b08 0102030405060708').reset()
    bench.do('f02a000208 0102030405060708').select('2000', '2003')
    expect(bench.send('f032000003 000001')).toBe(REFUSED)
  })
})

describe('what lives until the next command or the next reset', () => {
  test('a challenge does not survive a reset, and neither does an answer', () => {
    const bench = new Bench(FRESH)
    const proof = bench.authenticate()
    expect(bench.reset().send(proof)).toBe('6985')
    bench.do('c0a40000023f00').reset()
    expect(bench.send('c0c0000014')).toBe('6985')
  })

  test('after a reset the master file is selected', () => {
    const bench = new Bench(FRESH).select('2000', '2001').reset()
    expect(bench.send('c0b0000001')).toBe('6986')
    expect(bench.send('c0a40000020002')).toBe('610f')
  })

  test.each(['', 'c0', 'c0a4', 'c0a400', 'c0a4000002', 'c0a400000220', 'c0a40000022000ff00'])(
    '%s is no command: 6700, and what waited is gone',
    (apdu) => {
      const bench = new Bench(FRESH).do('c0a40000023f00')
      expect(bench.send(apdu)).toBe('6700')
      expect(bench.send('c0c0000014')).toBe('6985')
    },
  )
})

describe('modelled time', () => {
  const timeOf = (bench: Bench, apdu: string) => {
    const before = bench.card.modelledMs
    bench.do(apdu)
    return bench.card.modelledMs - before
  }

  test('reading takes its characters, updating its pages as well', () => {
    const bench = new Bench(FRESH).select('2000', '2001').do(VERIFY_PIN)
    // 5 + 4 + 2 characters and a procedure byte of 12 bit times at 9600 bit/s, 1 ms of dispatch.
    expect(timeOf(bench, 'c0b0000004')).toBeCloseTo(12 * 1.25 + 1)
    const writes = bench.card.nvm.writes
    const update = timeOf(bench, 'c0d6000004 01020304')
    const pages = bench.card.nvm.writes - writes
    expect(update).toBeCloseTo(12 * 1.25 + 1 + pages * 7)
    expect(pages).toBeGreaterThanOrEqual(3)
  })

  test('DES is counted block by block', () => {
    const bench = new Bench(FRESH).do(VERIFY_KEY)
    const internal = timeOf(bench, `c088000008 ${CHALLENGE}`)
    expect(internal).toBeCloseTo((5 + 8 + 2 + 1) * 1.25 + 1 + 20)
  })
})
