import { fromBase64, toBase64, type Bytes } from '../kernel/bytes.ts'
import { invariant } from '../kernel/errors.ts'
import { currency, type CurrencyCode } from '../kernel/money.ts'
import { signIn, fetchedWay, type Login } from '../town/office-client.ts'
import type { SchemeName } from '../town/scheme-names.ts'
import type { OfficeClient } from '../town/town-office.ts'
import type { CardDirectory } from './card-directory.ts'
import { heldBy, offer } from './coin-holding.ts'
import { issueToImage } from './issuing.ts'
import type { Notes } from './notes.ts'
import { done, phoneAt } from './phone.ts'
import { makePassword, systemRandom } from './system.ts'

/** A card that its holder has still to load. */
export const EMPTY_WALLET = 'ida-wallet'
/** One that pays with coins. */
export const COIN_CARD = 'mia-coins'
/** What cards hold, or what their holders have put on them: major units. */
export const UP_CARDS: Readonly<Record<SchemeName, Readonly<Record<string, number>>>> = {
  block: { ada: 25, bert: 40, cleo: 15, dora: 60, emil: 5 },
  purse: { 'fay-purse': 30, 'gus-purse': 80 },
  wallet: { 'hal-wallet': 30, [EMPTY_WALLET]: 0 },
  coin: { [COIN_CARD]: 30, 'nic-coins': 20 },
}
/** Of cards for coins: in which coins. */
const UP_COINS: Readonly<Record<string, readonly number[]>> = {
  [COIN_CARD]: [10, 10, 5, 2, 2, 1],
  'nic-coins': [20],
}
/** Who holds those that are loaded from online wallets. */
const UP_HOLDERS: Readonly<Record<string, { readonly login: string; readonly name: string }>> = {
  'hal-wallet': { login: 'hal', name: 'Hal' },
  [EMPTY_WALLET]: { login: 'ida', name: 'Ida' },
  [COIN_CARD]: { login: 'mia', name: 'Mia' },
  'nic-coins': { login: 'nic', name: 'Nic' },
}
/** What they have at the office before anything is loaded. */
const ONLINE_MONEY = 100

/** What a card's holder was told. */
export interface Codes {
  readonly passcode: string
  /** Of a card that blocks its passcode itself. */
  readonly unblocking?: string | undefined
  /** Who has an online wallet beside the card signs in with it. */
  readonly login?: Login | undefined
}

/** What the town is laid on. */
export interface Ground {
  /** Where it listens. */
  readonly office: string
  readonly client: OfficeClient
  readonly code: CurrencyCode
  readonly cards: CardDirectory
  /** Directory of all tills. */
  readonly tills: string
  /** Directory of what the holders' phones remember. */
  readonly phones: string
}

interface WantedCard {
  readonly name: string
  readonly scheme: SchemeName
  /** In major units. */
  readonly balance: number
}

type Lay = (notes: Notes, ground: Ground, wanted: WantedCard) => Promise<Codes>

const LAY: Readonly<Record<SchemeName, Lay>> = {
  block: (notes, ground, wanted) => layCard(notes, ground, wanted),
  purse: (notes, ground, wanted) => layCard(notes, ground, wanted),
  wallet: layWallet,
  coin: layCoins,
}

/** Makes a card that is not there yet. */
export async function layUpCard(notes: Notes, ground: Ground, wanted: WantedCard): Promise<Codes> {
  return LAY[wanted.scheme](notes, ground, wanted)
}

async function layCard(
  notes: Notes,
  { client, cards, code }: Ground,
  { name, scheme, balance }: WantedCard,
  holder?: string,
): Promise<Codes> {
  const noted = await notes.once(`card ${name}`, async () => {
    const first = minor(balance, code)
    const order = { name, scheme, balance: first, currency: code, passcode: undefined, holder }
    const { passcode, unblocking } = await issueToImage(client, cards, order)
    return [passcode, unblocking].join(' ').trim()
  })
  const [passcode = '', unblocking] = noted.split(' ')
  return { passcode, unblocking }
}

/** A wallet is issued empty: its holder puts money on it with a phone. */
async function layWallet(notes: Notes, ground: Ground, wanted: WantedCard): Promise<Codes> {
  const { cards, code, office, phones } = ground
  const { name, balance } = wanted
  const { login, holder } = await layHolder(notes, ground, name)
  const codes = await layCard(notes, ground, { ...wanted, balance: 0 }, holder)
  if (balance > 0) {
    await notes.once(`load ${name}`, async () => {
      const cookie = await signIn(fetchedWay(office), login)
      const phone = phoneAt(office, phones, { cookie })
      await cards.withCard(name, async (channel) => {
        // A first run that was interrupted may have loaded it already.
        const { state } = done(await phone.show(channel))
        if (state.balance > 0n) return
        done(await phone.load(channel, codes.passcode, minor(balance, code)))
      })
      return String(balance)
    })
  }
  return { ...codes, login }
}

/** So is a card for coins: its holder buys some. */
async function layCoins(notes: Notes, ground: Ground, wanted: WantedCard): Promise<Codes> {
  const { client, cards, code } = ground
  const { name, balance } = wanted
  const { login, holder } = await layHolder(notes, ground, name)
  const codes = await layCard(notes, ground, { ...wanted, balance: 0 }, holder)
  const values = (UP_COINS[name] ?? []).map((value) => minor(value, code))
  await notes.once(`load ${name}`, async () => {
    await cards.withCard(name, async (channel) => {
      const card = await heldBy(channel)
      const coins = await notes.once(`coins ${name}`, () =>
        bought(client.buyCoins(card.id, values)),
      )
      await offer(channel, card, registersIn(coins))
    })
    return String(balance)
  })
  return { ...codes, login }
}

/** Coins as they are noted: nothing but their chip opens them. */
export async function bought(registers: Promise<readonly Uint8Array[]>): Promise<string> {
  return (await registers).map(toBase64).join(' ')
}

export function registersIn(noted: string): readonly Bytes[] {
  return noted.split(' ').map(fromBase64)
}

async function layHolder(
  notes: Notes,
  { client, code }: Ground,
  card: string,
): Promise<{ readonly login: Login; readonly holder: string }> {
  const person = UP_HOLDERS[card]
  invariant(person, 'somebody holds it')
  const password = await notes.once(`password ${person.login}`, async () =>
    makePassword(systemRandom),
  )
  const login = { name: person.login, password }
  const holder = await notes.once(`person ${person.login}`, () =>
    client.addPerson(person.name, login),
  )
  await notes.once(`online ${person.login}`, async () => {
    await client.deposit(holder, { amount: minor(ONLINE_MONEY, code), currency: code })
    return String(ONLINE_MONEY)
  })
  return { login, holder }
}

/** As people call an amount, in minor units. */
export function minor(major: number, code: CurrencyCode): bigint {
  return BigInt(major) * 10n ** BigInt(currency(code).decimals)
}
