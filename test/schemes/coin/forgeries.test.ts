import { describe, expect, test } from 'vitest'
import type { Bytes } from '../../../src/kernel/bytes.ts'
import { currency } from '../../../src/kernel/money.ts'
import { sealTo, sign, type PrivateKey } from '../../../src/kernel/p256.ts'
import { openMessage, signMessage } from '../../../src/kernel/signed-message.ts'
import { readCertificate } from '../../../src/schemes/coin/certificates.ts'
import { COIN_SW } from '../../../src/schemes/coin/instructions.ts'
import { loadCoins } from '../../../src/schemes/coin/issuing.ts'
import {
  authorisation,
  CONTEXT,
  envelope,
  HOPS_MAX,
  payment,
  presentation,
  readCoin,
  request,
  requestId,
  settlement,
  transfer,
  type Coin,
  type HeldCoin,
  type Request,
  type Transfer,
} from '../../../src/schemes/coin/message.ts'
import { CoinCard, VendorElement } from '../../../src/schemes/coin/terminal.ts'
import { crackedKey } from './bench.ts'
import { Forger, requestIn } from './forger.ts'
import { COINS_EXPIRE, Counter, EUR, World, type Customer, type Vendor } from './world.ts'

/**
 * Elements that were taken to pieces sign what they like. Each row is a message that is as it should be but
 * for one thing.
 */
const world = new World('forgeries')
const NOTHING: Bytes = new Uint8Array()
const person = await world.customer({ coins: [10n], pinFreeMax: 100n })
const other = await world.customer({ coins: [10n] })
const shop = await world.vendor({ float: [1n, 2n, 5n] })
const otherShop = await world.vendor({ till: 8 })
const KEYS = {
  coin: crackedKey(person.chip, 'coin element'),
  identity: crackedKey(person.chip, 'identity element'),
  vendor: crackedKey(shop.chip, 'vendor element'),
  other: crackedKey(other.chip, 'coin element'),
} as const

const forger = new Forger(world)
const made = (change: Partial<Coin> = {}) => forger.coin({ holder: person.id, ...change })

/** Gone to and fro so often, each time as it should. */
function travelled(held: HeldCoin, times: number): HeldCoin {
  const { holder } = readCoin(held).coin.content
  const takers = Array.from({ length: times }, (_, at) => (at % 2 === 0 ? otherShop.id : holder))
  return forger.passed(held, takers)
}

interface Payment {
  readonly coins: readonly HeldCoin[]
  readonly transfer: Partial<Transfer>
  readonly signer: PrivateKey
  readonly request: Partial<Request>
  readonly requestSigner: PrivateKey
  readonly authorised: Partial<{ identity: Bytes; element: Bytes; request: Bytes }>
  readonly countersigner: PrivateKey
}

/** Pays 10 to the shop, but for what is changed: what its vendor element says. */
async function pays(change: Partial<Payment>) {
  const [customer, vendor] = [person.clone(), shop.clone()]
  const counter = new Counter(customer, vendor)
  return counter.with(async (card, element) => {
    const asked = await counter.ask(card, element, 10n)
    const honest = requestIn(asked.presentation, KEYS)
    const signed =
      change.request || change.requestSigner
        ? openMessage(
            request,
            signMessage(
              request,
              { ...honest.content, ...change.request },
              change.requestSigner ?? KEYS.vendor,
            ),
          )
        : honest
    const coins = change.coins ?? [made()]
    const moved: Transfer = {
      kind: 'pay',
      giver: person.id,
      taker: shop.id,
      sequence: 1,
      request: requestId(signed.digest),
      coins: coins.map((held) => readCoin(held).digest),
      ...change.transfer,
    }
    const authorised = authorisation.encode({
      identity: person.identity,
      element: person.id,
      request: signed.digest,
      ...change.authorised,
    })
    const plain = payment.encode({
      request: signed.bytes,
      transfer: signMessage(transfer, moved, change.signer ?? KEYS.coin),
      countersignature: sign(change.countersigner ?? KEYS.identity, authorised),
      coins: [...coins],
    })
    const { shown } = asked
    const [own = NOTHING] = await vendor.certificates()
    return element.accept({
      mode: 'take',
      bank: [shown.bank],
      identity: shown.identity,
      element: shown.element,
      sealed: sealTo(readCertificate(own).publicKey, plain, CONTEXT.payment, world.random),
    })
  })
}

const once = made()
const { BAD_COIN, BAD_SIGNATURE, NOT_ENOUGH, NOT_FOR_ME } = COIN_SW

describe('a vendor element does not take', () => {
  test('anything but this: as it should be', async () => {
    expect(await pays({})).toMatchObject({ kind: 'paid', amount: 10n, change: 0n })
    expect(await pays({ coins: [travelled(made(), 2)] })).toMatchObject({ kind: 'paid' })
    const given = forger.passed(made({ holder: other.id }), [person.id])
    expect(await pays({ coins: [given] })).toMatchObject({ kind: 'paid' })
    const bound = made({ identity: person.identity })
    expect(await pays({ coins: [bound] })).toMatchObject({ kind: 'paid' })
  })

  const SIGNED: readonly (readonly [string, Partial<Payment>, number])[] = [
    ['a request of another vendor', { request: { vendor: otherShop.id } }, NOT_FOR_ME],
    ['a request that it did not sign', { requestSigner: KEYS.coin }, BAD_SIGNATURE],
    ['a request to another coin element', { request: { element: other.id } }, BAD_SIGNATURE],
    [
      'a request to another identity element',
      { request: { identity: other.identity } },
      BAD_SIGNATURE,
    ],
    ['change in the place of a payment', { transfer: { kind: 'change' } }, BAD_SIGNATURE],
    ['what somebody else gives', { transfer: { giver: other.id } }, BAD_SIGNATURE],
    ['what another vendor is to take', { transfer: { taker: otherShop.id } }, BAD_SIGNATURE],
    ['an answer to another request', { transfer: { request: new Uint8Array(16) } }, BAD_SIGNATURE],
    ['what another element has signed', { signer: KEYS.other }, BAD_SIGNATURE],
    ['what nobody has authorised', { countersigner: KEYS.coin }, BAD_SIGNATURE],
    [
      'an authorisation of another request',
      { authorised: { request: new Uint8Array(32) } },
      BAD_SIGNATURE,
    ],
  ]
  test.for(SIGNED)('%s', async ([, change, expected]) => {
    expect(await pays(change)).toBe(expected)
  })

  const COINS: readonly (readonly [string, () => Partial<Payment>, number])[] = [
    ['a coin of somebody else', () => ({ coins: [made({ holder: other.id })] }), BAD_COIN],
    ['a coin of another currency', () => ({ coins: [made({ currency: 752 })] }), BAD_COIN],
    ['a coin that has expired', () => ({ coins: [made({ expires: world.now - 1 })] }), BAD_COIN],
    [
      'a coin that is bound to somebody else',
      () => ({ coins: [made({ identity: other.identity })] }),
      BAD_COIN,
    ],
    ['a coin passed on too often', () => ({ coins: [travelled(made(), HOPS_MAX)] }), BAD_COIN],
    [
      'a coin with a transfer of another coin in its chain',
      () => ({ coins: [{ ...made(), hops: travelled(made(), 2).hops }] }),
      BAD_COIN,
    ],
    [
      'a coin with a transfer in its chain that is missing',
      () => ({ coins: [{ ...once, hops: travelled(once, 2).hops.slice(1) }] }),
      BAD_COIN,
    ],
    [
      'a coin that the transfer does not move',
      () => ({ coins: [made()], transfer: { coins: [readCoin(made()).digest] } }),
      BAD_COIN,
    ],
    [
      'a coin less than the transfer moves',
      () => ({ coins: [once], transfer: { coins: [once, made()].map((c) => readCoin(c).digest) } }),
      BAD_COIN,
    ],
    [
      'a coin with more of a chain than the transfer moves',
      () => ({
        coins: [travelled(once, 2)],
        transfer: { coins: [readCoin(once).digest] },
      }),
      BAD_COIN,
    ],
    [
      'a coin that somebody passed on who did not have it',
      () => ({
        coins: [forger.passed(made({ holder: otherShop.id }), [person.id], { giver: other.id })],
      }),
      BAD_COIN,
    ],
    ['one coin twice', () => ({ coins: [once, once] }), BAD_COIN],
    ['one coin twice, with two chains', () => ({ coins: [once, travelled(once, 2)] }), BAD_COIN],
    ['less than it asked for', () => ({ coins: [made({ value: 9n })] }), NOT_ENOUGH],
  ]
  test.for(COINS)('%s', async ([, change, expected]) => {
    expect(await pays(change())).toBe(expected)
  })
})

/** Asks 8 of the card, in its session, with whatever is changed: what it says. */
async function asks(change: Partial<Request>, customer = person.clone()) {
  const [certificate = NOTHING] = await shop.certificates()
  return customer.chip.tapped(async (channel) => {
    const card = await CoinCard.connect(channel)
    const shown = await card?.introduce()
    if (!card || !shown) throw new Error('a card introduces itself')
    const content: Request = {
      vendor: shop.id,
      till: 7,
      identity: person.identity,
      element: person.id,
      nonce: card.nonce,
      number: 1,
      amount: 8n,
      currency: EUR.numeric,
      madeAt: world.now,
      banks: [1],
      float: [{ value: 2n, count: 1 }],
      ...change,
    }
    const asked = signMessage(request, content, KEYS.vendor)
    const [identity, element] = [readCertificate(shown.identity), readCertificate(shown.element)]
    const inner = sealTo(element.publicKey, asked, CONTEXT.request, world.random)
    const outer = envelope.encode({ nonce: card.nonce, pin: [], inner })
    const sealed = sealTo(identity.publicKey, outer, CONTEXT.envelope, world.random)
    const { sw } = await card.pay(presentation.encode({ bank: [], vendor: certificate, sealed }))
    return { sw, customer, id: requestId(openMessage(request, asked).digest) }
  })
}

describe('a card pays no request', () => {
  test('but this: as it should be', async () => {
    expect(await asks({})).toMatchObject({ sw: 0x9000 })
  })

  test.for([
    ['of another vendor', { vendor: otherShop.id }, NOT_FOR_ME],
    ['for another coin element', { element: other.id }, NOT_FOR_ME],
    ['for another identity element', { identity: other.identity }, NOT_FOR_ME],
    ['of another session', { nonce: new Uint8Array(8) }, COIN_SW.STALE],
    ['before the certificate is good', { madeAt: Date.UTC(2025, 11, 31, 23) }, COIN_SW.UNCONFIRMED],
    ['after it has run out', { madeAt: Date.UTC(2031, 0, 1) }, COIN_SW.UNCONFIRMED],
    ['of another currency', { currency: currency('SEK').numeric }, COIN_SW.WRONG_CURRENCY],
    ['above what needs no PIN', { amount: 101n }, COIN_SW.PIN_NEEDED],
    ['with coins of a bank that it does not name', { banks: [2] }, COIN_SW.CANNOT_PAY],
    ['with coins that have expired', { madeAt: COINS_EXPIRE + 1 }, COIN_SW.CANNOT_PAY],
  ] as const)('%s', async ([, change, expected]) => {
    const { sw, customer } = await asks(change)
    expect(sw).toBe(expected)
    expect(await customer.status()).toMatchObject({ total: 10n, sequence: 0 })
  })
})

test('a card pays with no coin that was passed on too often for any vendor', async () => {
  for (const [hops, expected] of [
    [HOPS_MAX - 2, 0x9000],
    [HOPS_MAX, COIN_SW.CANNOT_PAY],
  ] as const) {
    const customer = person.clone()
    const register = forger.register(customer, travelled(made(), hops), 200)
    const loaded = customer.chip.tapped((channel) => loadCoins(channel, 'card', [register]))
    expect(await loaded).toBe('written')
    expect(await asks({ amount: 18n }, customer)).toMatchObject({ sw: expected })
  }
})

interface Answer {
  readonly coins: readonly HeldCoin[]
  readonly transfer: Partial<Transfer>
  readonly signer: PrivateKey
}

/** Of 10, 8 were asked: gives 2 back, but for what is changed. */
async function settles(change: Partial<Answer>) {
  const { customer, id } = await asks({})
  const coins = change.coins ?? [made({ value: 2n, holder: shop.id })]
  const moved: Transfer = {
    kind: 'change',
    giver: shop.id,
    taker: person.id,
    sequence: 1,
    request: id,
    coins: coins.map((held) => readCoin(held).digest),
    ...change.transfer,
  }
  const sw = await settle(
    customer,
    coins,
    signMessage(transfer, moved, change.signer ?? KEYS.vendor),
  )
  const { total, open } = await customer.status()
  return { sw, total, open: open.length }
}

async function settle(customer: Customer, coins: readonly HeldCoin[], moved: Bytes) {
  const plain = settlement.encode({ transfer: moved, coins: [...coins] })
  const [, certificate = NOTHING] = await person.certificates()
  const { publicKey } = readCertificate(certificate)
  const sealed = sealTo(publicKey, plain, CONTEXT.settlement, world.random)
  return customer.chip.tapped(async (channel) => {
    const card = await CoinCard.connect(channel)
    return card && (await card.settle(sealed)).sw
  })
}

const ofShop = (change: Partial<Coin> = {}) => made({ value: 2n, holder: shop.id, ...change })

/** Change that has come to the shop after so many transfers, an odd number. */
function ofShopAfter(hops: number): HeldCoin {
  return forger.passed(travelled(ofShop({ holder: other.id }), hops - 1), [shop.id])
}

describe('a card takes no settlement', () => {
  test('but this: as it should be', async () => {
    expect(await settles({})).toEqual({ sw: 0x9000, total: 2n, open: 0 })
    const older = { coins: [ofShopAfter(HOPS_MAX - 3)] }
    expect(await settles(older)).toEqual({ sw: 0x9000, total: 2n, open: 0 })
  })

  test.for([
    ['for somebody else', { transfer: { taker: other.id } }, COIN_SW.NOT_FOUND],
    ['by another vendor', { transfer: { giver: otherShop.id } }, COIN_SW.NOT_FOUND],
    ['of another request', { transfer: { request: new Uint8Array(16) } }, COIN_SW.NOT_FOUND],
    ['that its vendor did not sign', { signer: KEYS.other }, BAD_SIGNATURE],
    ['of another kind', { transfer: { kind: 'pay' } }, NOT_ENOUGH],
    ['that gives back other coins', { transfer: { kind: 'return' } }, BAD_COIN],
    ['with a coin that is not named', { transfer: { coins: [] } }, BAD_COIN],
    ['without change', { coins: [] }, NOT_ENOUGH],
    ['that gives nothing back', { coins: [], transfer: { kind: 'return' } }, NOT_ENOUGH],
    ['with change that has expired', { coins: [ofShop({ expires: world.now - 1 })] }, BAD_COIN],
    ['with change that nobody takes', { coins: [ofShopAfter(HOPS_MAX - 1)] }, BAD_COIN],
    ['with too little', { coins: [ofShop({ value: 1n })] }, NOT_ENOUGH],
    ['with too much', { coins: [ofShop({ value: 3n })] }, NOT_ENOUGH],
    ['with a coin of somebody else', { coins: [ofShop({ holder: otherShop.id })] }, BAD_COIN],
    [
      'with a coin bound to somebody else',
      { coins: [ofShop({ identity: other.identity })] },
      BAD_COIN,
    ],
    ['with a coin of another currency', { coins: [ofShop({ currency: 752 })] }, BAD_COIN],
    ['with a coin of a bank that it does not know', { coins: [ofShop({ bank: 9 })] }, BAD_COIN],
  ] as const)('%s', async ([, change, expected]) => {
    expect(await settles(change)).toEqual({ sw: expected, total: 0n, open: 1 })
  })
})

describe('a vendor element', () => {
  const at = (vendor: Vendor) => vendor.chip.tapped(async (slot) => VendorElement.connect(slot))

  test('asks with no number again', async () => {
    const [customer, vendor] = [person.clone(), shop.clone()]
    const shown = await customer.chip.tapped(async (channel) =>
      (await CoinCard.connect(channel))?.introduce(),
    )
    if (!shown) throw new Error('a card introduces itself')
    expect(await at(vendor)).toBeDefined()
    const ask = (number: number) =>
      vendor.chip.tapped(async (slot) => {
        const element = await VendorElement.connect(slot)
        const { identity, element: coinElement, bank } = shown
        const asked = await element?.request({
          bank: [bank],
          identity,
          element: coinElement,
          nonce: new Uint8Array(8),
          number,
          amount: 1n,
          madeAt: world.now,
          pin: [],
        })
        return typeof asked === 'number' ? asked : 0x9000
      })
    expect(await ask(5)).toBe(0x9000)
    expect([await ask(5), await ask(4)]).toEqual([COIN_SW.NOT_NOW, COIN_SW.NOT_NOW])
    expect(await ask(6)).toBe(0x9000)
  })

  test('does not decide, nor surrender, while its till has not heard of the last outcome', async () => {
    const vendor = shop.clone()
    const pay = async (customer: Customer) => {
      const counter = new Counter(customer, vendor)
      return counter.with(async (card, element) => {
        const { shown, presentation: asked } = await counter.ask(card, element, 10n)
        const { data } = await card.pay(asked)
        const { bank, identity, element: coinElement } = shown
        return element.accept({
          mode: 'take',
          bank: [bank],
          identity,
          element: coinElement,
          sealed: data,
        })
      })
    }
    const first = await pay(person.clone())
    expect(first).toMatchObject({ kind: 'paid' })
    expect(await pay(other.clone())).toBe(COIN_SW.NOT_NOW)
    await vendor.chip.tapped(async (slot) => {
      const element = await VendorElement.connect(slot)
      expect(await element?.surrender()).toBeUndefined()
      // Nor does it take the word of a till that has another one.
      await expect(element?.confirm({ request: new Uint8Array(32) })).rejects.toThrow('another')
      expect(await element?.outcome()).toEqual(first)
    })
    expect(await vendor.status()).toMatchObject({ outcome: 'waiting' })
  })
})
