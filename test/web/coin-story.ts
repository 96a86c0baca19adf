import { toBase64, toHex } from '../../src/kernel/bytes.ts'
import { invariant } from '../../src/kernel/errors.ts'
import type { CardId } from '../../src/kernel/ids.ts'
import type { Login } from '../../src/town/office-client.ts'
import { TownCard } from '../../src/town/town-card.ts'
import { PASSWORD } from '../support/people.ts'
import type { House, HouseTill } from './house.ts'
import { PASSCODE } from './story.ts'

/** Two people with coins, and two tills that take them. */
export interface CoinStory {
  /** Has 10.00 in two coins on her card, and 90.00 to buy more with. */
  readonly mia: CoinHolder
  /** Somebody has copied his chip, and both have paid with one coin. Another one nobody has seen since. */
  readonly nic: CoinHolder
  readonly market: HouseTill
  readonly pier: HouseTill
  /** The case against the copy. */
  readonly copied: string
  /** She pays 5.00 at each till, and they report. */
  goOn(): Promise<void>
}

export interface CoinHolder {
  readonly login: Login
  readonly card: CardId
}

export async function tellCoins(house: House, merchant: string): Promise<CoinStory> {
  const market = await house.addCoinTill('Market', merchant, [500n, 200n, 100n])
  const pier = await house.addCoinTill('Pier', await house.addMerchant('Pier'), [100n])
  const mia = await moveIn(house, 'Mia', [500n, 500n])
  const nic = await moveIn(house, 'Nic', [1_000n, 200n])
  const copy = nic.chip.clone('copy')
  await pay(market, nic.chip, 1_000n)
  await pay(pier, copy, 1_000n)
  const report = async () => {
    for (const till of [market, pier]) {
      await till.counter.cashUp()
      await till.counter.sync()
    }
    await house.evidence.settled()
  }
  await report()
  await reportLost(house, nic.chip)
  const { cases } = await house.call<{ cases: { id: string; kind: string }[] }>('GET', '/api/cases')
  const copied = cases.find(({ kind }) => kind === 'cloned-element')
  invariant(copied, 'the office sees the copy')
  return {
    mia: told(mia),
    nic: told(nic),
    market,
    pier,
    copied: copied.id,
    async goOn() {
      for (const till of [market, pier]) await pay(till, mia.chip, 500n)
      await report()
    },
  }
}

interface Mover {
  readonly login: Login
  readonly chip: TownCard
}

async function moveIn(house: House, name: string, coins: readonly bigint[]): Promise<Mover> {
  const holder = await house.addHolder(name, 10_000n)
  const chip = await house.issueCard(`${name}’s coins`, 0n, PASSCODE, 'coin', holder)
  await house.giveCoins(chip, coins)
  return { login: { name: name.toLowerCase(), password: PASSWORD }, chip }
}

/** Another chip takes the card's place. */
async function reportLost(house: House, { id, parts }: TownCard): Promise<void> {
  const chip = await TownCard.blank({ ...parts, number: parts.random.bytes(4) }).introduce()
  invariant(chip?.report, 'a blank chip says what its bank must know')
  await house.call('POST', `/api/cards/${id}/renew`, {
    uid: toHex(chip.number),
    report: toBase64(chip.report),
    passcode: PASSCODE,
    lost: true,
    reason: 'Left on the bus',
  })
}

async function pay(till: HouseTill, card: TownCard, amount: bigint): Promise<void> {
  till.counter.begin({ kind: 'pay', amount, products: [], passcode: PASSCODE })
  const { result } = await card.tap(undefined, (channel) => till.counter.present(channel))
  invariant(result.result === 'done', 'the till takes the coins')
}

function told({ login, chip }: Mover): CoinHolder {
  invariant(chip.id !== undefined, 'an issued card has its number')
  return { login, card: chip.id }
}
