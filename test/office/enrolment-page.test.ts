import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../src/kernel/bytes.ts'
import { enrolmentKey, enrolmentRequest, parseEnrolmentCode } from '../../src/kernel/enrolment.ts'
import { hmacSha256 } from '../../src/kernel/hash.ts'
import { publicKeyFrom } from '../../src/kernel/p256.ts'
import { ENROLMENT_STATUSES } from '../../src/office/enrolment.ts'
import { REFUSALS } from '../../src/office/errors.ts'
import { ROLES } from '../../src/office/roles.ts'

const page = (name: string) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

/** The first cells of a table's rows, where they are in code, under the line that has `title`. */
function firstCells(text: string, title: string): string[] {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith('|') && line.includes(title))
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) => /`([^`]+)`/.exec(line)?.[1] ?? '')
}

test('the example of the enrolment page', async () => {
  const [, text = ''] = (await page('protocol/enrolment.md')).split('## Example')
  const value = (name: string) => {
    const line = text.split('\n').find((one) => one.startsWith(`    ${name} `))
    return line?.trim().split(' ').at(-1) ?? ''
  }
  const code = parseEnrolmentCode('7-K3QX-90TB-5RZM')
  const [till, office] = [fromHex(value("till's key")), fromHex(value("office's key"))]
  expect(toHex(enrolmentKey(code))).toBe(value('K'))
  expect(enrolmentRequest(code, publicKeyFrom(till)).proof).toBe(value("till's proof"))
  const proof = hmacSha256(enrolmentKey(code), concat(utf8('office'), office, till))
  expect(toHex(proof)).toBe(value('its proof'))
})

test.each([
  ['protocol/enrolment.md', 'what it means', ENROLMENT_STATUSES],
  ['operating.md', '| when', [...REFUSALS, 'internal']],
  ['operating.md', '| may ', ROLES],
])('the table of %s that has "%s" is the one in the code', async (name, title, expected) => {
  expect(firstCells(await page(name), title)).toEqual([...expected])
})
