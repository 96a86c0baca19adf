import { z } from 'zod'
import { fromBase64, toHex, utf8 } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { sha256 } from '../kernel/hash.ts'
import {
  currency as currencyOf,
  formatAmount,
  parseAmount,
  type Amount,
  type Currency,
  type CurrencyCode,
} from '../kernel/money.ts'
import { tillJson } from '../office/answers.ts'
import {
  coinJson,
  coinRefundJson,
  coinsSoldJson,
  takingsJson,
  type CoinJson,
} from '../office/coins/answers.ts'
import type { Channel } from '../reader/channel.ts'
import { fetchedWay, OfficeRefused, OfficeSession } from '../town/office-client.ts'
import { asked } from './asking.ts'
import { withChosenCard } from './chosen-card.ts'
import { countOf, heldBy, holdingJson, holdingLine, offer, type Holding } from './coin-holding.ts'
import type { Absent, CoinsCommand } from './coins-command.ts'
import { fileMemory, type Memory } from './file-memory.ts'
import { CommandFailed, print, type Io } from './io.ts'
import { readLogin } from './login.ts'
import { UsageError, type AtOffice } from './options.ts'
import { systemRandom } from './system.ts'

type Of<A extends CoinsCommand['act']> = Extract<CoinsCommand, { act: A }>

/** `kontant coins …` */
export async function runCoins(command: CoinsCommand, io: Io): Promise<void> {
  switch (command.act) {
    case 'buy':
      return withChosenCard(command, io, (channel) => buy(channel, command, io))
    case 'load':
      return withChosenCard(command, io, (channel) => load(channel, command, io))
    case 'list': {
      const { of } = command
      if (!('cards' in of)) return list(of, command, io)
      return withChosenCard(of, io, async (channel) =>
        list(absent(await heldBy(channel)), command, io),
      )
    }
    case 'takings':
      return takings(command, io)
    case 'refund':
      return refund(command, io)
    case 'cash-up':
      return cashUp(command, io)
  }
}

async function buy(channel: Channel, command: Of<'buy'>, io: Io): Promise<void> {
  const holding = await heldBy(channel)
  const { currency, kind } = holding
  const wanted = wantedOf(command.amount, currency)
  if (kind !== 'card' && command.bound === 'bound') {
    throw new UsageError('--bound is for cards: change is for whoever gets it', 'coins')
  }
  const body = {
    ...(kind === 'card' && { card: holding.id, bound: command.bound }),
    ...(wanted.length === 1 ? { amount: String(wanted[0]) } : { values: wanted.map(String) }),
  }
  const path = kind === 'card' ? '/api/coins' : `/api/tills/${holding.till}/coins`
  const session = await signedIn(command)
  const purchase = new Purchase(fileMemory(command.memory), `coins ${holding.id}`)
  const key = await purchase.begin(`${path} ${JSON.stringify(body)}`)
  const sold = await asked(command.office, async () => {
    try {
      return await session.post(path, body, coinsSoldJson, key)
    } catch (error) {
      // What was refused is over. Of what had no answer nobody knows.
      if (error instanceof OfficeRefused && error.status < 500) await purchase.end()
      throw error
    }
  })
  if (sold.element !== holding.id) {
    await purchase.end()
    throw new CommandFailed(
      `bought, but for ${sold.element}, which the till has had made since: \`kontant coins load\` brings them there`,
    )
  }
  const registers = sold.coins.map(({ register }) => fromBase64(register))
  const homeless = await offer(channel, holding, registers)
  await purchase.end()
  const now = await heldBy(channel)
  const values = sold.coins.map(({ value }) => formatAmount(BigInt(value), currency))
  const coins = sold.coins.map(({ id, value }) => ({ id, value }))
  const bought = { amount: sold.amount, expires: sold.expires, coins }
  print(io, command.json, { ...holdingJson(now), bought }, [
    `Bought ${values.join(' + ')} ${currency.code}, good until ${dayOf(sold.expires)}.`,
    holdingLine(now),
  ])
  checkRoom(homeless)
}

async function load(channel: Channel, command: Of<'load'>, io: Io): Promise<void> {
  const before = await heldBy(channel)
  const coins = await coinsAt(await signedIn(command), command, absent(before), 'made')
  const outside = coins.filter(({ state, register }) => state === 'outside' && register !== null)
  const homeless = await offer(
    channel,
    before,
    outside.map(({ register }) => fromBase64(register ?? '')),
  )
  const now = await heldBy(channel)
  const loaded = now.coins - before.coins
  print(io, command.json, { ...holdingJson(now), loaded }, [
    loaded === 0 ? 'There was nothing to load.' : `Loaded ${countOf(loaded)}.`,
    holdingLine(now),
  ])
  checkRoom(homeless)
}

async function list(of: Absent, command: Of<'list'>, io: Io): Promise<void> {
  const session = await signedIn(command)
  const coins = await coinsAt(session, command, of, command.held ? 'held' : 'made')
  const shown = coins.map(({ register: _register, ...coin }) => coin)
  const lines = coins.map((coin) => coinLine(coin, of))
  print(io, command.json, shown, lines.length === 0 ? ['There are none.'] : lines)
}

function coinLine(
  { id, value, currency, expires, state, bound, at }: CoinJson,
  of: Absent,
): string {
  const isHere = at.kind === 'card' && 'id' in of && at.card === of.id
  const place = at.kind === 'till' ? `till ${at.till}` : at.kind === 'card' ? at.card : 'elsewhere'
  return [
    id,
    money(value, currency).padStart(14),
    `until ${dayOf(expires)}`,
    STATE_WORDS[state],
    ...(isHere ? [] : [`with ${place}`]),
    ...(bound ? ['bound to its card'] : []),
  ].join('  ')
}

/** What the office knows of a coin. */
const STATE_WORDS: Readonly<Record<CoinJson['state'], string>> = {
  outside: 'not handed in',
  redeemed: 'paid out',
  contested: 'claimed by several',
  refunded: 'given back',
}

async function takings(command: Of<'takings'>, io: Io): Promise<void> {
  const { till, office, json } = command
  const session = await signedIn(command)
  const [{ currency, name }, sums] = await asked(office, async () => [
    await session.get(`/api/tills/${till}`, tillJson),
    await session.get(`/api/tills/${till}/takings`, takingsJson),
  ])
  const heap = (what: string, { count, amount }: { count: number; amount: string }) =>
    count === 0 ? [] : [`  ${what}: ${money(amount, currency)} in ${countOf(count)}`]
  const float = sums.float.map(({ value, count }) => `${count} × ${money(value, currency)}`)
  print(io, json, { till, currency, ...sums }, [
    `Till ${till}, ${name}, as far as it has reported:`,
    `  its element holds: ${float.length === 0 ? 'nothing' : float.join(', ')}`,
    ...heap('bought as float, ever', sums.bought),
    ...heap('taken and paid to its merchant', sums.paid),
    ...heap('claimed by others as well', sums.contested),
    ...heap('refused', sums.refused),
    ...heap('that other banks have still to pay', sums.awaited),
    `  its merchant has at the office: ${money(sums.merchant, currency)}`,
  ])
}

async function refund(command: Of<'refund'>, io: Io): Promise<void> {
  const { id, reason, json, office } = command
  const session = await signedIn(command)
  const [coin] = await coinsAt(session, command, { id }, 'made')
  const { refunded } = await asked(office, () =>
    session.post(`/api/cards/${id}/coins/refund`, { reason }, coinRefundJson),
  )
  const amount = coin && refunded !== '0' ? money(refunded, coin.currency) : 'Nothing'
  print(io, json, { card: id, refunded }, [`${amount} went to the online wallet of its holder.`])
}

const float = z.discriminatedUnion('result', [
  z.object({ result: z.literal('float') }),
  z.object({ result: z.literal('refused'), explanation: z.string() }),
])
const cashedUp = z.discriminatedUnion('result', [
  z.object({ result: z.literal('closed'), batch: z.int(), count: z.int(), paid: z.string() }),
  z.object({ result: z.literal('refused'), explanation: z.string() }),
])

/** A till that runs has its element to itself: it is asked through its page. */
async function cashUp({ page, json }: Of<'cash-up'>, io: Io): Promise<void> {
  // A till with a security module would close the day of that.
  const held = await askTill(page, '/api/float', 'GET', float)
  const answer =
    held.result === 'float' ? await askTill(page, '/api/cash-up', 'POST', cashedUp) : held
  if (answer.result === 'refused') {
    throw new CommandFailed(`${answer.explanation} This was the till at ${page}.`)
  }
  const { batch, count, paid } = answer
  const given = count === 0 ? 'had no coins' : `has given up ${countOf(count)}`
  const rest = count === 0 ? '' : ': the office has them when the till has synchronised'
  print(io, json, { batch, count, paid }, [`Its vendor element ${given}${rest}.`])
}

async function askTill<T>(
  page: string,
  path: string,
  method: 'GET' | 'POST',
  schema: z.ZodType<T>,
): Promise<T> {
  try {
    const answer = await fetch(new URL(path, page), { method })
    const known = answer.ok ? schema.safeParse(await answer.json()) : undefined
    if (known?.success) return known.data
  } catch (error) {
    // What `fetch` says if nobody is there, and what is no JSON.
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error
  }
  throw new CommandFailed(`no till answers at ${page}: name the address of its page by --page`)
}

/** A purchase that has no answer yet: asked for again, it is done once. */
class Purchase {
  readonly #memory: Memory
  readonly #name: string

  constructor(memory: Memory, name: string) {
    this.#memory = memory
    this.#name = name
  }

  /** @returns the key of that wish: the same as long as it has no answer. */
  async begin(wish: string): Promise<string> {
    const digest = toHex(sha256(utf8(wish)))
    const noted = await this.#memory.read(this.#name)
    const [begun, known] = noted ? new TextDecoder().decode(noted).split(' ') : []
    if (begun === digest && known !== undefined) return known
    const key = toHex(systemRandom.bytes(16))
    await this.#memory.write(this.#name, utf8(`${digest} ${key}`))
    return key
  }

  async end(): Promise<void> {
    await this.#memory.write(this.#name, undefined)
  }
}

async function signedIn({ office, login }: AtOffice): Promise<OfficeSession> {
  const who = await readLogin(login)
  return asked(office, () => OfficeSession.open(fetchedWay(office), who))
}

const PAGE = 500
const coinList = z.object({ coins: z.array(coinJson) })

async function coinsAt(
  session: OfficeSession,
  { office }: AtOffice,
  of: Absent,
  which: 'made' | 'held',
): Promise<readonly CoinJson[]> {
  const path = 'id' in of ? `/api/cards/${of.id}/coins` : `/api/tills/${of.till}/coins`
  const all: CoinJson[] = []
  for (;;) {
    const after = all.length === 0 ? '' : `&after=${all.at(-1)?.id}`
    const query = `?list=${which}&limit=${PAGE}${after}`
    const { coins } = await asked(office, () => session.get(path + query, coinList))
    all.push(...coins)
    if (coins.length < PAGE) return all
  }
}

function absent(holding: Holding): Absent {
  return holding.kind === 'card' ? { id: holding.id } : { till: holding.till }
}

/** @throws {CommandFailed} if coins that are paid for are not where they belong. */
function checkRoom(homeless: number): void {
  if (homeless === 0) return
  throw new CommandFailed(
    `there was no room for ${countOf(homeless)}: make some, then \`kontant coins load\` brings the rest`,
  )
}

/** `25.00`, or the coins as `20+5`. */
function wantedOf(text: string, currency: Currency): readonly Amount[] {
  try {
    const values = text.split('+').map((part) => parseAmount(part, currency, 'AMOUNT'))
    if (values.every((value) => value > 0n)) return values
    throw new UsageError('AMOUNT: expected more than nothing', 'coins')
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(error.message, 'coins')
    throw error
  }
}

/** @param minor an amount in minor units, as the API writes it. */
function money(minor: string, code: CurrencyCode): string {
  return `${formatAmount(BigInt(minor), currencyOf(code))} ${code}`
}

function dayOf(instant: number): string {
  return new Date(instant).toISOString().slice(0, 10)
}
