import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../support/ports.ts'
import { Running } from '../support/running.ts'
import { kontant } from './run.ts'

const startUp = (data: string, port: number) =>
  Running.start('up', '--data', data, '--port', String(port))

describe('kontant up', () => {
  let data = ''
  let port = 0
  let up: Running
  let password = ''

  const call = async (at: number, path: string, body?: object, headers = {}) => {
    const answer = await fetch(`http://127.0.0.1:${at}${path}`, {
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
      headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    })
    return { answer, json: (await answer.json()) as Record<string, unknown> }
  }
  /** The words of a command that it says to try, exactly as it says. */
  const printed = (command: string) => {
    const [, words = ''] = new RegExp(`npm run kontant -- (${command} .*)`).exec(up.output) ?? []
    return words.split(' ')
  }
  /** For 1.00, to a card that pays so much without a PIN, and reports it. */
  const sellAt = async (at: number, card: string) => {
    await call(at, '/api/order', { kind: 'pay', amount: '100', passcode: '' })
    expect((await call(at, '/api/tap', { card })).json).toMatchObject({ result: 'done' })
    await call(at, '/api/sync', {})
  }
  const passcodeOf = (card: string) =>
    new RegExp(`${card} \\(passcode (\\d+)\\)`).exec(up.output)?.[1] ?? ''

  const passwordOf = (name: string) =>
    new RegExp(`name ${name}, password (\\S+)\\)`).exec(up.output)?.[1] ?? ''

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'kontant-up-'))
    port = await freePorts(4)
    up = startUp(data, port)
    await up.says('Five things to try:')
    password = /password (\S+)/.exec(up.output)?.[1] ?? ''
  })
  afterAll(async () => {
    await up.stop()
    rmSync(data, { recursive: true, force: true })
  })

  test('prints where everything is, and how to log in', async () => {
    for (const at of [port, port + 1, port + 2, port + 3])
      expect(up.output).toContain(`127.0.0.1:${at}`)
    expect(readFileSync(join(data, 'login'), 'utf8')).toBe(`operator\n${password}\n`)
    const signIn = await call(port, '/api/session', { name: 'operator', password })
    expect(signIn.answer.status).toBe(200)
    expect((await call(port, '/healthz')).json).toEqual({ status: 'ok' })
  })

  test('sells at a till without a network, and uploads later', async () => {
    await call(port + 1, '/api/network', { online: false })
    const order = { kind: 'pay', amount: '250', passcode: passcodeOf('ada') }
    await call(port + 1, '/api/order', order)
    const { json: answer } = await call(port + 1, '/api/tap', { card: 'ada' })
    expect(answer).toMatchObject({ result: 'done', view: { balance: '2250' } })
    expect((await call(port + 1, '/api/state')).json).toMatchObject({ queue: 1 })
    await call(port + 1, '/api/network', { online: true })
    const { json: sync } = await call(port + 1, '/api/sync', {})
    expect(sync).toMatchObject({ result: 'synchronised' })
    expect((await call(port + 1, '/api/state')).json).toMatchObject({ queue: 0, lastBatch: 1 })
  })

  test('knows its cards, which can be shown, copied and issued', async () => {
    const cards = ['--cards', join(data, 'cards')]
    expect((await kontant('card', 'list', ...cards)).out.split('\n').length).toBe(11)
    const shown = await kontant('card', 'show', 'ada', '--json', ...cards)
    expect(JSON.parse(shown.out)).toMatchObject({ block: { currency: 'EUR', sequence: 1 } })

    expect((await kontant(...printed('card clone'))).status).toBe(0)
    const [ada, thief] = ['ada', 'thief'].map((name) =>
      readFileSync(join(data, 'cards', `${name}.mfd`)),
    )
    expect(thief).toEqual(ada)
    expect((await kontant('card', 'clone', 'ada', 'thief', ...cards)).status).toBe(3)
    expect((await kontant('card', 'show', 'nobody', ...cards)).status).toBe(3)

    const office = ['--office', `http://127.0.0.1:${port}`, '--login', join(data, 'login')]
    const issue = ['card', 'issue', 'zoe', '--balance', '12.50', '--passcode', '1234', '--json']
    const issued = await kontant(...issue, ...cards, ...office)
    expect(JSON.parse(issued.out)).toMatchObject({ card: 'zoe', passcode: '1234' })
    await call(port + 2, '/api/order', { kind: 'pay', amount: '1250', passcode: '1234' })
    const { json: answer } = await call(port + 2, '/api/tap', { card: 'zoe' })
    expect(answer).toMatchObject({ result: 'done', view: { balance: '0' } })
  })

  test('serves purse cards, each till with a module of its own', async () => {
    const cards = ['--cards', join(data, 'cards')]
    const unblocking = /fay-purse \(.* code (\d{8})\)/.exec(up.output)?.[1] ?? ''
    const pay = async (at: number, amount: string, passcode: string) => {
      await call(at, '/api/order', { kind: 'pay', amount, passcode })
      const { json } = await call(at, '/api/tap', { card: 'fay-purse' })
      await call(at, '/api/give-up', {})
      return json
    }
    const shown = async () => {
      const { out } = await kontant('card', 'show', 'fay-purse', '--json', ...cards)
      return (JSON.parse(out) as { purse: unknown }).purse
    }
    expect(await pay(port + 1, '250', '')).toMatchObject({ result: 'done' })
    expect(await shown()).toMatchObject({ currency: 'EUR', sequence: 1, balance: '27.50' })
    expect(await pay(port + 2, '2501', '')).toMatchObject({ status: 'passcode_needed' })
    for (let tries = 0; tries < 3; tries++) {
      expect(await pay(port + 2, '2501', '99999')).toMatchObject({ status: 'wrong_passcode' })
    }
    expect(await pay(port + 2, '2501', '99999')).toMatchObject({ status: 'passcode_blocked' })
    const unblock = ['card', 'unblock', 'fay-purse', '--passcode', '4711', ...cards]
    expect((await kontant(...unblock, '--code', '00000000')).err).toContain(
      'not its unblocking code',
    )
    expect((await kontant(...unblock, '--code', unblocking)).status).toBe(0)
    expect(await pay(port + 2, '2501', '4711')).toMatchObject({ result: 'done' })
    expect(await shown()).toMatchObject({ sequence: 2, balance: '2.49' })
    await call(port + 1, '/api/sync', {})
    const { out } = await kontant(
      'card',
      'show',
      'module',
      '--json',
      '--cards',
      join(data, 'tills/till-2'),
    )
    expect(JSON.parse(out)).toMatchObject({ kind: 'purse-module', module: { till: 2 } })
  })

  test('has wallets, whose holders sign in, load, pay and synchronise', async () => {
    const [, pin = ''] = /ida-wallet \(PIN (\d+) /.exec(up.output) ?? []
    const signIn = await call(port, '/api/session', { name: 'ida', password: passwordOf('ida') })
    expect(signIn.json).toMatchObject({ person: { name: 'Ida', role: 'cardholder' } })
    const headers = { cookie: signIn.answer.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
    const online = async () => (await call(port, '/api/online/me', undefined, headers)).json
    expect(await online()).toMatchObject({ balances: [{ currency: 'EUR', balance: '10000' }] })

    const load = printed('phone load')
    expect(load).toContain(pin)
    const sync = load.toSpliced(1, 2, 'sync')
    expect((await kontant(...load)).out).toContain('20.00 EUR')
    expect(await online()).toMatchObject({ balances: [{ balance: '8000' }] })

    for (const [card, left] of [
      ['ida-wallet', '1750'],
      ['hal-wallet', '2750'],
    ] as const) {
      await call(port + 1, '/api/order', { kind: 'pay', amount: '250', passcode: '' })
      const { json } = await call(port + 1, '/api/tap', { card })
      expect(json).toMatchObject({ result: 'done', view: { balance: left } })
    }
    await call(port + 1, '/api/sync', {})
    expect((await kontant(...sync)).out).toContain('17.50 EUR')
  })

  test('has cards with coins, and a till that takes them and gives change', async () => {
    const shown = async (card: string, directory: string) => {
      const { out } = await kontant('card', 'show', card, '--json', '--cards', directory)
      return (JSON.parse(out) as { coins: unknown }).coins
    }
    const [cards, till] = [join(data, 'cards'), join(data, 'tills/till-3')]
    expect(await shown('nic-coins', cards)).toMatchObject({ total: '20.00', count: 1 })
    expect(await shown('module', till)).toMatchObject({ till: 3, total: '25.00', count: 12 })
    await call(port + 3, '/api/order', { kind: 'pay', amount: '1200', passcode: '' })
    const { json } = await call(port + 3, '/api/tap', { card: 'nic-coins' })
    expect(json).toMatchObject({ result: 'done', view: { balance: '800' } })
    // Enough is left for others: its page warns of nothing.
    expect((await call(port + 3, '/api/float')).json).toMatchObject({ warning: null })
    // 5 + 2 + 1 came back, and the 20 is kept for nobody: it is more than a till gives as change.
    expect(await shown('nic-coins', cards)).toMatchObject({ total: '8.00', count: 3 })

    expect((await kontant(...printed('coins buy'))).out).toContain('50.00 EUR in 7 coins')
    const cashUp = (at: number, ...more: string[]) =>
      kontant('coins', 'cash-up', '--page', `http://127.0.0.1:${at}`, ...more)
    const closed = await cashUp(port + 3, '--json')
    expect(JSON.parse(closed.out)).toMatchObject({ batch: 1 })
    expect((await cashUp(port + 3)).out).toBe('Its vendor element had no coins.')
    // Neither closes the day of a security module.
    expect((await cashUp(port + 1)).err).toContain('Ask the bank for the right one.')
    expect((await cashUp(port)).err).toContain(`no till answers at http://127.0.0.1:${port}`)
    await call(port + 3, '/api/sync', {})
  })

  test('does with coins what docs/operating.md says', async () => {
    const signIn = await call(port, '/api/session', { name: 'mia', password: passwordOf('mia') })
    const { id } = signIn.json['person'] as { id: string }
    const office = ['--office', `http://127.0.0.1:${port}`, '--login', join(data, 'login')]
    const place = ['--cards', join(data, 'cards')]
    const options = (act: string) =>
      ({
        issue: [...office, ...place],
        renew: [...office, ...place],
        module: [...office, ...place],
        buy: [...office, ...place, '--memory', join(data, 'phone')],
        list: [...office, ...place],
        takings: office,
        refund: office,
        'cash-up': [],
        unblock: place,
      })[act] ?? []
    let [code, card] = ['', '']
    const said: string[] = []
    for (const line of commandsIn('docs/operating.md', '## Coins')) {
      const words = line
        .replace('--holder 12', `--holder ${id}`)
        .replace('CODE', code)
        .replace('CARD', card)
        .replace('7002', `${port + 3}`)
      const [topic = '', act = '', ...rest] = words.split(' ').slice(1)
      // Another one would need a code of the console.
      if (topic === 'till') continue
      // The till has to report that it sold something later.
      if (act === 'refund') await sellAt(port + 3, 'nic-coins')
      const { status, out, err } = await kontant(topic, act, ...rest, ...options(act))
      expect([line, status, err]).toEqual([line, 0, ''])
      code = /unblocking code (\d{8})/.exec(out)?.[1] ?? code
      card = /^card (\w{16}): /m.exec(out)?.[1] ?? card
      said.push(out)
    }
    expect(said).toEqual([
      expect.stringContaining('mia.card is a new card.'),
      expect.stringContaining(': 20.00 EUR in 1 coin'),
      expect.stringContaining('is the vendor element of till 3.'),
      expect.stringMatching(
        /^Bought 5.00 \+ 2.00 \+ 2.00 \+ 1.00 \+ 1.00 EUR.*: 11.00 EUR in 5 coins/s,
      ),
      expect.stringMatching(/^\w{16} +20.00 EUR {2}until 20..-..-.. {2}not handed in$/),
      expect.stringContaining('bought as float, ever: 36.00 EUR in 17 coins'),
      'Its vendor element had no coins.',
      'mia is unblocked, and its PIN is what you chose.',
      expect.stringContaining(`mia-new.card takes the place of card ${card}.`),
      '20.00 EUR went to the online wallet of its holder.',
    ])

    // Float is for the newest, and this is the one that the till had first.
    copyFileSync(join(data, 'tills/till-3/module.sam'), join(data, 'cards/old.sam'))
    const older = await kontant('coins', 'buy', '2', '--card', 'old', ...options('buy'))
    expect(older.err).toMatch(/^bought, but for \w{16}, which the till has had made since/)
    const newer = await kontant('coins', 'load', '--card', 'sam-3', ...options('list'))
    expect(newer.out).toContain('Loaded 1 coin.')
  })

  test('issues purse cards and makes modules, in files', async () => {
    const place = ['--cards', join(data, 'cards')]
    const office = ['--office', `http://127.0.0.1:${port}`, '--login', join(data, 'login')]
    const issue = ['card', 'issue', 'hal', '--scheme', 'purse', '--balance', '9.00', '--json']
    const issued = await kontant(...issue, ...place, ...office)
    expect(JSON.parse(issued.out)).toMatchObject({
      card: 'hal',
      file: join(data, 'cards', 'hal.card'),
      passcode: expect.stringMatching(/^\d{4}$/),
      unblocking: expect.stringMatching(/^\d{8}$/),
    })
    expect((await kontant('card', 'clone', 'hal', 'hal2', ...place)).status).toBe(0)
    const [hal, hal2] = ['hal', 'hal2'].map((name) =>
      readFileSync(join(data, 'cards', `${name}.card`)),
    )
    expect(hal2).toEqual(hal)

    const made = await kontant('card', 'module', 'spare', '--till', '1', ...place, ...office)
    expect(made.out).toContain('spare.sam is the security module of till 1')
    expect((await kontant('card', 'list', ...place)).out).toContain(
      'spare  security module of till 1',
    )
    const { json: state } = await call(port + 1, '/api/state')
    const loose = (state['cards'] as { id: string }[]).map(({ id }) => id)
    expect(loose).toContain('hal2')
    expect(loose).not.toContain('spare')
    const again = await kontant('card', 'module', 'spare', '--till', '1', ...place, ...office)
    expect([again.status, again.err]).toEqual([3, expect.stringContaining('spare is in')])
    const nowhere = await kontant('card', 'module', 'x', '--till', '99', ...place, ...office)
    expect([nowhere.status, nowhere.err]).toEqual([1, expect.stringContaining('office refused')])
  })

  test('refuses a card that the office does not want, in the office’s words', async () => {
    const place = ['--cards', join(data, 'cards'), '--login', join(data, 'login')]
    const issue = (...more: string[]) => kontant('card', 'issue', 'yves', ...place, ...more)
    const office = ['--office', `http://127.0.0.1:${port}`]
    const rich = await issue('--balance', '9999.00', ...office)
    expect(rich.err).toMatch(/^the office refused: .*balance: expected 0\.\.65535/)
    expect(rich.status).toBe(1)
    const amount = await issue('--balance', 'much', ...office)
    expect(amount.err).toContain('--balance: expected an amount such as 12.50, got "much"')
    expect(amount.status).toBe(2)
    const nobody = await issue('--office', `http://127.0.0.1:${await freePorts(4)}`)
    expect(nobody.err).toContain('no office answers at')
    expect(nobody.status).toBe(1)
  })

  test.each([
    ['the office’s', 0],
    ['the last till’s', 3],
  ])('says so when %s port is taken, before it lays anything out', async (_whose, place) => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'kontant-up-'))
    const first = await freePorts(4)
    const taken = first + place
    const holder = createServer().listen(taken, '127.0.0.1')
    await once(holder, 'listening')
    const second = startUp(elsewhere, first)
    await second.says('is taken')
    if (second.process.exitCode === null) await once(second.process, 'exit')
    holder.close()
    expect(second.output).toContain(`port ${taken} is taken: stop what uses it, or choose another`)
    expect(second.process.exitCode).toBe(1)
    expect(readdirSync(elsewhere)).toEqual([])
    rmSync(elsewhere, { recursive: true })
  })

  test('stops in order, and goes on where it was', async () => {
    const { json: before } = await call(port + 1, '/api/state')
    const { lastBatch } = before as { lastBatch: number }
    expect(lastBatch).toBeGreaterThanOrEqual(3)
    expect(await up.stop()).toBe(0)
    up = startUp(data, port)
    await up.says('Five things to try:')
    expect(up.output).toContain(`password ${password}`)
    const { json: state } = await call(port + 1, '/api/state')
    expect(state).toMatchObject({ till: 1, queue: 0, lastBatch })
    const { json: shown } = await call(port + 1, '/api/show', { card: 'ada' })
    expect(shown).toMatchObject({ result: 'shown', view: { balance: '2250' } })
    // The module counted before the stop, and its image knows it.
    const { json: day } = await call(port + 2, '/api/cash-up', {})
    expect(day).toMatchObject({ result: 'closed', batch: 1, count: 1, paid: '2501' })
    expect(await up.stop()).toBe(0)
  })
})

/** Commands in the indented blocks under a heading. */
function commandsIn(page: string, heading: string): readonly string[] {
  const text = readFileSync(page, 'utf8')
  const [, section = ''] = text.split(`\n${heading}\n`)
  const [own = ''] = section.split('\n## ')
  return [...own.matchAll(/^ {4}(kontant .*)$/gm)].map(([, command = '']) => command)
}
