import { expect, test } from 'vitest'
import {
  hashPassword,
  PASSWORD_COST,
  passwordMatches,
  SIMULATED_COST,
} from '../../src/office/passwords.ts'
import { createTestDatabase } from '../support/database.ts'
import { createOffice } from '../../src/office/office.ts'
import { RANDOM, TestClock } from '../support/office.ts'

const stored = (cost: string, salt: string, hash: string) =>
  `scrypt$${cost}$${Buffer.from(salt).toString('base64url')}$${Buffer.from(hash, 'hex').toString('base64url')}`

/** RFC 7914, section 12: the first 32 bytes of each, which do not depend on how many follow. */
test.each([
  [
    'password',
    stored('1024$8$16', 'NaCl', 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162'),
  ],
  [
    'pleaseletmein',
    stored(
      '16384$8$1',
      'SodiumChloride',
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2',
    ),
  ],
])('scrypt by its published vectors: %s', async (password, hash) => {
  expect(await passwordMatches(password, hash)).toBe(true)
  expect(await passwordMatches(`${password} `, hash)).toBe(false)
})

test('the same letters are the same password, however a keyboard puts them together', async () => {
  const hash = await hashPassword('na\u00efve caf\u00e9', {
    random: RANDOM,
    passwordCost: SIMULATED_COST,
  })
  expect(await passwordMatches('nai\u0308ve cafe\u0301', hash)).toBe(true)
})

test('a guess costs what OWASP advises, unless an office says otherwise', async () => {
  const { db, drop } = await createTestDatabase()
  const dataKey = RANDOM.bytes(32)
  const office = await createOffice({
    db,
    schemes: [],
    clock: new TestClock(),
    random: RANDOM,
    dataKey,
    currency: 'USD',
  })
  expect(office.passwordCost).toBe(PASSWORD_COST)
  const hash = await hashPassword('correct horse battery', office)
  expect(hash).toMatch(/^scrypt\$32768\$8\$1\$/)
  expect(await passwordMatches('correct horse battery', hash)).toBe(true)
  await drop()
})
