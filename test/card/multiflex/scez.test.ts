import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/kernel/bytes.ts'
import { deliveredMultiflex } from '../../../src/card/multiflex/delivery.ts'
import type { ModelName } from '../../../src/card/multiflex/models.ts'
import { Chance } from '../../fuzz/chance.ts'
import { Bench, create, SERIAL, VERIFY_KEY } from './cards.ts'

const text = (value: string) => toHex(Buffer.from(value))
const select = (id: string) => `c0a4000002 ${id}`
const OLD_PIN = '12345678ffffffff'
const NEW_PIN = '9abcde01ffffffff'
const UNBLOCKING = 'aabbccddffffffff'
const INTERNAL_KEY = 'c0d600000e ff 0800 0102030405060708 ffff 00'
const GIVE = 'f086000008 0001020304050607'

const RECORDS = {
  id: '2001',
  type: '02',
  size: 36,
  byte8: '3f',
  keys: '11f111',
  records: 5,
  recordLength: 6,
} as const
const RING = { id: '2003', type: '06', size: 12, records: 4, recordLength: 3 } as const
const FIXED = create({ ...RECORDS, access: '44f444' })
const PURSE = create({ ...RING, access: '444444' })
const PIN_FILE = create({
  id: '0000',
  type: '01',
  size: 23,
  byte8: '3f',
  access: '44ff44',
  keys: '11ff11',
})
const KEY_FILE = create({
  id: '0001',
  type: '01',
  size: 14,
  byte8: '3f',
  access: 'f4ff44',
  keys: '11ff11',
})

/**
 * What SCEZ's test program (`tmultiflex.c`) sends to a card of the kit, and the status words that it
 * expects. An asterisk: the 8K only. It makes stamps on a card to which it has given no internal key; ours
 * has one in its master file.
 */
const PROGRAM: readonly (readonly [what: string, apdu: string, status: string])[] = [
  ['select the master file', select('3f00'), '6114'],
  ['verify the transport key', VERIFY_KEY, '9000'],
  ['directory*', 'f0a8000000', '6118'],
  [
    'create directory 2000',
    create({ id: '2000', type: '38', size: 200, access: '4f4444', keys: '1f1111' }),
    '9000',
  ],
  ['select it', select('2000'), '6114'],
  ['create a file of fixed records', FIXED, '9000'],
  ['select it', select('2001'), '610f'],
  ['update the first record', `c0dc000006 ${text('Kleo  ')}`, '9000'],
  ['update the next', `c0dc000206 ${text('Sonja ')}`, '9000'],
  ['update the next', `c0dc000206 ${text('Madam ')}`, '9000'],
  ['update the next', `c0dc000206 ${text('Isabel')}`, '9000'],
  ['update the next', `c0dc000206 ${text('Gina  ')}`, '9000'],
  ['create a record', `c0e2000006 ${text('Valeri')}`, '9000'],
  ['seek', `f0a2000001 ${text('M')}`, '9000'],
  ['read the current record', 'c0b2000406', `${text('Madam ')}9000`],
  ['select the directory', select('2000'), '6114'],
  ['create the PIN file', PIN_FILE, '9000'],
  ['select it', select('0000'), '610f'],
  ['write it', `c0d6000017 01ffff ${OLD_PIN} 0101 ${UNBLOCKING} 0101`, '9000'],
  ['verify the PIN', `c020000108 ${OLD_PIN}`, '9000'],
  ['change it', `f024000110 ${OLD_PIN} ${NEW_PIN}`, '9000'],
  ['verify the new one', `c020000108 ${NEW_PIN}`, '9000'],
  ['verify the old one: should fail', `c020000108 ${OLD_PIN}`, '6983'],
  ['verify the new one: should fail too', `c020000108 ${NEW_PIN}`, '6983'],
  ['unblock', `f02c000110 ${UNBLOCKING} ${OLD_PIN}`, '9000'],
  ['verify the old one', `c020000108 ${OLD_PIN}`, '9000'],
  ['read it', 'c0b0000308', `${OLD_PIN}9000`],
  ['select the directory', select('2000'), '6114'],
  ['create a purse', PURSE, '9000'],
  ['select it', select('2003'), '610f'],
  ['increase', 'f032000003 012345', '9000'],
  ['give a challenge*', GIVE, '9000'],
  ['increase stamped*', 'f036000003 012345', '610c'],
  ['decrease', 'f030000003 011234', '9000'],
  ['give a challenge*', GIVE, '9000'],
  ['decrease stamped*', 'f034000003 002345', '610c'],
  ['invalidate', 'f004000000', '9000'],
  ['increase: should fail', 'f032000003 012345', '6283'],
  ['rehabilitate', 'f044000000', '9000'],
  ['increase', 'f032000003 012345', '9000'],
  ['select the directory', select('2000'), '6114'],
  ['delete the PIN file', 'f0e4000002 0000', '9000'],
  ['create the file of internal keys', KEY_FILE, '9000'],
  ['select it', select('0001'), '610f'],
  ['write it', INTERNAL_KEY, '9000'],
  ['internal authentication', 'c088000008 0001020304050607', '6106'],
  ['select the directory', select('2000'), '6114'],
  ['delete', 'f0e4000002 0001', '9000'],
  ['delete', 'f0e4000002 2003', '9000'],
  ['delete', 'f0e4000002 2001', '9000'],
  ['select the master file', select('3f00'), '6114'],
  ['delete the directory', 'f0e4000002 2000', '9000'],
]

const options = { serial: fromHex(SERIAL), random: new Chance(7) }
const MODELS: readonly ModelName[] = ['3K', '8K']

describe.each(MODELS)('the test program of SCEZ on a %s', (model) => {
  test('does as it expects', () => {
    const bench = new Bench(deliveredMultiflex(model, options), model)
    bench.do(VERIFY_KEY, KEY_FILE, INTERNAL_KEY).reset()
    const fresh = bench.contents()
    const steps = PROGRAM.filter(([what]) => model === '8K' || !what.endsWith('*'))
    const answers = steps.map(([what, apdu]) => [what, bench.send(apdu)])
    expect(answers).toEqual(steps.map(([what, , status]) => [what, status]))
    expect(bench.contents()).toEqual(fresh)
  })

  test('does as it expects in protected mode', () => {
    const bench = new Bench(deliveredMultiflex(model, options), model)
    bench.do(bench.authenticate(), VERIFY_KEY)
    const guarded = { type: '01', size: 23, byte8: '3f', access: '33ff33', keys: '11ff11' } as const
    bench.do(create({ id: '2000', type: '38', size: 200, access: '3f3333', keys: '1f1111' }))
    bench.reset().select('2000')
    bench.doProtected(
      create({ ...RECORDS, access: '33f333' }),
      `c0dc000006 ${text('Kleo  ')}`,
      `c0e2000006 ${text('Valeri')}`,
    )
    bench.select('2000').doProtected(create({ id: '0000', ...guarded }))
    bench.doProtected(`c0d600000d 01ffff ${OLD_PIN} 0101`, `c0d6000d0a ${UNBLOCKING} 0101`)
    bench.do(`c020000108 ${OLD_PIN}`).select('2000').doProtected('f0e4000002 0000')
    bench.doProtected(create({ ...RING, access: '333333' }))
    bench.doProtected('f032000003 012345', 'f030000003 011234', 'f004000000')
    expect(bench.send(bench.protect('f032000003 012345'))).toBe('6283')
    bench.doProtected('f044000000', 'f032000003 012345')
    expect(bench.send('c0c0000006')).toBe('0134560123459000')
    bench.select('2000').doProtected('f0e4000002 2003', 'f0e4000002 2001')
    bench.select().do(VERIFY_KEY, 'f0e4000002 2000')
  })
})
