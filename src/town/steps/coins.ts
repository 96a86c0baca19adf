import { SW } from '../../kernel/apdu.ts'
import { invariant } from '../../kernel/errors.ts'
import { sum } from '../../kernel/money.ts'
import { CardTorn } from '../../reader/channel.ts'
import { readCertificate } from '../../schemes/coin/certificates.ts'
import { COIN_SW } from '../../schemes/coin/instructions.ts'
import { cardPlan, vendorPlan } from '../../schemes/coin/plans.ts'
import { CoinCard } from '../../schemes/coin/terminal.ts'
import { forgeCoins as forge, playBack as play, readAllCoins } from '../cheats/coin.ts'
import type { IssueResult } from '../issuing-desk.ts'
import { percent } from '../report.ts'
import type { StepOf } from '../scenario/step-words.ts'
import type { TownChip } from '../town-card.ts'
import type { Town } from '../town.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'
import { atOffice } from './people.ts'

/** What happens to coins beside payments: who buys them, who loses them, who is after them. */

export async function buyCoins(
  { buyCoins: words }: StepOf<'buyCoins'>,
  { town }: Stage,
): Promise<Outcome> {
  const values = words.coins.map((coin) => coin.in(town.currency))
  const text = `${town.holderOf(words.card).name} buys coins for ${money(town, sum(values))} for ${words.card}`
  return atOffice(text, async () => {
    const bound = words.bound ? 'bound' : 'free'
    const { result } = await town.desk.buyCoins(town.card(words.card), values, bound)
    invariant(result === 'done', 'a chip takes the coins that were made for it')
  })
}

export async function buyFloat(
  { buyFloat: words }: StepOf<'buyFloat'>,
  { town }: Stage,
): Promise<Outcome> {
  const values = words.coins.map((coin) => coin.in(town.currency))
  const text = `${words.till} gets coins for ${money(town, sum(values))} to give change with`
  const module = town.modules.get(words.till)
  invariant(module, 'the scenario was checked')
  const party = town.party(words.till)
  const slot = [...town.parties.values()].find((other) => other.module === module)
  slot?.putModule(undefined)
  const outcome = await atOffice(text, () => town.desk.buyFloat(party, module, values))
  slot?.putModule(module)
  return outcome
}

export async function renew(
  { renew: lost, as }: StepOf<'renew'>,
  { town }: Stage,
): Promise<Outcome> {
  const text = `${lost} is lost, ${as} takes its place`
  let outcome: IssueResult | undefined
  const asked = await atOffice(text, async () => {
    outcome = await town.desk.renew(town.card(lost), town.card(as))
  })
  return outcome ? { ...outcome, text } : asked
}

export async function refundCoins(
  { refundCoins: card }: StepOf<'refundCoins'>,
  { town }: Stage,
): Promise<Outcome> {
  const { id } = town.card(card)
  invariant(id !== undefined, 'the scenario was checked')
  const text = `the office gives back what ${card} held`
  return atOffice(text, () => town.officeOfCard(card).client.refundCoins(id))
}

export function noise({ noise: names, bitErrorRate }: StepOf<'noise'>, { town }: Stage): Outcome {
  for (const { silicon } of chipsNamed(town, names)) {
    if (silicon) silicon.puf.bitErrorRate = bitErrorRate
  }
  return done(`${names.join(', ')}: ${percent(bitErrorRate)} of all PUF bits are read wrong`)
}

function chipsNamed(town: Town, names: readonly string[]): readonly TownChip[] {
  const chips = new Map<string, TownChip>([...town.modules, ...town.cards])
  if (names.length === 1 && names[0] === 'all') return [...chips.values()]
  return names.flatMap((name) => chips.get(name) ?? [])
}

export async function fakeVendor(
  { fakeVendor: { card: name, certificate, of } }: StepOf<'fakeVendor'>,
  { town }: Stage,
): Promise<Outcome> {
  const card = town.card(name)
  const text = `a fake vendor asks ${name} for all its coins`
  const { currency } = town
  const fake = { certificate, genuine: vendorCertificate(town, of), currency, at: town.clock.now() }
  const sw = await card.tap(undefined, (channel) =>
    readAllCoins(town.heard(channel, [FAKE_VENDOR, name], card), fake, town.random),
  )
  return sw === SW.OK ? done(text) : refused(wordOf(sw), text)
}

const FAKE_VENDOR = 'fake-vendor'

/** What any card that ever came to that till has seen; of some till, if it is not said which. */
function vendorCertificate({ desk }: Town, till: string | undefined) {
  const [plan] = till === undefined ? desk.modulePlans.values() : [desk.modulePlans.get(till)]
  invariant(plan, 'the scenario was checked')
  return vendorPlan.decode(cardPlan.decode(plan).element).own
}

function wordOf(sw: number): string {
  const [name] = Object.entries(COIN_SW).find(([, value]) => value === sw) ?? []
  return name?.toLowerCase() ?? sw.toString(16)
}

const YEAR = 365 * 24 * 3600 * 1000

export async function forgeCoins(
  { forgeCoins: words }: StepOf<'forgeCoins'>,
  { town }: Stage,
): Promise<Outcome> {
  const card = town.card(words.card)
  const { currency } = town
  const values = words.coins.map((coin) => coin.in(currency))
  const text = `somebody forges coins for ${money(town, sum(values))} for ${words.card}`
  const { silicon } = card
  const shown = await card.tap(undefined, async (channel) =>
    (await CoinCard.connect(channel))?.introduce(),
  )
  invariant(silicon && shown, 'a card with coins introduces itself')
  const certificate = readCertificate(shown.element).bytes
  const expires = town.clock.now() + YEAR
  const forged = forge({ values, currency, expires, certificate, silicon }, town.random)
  return { ...(await town.desk.load(card, forged)), text }
}

export async function loadAgain(
  { loadAgain: name }: StepOf<'loadAgain'>,
  { town }: Stage,
): Promise<Outcome> {
  const outcome = await town.desk.load(town.card(name), town.desk.registersOf(name))
  return { ...outcome, text: `all coins that were bought for ${name} are loaded again` }
}

export async function playBack(
  { playBack: name, tape }: StepOf<'playBack'>,
  { town }: Stage,
): Promise<Outcome> {
  const card = town.card(name)
  const text = `a thief tells ${name} all that is in ${tape}`
  try {
    const answered = await card.tap(undefined, (channel) => play(channel, town.tape(tape)))
    return done(`${text}: ${answered} answers`)
  } catch (error) {
    if (error instanceof CardTorn) return { result: 'unfinished', text }
    throw error
  }
}

export function steal({ steal: till, as }: StepOf<'steal'>, { town }: Stage): Outcome {
  const records = town.party(till).journal()
  town.journals.set(as, records)
  return done(`the journal of ${till} is copied: ${records.length} records`)
}

export function redeem({ redeem: name, till }: StepOf<'redeem'>, { town }: Stage): Outcome {
  const { crook } = town.party(till)
  const records = town.journals.get(name)
  invariant(crook && records, 'the scenario was checked')
  for (const record of records) crook.books.add(record, 'confirmed')
  return done(`${till} is going to hand in ${records.length} records of others as its own`)
}
