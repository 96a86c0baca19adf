import { FormatError } from '../kernel/errors.ts'
import { currency, parseAmount, type Amount } from '../kernel/money.ts'
import { fetchedWay, officeClient } from '../town/office-client.ts'
import { asked } from './asking.ts'
import type { CardDirectory } from './card-directory.ts'
import type { CardCommand, ModuleScheme } from './card-command.ts'
import { InputError, print, type Io } from './io.ts'
import { issueToImage, moduleToImage, renewToImage, type IssuedImage } from './issuing.ts'
import { readLogin } from './login.ts'
import { UsageError } from './options.ts'

type IssueCommand = Extract<CardCommand, { act: 'issue' }>
type RenewCommand = Extract<CardCommand, { act: 'renew' }>
type ModuleCommand = Extract<CardCommand, { act: 'module' }>

/** `kontant card issue`, `renew`, `module`: what an office makes. */
export async function issueCard(
  command: IssueCommand | RenewCommand | ModuleCommand,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  switch (command.act) {
    case 'issue':
      return issue(command, cards, io)
    case 'renew':
      return renew(command, cards, io)
    case 'module':
      return makeModule(command, cards, io)
  }
}

async function issue(command: IssueCommand, cards: CardDirectory, io: Io): Promise<void> {
  const { image: name, scheme, office, json, currency: code, passcode, holder } = command
  const balance = amountOf(command)
  await checkFree(cards, name)
  const client = officeClient(fetchedWay(office), await readLogin(command.login))
  const { file, ...codes } = await asked(office, () =>
    issueToImage(client, cards, { name, scheme, balance, currency: code, passcode, holder }),
  )
  print(io, json, { card: name, file, ...codes }, [`${file} is a new card. ${secretsIn(codes)}`])
}

async function renew(
  { image: name, office, json, login, id, ...order }: RenewCommand,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  await checkFree(cards, name)
  const client = officeClient(fetchedWay(office), await readLogin(login))
  const { file, ...codes } = await asked(office, () =>
    renewToImage(client, cards, { ...order, name, card: id }),
  )
  const lines = [`${file} takes the place of card ${id}. ${secretsIn(codes)}`]
  print(io, json, { card: name, file, replaces: id, ...codes }, lines)
}

function secretsIn({ passcode, unblocking }: Omit<IssuedImage, 'file'>): string {
  return unblocking === undefined
    ? `Its passcode is ${passcode}: it is shown this once.`
    : `Its PIN is ${passcode}, its unblocking code ${unblocking}: they are shown this once.`
}

async function makeModule(
  { image: name, scheme, till, office, login, json }: ModuleCommand,
  cards: CardDirectory,
  io: Io,
): Promise<void> {
  await checkFree(cards, name)
  const client = officeClient(fetchedWay(office), await readLogin(login))
  const file = await asked(office, () => moduleToImage(client, cards, { name, scheme, till }))
  const lines = [
    `${file} is the ${MODULE_WORDS[scheme]} of till ${till}. It holds keys: keep it there.`,
  ]
  print(io, json, { card: name, file, scheme, till }, lines)
}

const MODULE_WORDS: Readonly<Record<ModuleScheme, string>> = {
  purse: 'security module',
  coin: 'vendor element',
}

/** Before an office is asked for anything. */
async function checkFree(cards: CardDirectory, name: string): Promise<void> {
  if (!(await cards.names()).includes(name)) return
  throw new InputError(`${name} is in ${cards.directory} already: choose another name`)
}

function amountOf({ balance, currency: code }: IssueCommand): Amount {
  try {
    return parseAmount(balance, currency(code), '--balance')
  } catch (error) {
    if (error instanceof FormatError) throw new UsageError(error.message, 'card')
    throw error
  }
}
