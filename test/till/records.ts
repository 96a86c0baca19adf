import { utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { NO_DOCUMENTS } from '../../src/kernel/documents.ts'
import { sha256 } from '../../src/kernel/hash.ts'
import { cardIdOf, digestOf, type CardId } from '../../src/kernel/ids.ts'
import { currency } from '../../src/kernel/money.ts'
import { generatePrivateKey, type PublicKey } from '../../src/kernel/p256.ts'
import type { Clock, Instant } from '../../src/kernel/ports.ts'
import type { BatchContext } from '../../src/till/batch.ts'
import type { Fuse } from '../../src/till/fuse.ts'
import type { NewRecord, SpendableToken } from '../../src/till/scheme.ts'
import { openStore, type Store } from '../../src/till/store.ts'

export const START: Instant = Date.UTC(2026, 8, 8, 12)
export const STORAGE_KEY: Bytes = sha256(utf8('storage key'))
export const SOFTWARE: Bytes = sha256(utf8('software'))

export interface SettableClock extends Clock {
  set(at: Instant): void
}

export function clockAt(start: Instant = START): SettableClock {
  let now = start
  return {
    now: () => now,
    set: (at) => {
      now = at
    },
  }
}

export function storeAt(path: string, fuse?: Fuse): Store {
  const random = {
    bytes: (size: number) => new Uint8Array(crypto.getRandomValues(new Uint8Array(size))),
  }
  return openStore({ path, storageKey: STORAGE_KEY, random, ...(fuse && { fuse }) })
}

export function cardNumber(number: number): CardId {
  return cardIdOf(Uint8Array.of(0xca, 0xfd, 0xba, 0xbe, 0xc0, 0xff, 0xee, number))
}

/** A record that differs from every other of another `sequence`. */
export function recordOf(
  change: Partial<NewRecord> & Pick<NewRecord, 'madeAt'>,
  tokens: readonly SpendableToken[] = [],
): NewRecord {
  const sequence = change.sequence ?? 1
  const card = change.card ?? cardNumber(1)
  const evidence = utf8(`evidence of ${card} ${sequence}`)
  return {
    orderId: `order ${card} ${sequence}`,
    scheme: 'toy',
    card,
    sequence,
    kind: 'pay',
    amount: 500n,
    balanceAfter: 9_500n,
    digest: digestOf(sha256(evidence)),
    evidence,
    tokens,
    ...change,
  }
}

/** What a till needs to make batches, with a key of its own. */
export function batchContextOf(officeKey: PublicKey): BatchContext {
  const identity = {
    till: 7,
    generation: 1,
    key: generatePrivateKey(),
    currency: currency('USD'),
    officeKey,
    officeGeneration: 1,
    secrets: new Map<string, Bytes>(),
    enrolledAt: START,
    officeTime: START,
  }
  return { identity, now: START, documents: NO_DOCUMENTS, software: SOFTWARE }
}
