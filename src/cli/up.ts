import { join } from 'node:path'
import { injectedWay, officeClient } from '../town/office-client.ts'
import { CardDirectory } from './card-directory.ts'
import type { UpCommand } from './command-line.ts'
import { layTown, UP_TILLS, type UpTown } from './first-run.ts'
import { COIN_CARD, EMPTY_WALLET, type Codes } from './first-run-cards.ts'
import { untilStopped, withProgress, type Io } from './io.ts'
import { checkPort } from './listen.ts'
import { readLogin } from './login.ts'
import { DEFAULT_DATA, DEFAULT_PORT } from './options.ts'
import { startOfficeServer, type OfficeServer } from './office-server.ts'
import { builtPage } from './system.ts'
import { OWN_MODULE } from './till-module.ts'
import { startTillServer, type TillServer } from './till-server.ts'

const HOST = '127.0.0.1'

/** `kontant up`: runs until it is told to stop. */
export async function up(command: UpCommand, io: Io): Promise<void> {
  const { data, port, currency } = command
  // A database that nobody can reach is not worth waiting for.
  for (let own = port; own <= port + UP_TILLS.length; own += 1) await checkPort(HOST, own)
  const office = await withProgress(io, 'Starting the office and its database', () =>
    startOfficeServer({ data, host: HOST, port, database: undefined, currency }),
  )
  const tills: TillServer[] = []
  try {
    const cards = new CardDirectory(join(data, 'cards'))
    const login = office.newLogin ?? (await readLogin(office.loginFile))
    const client = officeClient(injectedWay(office.api), login)
    const town = await withProgress(io, 'Setting up tills and cards', () =>
      layTown(join(data, 'up.json'), {
        office: office.url,
        client,
        code: currency,
        cards,
        tills: join(data, 'tills'),
        phones: join(data, 'phone'),
      }),
    )
    for (const [index, { name, title, merchant }] of UP_TILLS.entries()) {
      tills.push(
        await startTillServer({
          data: join(data, 'tills', name),
          office: office.url,
          code: town.codes.get(name),
          port: port + 1 + index,
          cards: cards.directory,
          module: join(data, 'tills', name, OWN_MODULE),
          title,
          merchant,
        }),
      )
    }
    // Each was enrolled before the next one had a key.
    for (const { till } of tills) await till.syncOnce()
    const lines = welcome({ command, office, tills, town, cards, login })
    for (const line of lines) io.out(line)
    await untilStopped(io, [office.broken, ...tills.map(({ running }) => running)])
  } finally {
    if (io.stop.aborted) io.err('Stopping …')
    for (const till of tills) await till.stop()
    await office.stop()
  }
}

interface Running {
  readonly command: UpCommand
  readonly office: OfficeServer
  readonly tills: readonly TillServer[]
  readonly town: UpTown
  readonly cards: CardDirectory
  readonly login: { readonly name: string; readonly password: string }
}

function welcome({ command, office, tills, town, cards, login }: Running): readonly string[] {
  const [bakery, bar, market] = tills.map(({ url }) => url)
  const holders = [...town.holders].map(([name, codes]) => holderText(name, codes))
  const { inCards, atOffice } = placesOf(command)
  const built = builtPage('console') !== undefined && builtPage('till') !== undefined
  return [
    '',
    'Kontant is running on this machine. Ctrl-C stops it.',
    '',
    `  Console  ${office.url}   name ${login.name}, password ${login.password}`,
    `  Bakery   ${bakery}   a till that sells`,
    `  Bar      ${bar}   a till that sells and adds money`,
    `  Market   ${market}   a till that takes coins and gives change`,
    '',
    `  Cards    ${holders.join(`\n           `)}`,
    `           as files in ${cards.directory}`,
    '',
    'Five things to try:',
    '',
    '  1. Sell without a network. On the page of a till switch the network off, choose something,',
    '     tap a card, enter its passcode. Switch it on again and watch the ledger of that card.',
    `  2. Copy a card:   npm run kontant -- card clone ada thief${inCards}`,
    '     Pay with ada at one till and with thief at the other, both without a network; then switch',
    '     it on and look at the cases.',
    '  3. Load a wallet from its holder’s money at the office, as a phone does, and pay with it:',
    `     npm run kontant -- phone load 20 --card ${EMPTY_WALLET} --pin ${pinOf(town, EMPTY_WALLET)}${inCards}${atOffice}`,
    '     After some payments it wants to be synchronised: the same with sync instead of load 20.',
    `  4. Pay with ${COIN_CARD} at the market, which gives change in coins. To buy more of them:`,
    `     npm run kontant -- coins buy 20 --card ${COIN_CARD}${inCards}${atOffice}`,
    '  5. Read a story:  npm run kontant -- play scenarios/shah.yaml',
    '',
    ...(built ? [] : ['The pages are not built yet: npm run build, then start again.', '']),
  ]
}

/** What commands have to be told that look somewhere else by themselves. */
function placesOf({ data, port }: UpCommand) {
  const isElsewhere = data !== DEFAULT_DATA
  const url = port === DEFAULT_PORT ? '' : ` --office http://127.0.0.1:${port}`
  const own = isElsewhere ? ` --login ${join(data, 'login')} --memory ${join(data, 'phone')}` : ''
  return { inCards: isElsewhere ? ` --cards ${join(data, 'cards')}` : '', atOffice: url + own }
}

function holderText(name: string, { passcode, unblocking, login }: Codes): string {
  if (unblocking === undefined) return `${name} (passcode ${passcode})`
  const signsIn = login ? `; name ${login.name}, password ${login.password}` : ''
  return `${name} (PIN ${passcode} for large amounts, unblocking code ${unblocking}${signsIn})`
}

function pinOf({ holders }: UpTown, card: string): string {
  return holders.get(card)?.passcode ?? ''
}
