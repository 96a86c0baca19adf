import { httpTransport } from '../../src/cli/http-transport.ts'
import { invariant } from '../../src/kernel/errors.ts'
import type { CardId } from '../../src/kernel/ids.ts'
import { toBase64, type Bytes } from '../../src/kernel/bytes.ts'
import type { Result } from '../../src/schemes/wallet/phone/results.ts'
import { plainWire } from '../../src/schemes/wallet/phone/wire.ts'
import { Phone } from '../../src/schemes/wallet/phone.ts'
import { WalletCard } from '../../src/schemes/wallet/terminal.ts'
import type { Login } from '../../src/town/office-client.ts'
import type { TownCard } from '../../src/town/town-card.ts'
import type { Channel } from '../../src/reader/channel.ts'
import { RANDOM } from '../support/office.ts'
import { PASSWORD } from '../support/people.ts'
import type { House, HouseTill } from './house.ts'
import { PASSCODE } from './story.ts'

/** Two people with wallets who have paid each other and a till. */
export interface WalletStory {
  /** Has a load of 20.00 under way. */
  readonly hal: WalletHolder
  readonly ida: WalletHolder
}

export interface WalletHolder {
  readonly login: Login
  readonly person: string
  readonly card: CardId
}

export async function tellWallets(house: House, till: HouseTill): Promise<WalletStory> {
  const hal = await moveIn(house, 'Hal')
  const ida = await moveIn(house, 'Ida')
  await hal.taps((channel) => hal.phone.load(channel, PASSCODE, 30_000n))
  till.counter.begin({ kind: 'pay', amount: 2_500n, products: [], passcode: '' })
  const paid = await hal.card.tap(undefined, (channel) => till.counter.present(channel))
  invariant(paid.result.result === 'done', 'the till takes a wallet')
  await till.counter.sync()

  const { message: asked } = await ida.taps((channel) => ida.phone.ask(channel, { amount: 8_000n }))
  const { message } = await hal.taps((channel) => hal.phone.pay(channel, PASSCODE, asked))
  await ida.taps((channel) => ida.phone.receive(channel, message))
  for (const one of [hal, ida]) {
    await one.taps((channel) => one.phone.synchronise(channel, PASSCODE))
    // The office acknowledges what it has placed meanwhile.
    await house.evidence.settled()
    await one.taps((channel) => one.phone.synchronise(channel, PASSCODE))
  }
  await leaveLoad(house, hal)
  return { hal: told(hal), ida: told(ida) }
}

interface Mover {
  readonly login: Login
  readonly person: string
  readonly card: TownCard
  readonly phone: Phone
  taps<T>(act: (channel: Channel) => Promise<Result<T>>): Promise<T>
}

async function moveIn(house: House, name: string): Promise<Mover> {
  const login = { name: name.toLowerCase(), password: PASSWORD }
  const person = await house.addHolder(name, 100_000n)
  const card = await house.issueCard(`${name}’s wallet`, 0n, PASSCODE, 'wallet', person)
  const kept = new Map<string, Bytes>()
  const phone = new Phone({
    clock: { now: () => Date.now() },
    random: RANDOM,
    memory: {
      read: async (key) => kept.get(key),
      async write(key, bytes) {
        if (bytes) kept.set(key, bytes)
        else kept.delete(key)
      },
    },
    wire: plainWire,
    office: {
      transport: httpTransport(house.url),
      headers: { cookie: await house.sessionOf(login.name) },
    },
  })
  return {
    login,
    person,
    card,
    phone,
    async taps(act) {
      const result = await card.tap(undefined, act)
      if (result.status !== 'done') throw new Error(`${name}: ${result.status}`)
      return result
    },
  }
}

/** The order for it never reaches the card. */
async function leaveLoad(house: House, { card }: Mover): Promise<void> {
  const statement = await card.tap(undefined, async (channel) => {
    const wallet = await WalletCard.connect(channel, RANDOM)
    const said = await wallet?.statement(RANDOM.bytes(8))
    invariant(said?.ok, 'a wallet says what it stands at')
    return toBase64(said.value.bytes)
  })
  await house.call('POST', '/api/wallet/loads', { card: card.id, amount: '2000', statement })
}

function told({ login, person, card: { id } }: Mover): WalletHolder {
  invariant(id, 'a card that was issued has a number')
  return { login, person, card: id }
}
