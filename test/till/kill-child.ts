import { utf8 } from '../../src/kernel/bytes.ts'
import { generatePrivateKey } from '../../src/kernel/p256.ts'
import { makeBatch } from '../../src/till/batch.ts'
import { journalOf } from '../../src/till/journal.ts'
import { batchContextOf, recordOf, storeAt } from './records.ts'

/**
 * Sells until it is killed: writes intents, outcomes and batches as fast as it can, and says on standard
 * output what is done, only after the journal has said so.
 */
const [, , path = '', from = '1'] = process.argv
const store = storeAt(path)
const journal = journalOf(store, { now: () => Date.now() })
const context = batchContextOf(generatePrivateKey().publicKey)

for (let sequence = Number(from); ; sequence += 1) {
  const evidence = utf8(`evidence ${sequence} ${'x'.repeat(sequence % 700)}`)
  const { id } = journal.intend(recordOf({ sequence, evidence, madeAt: journal.stamp() }))
  process.stdout.write(`intended ${sequence}\n`)
  if (sequence % 3 > 0) {
    journal.confirm(id)
    process.stdout.write(`confirmed ${sequence}\n`)
  }
  if (sequence % 10 === 0) {
    const { number } = makeBatch(store, context)
    process.stdout.write(`batched ${number}\n`)
  }
}
