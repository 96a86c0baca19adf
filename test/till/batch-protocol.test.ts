import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  batchDigest,
  decodeBatch,
  openAcknowledgement,
  verifyBatch,
} from '../../src/kernel/batch.ts'
import { fromHex, toHex, utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { publicKeyFrom } from '../../src/kernel/p256.ts'
import { ACKNOWLEDGEMENT_OUTCOMES } from '../../src/till/batch.ts'

const page = readFileSync('docs/protocol/batch.md', 'utf8')

/** The indented hexadecimal lines that follow a marker. */
function example(marker: string): Bytes {
  const [, lines = ''] =
    new RegExp(`<!-- ${marker} -->\\n\\n((?: {4}[0-9a-f]+\\n)+)`).exec(page) ?? []
  return fromHex(lines.replaceAll(/\s/g, ''))
}

function key(name: string) {
  const [, digits = ''] = new RegExp(`${name} key +([0-9a-f]{128})`).exec(page) ?? []
  return publicKeyFrom(fromHex(digits))
}

/** The annotated payload: of each line the hexadecimal digits before the words. */
function annotated(): Bytes {
  const [, lines = ''] = /The payload, 304 bytes:\n\n((?: {4}.*\n)+)/.exec(page) ?? []
  const digits = lines
    .split('\n')
    .map((line) => /^[0-9a-f ]*?(?= {3,}\S*[^0-9a-f\s]|$)/.exec(line)?.[0] ?? '')
  return fromHex(digits.join('').replaceAll(' ', ''))
}

test('the example of a batch is one', () => {
  const received = decodeBatch(example('batch'))
  expect(verifyBatch(received, key('till'))).toBe(true)
  expect(page).toContain(toHex(received.digest))
  expect(received.batch).toEqual({
    type: 'batch',
    version: 1,
    till: 7,
    generation: 1,
    number: 1,
    previous: new Uint8Array(32),
    madeAt: Date.UTC(2026, 8, 8, 18),
    completeUpTo: Date.UTC(2026, 8, 8, 12, 3),
    documents: { keys: 4, policy: 1, hot: 0, tokens: 2 },
    totals: { paid: 1250n, loaded: 0n, cash: 0n },
    software: sha256(utf8('example program')),
    items: [
      { scheme: 'block', outcome: 'confirmed', evidence: utf8('evidence 1') },
      { scheme: 'block', outcome: 'unconfirmed', evidence: utf8('evidence 2') },
    ],
  })
  expect(toHex(annotated())).toBe(toHex(received.document.payload))
})

test('the example of an acknowledgement is one', () => {
  expect(openAcknowledgement(example('acknowledgement'), key('office'))).toEqual({
    type: 'acknowledgement',
    version: 1,
    till: 7,
    number: 1,
    digest: batchDigest(example('batch')),
    durableUpTo: 1,
    officeTime: Date.UTC(2026, 8, 8, 18, 0, 1),
    documents: { keys: 4, policy: 1, hot: 0, tokens: 2 },
  })
})

test('the outcomes stand in the order of the checks', () => {
  const listed = [...page.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)
  const start = listed.indexOf('unreadable')
  expect(listed.slice(start, start + ACKNOWLEDGEMENT_OUTCOMES.length)).toEqual([
    ...ACKNOWLEDGEMENT_OUTCOMES,
  ])
})
