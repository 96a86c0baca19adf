import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cardWith } from '../../card/cards.ts'
import { kontant } from '../../cli/run.ts'
import { MAIN, Running } from '../../support/running.ts'
import { Lab, skippedLoudly } from './lab.ts'

const ATR = '3b8f8001804f0ca000000306030001000000006a'

const isSkipped = skippedLoudly('other programs and our commands at a served card')

let lab: Lab
let image: string
let serving: Running

/** `kontant card serve`, until it says that the card is in. */
async function serve(card: string): Promise<Running> {
  const command = [process.execPath, MAIN, 'card', 'serve', card, '--cards', lab.directory]
  const one = new Running(lab.spawn(command, { stdio: ['ignore', 'pipe', 'pipe'] }))
  await one.says('is in reader')
  return one
}

/** The service looks a few times a second: the tool is asked until it sees the card. */
async function until(text: string, command: readonly string[], input?: string): Promise<string> {
  for (;;) {
    const { out } = await lab.run(command, input === undefined ? {} : { input })
    if (out.includes(text)) return out
  }
}

beforeAll(async () => {
  if (isSkipped) return
  lab = await Lab.start()
  image = join(lab.directory, 'ada.mfd')
  mkdirSync(lab.directory, { recursive: true })
  const { nvm } = cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
  writeFileSync(image, nvm.snapshot())
  serving = await serve('ada')
  await until('Yes', ['opensc-tool', '--list-readers'])
})
afterAll(async () => {
  if (isSkipped) return
  expect(await serving.stop()).toBe(0)
  await lab.stop()
})

describe.skipIf(isSkipped)('another program sees a served card', () => {
  test('opensc-tool', async () => {
    const list = await lab.run(['opensc-tool', '--list-readers'])
    expect(list.out).toMatch(/0 +Yes +Virtual PCD 00 00/)
    const atr = await lab.run(['opensc-tool', '--reader', '0', '--atr'])
    expect(atr.out.replaceAll(':', '')).toContain(ATR)
    const uid = await lab.run(['opensc-tool', '--reader', '0', '-s', 'FFCA000000'])
    expect(uid.out).toMatch(/SW1=0x90, SW2=0x00[^]*04 A1 B2 C3/)
  })

  test('pcsc_scan', async () => {
    const { out } = await lab.run(['timeout', '2', 'pcsc_scan', '-n'])
    expect(out.replaceAll(' ', '').toLowerCase()).toContain(ATR)
    expect(out).toContain('Card inserted')
  })

  test('scriptor', async () => {
    const input = 'FF CA 00 00 00\nFF 82 00 00 06 A0 A1 A2 A3 A4 A5\n'
    const { out } = await lab.run(['scriptor', '-r', 'Virtual PCD 00 00'], { input })
    expect(out).toContain('04 A1 B2 C3 90 00')
    expect(out.match(/90 00 : Normal processing/g)).toHaveLength(2)
  })
})

describe.skipIf(isSkipped)('kontant reader', () => {
  test('list', async () => {
    const { out, status } = await kontant('reader', 'list', '--json')
    expect(status).toBe(0)
    expect(JSON.parse(out)).toEqual([
      { number: 0, reader: 'Virtual PCD 00 00', state: 'card', atr: ATR, kind: 'ACR122U' },
      { number: 1, reader: 'Virtual PCD 00 01', state: 'empty', atr: null, kind: 'ACR122U' },
    ])
    expect((await kontant('reader', 'list')).out).toBe(
      `0  Virtual PCD 00 00: card ${ATR}  (MIFARE commands: ACR122U)\n` +
        '1  Virtual PCD 00 01: empty  (MIFARE commands: ACR122U)',
    )
  })

  test('apdu, and what is written is in the image at once', async () => {
    const block = '4b6f6e74616e74202020202020202020'
    const { out, status } = await kontant(
      'reader',
      'apdu',
      'ff82000006a0a1a2a3a4a5',
      'ff860000050100046000',
      `ffd6000410${block}`,
      'ffb0000410',
    )
    expect(status).toBe(0)
    expect(out.split('\n').at(-1)).toBe(`< ${block} 9000`)
    expect(readFileSync(image).subarray(64, 80).toString('hex')).toBe(block)
    const json = await kontant('reader', 'apdu', 'ffca000000', '--json', '--reader', '0')
    expect(JSON.parse(json.out)).toEqual([{ command: 'ffca000000', answer: '04a1b2c39000' }])
  })

  test.each([
    [['--reader', 'PCD'], '"PCD" may be each of: Virtual PCD 00 00; Virtual PCD 00 01'],
    [['--reader', 'ACS'], 'there is no reader "ACS". There is: Virtual PCD 00 00; Virtual'],
    [['--reader', '1'], 'Virtual PCD 00 01: there is no card in it: put one in'],
  ])('apdu %j is refused', async (options, message) => {
    const { err, status } = await kontant('reader', 'apdu', 'ffca000000', ...options)
    expect(err).toContain(message)
    expect(status).toBe(1)
  })
})
