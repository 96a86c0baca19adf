import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, skippedLoudly, WHY_NOT } from '../reader/pcsc/lab.ts'

/** How long a tool may wait for a card that is there, ms: it answers in a second, or waits for ever. */
const PATIENCE = 10_000
const CARD = join(import.meta.dirname, 'iso-opensc-card.ts')

skippedLoudly('OpenSC and the files of a card by ISO/IEC 7816-4')

/** Commands of opensc-explorer, and what of its answer shows that it understood ours. */
const SCRIPT: readonly (readonly [command: string, answer: RegExp])[] = [
  ['info', /Dedicated File {2}ID 3F00[^]*File size: +3000 bytes[^]*Operational, activated/],
  ['mkdir 5F00 100', /^/],
  ['cd 5F00', /^/],
  ['create 2F00 20', /^/],
  ['update_binary 2F00 0 01:02:03:04:05:06', /Total of 6 bytes written to 2F00/],
  ['cat 2F00', /00000000: 01 02 03 04 05 06 00 00/],
  ['info 2F00', /File path: +3F00\/5F00\/2F00\n[^]*20 bytes\n[^]*EF structure: +Transparent/],
  ['random 8', /00000000: 01 02 03 04 05 06 07 08/],
  ['cd ..', /^/],
  ['verify CHV1 30:30:30:30:30:30:30:30', /Incorrect code, 2 tries left/],
  ['verify CHV1 31:32:33:34:35:36:37:38', /Code correct/],
  ['change CHV1 31:32:33:34:35:36:37:38 39:39:39:39:39:39:39:39', /PIN changed/],
  ['verify CHV1 39:39:39:39:39:39:39:39', /Code correct/],
  ['unblock CHV1 38:37:36:35:34:33:32:31 31:32:33:34:35:36:37:38', /PIN unblocked/],
  ['verify CHV1 31:32:33:34:35:36:37:38', /Code correct/],
  // Records, written with PIN 1.
  ['apdu 00 E0 00 00 13 62 11 82 05 02 21 00 04 03 83 02 2F 01 8C 04 07 11 11 00', /SW1=0x90/],
  ['apdu 00 DC 01 04 04 A1 A2 A3 A4', /SW1=0x90/],
  ['info 2F01', /Linear fixed\nNumber of records: +3\nMax\. record size: +4 bytes/],
  ['cat 2F01', /Record 1:\n00000000: A1 A2 A3 A4[^]*Record 3:\n00000000: 00 00 00 00/],
  ['rm 5F00', /^/],
  ['cd 5F00', /unable to select DF: File not found/],
]

describe.skipIf(WHY_NOT !== undefined)('OpenSC', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start()
  })
  afterAll(() => lab.stop())

  /** What a tool said; undefined if it waited in vain for its card. */
  async function run(...command: readonly string[]): Promise<string | undefined> {
    const { status, out } = await lab.run(command, { patience: PATIENCE })
    return status === null ? undefined : out
  }

  /** A busy service now and then takes a card for mute that comes: then it comes again, as with people. */
  async function atCard<T>(
    protocol: string,
    work: (reader: string) => Promise<T | undefined>,
  ): Promise<T> {
    for (let tries = 0; tries < 9; tries += 1) {
      const done = await withCard(protocol, work)
      if (done !== undefined) return done
    }
    throw new Error('the service does not see the card')
  }

  /** A card in a reader of its own, for PC/SC notices no quick swap; `work` gets the reader's name. */
  async function withCard<T>(protocol: string, work: (reader: string) => Promise<T>): Promise<T> {
    const reader = lab.readers[protocol === 'T=0' ? 0 : 1]
    if (!reader) throw new Error('a lab has two readers')
    const card = lab.spawn([process.execPath, CARD, String(reader.port), protocol], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const gone = once(card, 'exit')
    try {
      if (card.stdout) await once(card.stdout, 'data')
      return await work(reader.name)
    } finally {
      card.stdin?.end()
      await gone
    }
  }

  test.each(['T=0', 'T=1'])('drives it with its default driver, %s', async (protocol) => {
    const file = join(lab.directory, 'script')
    // Each command is told apart by what is echoed after it.
    writeFileSync(file, SCRIPT.map(([command]) => `${command}\necho end\n`).join(''))
    const out = await atCard(protocol, (reader) =>
      run('opensc-explorer', '-w', '-r', reader, '-c', 'default', file),
    )
    const answers = out.split(/^"?end"? ?\n/m)
    expect(answers.length).toBe(SCRIPT.length + 1)
    for (const [index, [command, expected]] of SCRIPT.entries()) {
      expect(`${command}: ${answers[index]}`).toMatch(expected)
    }
  })

  test.each([
    ['T=0', '3b:07:4b:4f:4e:54:41:4e:54'],
    ['T=1', '3b:87:01:4b:4f:4e:54:41:4e:54:c3'],
  ])('takes it for none of the cards that it knows, %s', async (protocol, atr) => {
    await atCard(protocol, async (reader) => {
      const named = await run('opensc-tool', '-w', '-r', reader, '-n')
      if (named === undefined) return undefined
      expect(named).toContain('Unsupported card')
      const out = await run('opensc-tool', '-r', reader, '--atr')
      expect(out).toContain(atr)
      return out
    })
  })
})
