import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { FormatError } from '../../src/kernel/errors.ts'
import { decodeMfd } from '../../src/card/image.ts'
import { classicNvm, deliveredImage, MifareClassic } from '../../src/card/mifare-classic.ts'
import { cardFile } from '../../src/cli/card-files.ts'
import { blockOf, FACTORY_KEY, UID, value } from './cards.ts'

const directory = await mkdtemp(join(tmpdir(), 'kontant-card-'))
afterAll(() => rm(directory, { recursive: true }))

test('a card survives the run', async () => {
  const file = cardFile(join(directory, 'card.mfd'))
  expect(await file.read()).toBeUndefined()

  const card = new MifareClassic(classicNvm(deliveredImage(UID)))
  card.powerOn()
  await file.write(card.nvm.snapshot())
  card.authenticate(4, 'A', FACTORY_KEY)
  card.write(4, value(42))
  await file.write(card.nvm.snapshot())

  const image = decodeMfd((await file.read()) ?? new Uint8Array())
  const again = new MifareClassic(classicNvm(image))
  again.powerOn()
  expect(again.nvm.snapshot()).toEqual(card.nvm.snapshot())
  expect(blockOf(again.nvm, 4)).toEqual(value(42))
  expect(await readdir(directory)).toEqual(['card.mfd'])
})

test('a file that a crash left half written is never looked at', async () => {
  const path = join(directory, 'crash.mfd')
  await cardFile(path).write(deliveredImage(UID))
  await writeFile(`${path}.tmp`, 'half')
  expect(await cardFile(path).read()).toEqual(deliveredImage(UID))
})

test('writing leaves the old file alone until the new one is whole', async () => {
  const path = join(directory, 'replaced.mfd')
  await cardFile(path).write(deliveredImage(UID))
  const old = await open(path)
  await cardFile(path).write(new Uint8Array(1024))
  expect(new Uint8Array(await old.readFile())).toEqual(deliveredImage(UID))
  await old.close()
  expect(await cardFile(path).read()).toEqual(new Uint8Array(1024))
})

test('other errors than a missing file are told', async () => {
  await expect(cardFile(directory).read()).rejects.toThrow('EISDIR')
  await expect(cardFile(join(directory, 'no', 'where')).write(UID)).rejects.toThrow('ENOENT')
})

test.each([
  ['too short', deliveredImage(UID).slice(1)],
  ['too long', new Uint8Array(1025)],
  ['a check character that does not fit', deliveredImage(UID).fill(0, 4, 5)],
])('no .mfd: %s', (_, bytes) => {
  expect(() => decodeMfd(bytes)).toThrow(FormatError)
})
