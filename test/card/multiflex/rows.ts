import type { CommandName } from '../../../src/card/multiflex/commands.ts'
import {
  Bench,
  create,
  GET_CHALLENGE,
  GIVE_CHALLENGE,
  KEY,
  OTHER_PIN,
  personalised,
  PIN,
  protectedForm,
  STAMP_KEY,
  UNBLOCKING,
  VERIFY_KEY,
  VERIFY_PIN,
} from './cards.ts'

/** What is sent, or what finds out what to send. */
type Step = string | ((bench: Bench) => string)

/** One command in one situation. */
export interface Row {
  readonly what: string
  /** A file of directory 2000 that is selected first, or 2000 itself; without, the master file. */
  readonly at?: string
  /** Sent after that; they succeed. */
  readonly before?: readonly Step[]
  readonly apdu: Step
  /** Data and status word. */
  readonly answer: string | RegExp
  /** What is different in memory afterwards, as `differences` says it; nothing without. */
  readonly effect?: readonly string[]
}

const FRESH = personalised()

/** A card in the situation of a row, and the command of the row. */
export function arrange({ at, before = [], apdu }: Row): { bench: Bench; apdu: string } {
  const bench = new Bench(FRESH)
  const path = at === undefined ? [] : ['2000', ...(at === '2000' ? [] : [at])]
  bench.select(...path)
  const textOf = (step: Step) => (typeof step === 'string' ? step : step(bench))
  for (const step of before) bench.do(textOf(step))
  return { bench, apdu: textOf(apdu) }
}

const SELECT = 'c0a4000002'
const WRONG_PIN = `c020000108 ${OTHER_PIN}`
const WRONG_KEY = 'f02a000108 0000000000000000'
const WRONG_UNBLOCKING = `f02c000110 ${PIN}${OTHER_PIN}`
const INVALIDATE = 'f004000000'
const REHABILITATE = 'f044000000'

/** Invalidates a file of the current directory. */
const invalidated = (id: string) => [VERIFY_KEY, VERIFY_PIN, `${SELECT}${id}`, INVALIDATE]

/** Sends what fails until no tries are left, then the command. */
const after = (wrong: string, times: number, apdu: Step) => (bench: Bench) => {
  for (let tries = 0; tries < times; tries++) bench.send(wrong)
  return typeof apdu === 'string' ? apdu : apdu(bench)
}

/** In protected form. */
const protect = (apdu: string) => (bench: Bench) => bench.protect(apdu)

const FEWER_TRIES = { pin: '0000@12 03>02', unblocking: '0000@22 02>01', key: '0011@24 03>02' }

/** How a file that asks for a cryptogram refuses, told of one command. @param p3 of its protected form */
function cryptogramRows(at: string, apdu: string, p3: string): readonly Row[] {
  return [
    { what: 'plain, where a cryptogram is asked for', at, apdu, answer: `67${p3}` },
    {
      what: 'no challenge at all',
      at,
      apdu: protectedForm(apdu, '00'.repeat(8), KEY),
      answer: '6985',
    },
    {
      what: 'no challenge just before',
      at,
      apdu: (bench) => {
        const ready = bench.protect(apdu)
        bench.send(`${SELECT}ffff`)
        return ready
      },
      answer: '6985',
    },
    {
      what: 'no tries left',
      at,
      apdu: after(WRONG_KEY, 3, protect(apdu)),
      answer: '6983',
    },
    {
      what: 'wrong cryptogram',
      at,
      apdu: (bench) => bench.protect(apdu, STAMP_KEY),
      answer: '6300',
      effect: [FEWER_TRIES.key],
    },
    {
      what: 'padded with another byte, though the cryptogram covers it',
      at,
      apdu: (bench) => bench.protect(apdu, KEY, 0x00),
      answer: '6300',
      effect: [FEWER_TRIES.key],
    },
    {
      what: 'cryptogram of another command',
      at,
      apdu: (bench) => {
        const [ready, other] = [bench.protect(apdu), 'f0e4000002 3f00']
        const challenge = bench.send(GET_CHALLENGE).slice(0, 16)
        const cryptogram = protectedForm(other, challenge, KEY).slice(-12)
        return ready.slice(0, -12) + cryptogram
      },
      answer: '6300',
      effect: [FEWER_TRIES.key],
    },
  ]
}

/** What the four commands that change a value have in common, told of one of them. */
interface PurseCommand {
  readonly ins: string
  readonly sw: string
  /** Shows what 2003 asks for. */
  readonly proof: string
  /** A purse that cannot be changed that way. */
  readonly turned: string
  /** More than 2003 has, or has room for. */
  readonly tooMuch: string
  /** What 10 does to 2003, of value 000100; and to 2006, of value 000020. */
  readonly effect: readonly string[]
  readonly protectedEffect: readonly string[]
}

function purseRows({ ins, sw, proof, turned, tooMuch, ...effects }: PurseCommand): readonly Row[] {
  const stamped = ins === '34' || ins === '36'
  const give = stamped ? [GIVE_CHALLENGE] : []
  const apdu = `f0${ins}000003 000010`
  return [
    { what: 'wrong P1', at: '2003', apdu: `f0${ins}010003 000010`, answer: '6b00' },
    { what: 'no file selected', apdu, answer: '6986' },
    { what: 'transparent file', at: '2001', apdu, answer: '6986' },
    { what: 'linear file', at: '2002', apdu, answer: '6986' },
    { what: 'records too short for a value', at: '200c', apdu, answer: '6986' },
    { what: 'wrong P3', at: '2003', apdu: `f0${ins}000002 0010`, answer: '6703' },
    {
      what: 'right P3, wrong length within',
      at: '2006',
      apdu: protect(`f0${ins}000004 00000010`),
      answer: '670b',
    },
    {
      what: 'file blocked',
      at: '2000',
      before: invalidated('2003'),
      apdu,
      answer: '6283',
    },
    { what: 'nothing shown', at: '2003', apdu, answer: '6982' },
    ...cryptogramRows('2006', apdu, '0b'),
    ...(stamped
      ? [
          { what: 'no Give Challenge before', at: '2003', before: [proof], apdu, answer: '6985' },
          {
            what: 'no Give Challenge just before',
            at: '2003',
            before: [GIVE_CHALLENGE, proof],
            apdu,
            answer: '6985',
          },
          {
            what: 'Give Challenge used up',
            at: '2003',
            before: [proof, GIVE_CHALLENGE, apdu],
            apdu,
            answer: '6985',
          },
          {
            what: 'no internal key',
            before: [
              VERIFY_KEY,
              'f0e4000002 0001',
              `${SELECT}2000`,
              `${SELECT}2003`,
              proof,
              GIVE_CHALLENGE,
            ],
            apdu,
            answer: '6981',
          },
        ]
      : []),
    { what: 'a purse made for the other way', at: turned, before: give, apdu, answer: '6982' },
    { what: 'a log made for neither way', at: '2009', before: give, apdu, answer: '6982' },
    {
      what: 'beyond the range',
      at: '2003',
      before: [proof, ...give],
      apdu: `f0${ins}000003 ${tooMuch}`,
      answer: '9850',
    },
    {
      what: 'allowed',
      at: '2003',
      before: [proof, ...give],
      apdu,
      answer: sw,
      effect: effects.effect,
    },
    {
      what: 'allowed, by the newest record though an older one was read',
      at: '2003',
      before: [proof, 'c0b2000205', ...give],
      apdu,
      answer: sw,
      effect: effects.effect,
    },
    {
      what: 'allowed, with cryptogram',
      at: '2006',
      before: [protect('f032000003 000020'), ...give],
      apdu: protect(apdu),
      answer: sw,
      effect: effects.protectedEffect,
    },
  ]
}

const DECREASING = {
  proof: VERIFY_PIN,
  turned: '2008',
  tooMuch: '000101',
  effect: ['2003 newest 1', '2003@9 00>f0'],
  protectedEffect: ['2006 newest 1', '2006@5 00>10'],
}
const INCREASING = {
  proof: VERIFY_KEY,
  turned: '2007',
  tooMuch: 'ffff00',
  effect: ['2003 newest 1', '2003@8 0000>0110'],
  protectedEffect: ['2006 newest 1', '2006@5 00>30'],
}

const NEW_FILE = create({ id: '2020', type: '01', size: 4, access: '000000' })
const IN_2000 = '2001 2002 2003 2004 2005 2006 2007 2008 2009 200a 200b 200c 2010'.split(' ')

/**
 * Every command: each way in which it is refused, in the order of the checks, and what it does. CLA,
 * INS and what a model has not are the same for all; they stand in the test.
 */
export const ROWS: Readonly<Record<CommandName, readonly Row[]>> = {
  'Change PIN': [
    { what: 'wrong P2', apdu: `f024000210 ${PIN}${OTHER_PIN}`, answer: '6b00' },
    { what: 'wrong P3', apdu: `f02400010f ${PIN}${OTHER_PIN.slice(2)}`, answer: '6710' },
    {
      what: 'no PIN',
      before: [VERIFY_KEY, 'f0e4000002 0000'],
      apdu: `f024000110 ${PIN}${OTHER_PIN}`,
      answer: '6981',
    },
    {
      what: 'PIN file blocked',
      before: invalidated('0000'),
      apdu: `f024000110 ${PIN}${OTHER_PIN}`,
      answer: '6283',
    },
    {
      what: 'no tries left',
      apdu: after(WRONG_PIN, 3, `f024000110 ${PIN}${OTHER_PIN}`),
      answer: '6983',
    },
    {
      what: 'wrong PIN',
      apdu: `f024000110 ${OTHER_PIN}${OTHER_PIN}`,
      answer: '6300',
      effect: [FEWER_TRIES.pin],
    },
    {
      what: 'allowed',
      apdu: `f024000110 ${PIN}${OTHER_PIN}`,
      answer: '9000',
      effect: ['0000@3 31323334>35363738'],
    },
    {
      what: 'allowed, the PIN of a directory above, tries restored',
      at: '2001',
      before: [(bench) => after(WRONG_PIN, 1, `${SELECT}2001`)(bench)],
      apdu: `f024000110 ${PIN}${OTHER_PIN}`,
      answer: '9000',
      effect: ['0000@3 31323334ffffffff0302>35363738ffffffff0303'],
    },
  ],

  'Create File': [
    { what: 'wrong P1', apdu: NEW_FILE.replace(/^f0e000/, 'f0e001'), answer: '6b00' },
    {
      what: 'wrong P3',
      apdu: `${NEW_FILE.replace(/^f0e0000010/, 'f0e0000011')}00`,
      answer: '6710',
    },
    {
      what: 'wrong P3, for the record length is missing',
      apdu: NEW_FILE.replace('202001', '202002'),
      answer: '6711',
    },
    {
      what: 'directory blocked',
      at: '2000',
      before: [VERIFY_KEY, INVALIDATE],
      apdu: NEW_FILE,
      answer: '6283',
    },
    { what: 'nothing shown', at: '2000', apdu: NEW_FILE, answer: '6982' },
    {
      what: 'a wrong key after the right one',
      at: '2000',
      before: [VERIFY_KEY],
      apdu: after(WRONG_KEY, 1, NEW_FILE),
      answer: '6982',
    },
    ...cryptogramRows('2010', NEW_FILE, '1b'),
    {
      what: 'unknown type',
      before: [VERIFY_KEY],
      apdu: NEW_FILE.replace('202001', '202003'),
      answer: '6a80',
    },
    {
      what: 'wrong byte 13',
      before: [VERIFY_KEY],
      apdu: NEW_FILE.replace('0103111111', '0104111111'),
      answer: '6a80',
    },
    {
      what: 'status neither 00 nor 01',
      before: [VERIFY_KEY],
      apdu: NEW_FILE.replace('0103111111', '0203111111'),
      answer: '6a80',
    },
    {
      what: 'identifier taken',
      before: [VERIFY_KEY],
      apdu: create({ id: '2000', type: '01', size: 4, access: '000000' }),
      answer: '6a80',
    },
    {
      what: 'identifier of the directory',
      before: [VERIFY_KEY],
      apdu: create({ id: '3f00', type: '01', size: 4, access: '000000' }),
      answer: '6a80',
    },
    {
      what: 'identifier of the directory above',
      at: '2010',
      apdu: protect(create({ id: '2000', type: '01', size: 4, access: '000000' })),
      answer: '6a80',
    },
    {
      what: 'records that do not fit the size',
      before: [VERIFY_KEY],
      apdu: create({
        id: '2020',
        type: '02',
        size: 11,
        access: '000000',
        records: 3,
        recordLength: 4,
      }),
      answer: '6a80',
    },
    {
      what: 'cyclic without records',
      before: [VERIFY_KEY],
      apdu: create({ id: '2020', type: '06', size: 12, access: '000000', recordLength: 3 }),
      answer: '6a80',
    },
    {
      what: 'record length 00',
      before: [VERIFY_KEY],
      apdu: create({ id: '2020', type: '02', size: 12, access: '000000', recordLength: 0 }),
      answer: '6a80',
    },
    {
      what: 'transparent with a number of records',
      before: [VERIFY_KEY],
      apdu: NEW_FILE.replace(/^f0e00000/, 'f0e00001'),
      answer: '6a80',
    },
    {
      what: 'larger than what is free',
      at: '2000',
      before: [VERIFY_KEY],
      apdu: create({ id: '2020', type: '01', size: 700, access: '000000' }),
      answer: '6a84',
    },
    {
      what: 'allowed, transparent, not to be initialised',
      at: '2000',
      before: [VERIFY_KEY],
      apdu: NEW_FILE.replace(/^f0e000/, 'f0e0ff'),
      answer: '9000',
      effect: ['+2020 00000000'],
    },
    {
      what: 'allowed, cyclic',
      at: '2000',
      before: [VERIFY_KEY],
      apdu: create({
        id: '2020',
        type: '06',
        size: 12,
        access: '444444',
        records: 4,
        recordLength: 3,
      }),
      answer: '9000',
      effect: [`+2020 ${'00'.repeat(12)}`],
    },
    {
      what: 'allowed, where a directory was deleted',
      before: [VERIFY_KEY, 'f0e4000002 2000'],
      apdu: create({ id: '2020', type: '01', size: 90, access: '000000' }),
      answer: '9000',
      effect: [`+2020 ${'00'.repeat(90)}`],
    },
    {
      what: 'allowed, directory',
      before: [VERIFY_KEY],
      apdu: create({ id: '2020', type: '38', size: 100, access: '000000' }),
      answer: '9000',
      effect: ['+2020 '],
    },
    {
      what: 'allowed, with cryptogram',
      at: '2010',
      apdu: protect(NEW_FILE),
      answer: '9000',
      effect: ['+2010/2020 00000000'],
    },
  ],

  'Create Record': [
    { what: 'wrong P2', apdu: 'c0e2000104 44444444', answer: '6b00' },
    { what: 'no file selected', apdu: 'c0e2000004 44444444', answer: '6986' },
    { what: 'transparent file', at: '2001', apdu: 'c0e2000004 44444444', answer: '6a80' },
    { what: 'cyclic file', at: '2009', apdu: 'c0e2000003 444444', answer: '6a80' },
    { what: 'P3 00', at: '2002', apdu: 'c0e2000000', answer: '6701' },
    {
      what: 'too long to protect',
      at: '200b',
      apdu: `c0e2000023 15${'44'.repeat(34)}`,
      answer: '6500',
    },
    {
      what: 'file blocked',
      at: '2000',
      before: invalidated('2002'),
      apdu: 'c0e2000004 44444444',
      answer: '6283',
    },
    { what: 'nothing shown', at: '2002', apdu: 'c0e2000004 44444444', answer: '6982' },
    ...cryptogramRows('200b', 'c0e2000002 4444', '00'),
    {
      what: 'another length than the records',
      at: '2002',
      before: [VERIFY_PIN],
      apdu: 'c0e2000003 444444',
      answer: '6704',
    },
    {
      what: 'another length than the records, with cryptogram',
      at: '200b',
      apdu: protect('c0e2000003 444444'),
      answer: '670b',
    },
    {
      what: 'file full',
      at: '2002',
      before: [VERIFY_PIN, 'c0e2000004 44444444'],
      apdu: 'c0e2000004 55555555',
      answer: '6a84',
    },
    {
      what: 'file full, records of any length',
      at: '2004',
      apdu: 'c0e2000005 5555555555',
      answer: '6a84',
    },
    {
      what: 'allowed',
      at: '2002',
      before: [VERIFY_PIN],
      apdu: 'c0e2000004 44444444',
      answer: '9000',
      effect: ['2002 records 4', '2002@12 00000000>44444444'],
    },
    {
      what: 'allowed, records of any length',
      at: '2004',
      apdu: 'c0e2000004 55555555',
      answer: '9000',
      effect: ['2004 records 3', '2004@7 0000000000>0455555555'],
    },
    {
      what: 'allowed, with cryptogram',
      at: '200b',
      apdu: protect('c0e2000002 4444'),
      answer: '9000',
      effect: ['200b records 2', '200b@2 0000>4444'],
    },
  ],

  Decrease: purseRows({ ins: '30', sw: '9000', ...DECREASING }),

  'Delete File': [
    { what: 'wrong P1', apdu: 'f0e4010002 2000', answer: '6b00' },
    { what: 'wrong P3', apdu: 'f0e4000001 20', answer: '6702' },
    {
      what: 'directory blocked',
      at: '2000',
      before: [VERIFY_KEY, INVALIDATE],
      apdu: 'f0e4000002 2001',
      answer: '6283',
    },
    { what: 'nothing shown', at: '2000', apdu: 'f0e4000002 2001', answer: '6982' },
    ...cryptogramRows('2010', 'f0e4000002 2001', '0b'),
    { what: 'no such file here', before: [VERIFY_KEY], apdu: 'f0e4000002 2001', answer: '6a82' },
    { what: 'the directory itself', before: [VERIFY_KEY], apdu: 'f0e4000002 3f00', answer: '6a82' },
    {
      what: 'allowed, the selected file',
      at: '2001',
      before: [VERIFY_KEY],
      apdu: 'f0e4000002 2001',
      answer: '9000',
      effect: ['-2001'],
    },
    {
      what: 'allowed, a directory with all that is in it',
      before: [VERIFY_KEY],
      apdu: 'f0e4000002 2000',
      answer: '9000',
      effect: ['-2000', ...IN_2000.map((id) => `-${id}`)],
    },
    {
      what: 'allowed, with cryptogram',
      at: '2010',
      before: [protect(NEW_FILE)],
      apdu: protect('f0e4000002 2020'),
      answer: '9000',
      effect: ['-2010/2020'],
    },
  ],

  'External Authentication': [
    { what: 'wrong P2', apdu: 'c082000107 01000000000000', answer: '6b00' },
    { what: 'wrong P3', apdu: 'c082000006 010000000000', answer: '6707' },
    { what: 'no challenge at all', apdu: 'c082000007 01000000000000', answer: '6985' },
    {
      what: 'no challenge just before',
      before: [GET_CHALLENGE, VERIFY_KEY],
      apdu: 'c082000007 01000000000000',
      answer: '6985',
    },
    {
      what: 'no such key',
      before: [GET_CHALLENGE],
      apdu: 'c082000007 03000000000000',
      answer: '6981',
    },
    {
      what: 'no tries left',
      apdu: after(WRONG_KEY, 3, (bench) => bench.authenticate()),
      answer: '6983',
    },
    {
      what: 'wrong proof',
      apdu: (bench) => bench.authenticate(STAMP_KEY),
      answer: '6300',
      effect: [FEWER_TRIES.key],
    },
    { what: 'allowed', apdu: (bench) => bench.authenticate(), answer: '9000' },
    {
      what: 'allowed, tries restored',
      before: [(bench) => after(WRONG_KEY, 1, `${SELECT}3f00`)(bench)],
      apdu: (bench) => bench.authenticate(),
      answer: '9000',
      effect: ['0011@24 02>03'],
    },
  ],

  'Get Challenge': [
    { what: 'wrong P1', apdu: 'c084010008', answer: '6b00' },
    { what: 'with data', apdu: 'c084000002 0102', answer: '6700' },
    { what: 'wrong P3', apdu: 'c084000010', answer: '6c08' },
    { what: 'allowed', apdu: GET_CHALLENGE, answer: /^[0-9a-f]{16}9000$/ },
  ],

  'Get Response': [
    { what: 'wrong P1', before: [`${SELECT}0002`], apdu: 'c0c001000f', answer: '6b00' },
    { what: 'with data', before: [`${SELECT}0002`], apdu: 'c0c0000001 00', answer: '6700' },
    { what: 'nothing there', before: [GET_CHALLENGE], apdu: 'c0c000000f', answer: '6985' },
    {
      what: 'nothing there any more',
      before: [`${SELECT}0002`, GET_CHALLENGE],
      apdu: 'c0c000000f',
      answer: '6985',
    },
    { what: 'more than there is', before: [`${SELECT}0002`], apdu: 'c0c0000010', answer: '6c0f' },
    {
      what: 'allowed, an elementary file',
      at: '2003',
      before: [`${SELECT}2003`],
      apdu: 'c0c000000f',
      answer: 'ffff000f200306ff0140440101ff059000',
    },
    {
      what: 'allowed, a directory with a PIN',
      before: [`${SELECT}3f00`],
      apdu: 'c0c0000014',
      answer: /^ffff[0-9a-f]{4}3f0038ff0f44440105ff010401ff03029000$/,
    },
    {
      what: 'allowed, in two pieces',
      before: [`${SELECT}0002`, 'c0c0000004'],
      apdu: 'c0c000000b',
      answer: '000201ff0fffff0101ff009000',
    },
    {
      what: 'allowed, the first piece',
      before: [`${SELECT}0002`],
      apdu: 'c0c0000004',
      answer: 'ffff0008610b',
    },
  ],

  Increase: purseRows({ ins: '32', sw: '9000', ...INCREASING }),

  'Internal Authentication': [
    { what: 'wrong P2', apdu: 'c088001008 644627e0079dd86c', answer: '6b00' },
    { what: 'wrong P3', apdu: 'c088000007 644627e0079dd8', answer: '6708' },
    { what: 'no such key', apdu: 'c088000208 644627e0079dd86c', answer: '6981' },
    {
      what: 'key file blocked',
      before: invalidated('0001'),
      apdu: 'c088000008 644627e0079dd86c',
      answer: '6283',
    },
    { what: 'allowed', apdu: 'c088000108 644627e0079dd86c', answer: '6106' },
  ],

  Invalidate: [
    { what: 'wrong P2', at: '2001', apdu: 'f004000100', answer: '6b00' },
    { what: 'wrong P3', at: '2001', apdu: 'f004000001 00', answer: '6700' },
    {
      what: 'blocked already',
      at: '2001',
      before: [VERIFY_PIN, INVALIDATE],
      apdu: INVALIDATE,
      answer: '6283',
    },
    { what: 'nothing shown', at: '2001', apdu: INVALIDATE, answer: '6982' },
    {
      what: 'never',
      at: '200a',
      before: [VERIFY_PIN, VERIFY_KEY],
      apdu: INVALIDATE,
      answer: '6982',
    },
    ...cryptogramRows('2005', INVALIDATE, '0b'),
    {
      what: 'allowed',
      at: '2001',
      before: [VERIFY_PIN],
      apdu: INVALIDATE,
      answer: '9000',
      effect: ['2001 blocked'],
    },
    {
      what: 'allowed, a directory',
      at: '2000',
      before: [VERIFY_KEY],
      apdu: INVALIDATE,
      answer: '9000',
      effect: ['2000 blocked'],
    },
    {
      what: 'allowed, with cryptogram',
      at: '2005',
      apdu: protect(INVALIDATE),
      answer: '9000',
      effect: ['2005 blocked'],
    },
  ],

  'Read Binary': [
    { what: 'no file selected', apdu: 'c0b0000008', answer: '6986' },
    { what: 'record file', at: '2002', apdu: 'c0b0000008', answer: '6a80' },
    { what: 'with data', at: '2001', apdu: 'c0b0000001 00', answer: '6700' },
    {
      what: 'file blocked',
      at: '2001',
      before: [VERIFY_PIN, INVALIDATE],
      apdu: 'c0b0000008',
      answer: '6283',
    },
    { what: 'never', at: '200a', before: [VERIFY_KEY], apdu: 'c0b0000004', answer: '6982' },
    {
      what: 'a cryptogram is asked for, and there is no such form',
      at: '2005',
      apdu: 'c0b0000008',
      answer: '6982',
    },
    { what: 'offset at the end', at: '2001', apdu: 'c0b0000801', answer: '6b00' },
    { what: 'offset far beyond', at: '2001', apdu: 'c0b0ffff01', answer: '6b00' },
    { what: 'more than there is', at: '2001', apdu: 'c0b0000600', answer: '6c02' },
    { what: 'allowed', at: '2001', apdu: 'c0b0000203', answer: 'a2a3a49000' },
  ],

  'Read Record': [
    { what: 'wrong mode', at: '2002', apdu: 'c0b2000504', answer: '6b00' },
    { what: 'index with another mode', at: '2002', apdu: 'c0b2010004', answer: '6b00' },
    { what: 'no file selected', apdu: 'c0b2000004', answer: '6986' },
    { what: 'transparent file', at: '2001', apdu: 'c0b2000004', answer: '6a80' },
    {
      what: 'file blocked',
      at: '2002',
      before: [VERIFY_PIN, INVALIDATE],
      apdu: 'c0b2000004',
      answer: '6283',
    },
    { what: 'index beyond the last', at: '2002', apdu: 'c0b2040404', answer: '6a83' },
    { what: 'no current record', at: '2002', apdu: 'c0b2000404', answer: '6a83' },
    {
      what: 'nothing behind the last',
      at: '2002',
      before: ['c0b2000104'],
      apdu: 'c0b2000204',
      answer: '6a83',
    },
    { what: 'wrong P3', at: '2002', apdu: 'c0b2000000', answer: '6c04' },
    { what: 'allowed, first', at: '2002', apdu: 'c0b2000004', answer: '111111119000' },
    { what: 'allowed, last', at: '2002', apdu: 'c0b2000104', answer: '333333339000' },
    {
      what: 'allowed, next, which is the first',
      at: '2002',
      apdu: 'c0b2000204',
      answer: '111111119000',
    },
    {
      what: 'allowed, previous, which is the last',
      at: '2002',
      apdu: 'c0b2000304',
      answer: '333333339000',
    },
    {
      what: 'allowed, next',
      at: '2002',
      before: ['c0b2000004'],
      apdu: 'c0b2000204',
      answer: '222222229000',
    },
    {
      what: 'allowed, current',
      at: '2002',
      before: ['c0b2020404'],
      apdu: 'c0b2000404',
      answer: '222222229000',
    },
    { what: 'allowed, of any length', at: '2004', apdu: 'c0b2020403', answer: 'bbbbbb9000' },
    {
      what: 'allowed, cyclic, the newest',
      at: '2003',
      apdu: 'c0b2000405',
      answer: '00000001009000',
    },
    {
      what: 'allowed, cyclic, the newest is current again after a change',
      at: '2003',
      before: [VERIFY_PIN, 'c0b2000205', 'f030000003 000010'],
      apdu: 'c0b2000405',
      answer: '00000000f09000',
    },
    {
      what: 'allowed, cyclic, the oldest is before the newest',
      at: '2007',
      before: ['f030000003 000001'],
      apdu: 'c0b2000303',
      answer: '0005009000',
    },
  ],

  Rehabilitate: [
    { what: 'wrong P1', at: '2001', apdu: 'f044010000', answer: '6b00' },
    { what: 'wrong P3', at: '2001', apdu: 'f044000001 00', answer: '6700' },
    {
      what: 'nothing shown',
      at: '2001',
      before: [VERIFY_PIN, INVALIDATE, 'f022070000'],
      apdu: REHABILITATE,
      answer: '6982',
    },
    ...cryptogramRows('2005', REHABILITATE, '0b'),
    {
      what: 'allowed',
      at: '2001',
      before: [VERIFY_PIN, INVALIDATE],
      apdu: REHABILITATE,
      answer: '9000',
      effect: ['2001 unblocked'],
    },
    {
      what: 'allowed, and nothing to do',
      at: '2001',
      before: [VERIFY_PIN],
      apdu: REHABILITATE,
      answer: '9000',
    },
    {
      what: 'allowed, a directory',
      at: '2000',
      before: [VERIFY_KEY, INVALIDATE],
      apdu: REHABILITATE,
      answer: '9000',
      effect: ['2000 unblocked'],
    },
    {
      what: 'allowed, with cryptogram',
      at: '2005',
      before: [protect(INVALIDATE)],
      apdu: protect(REHABILITATE),
      answer: '9000',
      effect: ['2005 unblocked'],
    },
  ],

  Seek: [
    { what: 'wrong P2', at: '2002', apdu: 'f0a2000101 22', answer: '6b00' },
    { what: 'no file selected', apdu: 'f0a2000001 22', answer: '6986' },
    { what: 'cyclic file', at: '2007', apdu: 'f0a2000001 22', answer: '6a80' },
    { what: 'P3 00', at: '2002', apdu: 'f0a2000000', answer: '6701' },
    {
      what: 'file blocked',
      at: '2000',
      before: invalidated('2002'),
      apdu: 'f0a2000001 22',
      answer: '6283',
    },
    { what: 'no such pattern', at: '2002', apdu: 'f0a2000002 2233', answer: '6a80' },
    {
      what: 'pattern beyond the end of a record',
      at: '2002',
      apdu: 'f0a2030002 2233',
      answer: '6a80',
    },
    {
      what: 'not from the next on',
      at: '2002',
      before: ['f0a2000001 22'],
      apdu: 'f0a2000201 22',
      answer: '6a80',
    },
    { what: 'allowed', at: '2002', apdu: 'f0a2020002 2222', answer: '9000' },
    {
      what: 'allowed, from the next on',
      at: '2002',
      before: ['c0b2000004'],
      apdu: 'f0a2000201 33',
      answer: '9000',
    },
  ],

  Select: [
    { what: 'by name', apdu: 'c0a4040002 2000', answer: '6b00' },
    { what: 'wrong P3', apdu: 'c0a4000001 20', answer: '6702' },
    { what: 'in another directory', apdu: `${SELECT}2001`, answer: '6a82' },
    {
      what: 'in a blocked directory',
      at: '2000',
      before: [VERIFY_KEY, INVALIDATE],
      apdu: `${SELECT}2001`,
      answer: '6283',
    },
    { what: 'allowed, a file', at: '2000', apdu: `${SELECT}2001`, answer: '610f' },
    { what: 'allowed, a directory', apdu: `${SELECT}2000`, answer: '6114' },
    {
      what: 'allowed, the directory of the file',
      at: '2001',
      apdu: `${SELECT}2000`,
      answer: '6114',
    },
    { what: 'allowed, the directory above', at: '2010', apdu: `${SELECT}2000`, answer: '6114' },
    {
      what: 'allowed, the master file from anywhere',
      at: '2010',
      apdu: `${SELECT}3f00`,
      answer: '6114',
    },
    {
      what: 'allowed, with a Le that never reaches a card',
      apdu: `${SELECT}2000 00`,
      answer: '6114',
    },
    {
      what: 'allowed, a blocked file',
      at: '2000',
      before: invalidated('2001'),
      apdu: `${SELECT}2001`,
      answer: '610f',
    },
  ],

  'Unblock PIN': [
    { what: 'wrong P2', apdu: `f02c000010 ${UNBLOCKING}${OTHER_PIN}`, answer: '6b00' },
    { what: 'wrong P3', apdu: `f02c000108 ${UNBLOCKING}`, answer: '6710' },
    {
      what: 'no PIN',
      before: [VERIFY_KEY, 'f0e4000002 0000'],
      apdu: `f02c000110 ${UNBLOCKING}${OTHER_PIN}`,
      answer: '6981',
    },
    {
      what: 'no tries left',
      apdu: after(WRONG_UNBLOCKING, 2, `f02c000110 ${UNBLOCKING}${OTHER_PIN}`),
      answer: '6983',
    },
    {
      what: 'wrong unblocking PIN',
      apdu: WRONG_UNBLOCKING,
      answer: '6300',
      effect: [FEWER_TRIES.unblocking],
    },
    {
      what: 'wrong unblocking PIN at the last try',
      before: [(bench) => after(WRONG_UNBLOCKING, 1, `${SELECT}3f00`)(bench)],
      apdu: WRONG_UNBLOCKING,
      answer: '6983',
      effect: ['0000@22 01>00'],
    },
    {
      what: 'allowed',
      before: [(bench) => after(WRONG_PIN, 3, `${SELECT}3f00`)(bench)],
      apdu: `f02c000110 ${UNBLOCKING}${OTHER_PIN}`,
      answer: '9000',
      effect: ['0000@3 31323334ffffffff0300>35363738ffffffff0303'],
    },
    {
      what: 'allowed, a PIN that was delivered blocked',
      before: [VERIFY_KEY, `${SELECT}0000`, 'c0d6000001 00'],
      apdu: `f02c000110 ${UNBLOCKING}${OTHER_PIN}`,
      answer: '9000',
      effect: ['0000@0 00ffff31323334>01ffff35363738'],
    },
  ],

  'Update Binary': [
    { what: 'no file selected', apdu: 'c0d6000001 00', answer: '6986' },
    { what: 'record file', at: '2002', apdu: 'c0d6000001 00', answer: '6a80' },
    { what: 'P3 00', at: '2001', apdu: 'c0d6000000', answer: '6701' },
    {
      what: 'too long to protect',
      at: '2005',
      apdu: `c0d6000023 15${'00'.repeat(34)}`,
      answer: '6500',
    },
    {
      what: 'file blocked',
      at: '2001',
      before: [VERIFY_PIN, INVALIDATE],
      apdu: 'c0d6000001 00',
      answer: '6283',
    },
    { what: 'nothing shown', at: '2001', apdu: 'c0d6000001 00', answer: '6982' },
    {
      what: 'a PIN that the last command has changed by hand',
      before: [
        VERIFY_KEY,
        `${SELECT}0000`,
        VERIFY_PIN,
        'c0d6000304 35363738',
        `${SELECT}2000`,
        `${SELECT}2001`,
      ],
      apdu: 'c0d6000001 00',
      answer: '6982',
    },
    {
      what: 'a wrong PIN after the right one',
      at: '2001',
      before: [VERIFY_PIN],
      apdu: after(WRONG_PIN, 1, 'c0d6000001 00'),
      answer: '6982',
    },
    ...cryptogramRows('2005', 'c0d6000002 c1c2', '00'),
    {
      what: 'no key of the number that the file names',
      at: '2000',
      before: [
        VERIFY_KEY,
        create({ id: '2020', type: '01', size: 4, access: '030000', keys: '0f0000' }),
      ],
      apdu: protect('c0d6000002 c1c2'),
      answer: '6981',
    },
    {
      what: 'beyond the end',
      at: '2001',
      before: [VERIFY_PIN],
      apdu: 'c0d6000702 c1c2',
      answer: '6b00',
    },
    {
      what: 'allowed',
      at: '2001',
      before: [VERIFY_PIN],
      apdu: 'c0d6000602 c1c2',
      answer: '9000',
      effect: ['2001@6 a6a7>c1c2'],
    },
    {
      what: 'allowed, with cryptogram',
      at: '2005',
      apdu: protect('c0d6000107 c1c2c3c4c5c6c7'),
      answer: '9000',
      effect: ['2005@1 00000000000000>c1c2c3c4c5c6c7'],
    },
  ],

  'Update Record': [
    { what: 'wrong mode', at: '2002', apdu: 'c0dc000504 44444444', answer: '6b00' },
    { what: 'no file selected', apdu: 'c0dc000004 44444444', answer: '6986' },
    { what: 'transparent file', at: '2001', apdu: 'c0dc000004 44444444', answer: '6a80' },
    { what: 'P3 00', at: '2002', apdu: 'c0dc000000', answer: '6701' },
    {
      what: 'file blocked',
      at: '2000',
      before: invalidated('2002'),
      apdu: 'c0dc000004 44444444',
      answer: '6283',
    },
    { what: 'nothing shown', at: '2002', apdu: 'c0dc000004 44444444', answer: '6982' },
    ...cryptogramRows('2006', 'c0dc000003 444444', '00'),
    {
      what: 'a purse for both ways',
      at: '2003',
      before: [VERIFY_PIN],
      apdu: 'c0dc000005 4444444444',
      answer: '6982',
    },
    {
      what: 'a purse for both ways, the oldest record',
      at: '2003',
      before: [VERIFY_PIN],
      apdu: 'c0dc000305 4444444444',
      answer: '6982',
    },
    {
      what: 'a purse for both ways, with cryptogram',
      at: '2006',
      apdu: protect('c0dc000003 444444'),
      answer: '6982',
    },
    { what: 'no such record', at: '2004', apdu: 'c0dc030402 4444', answer: '6a83' },
    {
      what: 'another length than the record',
      at: '2004',
      apdu: 'c0dc010403 444444',
      answer: '6702',
    },
    {
      what: 'allowed',
      at: '2002',
      before: [VERIFY_PIN],
      apdu: 'c0dc020404 44444444',
      answer: '9000',
      effect: ['2002@4 22222222>44444444'],
    },
    {
      what: 'allowed, records of any length',
      at: '2004',
      apdu: 'c0dc020403 444444',
      answer: '9000',
      effect: ['2004@4 bbbbbb>444444'],
    },
    {
      what: 'allowed, the newest of a log',
      at: '2009',
      apdu: 'c0dc000403 444444',
      answer: '9000',
      effect: ['2009@0 000000>444444'],
    },
    {
      what: 'allowed, the oldest of a log, which becomes the newest',
      at: '2009',
      apdu: 'c0dc000303 444444',
      answer: '9000',
      effect: ['2009 newest 1', '2009@3 000000>444444'],
    },
    {
      what: 'allowed, with cryptogram',
      at: '200b',
      before: [VERIFY_PIN],
      apdu: 'c0dc000002 4444',
      answer: '9000',
      effect: ['200b@0 0000>4444'],
    },
  ],

  'Verify PIN': [
    { what: 'wrong P2', apdu: `c020000208 ${PIN}`, answer: '6b00' },
    { what: 'wrong P3', apdu: 'c020000104 31323334', answer: '6708' },
    { what: 'P3 without its data', apdu: 'c020000108', answer: '6700' },
    {
      what: 'no PIN',
      before: [VERIFY_KEY, 'f0e4000002 0000'],
      apdu: VERIFY_PIN,
      answer: '6981',
    },
    {
      what: 'a file that is too short for a PIN',
      at: '2000',
      before: [VERIFY_KEY, create({ id: '0000', type: '01', size: 22, access: '000000' })],
      apdu: VERIFY_PIN,
      answer: '6981',
    },
    { what: 'PIN file blocked', before: invalidated('0000'), apdu: VERIFY_PIN, answer: '6283' },
    {
      what: 'delivered blocked',
      before: [VERIFY_KEY, `${SELECT}0000`, 'c0d6000001 00'],
      apdu: VERIFY_PIN,
      answer: '6983',
    },
    { what: 'no tries left', apdu: after(WRONG_PIN, 3, VERIFY_PIN), answer: '6983' },
    { what: 'wrong PIN', apdu: WRONG_PIN, answer: '6300', effect: [FEWER_TRIES.pin] },
    {
      what: 'wrong PIN at the last try',
      before: [(bench) => after(WRONG_PIN, 2, `${SELECT}3f00`)(bench)],
      apdu: WRONG_PIN,
      answer: '6983',
      effect: ['0000@12 01>00'],
    },
    { what: 'allowed', apdu: VERIFY_PIN, answer: '9000' },
    {
      what: 'allowed, tries restored',
      before: [(bench) => after(WRONG_PIN, 2, `${SELECT}3f00`)(bench)],
      apdu: VERIFY_PIN,
      answer: '9000',
      effect: ['0000@12 01>03'],
    },
    {
      what: 'allowed, padded as the stored PIN does not ask for',
      at: '2001',
      apdu: `c020000108 3132333400000000`,
      answer: '9000',
    },
  ],

  'Verify Key': [
    { what: 'wrong P2', apdu: `f02a001008 ${KEY}`, answer: '6b00' },
    { what: 'no such key', apdu: `f02a000308 ${KEY}`, answer: '6981' },
    { what: 'wrong P3', apdu: 'f02a000104 47465849', answer: '6708' },
    { what: 'key file blocked', before: invalidated('0011'), apdu: VERIFY_KEY, answer: '6283' },
    { what: 'no tries left', apdu: after(WRONG_KEY, 3, VERIFY_KEY), answer: '6983' },
    { what: 'wrong key', apdu: WRONG_KEY, answer: '6300', effect: [FEWER_TRIES.key] },
    { what: 'allowed', apdu: VERIFY_KEY, answer: '9000' },
    {
      what: 'allowed, tries restored',
      before: [(bench) => after(WRONG_KEY, 2, `${SELECT}3f00`)(bench)],
      apdu: VERIFY_KEY,
      answer: '9000',
      effect: ['0011@24 01>03'],
    },
  ],

  'Decrease Stamped': purseRows({ ins: '34', sw: '610c', ...DECREASING }),
  'Increase Stamped': purseRows({ ins: '36', sw: '610c', ...INCREASING }),

  'Give Challenge': [
    { what: 'wrong P1', apdu: 'f086010008 a1a2a3a4a5a6a7a8', answer: '6b00' },
    { what: 'wrong P3', apdu: 'f086000007 a1a2a3a4a5a6a7', answer: '6708' },
    { what: 'allowed', apdu: GIVE_CHALLENGE, answer: '9000' },
  ],

  Directory: [
    { what: 'wrong P2', apdu: 'f0a8000104', answer: '6b00' },
    { what: 'wrong P3', apdu: 'f0a8000008', answer: '6700' },
    {
      what: 'directory blocked',
      at: '2000',
      before: [VERIFY_KEY, INVALIDATE],
      apdu: 'f0a8000000',
      answer: '6283',
    },
    {
      what: 'never',
      before: [VERIFY_KEY, create({ id: '2020', type: '38', size: 40, access: 'ff4444' })],
      apdu: 'f0a8000004',
      answer: '6982',
    },
    { what: 'allowed, all files', apdu: 'f0a8000000', answer: '6128' },
    { what: 'allowed, all files, with a Le', apdu: 'f0a8000000 00', answer: '6128' },
    { what: 'allowed, none there', at: '2010', apdu: 'f0a8000000', answer: '9000' },
    { what: 'allowed, the next file', apdu: 'f0a8000004', answer: '000800029000' },
    {
      what: 'allowed, the one after it',
      before: ['f0a8000004'],
      apdu: 'f0a8000004',
      answer: '002600119000',
    },
    { what: 'behind the last', at: '2010', apdu: 'f0a8000004', answer: '6a82' },
    {
      what: 'allowed, from the start again after a selection',
      before: ['f0a8000004', `${SELECT}3f00`],
      apdu: 'f0a8000004',
      answer: '000800029000',
    },
  ],

  Logout: [
    { what: 'wrong P1', apdu: 'f022000000', answer: '6b00' },
    { what: 'wrong P3', apdu: 'f022070001 00', answer: '6700' },
    { what: 'allowed', apdu: 'f0220700', answer: '9000' },
  ],
}
