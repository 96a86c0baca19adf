import { FormatError } from '../../kernel/errors.ts'
import { digestOf } from '../../kernel/ids.ts'
import type { Amount } from '../../kernel/money.ts'
import type { PrivateKey } from '../../kernel/p256.ts'
import type { Instant } from '../../kernel/ports.ts'
import type { Bytes } from '../../kernel/bytes.ts'
import {
  blockDigest,
  chipKeys,
  evidence,
  HMAC_KEY_SIZE,
  openBlock,
  passcodeFits,
  passcodeHmac,
  sealBlock,
  tillSecrets,
  type Block,
  type Evidence,
} from '../../schemes/block/message.ts'
import type { Desk, NewRecord, SpendableToken } from '../../till/scheme.ts'

/**
 * What a vendor can do to the evidence of the scheme `block` with nothing but his own till: it has the
 * master key, so it reads and makes the content of any block, and its own signing key.
 */

/** What the crook tells the office of one record. */
export type Told = Pick<NewRecord, 'scheme' | 'kind' | 'amount' | 'madeAt' | 'evidence' | 'digest'>

type Tools = Pick<Desk, 'key' | 'secrets'>

/** Says that it deducted another amount than it did. */
export function withAmount(told: Told, amount: Amount): Told {
  return rewritten({ ...told, amount }, (shown) => ({ ...shown, amount: Number(amount) }))
}

export function withTokens(told: Told, tokens: readonly SpendableToken[]): Told {
  return rewritten(told, (shown) => ({ ...shown, tokens: tokens.map(({ bytes }) => bytes) }))
}

/** Shows a previous block with another balance: signed by itself, since it cannot sign for others. */
export function withPreviousBalance(told: Told, change: Amount, tools: Tools): Told {
  return rewritten(told, (shown) => {
    const [previous] = shown.previous
    if (!previous) return shown
    return {
      ...shown,
      previous: [
        resealed(previous, shown, tools, ({ balance }) => ({ balance: balance + change })),
      ],
    }
  })
}

/** Signs a second version of its own block. */
export function withOwnBalance(told: Told, change: Amount, tools: Tools): Told {
  return rewritten(told, (shown) => ({
    ...shown,
    block: resealed(shown.block, shown, tools, ({ balance }) => ({ balance: balance + change })),
  }))
}

/** How an invented payment comes by its passcode field. */
export type Invention = 'copied' | 'guessed' | 'brute-forced'

export interface Invented {
  /** What the crook told of the card last: its block is the one that it builds on. */
  readonly seen: Told
  readonly amount: Amount
  readonly passcode: Invention
  readonly madeAt: Instant
  readonly desk: Desk
}

/**
 * A payment on a block that was seen earlier, without the card.
 *
 * @throws {FormatError} if no balance is left for it.
 */
export function invent({ seen, amount, passcode, madeAt, desk }: Invented): Told {
  const { uid, block: previous } = evidence.decode(seen.evidence)
  const keys = keysOf(uid, desk)
  const before = openBlock(previous, keys)
  const block = sealBlock(
    {
      ...before,
      ...inventedPasscode(before, passcode, desk),
      kind: 'pay',
      generation: desk.generation,
      vendor: desk.till,
      timestamp: madeAt,
      balance: before.balance - amount,
      sequence: before.sequence + 1,
    },
    keys,
    desk.key,
  )
  const shown: Evidence = {
    uid,
    block,
    previous: [previous],
    amount: Number(amount),
    policyVersion: desk.policyVersion,
    tokens: [],
    newPasscode: new Uint8Array(),
  }
  return {
    scheme: seen.scheme,
    kind: 'pay',
    amount,
    madeAt,
    evidence: evidence.encode(shown),
    digest: digestOf(blockDigest(block)),
  }
}

function inventedPasscode(
  before: Block,
  how: Invention,
  { random }: Desk,
): Pick<Block, 'hmacKey' | 'passcodeHmac'> {
  const { hmacKey: oldKey, passcodeHmac: old } = before
  if (how === 'copied') return { hmacKey: oldKey, passcodeHmac: old }
  const hmacKey = random.bytes(HMAC_KEY_SIZE)
  const code = how === 'guessed' ? wrongGuess(before) : bruteForce(before)
  return { hmacKey, passcodeHmac: passcodeHmac(code, hmacKey) }
}

/** One code in ten thousand: a guess is wrong for certain only if it is checked. */
function wrongGuess(before: Block): string {
  return passcodeFits('1234', before) ? '4321' : '1234'
}

/** Four digits take ten milliseconds; that is why the passcode proves little where the key is open. */
function bruteForce(before: Block): string {
  for (let length = 4; length <= 6; length++) {
    for (let number = 0; number < 10 ** length; number++) {
      const code = String(number).padStart(length, '0')
      if (passcodeFits(code, before)) return code
    }
  }
  throw new FormatError('invent.passcode', 'is longer than six digits: too long to be found here')
}

function rewritten(told: Told, change: (shown: Evidence) => Evidence): Told {
  const shown = change(evidence.decode(told.evidence))
  return {
    ...told,
    evidence: evidence.encode(shown),
    digest: digestOf(blockDigest(shown.block)),
  }
}

function resealed(
  bytes: Bytes,
  { uid }: Evidence,
  { key, secrets }: { readonly key: PrivateKey; readonly secrets: Bytes },
  change: (block: Block) => Partial<Block>,
): Bytes {
  const keys = keysOf(uid, { secrets })
  const block = openBlock(bytes, keys)
  return sealBlock({ ...block, ...change(block) }, keys, key)
}

function keysOf(uid: Bytes, { secrets }: Pick<Desk, 'secrets'>) {
  return chipKeys(tillSecrets.decode(secrets).master, uid)
}
