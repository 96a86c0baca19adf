import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ModelName } from '../../../src/card/multiflex/models.ts'
import { KIT_TRANSPORT_KEY } from '../../../src/card/multiflex/delivery.ts'
import { toHex } from '../../../src/kernel/bytes.ts'
import { OTHER_PIN, personalised, PIN, UNBLOCKING } from '../../card/multiflex/cards.ts'
import { Cards } from './cards.ts'
import { Lab, skippedLoudly } from './lab.ts'

const isSkipped = skippedLoudly('OpenSC and a Multiflex')

/** OpenSC keeps its driver for these cards but has to be told to use it. */
const CONFIGURATION = 'app default {\n  card_drivers = flex;\n  reader_driver pcsc { }\n}\n'

/** The 3K knows neither Directory nor Give Challenge. */
const MODELS = ['3K', '8K'] as const satisfies readonly ModelName[]

const colons = (hex: string) => (hex.match(/../g) ?? []).join(':')
const KEY = colons(toHex(KIT_TRANSPORT_KEY))

/** Commands of opensc-explorer, and what of its answer shows that it and the card understand each other. */
const SCRIPT: readonly (readonly [command: string, answer: RegExp])[] = [
  ['ls', / 0002 \t wEF +8\n 0011 \t wEF +38\n 0000 \t wEF +23\n[^]*\[2000\] *\t *DF +\d+\n/],
  ['info', /Dedicated File {2}ID 3F00[^]*ACL for CREATE: +AUTH1[^]*Operational, activated/],
  ['cat 0002', /00000000: 01 02 03 04 05 06 07 08/],
  ['mkdir 5F00 200', /Security status not satisfied/],
  [`verify AUT1 ${KEY}`, /Code correct/],
  ['mkdir 5F00 200', /^$/],
  ['ls', /\[5F00\]\s+DF +200/],
  ['cd 5F00', /^$/],
  ['create 2F00 20', /^$/],
  ['update_binary 2F00 0 01:02:03:04:05:06', /Total of 6 bytes written to 2F00/],
  ['cat 2F00', /00000000: 01 02 03 04 05 06 00 00/],
  ['info 2F00', /File path: +3F00\/5F00\/2F00\n[^]*20 bytes\n[^]*EF structure: +Transparent/],
  // OpenSC itself makes only transparent files: this one has records.
  [
    'apdu F0 E0 00 02 11 FF FF 00 08 2F 01 02 FF 11 00 11 01 04 00 00 00 04',
    /Received \(SW1=0x90, SW2=0x00\)/,
  ],
  ['random 8', /00000000: ([0-9A-F]{2} ){8}/],
  ['rm 2F00', /^$/],
  ['cd ..', /^$/],
  // 6300 says nothing of tries, and OpenSC has no better words for it.
  [`verify CHV1 ${colons(OTHER_PIN)}`, /Unable to verify PIN code: Card command failed/],
  [`verify CHV1 ${colons(PIN)}`, /Code correct/],
  [`change CHV1 ${colons(PIN)} ${colons(OTHER_PIN)}`, /PIN changed/],
  [`verify CHV1 ${colons(OTHER_PIN)}`, /Code correct/],
  [`unblock CHV1 ${colons(UNBLOCKING)} ${colons(PIN)}`, /PIN unblocked/],
  [`verify CHV1 ${colons(PIN)}`, /Code correct/],
  [`verify AUT1 ${KEY}`, /Code correct/],
  ['rm 5F00', /^$/],
  ['cd 5F00', /unable to select DF: File not found/],
]

describe.skipIf(isSkipped)('OpenSC', () => {
  let lab: Lab
  let cards: Cards
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    lab = await Lab.start()
    cards = await Cards.start(lab)
    const configuration = join(lab.directory, 'opensc.conf')
    writeFileSync(configuration, CONFIGURATION)
    env = { OPENSC_CONF: configuration }
    for (const [index, model] of MODELS.entries()) {
      await cards.make(model, personalised(model), { kind: `multiflex-${model.toLowerCase()}` })
      await cards.insert(model, lab.readers[index]?.port ?? 0)
    }
    // The service looks a few times a second.
    for (;;) {
      const { out } = await lab.run(['opensc-tool', '--list-readers'])
      if (out.match(/ Yes /g)?.length === MODELS.length) break
    }
  })
  afterAll(async () => {
    await cards.stop()
    await lab.stop()
  })

  test.each(MODELS)('names a %s', async (model) => {
    const reader = lab.readers[MODELS.indexOf(model)]?.name ?? ''
    const named = await lab.run(['opensc-tool', '-r', reader, '-n'], { env })
    expect(named.out).toContain(`Multiflex ${model}`)
    const serial = await lab.run(['opensc-tool', '-r', reader, '--serial'], { env })
    expect(serial.out).toContain('01 02 03 04 05 06 07 08')
  })

  test('lists, makes, reads, writes and deletes files, verifies, changes and unblocks a PIN', async () => {
    const reader = lab.readers[1]?.name ?? ''
    const file = join(lab.directory, 'script')
    // Each command is told apart by what is echoed after it.
    writeFileSync(file, SCRIPT.map(([command]) => `${command}\necho end\n`).join(''))
    const { out } = await lab.run(['opensc-explorer', '-r', reader, file], { env })
    const answers = out.split(/^"?end"? ?\n/m)
    expect(answers).toHaveLength(SCRIPT.length + 1)
    const wrong = SCRIPT.flatMap(([command, expected], index) => {
      const answer = (answers[index] ?? '').replace(/^OpenSC Explorer.*\n/, '')
      return expected.test(answer) ? [] : [{ command, answer }]
    })
    expect(wrong).toEqual([])
    console.log(`opensc-explorer, driver flex: ${SCRIPT.length} commands`)
  })
})
