import type { Batch } from '../../src/kernel/batch.ts'
import { concat, type Bytes } from '../../src/kernel/bytes.ts'
import { cardIdBytes, type CardId } from '../../src/kernel/ids.ts'
import type { PrivateKey } from '../../src/kernel/p256.ts'
import { signToken } from '../../src/kernel/token.ts'
import type { CaseKind } from '../../src/office/ledger/findings.ts'
import { issueCard } from '../../src/office/issue.ts'
import { addProduct, mintTokens } from '../../src/office/registry/products.ts'
import { findTill } from '../../src/office/registry/tills.ts'
import { evidence as blockEvidence } from '../../src/schemes/block/message.ts'
import {
  cardKey,
  cardPlan,
  evidence,
  issuerStamp,
  masters,
  RECORD_SIZE,
  signRecord,
  type PurseRecord,
} from '../../src/schemes/purse/message.ts'
import { held } from '../../src/schemes/purse/terminal.ts'
import { nextRecord } from '../schemes/purse/bench.ts'
import type { LedgerOffice } from './ledger-office.ts'
import { random, USD, type MintCard, type MintTill } from './mint.ts'

/** A cheat that an office proves, and who sees it from the case file. */
export interface CaseStory {
  readonly kind: CaseKind
  readonly how: string
  readonly seenBy: 'anyone' | 'office'
  /** How many batches the file takes. */
  readonly batches: number
  readonly tell: (town: LedgerOffice) => Promise<void>
}

/** In the order of `CASE_KINDS`; one of each that can be proven, and more where there are more ways. */
export const CASE_STORIES: readonly CaseStory[] = [
  {
    kind: 'wrong-arithmetic',
    how: 'a balance that does not follow',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => oneRecord(town, { amount: 500n, lie: { balance: 9_100n } }),
  },
  {
    kind: 'wrong-arithmetic',
    how: 'more undone than was taken',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      await town.send(town.mint.batch(till, [town.mint.make(till, card, { amount: 300n })]))
      const { balance } = town.mint.open(card, card.head)
      const lie = { balance: balance + 900n }
      const undone = town.mint.make(till, card, { kind: 'reversal', amount: 900n, lie })
      await town.send(town.mint.batch(till, [undone]))
    },
  },
  {
    kind: 'wrong-arithmetic',
    how: 'of a purse, without a stamp',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => onePurse(town, { record: { balance: 4_000n }, stamp: 'none' }),
  },
  {
    kind: 'wrong-arithmetic',
    how: 'of a purse that has stamped it: the card',
    seenBy: 'office',
    batches: 1,
    tell: (town) => onePurse(town, { record: { balance: 4_000n }, stamp: 'genuine' }),
  },
  {
    kind: 'wrong-sequence',
    how: 'a number left out',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => oneRecord(town, { lie: { sequence: 5 } }),
  },
  {
    kind: 'previous-balance-altered',
    how: 'another balance under another’s signature',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [honest, liar] = [await town.addTill(), await town.addTill()]
      const card = await town.addCard(9_000n)
      const before = town.mint.make(honest, card, { amount: 100n })
      const show = altered(town, card, before.block)
      const lie = { balance: 8_100n }
      const made = town.mint.make(liar, card, { amount: 400n, on: before.block, show, lie })
      await town.send(town.mint.batch(honest, [before]), town.mint.batch(liar, [made]))
    },
  },
  {
    kind: 'previous-balance-altered',
    how: 'rubbish, of which the keys of the chip say that it is',
    seenBy: 'office',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const made = town.mint.make(till, card, { show: random.bytes(136), on: card.head })
      await town.send(town.mint.batch(till, [made]))
    },
  },
  {
    kind: 'passcode-not-entered',
    how: 'its HMAC copied from the block before',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const { hmacKey, passcodeHmac } = town.mint.open(card, card.head)
      const made = town.mint.make(till, card, { lie: { hmacKey, passcodeHmac } })
      await town.send(town.mint.batch(till, [made]))
    },
  },
  {
    kind: 'passcode-not-entered',
    how: 'another one, as the passcode that the office knows shows',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => oneRecord(town, { passcode: '99999999' }),
  },
  {
    kind: 'overspend',
    how: 'more than the token is worth',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const tokens = [await issuedToken(town, till, 250n)]
      await town.send(town.mint.batch(till, [town.mint.make(till, card, { amount: 300n, tokens })]))
    },
  },
  {
    kind: 'unknown-token',
    how: 'signed by the till itself',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => paidWith(town, async (till) => tokenBy(till.key, till)),
  },
  {
    kind: 'unknown-token',
    how: 'with the office’s key, and not in its books',
    seenBy: 'office',
    batches: 1,
    tell: (town) => paidWith(town, async (till) => tokenBy(town.office.key, till)),
  },
  {
    kind: 'foreign-token',
    how: 'issued to another till',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => paidWith(town, async () => issuedToken(town, await town.addTill(), 250n)),
  },
  {
    kind: 'token-double-spent',
    how: 'with two cards',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [till, one, two] = [await town.addTill(), await town.addCard(), await town.addCard()]
      const tokens = [await issuedToken(town, till, 250n)]
      for (const card of [one, two]) {
        const made = town.mint.make(till, card, { amount: 250n, tokens })
        await town.send(town.mint.batch(till, [made]))
      }
    },
  },
  {
    kind: 'unauthorised-load',
    how: 'against its policy',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill({ mayLoad: false }), await town.addCard()]
      const made = town.mint.make(till, card, { kind: 'load', amount: 500n })
      await town.send(town.mint.batch(till, [made]))
    },
  },
  {
    kind: 'unauthorised-load',
    how: 'a till that issues, as the next one shows',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [liar, next] = [await town.addTill(), await town.addTill()]
      const card = await town.addCard()
      town.mint.make(liar, card, { kind: 'issue', lie: { sequence: 0, balance: 500n } })
      await town.send(town.mint.batch(next, [town.mint.make(next, card)]))
    },
  },
  {
    kind: 'unauthorised-amount',
    how: 'against its policy',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill({ freeAmounts: false }), await town.addCard()]
      await town.send(town.mint.batch(till, [town.mint.make(till, card)]))
    },
  },
  {
    kind: 'unauthorised-amount',
    how: 'by a policy that the office never gave',
    seenBy: 'anyone',
    batches: 1,
    tell: (town) => oneRecord(town, { policyVersion: 99 }),
  },
  {
    kind: 'load-beyond-cash',
    how: 'of purses',
    seenBy: 'anyone',
    batches: 1,
    async tell(town) {
      const [till, purse] = [await town.addTill(), await issuePurse(town)]
      const made = makePurse(town, till, purse, { kind: 'load', amount: 500n, stamp: 'genuine' })
      await town.send(purseBatch(town, till, made, { totals: TOO_LITTLE }))
    },
  },
  {
    kind: 'load-beyond-cash',
    how: 'of block cards, whose keys are nobody’s business',
    seenBy: 'office',
    batches: 1,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const made = town.mint.make(till, card, { kind: 'load', amount: 500n })
      await town.send(town.mint.batch(till, [made], { totals: TOO_LITTLE }))
    },
  },
  {
    kind: 'equivocation',
    how: 'two versions, one of which the next till shows',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [liar, next] = [await town.addTill(), await town.addTill()]
      const card = await town.addCard(9_000n)
      const { head } = card
      const told = town.mint.make(liar, card, { amount: 100n })
      town.mint.make(liar, card, { amount: 500n, on: head })
      const after = town.mint.make(next, card, { amount: 400n })
      await town.send(town.mint.batch(liar, [told]), town.mint.batch(next, [after]))
    },
  },
  {
    kind: 'fork',
    how: 'of a purse that was copied',
    seenBy: 'office',
    batches: 2,
    async tell(town) {
      const [east, west] = [await town.addTill(), await town.addTill()]
      const purse = await issuePurse(town)
      for (const [till, amount] of [
        [east, 300n],
        [west, 200n],
      ] as const) {
        const made = makePurse(town, till, purse, { kind: 'pay', amount, stamp: 'genuine' })
        await town.send(purseBatch(town, till, made))
      }
    },
  },
  {
    kind: 'withheld-transaction',
    how: 'never handed in',
    seenBy: 'anyone',
    batches: 3,
    async tell(town) {
      const [quiet, next] = [await town.addTill(), await town.addTill()]
      const card = await town.addCard()
      await town.send(town.mint.batch(quiet, [town.mint.make(quiet, card)]))
      town.mint.make(quiet, card)
      await town.send(town.mint.batch(next, [town.mint.make(next, card)]))
      await town.send(town.mint.batch(quiet, []), town.mint.batch(quiet, []))
    },
  },
  {
    kind: 'withheld-transaction',
    how: 'handed in too late',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const [kept, told] = [town.mint.make(till, card), town.mint.make(till, card)]
      await town.send(town.mint.batch(till, [told]), town.mint.batch(till, [kept]))
    },
  },
  {
    kind: 'rewritten-journal',
    how: 'two batches with one number',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const till = await town.addTill()
      const first = town.mint.batch(till, [])
      till.sent.length = 0
      await town.send(first, town.mint.batch(till, [], { madeAt: 5 }))
    },
  },
  {
    kind: 'rewritten-journal',
    how: 'a batch on another than it has sent',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const till = await town.addTill()
      await town.send(town.mint.batch(till, []))
      await town.send(town.mint.batch(till, [], { previous: random.bytes(32) }))
    },
  },
  {
    kind: 'rewritten-journal',
    how: 'one record told in two ways, with much between',
    seenBy: 'anyone',
    batches: 2,
    async tell(town) {
      const [till, card] = [await town.addTill(), await town.addCard()]
      const { head } = card
      const told = town.mint.make(till, card, { amount: 500n })
      await town.send(town.mint.batch(till, [told]))
      await town.send(...Array.from({ length: 60 }, () => town.mint.batch(till, [])))
      await town.send(
        town.mint.batch(till, [shownOn(card, told.block, head, { amount: 400, at: told.at })]),
      )
    },
  },
]

const TOO_LITTLE = { paid: 0n, loaded: 500n, cash: 499n }

/** What of a record a test makes as no honest till does. */
type Lies = Parameters<LedgerOffice['mint']['make']>[2]

async function oneRecord(town: LedgerOffice, lies: Lies): Promise<void> {
  const [till, card] = [await town.addTill(), await town.addCard()]
  await town.send(town.mint.batch(till, [town.mint.make(till, card, lies)]))
}

/** A block with a change in it, and the signature of the one that it was made of. */
function altered(town: LedgerOffice, card: MintCard, block: Bytes): Bytes {
  const stranger = { number: 0, key: town.office.key, sent: [] }
  const forged = town.mint.seal(card, { ...town.mint.open(card, block), balance: 8_500n }, stranger)
  return concat(forged.subarray(0, 72), block.subarray(72))
}

/** The same block in other evidence. */
function shownOn(
  { uid }: MintCard,
  block: Bytes,
  previous: Bytes,
  { amount, at }: { readonly amount: number; readonly at: number },
) {
  const newPasscode = new Uint8Array()
  const shown = {
    uid,
    block,
    previous: [previous],
    amount,
    policyVersion: 1,
    tokens: [],
    newPasscode,
  }
  return { evidence: blockEvidence.encode(shown), at }
}

function tokenBy(signer: PrivateKey, { number: till }: MintTill): Bytes {
  const nonce = random.bytes(8)
  const unit = { product: 1, price: 250n, currency: USD.numeric, madeAt: 1, till, nonce }
  return signToken(signer, unit)
}

/** As the registry keeps what it issues. */
async function issuedToken(
  { office }: LedgerOffice,
  { number: till }: MintTill,
  price: bigint,
): Promise<Bytes> {
  return office.db.transaction().execute(async (trx) => {
    const at = office.clock.now()
    const merchant = (await findTill(trx, till))?.merchant ?? ''
    const name = `product ${random.bytes(8).join('')}`
    const product = await addProduct(trx, { merchant, name, price, currency: 'USD' }, at)
    const [token] = await mintTokens(trx, { product, till, count: 1 }, office.key, random, at)
    if (!token) throw new Error('a token was ordered')
    return token
  })
}

async function paidWith(
  town: LedgerOffice,
  tokenFor: (till: MintTill) => Promise<Bytes>,
): Promise<void> {
  const [till, card] = [await town.addTill(), await town.addCard()]
  const tokens = [await tokenFor(till)]
  await town.send(town.mint.batch(till, [town.mint.make(till, card, { amount: 250n, tokens })]))
}

interface Purse {
  readonly card: CardId
  /** The record that it was issued with. */
  readonly first: Bytes
}

async function issuePurse({ office }: LedgerOffice): Promise<Purse> {
  const order = {
    scheme: 'purse',
    uid: random.bytes(7),
    currency: 'USD',
    balance: 5_000n,
    label: undefined,
    holder: undefined,
    passcode: undefined,
  } as const
  const { card, plan } = await office.db
    .transaction()
    .execute((trx) => issueCard(office, trx, order))
  return { card: card.id, first: cardPlan.decode(plan).first }
}

interface PurseMaking {
  readonly kind?: 'pay' | 'load'
  readonly amount?: bigint
  readonly record?: Partial<PurseRecord>
  readonly stamp: 'genuine' | 'none'
}

/** The first record of a purse after its issue, stamped by it or not. */
function makePurse(
  { office, mint }: LedgerOffice,
  till: MintTill,
  { card, first }: Purse,
  { kind = 'pay', amount = 300n, record, stamp }: PurseMaking,
) {
  const at = mint.now()
  const own = { maker: till.number, generation: 1, madeAt: at, ...record }
  const signed = signRecord(nextRecord(held(first), kind, amount, own), till.key)
  const { issuer } = masters.decode(office.secretsOf('purse'))
  const key = cardKey(issuer, cardIdBytes(card), 'issuer')
  const shown = {
    signed,
    previous: [first],
    authorisation: new Uint8Array(16),
    extra: [],
    stamp: stamp === 'genuine' ? [issuerStamp(key, signed.subarray(0, RECORD_SIZE))] : [],
    policyVersion: 1,
    tokens: [],
  }
  return { evidence: evidence.encode(shown), at }
}

function purseBatch(
  { mint }: LedgerOffice,
  till: MintTill,
  { evidence: bytes, at }: { readonly evidence: Bytes; readonly at: number },
  lies: Partial<Batch> = {},
): Bytes {
  const items = [{ scheme: 'purse', outcome: 'confirmed', evidence: bytes } as const]
  return mint.batch(till, [], { madeAt: at, completeUpTo: at, items, ...lies })
}

async function onePurse(town: LedgerOffice, making: PurseMaking): Promise<void> {
  const [till, purse] = [await town.addTill(), await issuePurse(town)]
  await town.send(purseBatch(town, till, makePurse(town, till, purse, making)))
}
