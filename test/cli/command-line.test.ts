import { describe, expect, test } from 'vitest'
import { parseCommand } from '../../src/cli/command-line.ts'
import { TOPICS, UsageError } from '../../src/cli/options.ts'
import { fromHex } from '../../src/kernel/bytes.ts'
import { HELP, TOPIC_HELP } from '../../src/cli/help.ts'

const parse = (line: string, environment = {}) =>
  parseCommand(
    line.split(' ').filter((word) => word !== ''),
    environment,
  )

function messageOf(line: string): string {
  try {
    parse(line)
    return 'no error'
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return error.message
  }
}

describe('a command line', () => {
  test.each([
    ['', { name: 'help', topic: undefined }],
    ['--help', { name: 'help', topic: undefined }],
    ['help play', { name: 'help', topic: 'play' }],
    ['play --help', { name: 'help', topic: 'play' }],
    ['card issue -h', { name: 'help', topic: 'card' }],
    ['--version', { name: 'version' }],
    [
      'play a.yaml',
      { name: 'play', file: 'a.yaml', json: false, trace: false, database: undefined },
    ],
    [
      'play --json a.yaml --database=postgres://x/y',
      { name: 'play', file: 'a.yaml', json: true, trace: false, database: 'postgres://x/y' },
    ],
    ['up', { name: 'up', data: './.kontant', port: 7001, currency: 'EUR' }],
    [
      'up --data /d --port 80 --currency SEK',
      { name: 'up', data: '/d', port: 80, currency: 'SEK' },
    ],
    [
      'office --host 0.0.0.0',
      {
        name: 'office',
        data: './.kontant',
        host: '0.0.0.0',
        port: 7001,
        database: undefined,
        currency: 'EUR',
        handInMax: undefined,
      },
    ],
    [
      'office --hand-in-max 16 --database d',
      {
        name: 'office',
        data: './.kontant',
        host: '127.0.0.1',
        port: 7001,
        database: 'd',
        currency: 'EUR',
        handInMax: 16 * 1024 * 1024,
      },
    ],
    [
      'notary --port 80',
      {
        name: 'notary',
        act: 'run',
        data: './.kontant-notary',
        host: '127.0.0.1',
        port: 80,
        database: undefined,
      },
    ],
    [
      'notary deposit 2 12.50 --currency SEK --reason paid --database d',
      {
        name: 'notary',
        act: 'deposit',
        data: './.kontant-notary',
        database: 'd',
        office: 2,
        amount: 1250n,
        currency: 'SEK',
        reason: 'paid',
        reference: undefined,
      },
    ],
    [
      'certificate sign r --root k --out o --passphrase p',
      {
        name: 'certificate',
        act: 'sign',
        request: 'r',
        root: 'k',
        out: 'o',
        passphrase: { file: 'p' },
      },
    ],
    [
      'till --data t --code 7-K3QX-90TB-5RZM --office https://office.example/',
      {
        name: 'till',
        data: 't',
        office: 'https://office.example',
        code: '7-K3QX-90TB-5RZM',
        port: 7002,
        cards: './.kontant/cards',
        reader: undefined,
        moduleReader: undefined,
        module: undefined,
        title: 'Till',
        merchant: 'Kontant',
      },
    ],
    ['card list', { name: 'card', act: 'list', cards: './.kontant/cards', json: false }],
    [
      'card show ada.mfd --json --cards c',
      { name: 'card', act: 'show', image: 'ada', cards: 'c', json: true },
    ],
    [
      'card clone ada thief',
      {
        name: 'card',
        act: 'clone',
        image: 'ada',
        copy: 'thief',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card serve ada --port 35964',
      {
        name: 'card',
        act: 'serve',
        image: 'ada',
        port: 35_964,
        reader: undefined,
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card serve ada --reader PCD',
      {
        name: 'card',
        act: 'serve',
        image: 'ada',
        port: undefined,
        reader: 'PCD',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    ['reader list', { name: 'reader', act: 'list', json: false }],
    ['reader watch --json', { name: 'reader', act: 'watch', json: true }],
    [
      'reader apdu ffca000000 00:A4:00:0C --reader 1',
      {
        name: 'reader',
        act: 'apdu',
        json: false,
        reader: '1',
        apdus: [fromHex('ffca000000'), fromHex('00a4000c')],
      },
    ],
    [
      'card issue ada --balance 25.00 --passcode 0042',
      {
        name: 'card',
        act: 'issue',
        image: 'ada',
        scheme: 'block',
        balance: '25.00',
        currency: 'EUR',
        passcode: '0042',
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card module sam-7.sam --till 7 --login l',
      {
        name: 'card',
        act: 'module',
        image: 'sam-7',
        scheme: 'purse',
        till: 7,
        office: 'http://127.0.0.1:7001',
        login: 'l',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card module m --till 7 --scheme coin',
      {
        name: 'card',
        act: 'module',
        image: 'm',
        scheme: 'coin',
        till: 7,
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card issue mia --scheme coin --holder 12',
      {
        name: 'card',
        act: 'issue',
        image: 'mia',
        scheme: 'coin',
        balance: '0',
        currency: 'EUR',
        holder: '12',
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'coins buy 20+5 --card mia --bound --json',
      {
        name: 'coins',
        act: 'buy',
        amount: '20+5',
        bound: 'bound',
        card: 'mia',
        reader: undefined,
        cards: './.kontant/cards',
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        memory: './.kontant/phone',
        json: true,
      },
    ],
    [
      'coins load --reader 1 --login l',
      {
        name: 'coins',
        act: 'load',
        card: undefined,
        reader: '1',
        cards: './.kontant/cards',
        office: 'http://127.0.0.1:7001',
        login: 'l',
        json: false,
      },
    ],
    [
      'coins list --id 0123456789ABCDEF --held',
      {
        name: 'coins',
        act: 'list',
        of: { id: '0123456789abcdef' },
        held: true,
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        json: false,
      },
    ],
    [
      'liquidity show --json',
      {
        name: 'liquidity',
        act: 'show',
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        currency: 'EUR',
        json: true,
      },
    ],
    [
      'liquidity set pool --pool-max 50000 --currency ISK --reason fair --office http://o.example',
      {
        name: 'liquidity',
        act: 'set',
        office: 'http://o.example',
        login: './.kontant/login',
        currency: 'ISK',
        json: false,
        policy: 'pool',
        poolMax: 50000n,
        reason: 'fair',
      },
    ],
    [
      'coins takings 3',
      {
        name: 'coins',
        act: 'takings',
        till: 3,
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        json: false,
      },
    ],
    [
      'coins refund 0123456789abcdef --reason stolen',
      {
        name: 'coins',
        act: 'refund',
        id: '0123456789abcdef',
        reason: 'stolen',
        office: 'http://127.0.0.1:7001',
        login: './.kontant/login',
        json: false,
      },
    ],
    [
      'coins cash-up',
      { name: 'coins', act: 'cash-up', page: 'http://127.0.0.1:7002', json: false },
    ],
    [
      'card renew mia.card --id 0123456789ABCDEF --lost --reason stolen --office http://h/ --login l',
      {
        name: 'card',
        act: 'renew',
        image: 'mia',
        id: '0123456789abcdef',
        lost: true,
        reason: 'stolen',
        passcode: undefined,
        office: 'http://h',
        login: 'l',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'card unblock fay.card --code 12345678 --passcode 4821',
      {
        name: 'card',
        act: 'unblock',
        image: 'fay',
        code: '12345678',
        passcode: '4821',
        cards: './.kontant/cards',
        json: false,
      },
    ],
    [
      'case export 12 --login l',
      {
        name: 'case',
        act: 'export',
        id: '12',
        office: 'http://127.0.0.1:7001',
        login: 'l',
        out: 'case-12.cose',
      },
    ],
    [
      'case key --out k.pem --office https://office.example',
      { name: 'case', act: 'key', office: 'https://office.example', out: 'k.pem' },
    ],
    [
      'verify-case c.cose --root k.pem',
      { name: 'verify-case', file: 'c.cose', root: 'k.pem', json: false },
    ],
  ])('`kontant %s`', (line, command) => {
    expect(parse(line)).toEqual(command)
  })

  test.each([
    ['plai a.yaml', 'there is no command "plai". Did you mean play?'],
    ['play', 'expected FILE here, got nothing'],
    ['play a b', 'expected FILE here, got a b'],
    ['play a --json --json', '--json is given twice'],
    ['up --port 1 --data a --port 2', '--port is given twice'],
    ['play a --jsn', 'there is no option --jsn here. Did you mean --json?'],
    ['play a -j', 'there is no option -j here.'],
    ['play a --json=yes', '--json takes no value'],
    ['play a --database', '--database needs a value'],
    ['up --data --port 3', '--data needs a value'],
    ['up now', 'expected nothing here, got now'],
    ['card issue fay --scheme purs', '--scheme: there is no "purs". Did you mean purse?'],
    ['card module sam', 'a module is for one till: --till N'],
    ['card module sam --till seven', 'a module is for one till: --till N'],
    ['card unblock fay --passcode 4821', '--code: expected 4 to 8 digits'],
    ['card unblock fay --code 12345678 --passcode 48', '--passcode: expected 4 to 8 digits'],
    ['till --data t --module m --module-reader 1', 'give --module or --module-reader, not both'],
    ['up --port 65533', '--port: expected 1 to 65532, got "65533"'],
    ['up --port 7OO1', '--port: expected 1 to 65532, got "7OO1"'],
    ['office --port 65536', '--port: expected 1 to 65535'],
    ['office --hand-in-max 1', '--hand-in-max: expected 2 to 1024 MiB, got "1"'],
    ['office --hand-in-max 2.5', '--hand-in-max: expected 2 to 1024 MiB, got "2.5"'],
    ['up --currency EURO', '--currency: there is no "EURO". Did you mean EUR'],
    ['till', 'a till needs a directory of its own: --data DIR'],
    ['till --data t --office office.example', '--office: expected an address such as'],
    ['till --data t --office ftp://office.example', '--office: expected an address such as'],
    [
      'card',
      'expected one of issue, renew, module, show, list, clone, unblock, serve after "card".',
    ],
    [
      'card shwo a',
      'expected one of issue, renew, module, show, list, clone, unblock, serve after "card". Did you mean show?',
    ],
    ['card clone ada', 'expected CARD COPY here, got ada'],
    ['card serve ada --port 1 --reader x', 'give --port or --reader, not both'],
    ['card serve ada --port 0', '--port: expected 1 to 65535, got "0"'],
    ['phone', 'expected one of show, records, sync, load'],
    ['phone show', 'which card? --card NAME of an image, or --reader NAME'],
    ['phone show --card a --reader b', 'which card? --card NAME of an image, or --reader NAME'],
    ['phone load --card a --pin 4821', 'expected AMOUNT here, got nothing'],
    ['phone load 5 --card a', 'the card asks for its PIN: --pin PIN, or the variable KONTANT_PIN'],
    ['phone load 5 --card a --pin 12', '--pin: expected 4 to 8 digits'],
    ['phone pin --card a --pin 4821', 'pin needs --new'],
    ['phone pay --card a --pin 4821', 'expected FILE here, got nothing'],
    ['card issue mia --scheme coin', 'whose? --holder N, the number of a cardholder'],
    [
      'card issue mia --holder mia',
      '--holder: "mia" is no number of a person, as the console has it',
    ],
    ['card issue mia --passcode 12', '--passcode: expected 4 to 8 digits'],
    ['card renew mia --reason lost', 'in the place of which? --id CARD, its number in the console'],
    ['card renew mia --id 0123456789abcdef', 'why? --reason TEXT stays in the audit log'],
    ['card renew mia --id 12 --reason lost', '"12" is no number of a card'],
    ['card issue mia --scheme coin --holder 1 --balance 5', '`kontant coins buy` puts coins on it'],
    ['card module m --till 1 --scheme wallet', '--scheme: there is no "wallet".'],
    ['coins', 'expected one of buy, load, list, takings, refund, cash-up after "coins".'],
    ['coins buy --card a', 'expected AMOUNT here, got nothing'],
    ['coins buy 5', 'which card? --card NAME of an image, or --reader NAME'],
    ['coins load --card a --reader b', 'which card? --card NAME of an image, or --reader NAME'],
    ['coins list', 'of whom? --card NAME, --reader NAME, --id CARD or --till N'],
    ['coins list --card a --till 3', 'of whom? --card NAME, --reader NAME, --id CARD or --till N'],
    ['coins list --id 12', '"12" is no number of a card: expected 16 hexadecimal digits'],
    ['coins list --till 0', '"0" is no number of a till'],
    ['liquidity', 'expected one of show, set after "liquidity".'],
    ['liquidity set', 'expected POLICY here, got nothing'],
    ['liquidity set pol --reason x', 'there is no policy "pol". Did you mean pool? There is: hold'],
    ['liquidity set hold', 'why? --reason TEXT stays in the audit log'],
    ['liquidity set pool --reason x', 'how much may the pool advance in all? --pool-max AMOUNT'],
    [
      'liquidity set pool --pool-max 1.5 --currency JPY --reason x',
      '--pool-max: expected an amount such as 50000.00 JPY, got "1.5"',
    ],
    ['liquidity set pool --pool-max -1 --reason x', '--pool-max: expected an amount such as'],
    ['coins refund 0123456789abcdef', 'why? --reason TEXT stays in the audit log'],
    ['coins cash-up --page till', '--page: expected an address such as'],
    ['reader', 'expected one of list, watch, apdu after "reader".'],
    ['reader lst', 'expected one of list, watch, apdu after "reader". Did you mean list?'],
    ['reader list x', 'expected nothing here, got x'],
    ['reader apdu', 'expected HEX… here, got nothing'],
    ['reader apdu 00a400', '"00a400" is no command APDU: expected at least 4 bytes'],
    ['reader apdu 00a4000', '"00a4000" is no command APDU'],
    ['reader apdu 00a40000 xyz', '"xyz" is no command APDU'],
    ['case', 'expected one of export, key after "case".'],
    ['case export twelve', '"twelve" is no case: expected its number in the console'],
    ['case key 12', 'expected nothing here, got 12'],
    ['office sell', 'expected one of request, join, rotate after "office"'],
    ['office request x', 'give --number N, or --next for a further key'],
    ['office request x --number 2 --next', 'give --number N, or --next for a further key'],
    ['office join c --root r --url http://n', '--root FILE and --notary FILE'],
    ['office join c --root r --notary n --url n', "--url: expected the notary's address"],
    ['notary sell', 'expected one of run, request, certify'],
    ['notary deposit 0 5 --reason x', 'expected the number of an office, 1 to 65535, got "0"'],
    ['notary deposit 65536 5 --reason x', 'expected the number of an office, 1 to 65535'],
    ['notary deposit 1 0 --reason x', 'expected an amount such as 12.50 EUR, got "0"'],
    ['notary deposit 1 -5 --reason x', 'there is no option'],
    ['notary deposit 1 5', 'why? --reason TEXT stays in the books'],
    ['notary certify x', 'whose? --root FILE, its certificate'],
    ['certificate', 'expected one of root, sign, revoke, export, show, verify'],
    ['certificate root r', "a root's key is under a passphrase: give --passphrase FILE"],
    ['certificate root r --passphrase p --generation 0', 'expected 1 to 99999, got "0"'],
    ['certificate sign r --passphrase p --out o', '--root FILE is needed'],
    ['certificate verify --root r', 'expected CERTIFICATE… here, got nothing'],
    ['verify-case', 'expected FILE here, got nothing'],
    ['verify-case c.cose', 'whose case it is shows only with the office’s key: --root KEYFILE'],
    ['card show ../ada', '"../ada" cannot be the name of a card'],
    ['card show .ada', '".ada" cannot be the name of a card'],
  ])('`kontant %s` is refused', (line, message) => {
    expect(messageOf(line)).toContain(message)
  })

  test('variables stand in for options, and options go before them', () => {
    const DATABASE_URL = 'postgres://variable/'
    expect(parse('play a', { DATABASE_URL })).toMatchObject({ database: DATABASE_URL })
    expect(parse('play a --database x', { DATABASE_URL })).toMatchObject({ database: 'x' })
    expect(parse('card issue a', { KONTANT_LOGIN: 'l' })).toMatchObject({ login: 'l' })
    const KONTANT_PIN = '4821'
    expect(parse('phone sync --card a', { KONTANT_PIN })).toMatchObject({ pin: '4821' })
    expect(parse('phone show --card a', { KONTANT_PIN })).toMatchObject({ pin: undefined })
  })
})

describe('the help', () => {
  test('names every command', () => {
    for (const topic of TOPICS) expect(HELP).toContain(`kontant ${topic}`)
  })

  test.each(TOPICS)('of %s shows only options that there are', (topic) => {
    const options = new Set(TOPIC_HELP[topic].match(/(?<=[\s[])--[a-z]+(?:-[a-z]+)*/g))
    const tails = {
      up: [''],
      office: ['', 'request x', 'join x', 'rotate x'],
      notary: ['', 'request x', 'certify x', 'deposit 1 2', 'report'],
      certificate: ['root x', 'sign x', 'show x'],
      till: [''],
      card: ['issue x', 'renew x', 'module x', 'unblock x', 'serve x'],
      phone: ['load 1 --pin 4821', 'pin --pin 4821', 'unblock --code 4821'],
      coins: ['buy 1', 'list', 'refund x', 'cash-up'],
      liquidity: ['show', 'set hold'],
      reader: ['apdu 00a40000'],
      play: ['x'],
      case: ['export 1', 'key'],
      'verify-case': ['x'],
    }[topic]
    for (const option of options) {
      const messages = tails.map((tail) => messageOf(`${topic} ${tail} ${option}`))
      const isKnown = messages.some((message) => !message.includes('there is no option'))
      expect(`${option}: ${isKnown}`).toBe(`${option}: true`)
    }
    expect(options.size).toBeGreaterThan(1)
  })

  test.each(TOPICS)('of %s says what the exit statuses mean', (topic) => {
    expect(TOPIC_HELP[topic]).toMatch(/Exit status\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 /)
    for (const line of TOPIC_HELP[topic].split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })
})
