import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deliveredImage } from '../../src/card/mifare-classic.ts'
import { CardDirectory } from '../../src/cli/card-directory.ts'
import { InputError } from '../../src/cli/io.ts'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import type { Channel } from '../../src/reader/channel.ts'

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
    await cards.write('ada', deliveredImage(fromHex('04a1b2c3')))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const page = async () => toHex((await cards.read('ada')).slice(64, 80))

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
        `${join(directory, 'short.mfd')} is not an image of a MIFARE Classic 1K: expected 1024 bytes, got 5`,
      ),
    )
  })

  test('that is not there is empty', async () => {
    expect(await new CardDirectory(join(directory, 'nowhere')).list()).toEqual([])
  })
})
