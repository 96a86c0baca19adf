import { randomBytes } from 'node:crypto'
import { Field } from '../../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../../src/card/iso-card.ts'
import type { Nvm } from '../../../src/card/nvm.ts'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { cardIdBytes, cardIdOf, type CardId } from '../../../src/kernel/ids.ts'
import { currency, type Amount } from '../../../src/kernel/money.ts'
import { generatePrivateKey, sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import type { Party } from '../../../src/kernel/party.ts'
import { pinBlock } from '../../../src/kernel/pin.ts'
import type { Instant, RandomSource } from '../../../src/kernel/ports.ts'
import { CardTorn, type Channel } from '../../../src/reader/channel.ts'
import { inProcessChannel } from '../../../src/reader/in-process.ts'
import {
  certify,
  type Authority,
  type Role,
  type Subject,
} from '../../../src/schemes/wallet/certificates.ts'
import { walletChip } from '../../../src/schemes/wallet/chips.ts'
import { type WriteStatus } from '../../../src/reader/writing.ts'
import { chipKey, writeCardPlan } from '../../../src/schemes/wallet/issuing.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import {
  cardPlan,
  DEFAULT_POLICY,
  instruction,
  order,
  personalisation,
  policy,
  refusal,
  request,
  type Instruction,
  type InstructionKind,
  type PaymentRequest,
  type WalletPolicy,
  type WalletRecord,
} from '../../../src/schemes/wallet/message.ts'
import {
  WalletCard,
  type Answer,
  type Introduced,
  type Refused,
} from '../../../src/schemes/wallet/terminal.ts'

/** Offices under one root, tills and cards: all real, in the test’s own process. */
export const random: RandomSource = { bytes: (size) => new Uint8Array(randomBytes(size)) }
export const SEK = currency('SEK')
export const PIN = '4821'
export const UNBLOCKING = '70717273'
export const START: Instant = Date.UTC(2026, 8, 8, 12)
export const MINUTE = 60_000
export const DAY = 24 * 60 * MINUTE
export const YEAR = 365 * DAY
const NOBODY = new Uint8Array(8)
const ZERO_DIGEST = new Uint8Array(32)

/** Somebody with a key and a certificate. */
export interface Signatory {
  readonly party: Party
  readonly key: PrivateKey
  readonly certificate: Bytes
}

export const rootAuthority: Authority = {
  subject: { role: 'root', party: { kind: 'office', office: 0 }, generation: 1 },
  key: generatePrivateKey(),
}

const LIFE = { from: START - (START % DAY), to: START - (START % DAY) + 5 * YEAR }

export interface Life {
  readonly from?: Instant
  readonly to?: Instant
  readonly generation?: number
}

export function certificateFor(
  role: Role,
  whose: Party,
  key: PrivateKey['publicKey'],
  by: Authority,
  { generation = 1, ...life }: Life = {},
): Bytes {
  const subject: Subject = { role, party: whose, generation }
  return certify({ subject, publicKey: key, ...LIFE, ...life }, by)
}

/** An office: issues cards, certifies tills, tells its cards what to do. */
export class Office implements Signatory {
  readonly number: number
  readonly party: Party
  key = generatePrivateKey()
  generation = 1
  certificate: Bytes
  readonly notary: PrivateKey | undefined
  now: Instant = START
  #cards = 0

  constructor(number: number, { notary }: { notary?: PrivateKey } = {}) {
    this.number = number
    this.party = { kind: 'office', office: number }
    this.notary = notary
    this.certificate = this.#certified()
  }

  /** Who permits what it makes: the notary, if there is one. */
  get permits(): readonly PrivateKey[] {
    return this.notary ? [this.notary] : []
  }

  get authority(): Authority {
    const { party, generation, key } = this
    return { subject: { role: 'office', party, generation }, key }
  }

  rotate(): void {
    this.key = generatePrivateKey()
    this.generation += 1
    this.certificate = this.#certified()
  }

  #certified(): Bytes {
    const { party, generation, key } = this
    return certificateFor('office', party, key.publicKey, rootAuthority, { generation })
  }

  till(number: number, life: Life = {}): Till {
    const key = generatePrivateKey()
    const party: Party = { kind: 'till', office: this.number, till: number }
    const certificate = certificateFor('till', party, key.publicKey, this.authority, life)
    return new Till(this, { party, key, certificate })
  }

  /** A card that is in use, with that balance loaded and acknowledged. */
  async card(balance: Amount = 1000_00n, changed: Partial<WalletPolicy> = {}): Promise<Card> {
    this.#cards += 1
    const id = new Uint8Array(8)
    new DataView(id.buffer).setUint16(0, this.number)
    new DataView(id.buffer).setUint32(4, this.#cards)
    const card = new Card(this, cardIdOf(id))
    const status = await card.write(this.plan(card.id, await card.publicKey(), changed))
    invariant(status === 'written', `a blank chip is written: ${status}`)
    if (balance > 0n) {
      taken(await card.tell('load', { amount: balance }))
      taken(await card.acknowledge())
    }
    return card
  }

  plan(card: CardId, publicKey: Bytes, changed: Partial<WalletPolicy> = {}): Bytes {
    const whose: Party = { kind: 'card', office: this.number, card }
    const key = { kind: 'p256-public', bytes: publicKey } as const
    return cardPlan.encode({
      publicKey,
      personalisation: personalisation.encode({
        office: this.number,
        card: cardIdBytes(card),
        currency: SEK.numeric,
        root: rootAuthority.key.publicKey.bytes,
        notary: this.notary ? [this.notary.publicKey.bytes] : [],
        madeAt: this.now,
        passcode: pinBlock(PIN),
        unblocking: pinBlock(UNBLOCKING),
        policy: policy.encode({ ...DEFAULT_POLICY, ...changed }),
      }),
      office: this.certificate,
      certificate: certificateFor('card', whose, key as PrivateKey['publicKey'], this.authority),
    })
  }

  /** As this office would tell a card, with whatever is changed in it. */
  order(content: Instruction, { permits = this.permits, key = this.key } = {}): Bytes {
    const signed = signMessage(instruction, content, key)
    return order.encode({ instruction: signed, permit: permits.map((by) => sign(by, signed)) })
  }
}

export class Till implements Signatory {
  readonly office: Office
  readonly party: Party
  readonly key: PrivateKey
  readonly certificate: Bytes

  constructor(office: Office, { party, key, certificate }: Signatory) {
    this.office = office
    this.party = party
    this.key = key
    this.certificate = certificate
  }

  get papers(): Introduced {
    return [this.certificate, this.office.certificate]
  }

  /** A signed request to that card, as it stands. */
  async ask(card: Card, amount: Amount, changed: Partial<PaymentRequest> = {}): Promise<Bytes> {
    const { nonce } = await card.state()
    return requestBy(this, {
      amount,
      payer: cardIdBytes(card.id),
      payerNonce: nonce,
      madeAt: this.office.now,
      expires: this.office.now + 10 * MINUTE,
      ...changed,
    })
  }
}

export function requestBy(
  { party, key }: Pick<Signatory, 'party' | 'key'>,
  content: Partial<PaymentRequest>,
): Bytes {
  return signMessage(
    request,
    {
      payee: party,
      currency: SEK.numeric,
      amount: 100n,
      nonce: random.bytes(8),
      payer: NOBODY,
      payerNonce: NOBODY,
      madeAt: START,
      expires: START + 10 * MINUTE,
      ...content,
    },
    key,
  )
}

export function refusalBy(
  { party, key }: Pick<Signatory, 'party' | 'key'>,
  signedRequest: Bytes,
  madeAt = START,
): Bytes {
  const { digest } = openMessage(request, signedRequest)
  return signMessage(refusal, { payee: party, request: digest, madeAt }, key)
}

/** A chip with a reader before it; once written, a card. */
export class Card {
  readonly office: Office
  readonly id: CardId
  readonly nvm: Nvm
  readonly field: Field

  constructor(office: Office, id: CardId, image?: Bytes, design: IsoCardDesign = walletChip) {
    this.office = office
    this.id = id
    this.nvm = isoCardNvm(design, image)
    this.field = new Field(new IsoCard(this.nvm, design, random))
  }

  get party(): Party {
    return { kind: 'card', office: this.office.number, card: this.id }
  }

  /** Another chip with all that is on this one. */
  clone(): Card {
    return new Card(this.office, this.id, this.nvm.snapshot())
  }

  async tapped<T>(work: (card: WalletCard, channel: Channel) => Promise<T>): Promise<T> {
    this.field.powerOn()
    try {
      const channel = inProcessChannel(this.field)
      const card = await WalletCard.connect(channel, random)
      // A chip has the applet: else half of what it said to SELECT has come.
      if (!card) throw new CardTorn('the card went away')
      return await work(card, channel)
    } finally {
      this.field.powerOff()
    }
  }

  async state() {
    return this.tapped(async (card) => card.state)
  }

  async publicKey(): Promise<Bytes> {
    return this.tapped(async (_, channel) => {
      const key = await chipKey(channel)
      invariant(key, 'a blank chip makes a key')
      return key
    })
  }

  async papers(): Promise<Introduced> {
    const { card, office } = await this.tapped((shown) => shown.certificates())
    return [card.bytes, office.bytes]
  }

  async write(plan: Bytes): Promise<WriteStatus> {
    this.field.powerOn()
    try {
      return await writeCardPlan(inProcessChannel(this.field), plan)
    } finally {
      this.field.powerOff()
    }
  }

  async statement() {
    return taken(await this.tapped((card) => card.statement(random.bytes(8)))).content
  }

  /** The next instruction of its office to it. */
  async instruction(
    kind: InstructionKind,
    changed: Partial<Instruction> = {},
  ): Promise<Instruction> {
    const { instruction: last, sequence, last: digest, acknowledged } = await this.statement()
    const isNew = sequence === 0 || (kind === 'acknowledge' && acknowledged === sequence)
    const names = kind === 'restore' || (kind === 'acknowledge' && !(isNew && sequence === 0))
    return {
      kind,
      office: this.office.number,
      card: cardIdBytes(this.id),
      number: last + 1,
      madeAt: this.office.now,
      expires: this.office.now + DAY,
      currency: SEK.numeric,
      amount: 0n,
      sequence: names ? sequence : 0,
      record: names ? digest : ZERO_DIGEST,
      policy: [],
      ...changed,
    }
  }

  async tell(kind: InstructionKind, changed: Partial<Instruction> = {}) {
    const bytes = this.office.order(await this.instruction(kind, changed))
    return this.tapped((card) => card.execute(bytes))
  }

  /** All that it has done so far. */
  async acknowledge(changed?: Partial<WalletPolicy>) {
    const next = changed && [policy.encode({ ...DEFAULT_POLICY, version: 2, ...changed })]
    return this.tell('acknowledge', { policy: next ?? [] })
  }

  /** Pays a till in one tap. */
  async pay(till: Till, amount: Amount, pin?: string) {
    const asked = await till.ask(this, amount)
    return this.tapped((card) => card.pay(asked, { pin, payee: till.papers }))
  }

  /** Asks whoever pays. */
  async ask(amount: Amount, changed: Partial<PaymentRequest> = {}): Promise<Bytes> {
    const { madeAt = this.office.now } = changed
    const wanted = { currency: SEK.numeric, amount, madeAt, expires: madeAt + DAY, ...changed }
    return taken(await this.tapped((card) => card.request(wanted))).bytes
  }

  async payPerson(signedRequest: Bytes, payee: Introduced, pin = PIN) {
    return this.tapped((card) => card.pay(signedRequest, { pin, payee }))
  }
}

/** The card would not, and the test did not expect that. */
export class Declined extends Error {
  override readonly name = 'Declined'
}

/** What a card did. @throws {Declined} if it would not. */
export function taken<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Declined(answer.refusal)
  return answer.value
}

export function refused(answer: Answer<unknown>): Refused['refusal'] | 'done' {
  return answer.ok ? 'done' : answer.refusal
}

/** A card whose key is in somebody’s hands: it signs what he likes. */
export function extractedCard(office: Office): Signatory {
  const key = generatePrivateKey()
  const party: Party = { kind: 'card', office: office.number, card: cardIdOf(random.bytes(8)) }
  const certificate = certificateFor('card', party, key.publicKey, office.authority)
  return { party, key, certificate }
}

/** The record by which a card with that key would answer a request. */
export function paymentTo(
  payee: Party,
  signedRequest: Bytes,
  { party }: Signatory,
  changed: Partial<WalletRecord> = {},
): WalletRecord {
  invariant(party.kind === 'card', 'cards pay')
  const { content, digest } = openMessage(request, signedRequest)
  return {
    kind: 'pay',
    currency: content.currency,
    office: party.office,
    card: cardIdBytes(party.card),
    sequence: 1,
    amount: content.amount,
    balance: 0n,
    counterparty: payee,
    cause: digest,
    madeAt: content.madeAt,
    previous: ZERO_DIGEST,
    ...changed,
  }
}
