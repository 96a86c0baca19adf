import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { toHex, type Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { cardIdOf } from '../kernel/ids.ts'
import {
  currencyByNumber,
  formatAmount,
  parseAmount,
  type Amount,
  type Currency,
} from '../kernel/money.ts'
import { partyText } from '../kernel/party.ts'
import type { Channel } from '../reader/channel.ts'
import type { Signed } from '../kernel/signed-message.ts'
import type { CardState, WalletRecord } from '../schemes/wallet/message.ts'
import { Phone, type Problem, type Result, type Synchronised } from '../schemes/wallet/phone.ts'
import { plainWire } from '../schemes/wallet/phone/wire.ts'
import type { WalletRefusal } from '../schemes/wallet/terminal.ts'
import { fetchedWay, signIn } from '../town/office-client.ts'
import { asked } from './asking.ts'
import { cardFile } from './card-files.ts'
import { withChosenCard } from './chosen-card.ts'
import { fileMemory } from './file-memory.ts'
import { httpTransport } from './http-transport.ts'
import { CommandFailed, InputError, print, type Io } from './io.ts'
import { readLogin } from './login.ts'
import { UsageError } from './options.ts'
import type { PhoneCommand } from './phone-command.ts'
import { codeOf, systemClock, systemRandom } from './system.ts'

/** `kontant phone …` */
export async function runPhone(command: PhoneCommand, io: Io): Promise<void> {
  const phone = await phoneOf(command)
  await withChosenCard(command, io, async (channel) =>
    ACTS[command.act](phone, channel, command, io),
  )
}

type Act = (phone: Phone, channel: Channel, command: PhoneCommand, io: Io) => Promise<void>

const ACTS: Readonly<Record<PhoneCommand['act'], Act>> = {
  async show(phone, channel, { json }, io) {
    const { state } = done(await phone.show(channel))
    print(io, json, stateJson(state), stateLines(state))
  },
  async records(phone, channel, { pin = '', json }, io) {
    const { records } = done(await phone.records(channel, pin))
    const lines = records.length === 0 ? ['Its office has everything.'] : records.map(recordLine)
    print(io, json, records.map(recordJson), lines)
  },
  async sync(phone, channel, { pin, json }, io) {
    printSynchronised(io, json, done(await phone.synchronise(channel, pin)))
  },
  async load(phone, channel, command, io) {
    const amount = await amountOf(phone, channel, command)
    const loaded = done(await phone.load(channel, command.pin ?? '', amount))
    printSynchronised(io, command.json, loaded)
  },
  async unload(phone, channel, command, io) {
    const amount = await amountOf(phone, channel, command)
    const unloaded = done(await phone.unload(channel, command.pin ?? '', amount))
    printSynchronised(io, command.json, unloaded)
  },
  async ask(phone, channel, command, io) {
    const amount = await amountOf(phone, channel, command)
    const { message } = done(await phone.ask(channel, { amount }))
    await giveAway(command, message, 'for the payer’s phone: `kontant phone pay FILE`', io)
  },
  async pay(phone, channel, command, io) {
    const asking = await messageOf(command)
    const { request, currency } = done(phone.readAsk(asking))
    const { payee, amount } = request.content
    io.err(`Paying ${money(amount, currency)} to ${partyText(payee)}.`)
    const { message } = done(await phone.pay(channel, command.pin ?? '', asking))
    await giveAway(command, message, 'for the payee’s phone: `kontant phone receive FILE`', io)
  },
  async receive(phone, channel, command, io) {
    const { record } = done(await phone.receive(channel, await messageOf(command)))
    print(io, command.json, recordJson(record), [recordLine(record)])
  },
  async refuse(phone, channel, command, io) {
    const { request } = done(phone.readAsk(await messageOf(command)))
    const { message } = done(await phone.refuse(channel, request.bytes))
    await giveAway(command, message, 'for the payer’s phone: `kontant phone refund FILE`', io)
  },
  async refund(phone, channel, command, io) {
    const { record } = done(await phone.refund(channel, await messageOf(command)))
    const line = record ? recordLine(record) : 'It had not paid that, and will not.'
    print(io, command.json, record ? recordJson(record) : null, [line])
  },
  async pin(phone, channel, { pin = '', newPin = '', json }, io) {
    done(await phone.changePin(channel, pin, newPin))
    print(io, json, {}, ['Its PIN is what you chose.'])
  },
  async unblock(phone, channel, { code = '', newPin = '', json }, io) {
    done(await phone.unblockPin(channel, code, newPin))
    print(io, json, {}, ['It is unblocked, and its PIN is what you chose.'])
  },
}

async function phoneOf(command: PhoneCommand): Promise<Phone> {
  const { act, office, login, memory } = command
  const isSigned = act === 'load' || act === 'unload'
  const headers = isSigned
    ? await asked(office, async () => ({
        cookie: await signIn(fetchedWay(office), await readLogin(login)),
      }))
    : {}
  return phoneAt(office, memory, headers)
}

/**
 * A phone that reaches its holder’s office.
 *
 * @param memory the directory of what it has begun.
 * @param headers that show the office whose phone it is.
 */
export function phoneAt(
  office: string,
  memory: string,
  headers: Readonly<Record<string, string>>,
): Phone {
  return new Phone({
    clock: systemClock,
    random: systemRandom,
    memory: fileMemory(memory),
    wire: plainWire,
    office: { transport: httpTransport(office), headers },
  })
}

async function amountOf(phone: Phone, channel: Channel, { amount = '' }: PhoneCommand) {
  const { state } = done(await phone.show(channel))
  try {
    const parsed = parseAmount(amount, currencyByNumber(state.currency), 'AMOUNT')
    if (parsed > 0n) return parsed
    throw new UsageError('AMOUNT: expected more than nothing', 'phone')
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(error.message, 'phone')
    throw error
  }
}

/** @throws {InputError} if there is no such file. */
async function messageOf({ message = '' }: PhoneCommand): Promise<Bytes> {
  try {
    return new Uint8Array(await readFile(message))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new InputError(`${message} is missing: the other phone makes it`)
  }
}

async function giveAway(
  { out = '', json }: PhoneCommand,
  message: Bytes,
  what: string,
  io: Io,
): Promise<void> {
  await mkdir(dirname(out), { recursive: true })
  await cardFile(out).write(message)
  print(io, json, { file: out, message: toHex(message) }, [`${out} is ${what}.`])
}

function printSynchronised(
  io: Io,
  json: boolean,
  { state, handedIn, refused }: Synchronised,
): void {
  const said = refused === undefined ? [] : [`It would not carry out an order: ${WORDS[refused]}`]
  print(io, json, { ...stateJson(state), handedIn, refused: refused ?? null }, [
    ...stateLines(state),
    ...said,
  ])
}

function money(amount: Amount, currency: Currency): string {
  return `${formatAmount(amount, currency)} ${currency.code}`
}

function stateLines(state: CardState): readonly string[] {
  const currency = currencyByNumber(state.currency)
  const { balance, spendable, paymentsLeft, pinTries, open } = state
  const sync = spendable < balance ? ', the rest after the next synchronisation' : ''
  return [
    `card ${cardIdOf(state.card)} of office ${state.office}: ${money(balance, currency)}`,
    `to spend: ${money(spendable, currency)}${sync}; payments until it must be synchronised: ${paymentsLeft}`,
    ...(open > 0 ? [`requests that wait for their payment: ${open}`] : []),
    ...(pinTries < 3 ? [`tries left for the PIN: ${pinTries}`] : []),
  ]
}

function stateJson(state: CardState) {
  const { balance, spendable, paymentsLeft, pinTries, open, sequence, office } = state
  return {
    card: cardIdOf(state.card),
    office,
    currency: currencyByNumber(state.currency).code,
    balance: String(balance),
    spendable: String(spendable),
    paymentsLeft,
    pinTries,
    openRequests: open,
    sequence,
  }
}

function recordLine({ content }: Signed<WalletRecord>): string {
  const { sequence, kind, amount, balance, counterparty } = content
  const currency = currencyByNumber(content.currency)
  const who = partyText(counterparty)
  return `${sequence}  ${kind} ${money(amount, currency)}, ${who}; then ${money(balance, currency)}`
}

function recordJson({ content, digest }: Signed<WalletRecord>) {
  const { sequence, kind, amount, balance, counterparty, madeAt } = content
  return {
    sequence,
    kind,
    amount: String(amount),
    balance: String(balance),
    counterparty: partyText(counterparty),
    madeAt,
    digest: toHex(digest),
  }
}

/** @throws {CommandFailed} with what is wrong and what to do. */
export function done<T>(result: Result<T>): T {
  if (result.status === 'done') return result
  throw new CommandFailed(textOf(result))
}

function textOf(problem: Problem): string {
  switch (problem.status) {
    case 'malformed':
      return `this is no such message, or it was changed on the way (${problem.error.message})`
    case 'no_wallet':
      return 'there is no wallet in use on this card'
    case 'card_gone':
      return 'the card went away: hold it to the phone again, and do the same again'
    case 'wrong_pin':
      return `the PIN is wrong; tries left: ${problem.triesLeft}`
    case 'card_refused':
      return WORDS[problem.refusal]
    case 'no_office':
      return 'the office does not answer: do the same again, nothing happens twice'
    case 'office_refused':
      return `the office refused: ${problem.refusal.message}`
    case 'phone_gone':
      return 'the other phone went away: hold them together again'
  }
}

/** What a card refuses, and what to do about it. */
const WORDS: Readonly<Record<WalletRefusal, string>> = {
  wrong_length: 'the card does not understand this: is it of another version?',
  not_now: 'the card has done that already, or cannot do it any more',
  malformed:
    'the card cannot read this: it was changed on the way, or the PIN was for something else',
  unknown_signer:
    'the card does not know who signed this: no office that it trusts stands behind it',
  bad_signature: 'the signature is wrong: somebody has changed this on the way',
  not_addressed: 'this is for another card, or from another office',
  foreign_currency: 'this is in another currency than the card’s',
  expired: 'this is too old: ask for a new one',
  out_of_number: 'the office has told the card something else before: synchronise it',
  stale: 'the card has done something else since: ask for a new one',
  refused: 'the payee has refused this',
  not_permitted: 'the notary has not permitted this',
  older_policy: 'the card has a newer policy',
  other_history: 'the card and its office disagree on what it did: the office has to look',
  blocked: 'the PIN is blocked: `kontant phone unblock` with the code that came with the card',
  pin_needed: 'the card asks for its PIN',
  payment_too_high: 'this is more than the card may pay at once',
  too_many_payments: 'the card has made as many payments as it may offline: synchronise it',
  too_much_paid: 'the card has paid as much as it may offline: synchronise it',
  too_long_offline: 'the card was offline for too long: synchronise it',
  log_full: 'the card can remember no more until it is synchronised',
  insufficient_funds: 'there is not enough on the card: load it',
  received_not_spendable: 'what was received can be spent after the next synchronisation',
  balance_too_high: 'the card would hold more than it may: spend or unload some, or close requests',
  too_many_requests: 'the card has as many open requests as it can remember: refuse one',
  sequence_exhausted: 'the card has come to its end: ask the office for a new one',
  not_found: 'there is nothing there',
  wrong_pin: 'the PIN is wrong',
}
