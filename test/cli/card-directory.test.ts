import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { classicKind, multiflexKind } from '../../src/card/image-kinds.ts'
import { deliveredImage } from '../../src/card/mifare-classic.ts'
import { multiflexNvm } from '../../src/card/multiflex/memory.ts'
import { CardDirectory } from '../../src/cli/card-directory.ts'
import { InputError } from '../../src/cli/io.ts'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import type { Channel } from '../../src/reader/channel.ts'
import { CARD_SCHEMES } from '../../src/town/chips.ts'

/** Writes a page of sector 1 with the delivery key: key into the reader, authenticate, update. */
async function writePage(channel: Channel, byte: string): Promise<void> {
  for (const apdu of [
    'ff82000006ffffffffffff',
    'ff860000050100046000',
    `ffd6000410${byte.repeat(16)}`,
  ]) {
    expect(toHex(await channel.transmit(fromHex(apdu)))).toBe('9000')
  }
}

describe('a directory of cards', () => {
  let directory = ''
  let cards: CardDirectory

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kontant-cards-'))
    cards = new CardDirectory(directory)
    await cards.write('ada', classicKind(), deliveredImage(fromHex('04a1b2c3')))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const page = async () => toHex((await cards.read('ada')).nvm.snapshot().slice(64, 80))

  test('keeps what a tap wrote, also if the tap broke', async () => {
    await cards.withCard('ada', (channel) => writePage(channel, '11'))
    expect(await page()).toBe('11'.repeat(16))
    const broken = cards.withCard('ada', async (channel) => {
      await writePage(channel, '22')
      throw new Error('the till broke')
    })
    await expect(broken).rejects.toThrow('the till broke')
    expect(await page()).toBe('22'.repeat(16))
    expect(readdirSync(directory)).toEqual(['ada.mfd'])
    // Other programs read it: a dump stays a dump.
    expect(readFileSync(join(directory, 'ada.mfd')).length).toBe(1024)
  })

  test('lends a card to one till at a time', async () => {
    const log: string[] = []
    const tap = (name: string) =>
      new CardDirectory(directory).withCard('ada', async (channel) => {
        log.push(`${name} in`)
        await writePage(channel, '33')
        log.push(`${name} out`)
      })
    await Promise.all([tap('a'), tap('b'), tap('c')])
    expect(log.length).toBe(6)
    for (let index = 0; index < log.length; index += 2) {
      expect(log[index + 1]).toBe(log[index]?.replace('in', 'out'))
    }
  })

  test('does not wait for a process that was killed with the card in its hand', async () => {
    const lock = join(directory, 'ada.mfd.lock')
    writeFileSync(lock, '')
    const longAgo = new Date(Date.now() - 60_000)
    utimesSync(lock, longAgo, longAgo)
    await cards.withCard('ada', (channel) => writePage(channel, '44'))
    expect(await page()).toBe('44'.repeat(16))
  })

  test('leads to no file outside of it', async () => {
    const outside = cards.withCard('../ada', async () => 'inside')
    expect(await outside).toBeUndefined()
  })

  test('names what is no image', async () => {
    writeFileSync(join(directory, 'short.mfd'), 'short')
    await expect(cards.read('short')).rejects.toThrow(
      new InputError(
        `${join(directory, 'short.mfd')} is not an image of a card: mfd: expected 1024 bytes, got 5`,
      ),
    )
  })

  test('keeps cards of every kind, each in its file', async () => {
    const { purse } = CARD_SCHEMES
    const number = fromHex('01020304')
    const multiflex = multiflexKind('3K')
    const kinds = [
      { name: 'fay', kind: purse.card.kind, memory: purse.card.delivered(number) },
      { name: 'sam', kind: purse.module.kind, memory: purse.module.delivered(number) },
      { name: 'old', kind: multiflex, memory: multiflexNvm('3K').snapshot() },
    ]
    for (const { name, kind, memory } of kinds) await cards.write(name, kind, memory)
    expect(readdirSync(directory)).toEqual(['ada.mfd', 'fay.card', 'old.card', 'sam.sam'])
    for (const { name, kind, memory } of kinds) {
      const stored = await cards.read(name)
      expect(stored.kind.name).toBe(kind.name)
      expect(stored.nvm.snapshot()).toEqual(memory)
    }
    // A security module is nothing that a customer taps.
    expect(await cards.list()).toEqual(
      ['ada', 'fay', 'old'].map((name) => ({ id: name, label: name })),
    )
    await expect(cards.write('fay', multiflex, new Uint8Array())).rejects.toThrow(
      'is there already',
    )
  })

  test('that is not there is empty', async () => {
    expect(await new CardDirectory(join(directory, 'nowhere')).list()).toEqual([])
  })
})
