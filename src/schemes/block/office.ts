import { bytesEqual, concat, copyOf, toHex, utf8, type Bytes } from '../../kernel/bytes.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { DIGEST_SIZE } from '../../kernel/hash.ts'
import { OFFICE, type Digest } from '../../kernel/ids.ts'
import { message, octets } from '../../kernel/message.ts'
import { abs, currencyByNumber, sum, type Amount } from '../../kernel/money.ts'
import type { PublicKey } from '../../kernel/p256.ts'
import type { RandomSource } from '../../kernel/ports.ts'
import { checkPasscode } from '../../kernel/pin.ts'
import { usedToken } from '../../office/used-token.ts'
import type { CaseKind, Finding } from '../../office/ledger/findings.ts'
import type {
  Issue,
  IssueRequest,
  IssuingOffice,
  OfficeScheme,
  Predecessor,
  UsedToken,
  Verdict,
  VerifiedEntry,
  VerifyContext,
} from '../../office/scheme.ts'
import { planCard } from './card.ts'
import {
  BLOCK_SIZE,
  blockOpener,
  blockSignedBy,
  chipKeys,
  evidence,
  HMAC_KEY_SIZE,
  passcodeFits,
  passcodeHmac,
  readingKeys,
  recordDigest,
  SCHEME,
  sealBlock,
  tillSecrets,
  UID_SIZE,
  type Block,
  type BlockKind,
  type Evidence,
} from './message.ts'
import { Recent } from '../../kernel/recent.ts'

/**
 * Why evidence is not an entry: it cannot be laid at anybody's door. The order is the order of the
 * checks. What a maker can be shown to have signed is an entry, however wrong it is.
 */
export const BLOCK_REJECTIONS = [
  /** Not the layout of {@link evidence}, or an issue that is none. */
  'malformed',
  /** The block does not open with the keys of the chip that is named, or its reader has not got them. */
  'unreadable',
  'unknown_currency',
  'unknown_maker',
  'bad_signature',
] as const
export type BlockRejection = (typeof BLOCK_REJECTIONS)[number]

/** The office's side of the scheme `block`: docs/protocol/block.md. */
export const blockOffice: OfficeScheme = {
  name: SCHEME,
  cardSigns: false,
  recordsAreSigned: 'by their maker',
  createSecrets: (random) => tillSecrets.encode({ master: random.bytes(16) }),
  // A till opens and writes every card, so it gets the master key itself. A SAM would not.
  tillSecrets: (secrets) => tillSecrets.encode(tillSecrets.decode(secrets)),
  issue,
  route,
  verify,
  readingKeys: readingKeysOf,
  judge,
}

function issue(request: IssueRequest, office: IssuingOffice): Issue {
  const { card, uid, currency, balance } = request
  const passcode = request.passcode ?? randomPasscode(office.random)
  checkPasscode(passcode)
  const { master } = tillSecrets.decode(office.secrets)
  const hmacKey = office.random.bytes(HMAC_KEY_SIZE)
  const first: Block = {
    kind: 'issue',
    currency: currency.numeric,
    generation: office.generation,
    card,
    vendor: OFFICE,
    timestamp: office.clock.now(),
    balance,
    sequence: 0,
    hmacKey,
    passcodeHmac: passcodeHmac(passcode, hmacKey),
  }
  const block = sealBlock(first, chipKeys(master, uid), office.key)
  return {
    evidence: evidence.encode({
      uid,
      block,
      previous: [],
      amount: Number(balance),
      policyVersion: 0,
      tokens: [],
      newPasscode: new Uint8Array(),
    }),
    plan: planCard(master, { uid, card, currency: currency.numeric, block }),
    passcode,
    known: utf8(passcode),
  }
}

/** Four digits, each combination as likely as any other. */
function randomPasscode(random: RandomSource): string {
  for (;;) {
    const [high = 0, low = 0] = random.bytes(2)
    const drawn = high * 256 + low
    if (drawn < 60_000) return String(drawn % 10_000).padStart(4, '0')
  }
}

/** The chip's number, which stands behind the version. */
function route(bytes: Uint8Array): number {
  return bytes.subarray(1, 1 + UID_SIZE).reduce((number, byte) => (number * 31 + byte) % 0xffff, 0)
}

/** The hot path: at most one signature check for a block that was not seen before. */
function verify(bytes: Bytes, context: VerifyContext): Verdict {
  const shown = unlessMalformed(() => evidence.decodeInPlace(bytes))
  if (!shown) return rejected('malformed')
  const chip = chipOf(context.secrets, shown.uid)
  const read = chip && readBlock(shown.block, chip)
  if (!read || !fits(chip, read, shown)) return rejected('unreadable')
  const { block, digest } = read
  const currency = unlessMalformed(() => currencyByNumber(block.currency))
  if (!currency) return rejected('unknown_currency')
  const key = context.keyOf(block.vendor, block.generation)
  if (!key) return rejected('unknown_maker')
  if (!isSignedBy(read, shown.block, key)) return rejected('bad_signature')
  const isFirst = block.kind === 'issue' && block.sequence === 0
  // The office does nothing but issue.
  if (block.vendor === OFFICE && !(isFirst && shown.previous.length === 0)) {
    return rejected('malformed')
  }

  const previous = isFirst ? undefined : readPrevious(shown, block, chip, context)
  const tokens = shown.tokens.flatMap(
    // A copy: a view would drag all of the evidence into the next thread.
    (token) => unlessMalformed(() => usedToken(new Uint8Array(token), block.currency)) ?? [],
  )
  const record: Record = { shown, block, digest, tokens }
  const entry: VerifiedEntry = {
    scheme: SCHEME,
    card: block.card,
    sequence: block.sequence,
    kind: block.kind,
    currency,
    amount: BigInt(shown.amount),
    balance: block.balance,
    maker: block.vendor,
    generation: block.generation,
    madeAt: block.timestamp,
    digest,
    predecessor: previous?.predecessor,
    tokens,
    policyVersion: shown.policyVersion,
    proof: previous?.block ? proofOf(block, previous.block) : NO_PROOF,
    // A copy, as of the tokens.
    disclosure: new Uint8Array(shown.newPasscode),
    findings: findingsOf(record, previous),
  }
  return { ok: true, entry }
}

/**
 * The keys of the chips that these items name. With them and public keys alone anybody sees what the
 * items say and who signed it; nothing can be signed with them.
 */
function readingKeysOf(secrets: Bytes, items: readonly Bytes[]): Bytes {
  const { master } = tillSecrets.decode(secrets)
  const shown = items.flatMap((item) => unlessMalformed(() => evidence.decode(item)) ?? [])
  const uids = new Map(shown.map(({ uid }) => [toHex(uid), uid]))
  return readingKeys.encode({
    chips: [...uids.values()].map((uid) => ({ uid, ...chipKeys(master, uid) })),
  })
}

/**
 * Keys that somebody gave must also open the block before, as one of this card. The office could else
 * look for keys, and soon find them, under which an honest till seems to have shown rubbish.
 */
function fits(chip: Chip, { block }: SeenBlock, { previous: [bytes] }: Evidence): boolean {
  return !chip.isGiven || !bytes || readBlock(bytes, chip)?.block.card === block.card
}

function rejected(reason: BlockRejection): Verdict {
  return { ok: false, reason }
}

/** A record that its maker certainly signed. */
interface Record {
  readonly shown: Evidence
  readonly block: Block
  readonly digest: Digest
  readonly tokens: readonly UsedToken[]
}

interface Previous {
  readonly predecessor: Predecessor
  /** Only if it is shown with its maker's signature. */
  readonly block: Block | undefined
}

function readPrevious(
  { previous: [bytes], amount }: Evidence,
  block: Block,
  chip: Chip,
  context: VerifyContext,
): Previous {
  const read = bytes && readBlock(bytes, chip)
  if (!read) {
    const digest = recordDigest(bytes ?? new Uint8Array())
    return { predecessor: impliedPredecessor(block, amount, digest), block: undefined }
  }
  const { block: opened, digest } = read
  const key = context.keyOf(opened.vendor, opened.generation)
  const shown = opened.card === block.card && key !== undefined && isSignedBy(read, bytes, key)
  const predecessor = {
    digest,
    sequence: opened.sequence,
    maker: opened.vendor,
    generation: opened.generation,
    balance: opened.balance,
    madeAt: opened.timestamp,
    kind: opened.kind,
    shown,
  }
  return { predecessor, block: shown ? opened : undefined }
}

/** Nothing readable was shown: what the maker's own record says of its predecessor, naming nobody else. */
function impliedPredecessor(
  { kind, sequence, vendor, generation, balance, timestamp }: Block,
  amount: number,
  digest: Digest,
): Predecessor {
  const change = kind === 'pay' ? BigInt(amount) : kind === 'load' ? -BigInt(amount) : 0n
  const before = balance + change
  return {
    digest,
    sequence: Math.max(sequence - 1, 0),
    maker: vendor,
    generation,
    balance: before < 0n ? 0n : before,
    madeAt: timestamp,
    kind: 'pay',
    shown: false,
  }
}

/** What the bytes prove by themselves, in the order of `CASE_KINDS`. No till of ours makes such bytes. */
function findingsOf(record: Record, previous: Previous | undefined): readonly Finding[] {
  const { block, shown } = record
  const findings: Finding[] = []
  const find = (kind: CaseKind, amount?: Amount) => findings.push(against(record, kind, amount))
  const before = previous?.block
  if (before) {
    const expected = balanceAfter(block, before, BigInt(shown.amount))
    if (expected !== block.balance) {
      find('wrong-arithmetic', expected === undefined ? undefined : abs(block.balance - expected))
    }
    if (block.sequence !== before.sequence + 1) find('wrong-sequence')
  }
  // An honest till builds on no block whose signature it has not checked.
  if (previous && !before) find('previous-balance-altered')
  // The key of every block is drawn anew, once the passcode was entered. A copied one shows that it was not.
  if (before && bytesEqual(before.hmacKey, block.hmacKey)) {
    find('passcode-not-entered', BigInt(shown.amount))
  }
  if (block.kind === 'pay' && shown.tokens.length > 0) {
    const excess = BigInt(shown.amount) - sum(record.tokens.map(({ price }) => price))
    if (excess !== 0n) find('overspend', abs(excess))
  }
  if (record.tokens.length < shown.tokens.length) find('unknown-token')
  if (block.kind === 'issue' && block.vendor !== OFFICE) find('unauthorised-load', block.balance)
  if (before?.kind === 'issue' && previous && before.vendor !== OFFICE) {
    findings.push(unauthorisedIssue(record, previous.predecessor))
  }
  return findings
}

function against({ block, digest }: Record, kind: CaseKind, amount: Amount | undefined): Finding {
  return {
    kind,
    strength: 'proven',
    suspects: [{ kind: 'till', till: block.vendor }],
    card: block.card,
    about: digest,
    amount,
    records: [digest],
  }
}

/** Somebody else's issue, found as a predecessor: only the office issues. */
function unauthorisedIssue(
  { block, digest }: Record,
  { digest: about, maker, balance }: Predecessor,
): Finding {
  return {
    kind: 'unauthorised-load',
    strength: 'proven',
    suspects: [{ kind: 'till', till: maker }],
    card: block.card,
    about,
    amount: balance,
    records: [about, digest],
  }
}

/** What must be on the card after `block`; undefined if no till may make such a block on that one. */
function balanceAfter(block: Block, before: Block, amount: Amount): Amount | undefined {
  const change =
    block.kind === 'reversal'
      ? changeByReversal(block, before, amount)
      : changeOf(block.kind, amount)
  return change === undefined || block.currency !== before.currency
    ? undefined
    : before.balance + change
}

function changeOf(kind: BlockKind, amount: Amount): Amount | undefined {
  if (kind === 'pay') return -amount
  if (kind === 'load') return amount
  return kind === 'passcode' && amount === 0n ? 0n : undefined
}

/** Only one's own record can be undone. Whether with its own amount shows when that record is there. */
function changeByReversal(block: Block, before: Block, amount: Amount): Amount | undefined {
  const change = block.vendor === before.vendor ? changeOf(before.kind, amount) : undefined
  return change === undefined ? undefined : -change
}

/** Of an entry whose predecessor was not shown: there is nothing to try a passcode on. */
const NO_PROOF: Bytes = new Uint8Array()

/** What a passcode can be tried on: HMAC key and HMAC of a block and of the one before it. */
const proof = message('proof', {
  hmacKey: octets(HMAC_KEY_SIZE),
  passcodeHmac: octets(DIGEST_SIZE),
  previousHmacKey: octets(HMAC_KEY_SIZE),
  previousPasscodeHmac: octets(DIGEST_SIZE),
})

function proofOf({ hmacKey, passcodeHmac: own }: Block, before: Block): Bytes {
  return concat(hmacKey, own, before.hmacKey, before.passcodeHmac)
}

/**
 * A passcode of the card that fits the predecessor must fit the entry too: whoever entered it, entered
 * that one. `known` are passcodes, the disclosed one of this entry among them once it is open.
 */
function judge(entry: VerifiedEntry, known: readonly Bytes[]): readonly Finding[] {
  if (entry.proof.length === 0) return []
  const own = proof.decodeInPlace(entry.proof)
  const before = { hmacKey: own.previousHmacKey, passcodeHmac: own.previousPasscodeHmac }
  // A new passcode is whatever the holder chose: what was disclosed cannot be checked by others.
  if (changesPasscode(entry)) return []
  const wrong = known.filter((code) => !passcodeFits(code, own))
  // The hot path: with one HMAC everything is known of an honest payment with the card's only passcode.
  if (wrong.length === 0) return []
  const entered = known.filter((code) => passcodeFits(code, before))
  if (entered.length === 0 || entered.some((code) => !wrong.includes(code))) return []
  return [
    {
      kind: 'passcode-not-entered',
      strength: 'proven',
      suspects: [{ kind: 'till', till: entry.maker }],
      card: entry.card,
      about: entry.digest,
      amount: entry.amount,
      records: [entry.digest],
    },
  ]
}

/** Undoing a change brings the old passcode back, so that is a change too. */
function changesPasscode({ kind, predecessor }: VerifiedEntry): boolean {
  return kind === 'passcode' || (kind === 'reversal' && predecessor?.kind === 'passcode')
}

/** Chips and blocks seen lately. Caches only: without them every answer is the same, and later. */
const chips = new Recent<number, Chip>(10_000)
const seen = new Recent<number, SeenBlock>(20_000)

/** What opens the blocks of one chip. */
interface Chip {
  /** Those that its keys come from. */
  readonly secrets: Bytes
  /** By {@link readingKeys}: not derived from the master key by whoever verifies. */
  readonly isGiven: boolean
  readonly open: (block: Uint8Array) => Block
}

/** A predecessor was mostly somebody's block before: it is then open, and its signature checked. */
interface SeenBlock {
  readonly chip: Chip
  /** Its bytes: a string, which nobody can change. */
  readonly text: string
  readonly block: Block
  readonly digest: Digest
  /** The public key under which these very bytes were found signed. */
  signer: Bytes | undefined
}

/** Undefined if these secrets are those of other chips. */
function chipOf(secrets: Uint8Array, uid: Uint8Array): Chip | undefined {
  const name = fourBytes(uid, 0)
  const known = chips.get(name)
  if (known && bytesEqual(known.secrets, secrets)) return known
  const chip = openChip(secrets, uid)
  if (chip) chips.set(name, chip)
  return chip
}

function openChip(secrets: Uint8Array, uid: Uint8Array): Chip | undefined {
  const own = unlessMalformed(() => tillSecrets.decode(secrets))
  const given = own ? undefined : unlessMalformed(() => readingKeys.decode(secrets))
  const keys = own
    ? chipKeys(own.master, uid)
    : given?.chips.find((chip) => bytesEqual(chip.uid, uid))
  return keys && { secrets: copyOf(secrets), isGiven: !own, open: blockOpener(keys) }
}

/** Undefined if these bytes, of this chip, are no block. */
function readBlock(bytes: Bytes, chip: Chip): SeenBlock | undefined {
  // Whoever makes two blocks with these bytes in common has the second one read anew each time.
  const name = fourBytes(bytes, BLOCK_SIZE - 4)
  const text = latin1(bytes)
  const known = seen.get(name)
  if (known?.chip === chip && known.text === text) return known
  const block = unlessMalformed(() => chip.open(bytes))
  if (!block) return undefined
  const read = { chip, text, block, digest: recordDigest(bytes), signer: undefined }
  seen.set(name, read)
  return read
}

/** As one small integer, which is found fastest. */
function fourBytes(bytes: Uint8Array, from: number): number {
  let number = 0
  for (let at = from; at < from + 4; at += 1) number = (number << 8) | (bytes[at] ?? 0)
  return number
}

function isSignedBy(read: SeenBlock, bytes: Bytes, key: PublicKey): boolean {
  if (read.signer && bytesEqual(read.signer, key.bytes)) return true
  if (!blockSignedBy(bytes, key)) return false
  read.signer = key.bytes
  return true
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
