import { decodeCommand, SW, type StatusWord } from '../../kernel/apdu.ts'
import { concat, type Bytes } from '../../kernel/bytes.ts'
import { invariant, unlessMalformed } from '../../kernel/errors.ts'
import type { Amount, Currency } from '../../kernel/money.ts'
import { generatePrivateKey, sealTo } from '../../kernel/p256.ts'
import type { Instant, RandomSource } from '../../kernel/ports.ts'
import { signMessage } from '../../kernel/signed-message.ts'
import type { Silicon } from '../../card/puf/silicon.ts'
import type { Channel } from '../../reader/channel.ts'
import {
  bankSubject,
  certify,
  NO_ELEMENT,
  readCertificate,
  type Authority,
  type Confirmed,
} from '../../schemes/coin/certificates.ts'
import { CLA, INS } from '../../schemes/coin/instructions.ts'
import {
  COIN_AID,
  CONTEXT,
  envelope,
  presentation,
  request,
  status,
} from '../../schemes/coin/message.ts'
import { bankCertificate, makeCoins, rootCertificate } from '../../schemes/coin/office/bank.ts'
import { CoinCard } from '../../schemes/coin/terminal.ts'
import type { FakeCertificate } from '../scenario/coin-words.ts'
import type { Traffic } from './middleman.ts'

/** What people do who are after coins. They have docs/protocol/coin.md, keys of their own, and no other. */

/** What a skimmer can do with what passes between card and till: almost all of it is sealed. */
export const coinTraffic: Traffic = {
  asksToAct(bytes) {
    const { cla, ins } = decodeCommand(bytes)
    return cla === CLA && ins === INS.PAY
  },

  withAmount: undefined,

  withBalance(command, answer, balance) {
    const { cla, ins } = decodeCommand(command)
    if (cla !== CLA || ins !== INS.STATUS) return answer
    const shown = unlessMalformed(() => status.decode(dataOf(answer)))
    return shown ? withData(answer, status.encode({ ...shown, total: balance })) : answer
  },

  withOwnKeys,
}

function dataOf(answer: Bytes): Bytes {
  return answer.slice(0, -2)
}

function withData(answer: Bytes, data: Bytes): Bytes {
  return concat(data, answer.subarray(-2))
}

/** A bank that nobody has made one. */
class OwnBank implements Authority {
  readonly key = generatePrivateKey()
  readonly #root = generatePrivateKey()
  readonly #validity: { readonly from: Instant; readonly to: Instant }
  readonly number: number

  /** @param like whose number and days it takes. */
  constructor({ bank, certificate: { from, to } }: Confirmed) {
    this.number = bank
    this.#validity = { from, to }
  }

  get subject() {
    return bankSubject(this.number)
  }

  /** Signed by a root of its own. */
  get certificate(): Bytes {
    return bankCertificate(this.number, this.key.publicKey, this.#root, this.#validity)
  }

  get root(): Bytes {
    return rootCertificate(this.#root, this.#validity)
  }

  /** Names whom the genuine one names, and another key. */
  counterfeit({ role, bank, element, partner }: Confirmed, key = generatePrivateKey()): Bytes {
    const subject = { role, bank, element, partner }
    return certify({ subject, publicKey: key.publicKey, ...this.#validity }, this)
  }
}

/** Whatever certificate the card shows, the laptop shows one with the same name and a key of its own. */
function withOwnKeys(card: Channel): Channel {
  let bank: OwnBank | undefined
  return {
    atr: card.atr,
    async transmit(command) {
      const answer = await card.transmit(command)
      const { cla, ins } = decodeCommand(command)
      if (cla !== CLA || ins !== INS.CERTIFICATE) return answer
      const genuine = unlessMalformed(() => readCertificate(dataOf(answer)))
      if (!genuine) return answer
      bank ??= new OwnBank(genuine)
      const shown = genuine.role === 'bank' ? bank.certificate : bank.counterfeit(genuine)
      return withData(answer, shown)
    },
  }
}

export interface FakeVendor {
  readonly certificate: FakeCertificate
  /** Of a genuine vendor element, for whoever wants to look like it. */
  readonly genuine: Bytes
  readonly currency: Currency
  readonly at: Instant
}

/** Asks the card for all its coins. @returns the card’s status word: 9000 if it has paid. */
export async function readAllCoins(
  channel: Channel,
  { certificate, genuine, currency, at }: FakeVendor,
  random: RandomSource,
): Promise<StatusWord> {
  const card = await CoinCard.connect(channel)
  const [shown, state] = [await card?.introduce(), await card?.status()]
  invariant(card && shown && state, 'a card with coins introduces itself')
  const [identity, element] = [readCertificate(shown.identity), readCertificate(shown.element)]
  const vendor = readCertificate(genuine)
  const [key, bank] = [generatePrivateKey(), new OwnBank(vendor)]
  const content = {
    vendor: vendor.element,
    till: 1,
    identity: identity.element,
    element: element.element,
    nonce: card.nonce,
    number: 1,
    amount: state.total,
    currency: currency.numeric,
    madeAt: at,
    banks: [identity.bank],
    float: [],
  }
  const asked = signMessage(request, content, key)
  const inner = sealTo(element.publicKey, asked, CONTEXT.request, random)
  const outer = envelope.encode({ nonce: card.nonce, pin: [], inner })
  const presented = presentation.encode({
    bank: certificate === 'own-bank' ? [bank.certificate] : [],
    vendor: certificate === 'copied' ? genuine : bank.counterfeit(vendor, key),
    sealed: sealTo(identity.publicKey, outer, CONTEXT.envelope, random),
  })
  const { sw } = await card.pay(presented)
  return sw
}

export interface Forgery {
  readonly values: readonly Amount[]
  readonly currency: Currency
  readonly expires: Instant
  /** The coin element’s, which anybody may see. */
  readonly certificate: Bytes
  /** Somebody has found out what its PUF answers: more than anybody can. */
  readonly silicon: Silicon
}

/** Challenges that no bank has got to by then. */
const SEED = 2000

/** Registers that the chip can open, with coins that a bank of the forger’s own has signed. */
export function forgeCoins(forgery: Forgery, random: RandomSource): readonly Bytes[] {
  const { values, currency, expires, certificate, silicon } = forgery
  const own = readCertificate(certificate)
  const bank = new OwnBank(own)
  const { number, key, root } = bank
  const puf = silicon.part(COIN_AID)
  const responses = values.map((_, index) => {
    const seed = SEED + index
    return puf.read(Uint8Array.of(seed >> 8, seed & 0xff))
  })
  const known = { element: own.element, identity: NO_ELEMENT, next: SEED, responses }
  const order = { values, currency, expires, bound: 'free', firstSerial: 1 } as const
  const sold = makeCoins({ number, key, root, certificate: bank.certificate }, known, order, random)
  return sold.registers
}

/** Says to a card again what a skimmer has heard a till say. */
export async function playBack(
  channel: Channel,
  tape: readonly { readonly command: Bytes }[],
): Promise<number> {
  let taken = 0
  for (const { command } of tape) {
    const [sw1 = 0] = (await channel.transmit(command)).subarray(-2)
    if (sw1 === SW.OK >> 8 || sw1 === 0x61) taken++
  }
  return taken
}
