import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, type Bytes } from '../../src/kernel/bytes.ts'
import { FormatError } from '../../src/kernel/errors.ts'
import { command, SW } from '../../src/kernel/apdu.ts'
import { BLOCK_SIZE, type SectorAccess } from '../../src/kernel/mifare-classic.ts'
import { READER_PROFILES, type ReaderProfile } from '../../src/kernel/storage-apdu.ts'
import { LINK_CUTS } from '../../src/card/field.ts'
import { TEARS } from '../../src/card/nvm.ts'
import { CardRefused, CardTorn, exchange } from '../../src/reader/channel.ts'
import { inProcessChannel } from '../../src/reader/in-process.ts'
import {
  NotAValueBlock,
  StorageCard,
  ValueOperationsMissing,
} from '../../src/reader/storage-card.ts'
import { blockOf, cardWith, inField, KEY_A, KEY_B, UID, value } from '../card/cards.ts'

const ACCESS: SectorAccess = { blocks: ['000', '110', '001'], trailer: '011' }
const PROFILES = Object.values(READER_PROFILES)
const { ACR122U, ACR1255U, PCSC, GENERIC } = READER_PROFILES
const DATA = concat(value(1), value(2), value(3))

function till(profile: ReaderProfile, access = ACCESS) {
  const card = cardWith(access, { 5: value(100, 5), 6: value(50, 6) })
  const field = inField(card, profile)
  const sent: string[] = []
  const channel = inProcessChannel({
    atr: field.atr,
    transmit(apdu) {
      sent.push(toHex(apdu.slice(0, 2)))
      return field.transmit(apdu)
    },
  })
  return { card, field, sent, channel, client: new StorageCard(channel, profile) }
}

describe.each(PROFILES)('$name', (profile) => {
  test('reads and writes', async () => {
    const { card, client, sent } = till(profile, { ...ACCESS, blocks: ['000', '000', '000'] })
    expect(await client.readUid()).toEqual(UID)
    await client.authenticate(4, KEY_A, 'A')
    await client.writeBlocks(4, DATA)
    expect(card.nvm.snapshot().slice(64, 112)).toEqual(DATA)
    expect(await client.readBlocks(4, 3)).toEqual(DATA)
    await client.writeBlock(6, value(9))
    expect(await client.readBlocks(5, 2)).toEqual(concat(value(2), value(9)))
    expect((await client.readBlocks(7, 1)).length).toBe(16)
    expect(sent.filter((ins) => ins === 'ffd6')).toHaveLength(
      profile.blocksPerCommand === 3 ? 2 : 4,
    )
  })

  test('changes values where the block can also be written', async () => {
    const { card, client } = till(profile)
    await client.authenticate(4, KEY_B, 'B')
    await client.decrement(5, 30)
    await client.increment(5, 5)
    expect(await client.readValue(5)).toBe(75)
    await client.restoreTransfer(5, 4)
    expect(blockOf(card.nvm, 4)).toEqual(value(75, 5))
    await client.storeValue(4, -3)
    expect(await client.readValue(4)).toBe(-3)
  })

  test('what is no value block is said so, or refused', async () => {
    const { client } = till(profile)
    await client.authenticate(4, KEY_A, 'A')
    await expect(client.readValue(4)).rejects.toThrow(NotAValueBlock)
    await expect(client.decrement(4, 1)).rejects.toThrow(
      profile.valueOperations === 'none' ? NotAValueBlock : CardRefused,
    )
  })

  test.each(LINK_CUTS)('the link breaks in every APDU: %s', async (cut) => {
    const whole = till(profile)
    await session(whole.client)
    const { apdus } = whole.field.traffic
    for (let atApdu = 1; atApdu <= apdus; atApdu++) {
      const { card, field, client } = till(profile)
      field.arm({ atApdu, cut })
      const before = card.nvm.snapshot()
      await expect(session(client)).rejects.toThrow(CardTorn)
      await expect(client.readUid()).rejects.toThrow(CardTorn)
      // Only the last APDU writes, and its fate is all that the till cannot know.
      const written = atApdu === apdus && cut !== 'before'
      if (written) before.set(value(93, 5), 5 * BLOCK_SIZE)
      expect(card.nvm.snapshot()).toEqual(before)
    }
  })

  test.each(TEARS)('power lost in the write: %s', async (tear) => {
    const { card, client } = till(profile)
    card.nvm.arm({ atWrite: 1, tear })
    await expect(session(client)).rejects.toThrow(CardTorn)
  })
})

async function session(client: StorageCard): Promise<void> {
  await client.readUid()
  await client.authenticate(4, KEY_B, 'B')
  await client.readBlocks(4, 3)
  await client.decrement(5, 7)
}

describe('a block that can only be decremented', () => {
  test.each([ACR122U, ACR1255U, PCSC])('is, by $name', async (profile) => {
    const { client } = till(profile)
    await client.authenticate(4, KEY_A, 'A')
    await client.decrement(6, 1)
    expect(await client.readValue(6)).toBe(49)
  })

  test('is out of reach for a reader without value operations', async () => {
    const { card, client } = till(GENERIC)
    await client.authenticate(4, KEY_A, 'A')
    await expect(client.decrement(6, 1)).rejects.toThrow(ValueOperationsMissing)
    expect(blockOf(card.nvm, 6)).toEqual(value(50, 6))
  })
})

describe('keys', () => {
  test('go to the reader once', async () => {
    const { client, sent } = till(ACR1255U)
    await client.authenticate(4, KEY_A, 'A')
    await client.authenticate(5, KEY_A, 'A')
    await client.authenticate(4, KEY_B, 'B')
    await client.authenticate(4, KEY_A, 'A')
    expect(sent).toEqual(['ff82', 'ff86', 'ff86', 'ff82', 'ff86', 'ff86'])
  })

  test('go again when they change or did not open', async () => {
    const { client, sent } = till(ACR1255U)
    await expect(client.authenticate(4, KEY_B, 'A')).rejects.toThrow(CardRefused)
    await expect(client.authenticate(4, KEY_B, 'A')).rejects.toThrow(CardRefused)
    await client.authenticate(4, KEY_A, 'A')
    expect(sent).toEqual(['ff82', 'ff86', 'ff82', 'ff86', 'ff82', 'ff86'])
  })

  test('are remembered by content', async () => {
    const { client, sent } = till(ACR1255U)
    const key = KEY_A.slice()
    await client.authenticate(4, key, 'A')
    key.set(KEY_B)
    await expect(client.authenticate(4, key, 'A')).rejects.toThrow(CardRefused)
    expect(sent).toEqual(['ff82', 'ff86', 'ff82', 'ff86'])
  })
})

test('a refusal says what was attempted and the status', async () => {
  const { client } = till(ACR122U)
  await expect(client.readBlocks(4, 1)).rejects.toMatchObject({
    name: 'CardRefused',
    attempted: 'read block 4',
    sw: SW.OPERATION_FAILED,
    message: 'read block 4: refused with 6300',
  })
})

test('a reader without the promised value operations refuses', async () => {
  const { channel } = till(GENERIC)
  const client = new StorageCard(channel, ACR1255U)
  await client.authenticate(4, KEY_A, 'A')
  await expect(client.decrement(6, 1)).rejects.toMatchObject({ sw: SW.INS_NOT_SUPPORTED })
})

describe('the status inside the answer of a value operation by tags', () => {
  test.each([
    ['9000', 'done'],
    ['c0030090009000', 'done'],
    ['c0030163009000', 'CardRefused'],
    ['c0030069829000', 'CardRefused'],
    ['6300', 'CardRefused'],
    // Cut after the status that lies inside.
    ['c003009000', 'CardTorn'],
    ['c1030090009000', 'CardTorn'],
    ['c0040090009000', 'CardTorn'],
    ['c003', 'CardTorn'],
  ])('%s: %s', async (answer, outcome) => {
    const channel = inProcessChannel({ atr: fromHex(answer), transmit: () => fromHex(answer) })
    const decrement = new StorageCard(channel, PCSC).decrement(6, 1)
    const name = await decrement.then(
      () => 'done',
      (error: Error) => error.name,
    )
    expect(name).toBe(outcome)
  })
})

test.each<[string, (client: StorageCard) => Promise<unknown>]>([
  ['no such block', (client) => client.readBlocks(64, 1)],
  ['a negative block', (client) => client.authenticate(-1, KEY_A, 'A')],
  ['a range with a trailer', (client) => client.readBlocks(6, 2)],
  ['a range over two sectors', (client) => client.readBlocks(6, 3)],
  ['a short key', (client) => client.authenticate(4, KEY_A.slice(1), 'A')],
  ['a negative amount', (client) => client.decrement(5, -1)],
  ['half an amount', (client) => client.decrement(5, 0.5)],
  ['a copy to another sector', (client) => client.restoreTransfer(5, 8)],
])('is not sent: %s', async (_, attempt) => {
  const { client, sent } = till(ACR1255U)
  await expect(attempt(client)).rejects.toThrow(FormatError)
  expect(sent).toEqual([])
})

describe('exchange', () => {
  const answering = (answer: Bytes) => inProcessChannel({ atr: answer, transmit: () => answer })
  const get = command(0xff, 0xca, 0, 0, undefined, 256)

  test.each([
    ['9000', SW.OK, ''],
    ['6a81', 0x6a81, ''],
    ['0102039000', SW.OK, '010203'],
  ])('%s', async (answer, sw, data) => {
    const response = await exchange(answering(Uint8Array.from(Buffer.from(answer, 'hex'))), get)
    expect({ sw: response.sw, data: toHex(response.data) }).toEqual({ sw, data })
  })

  test.each(['', '90', '0102', '6000', 'a000'])('"%s" is a tear', async (answer) => {
    await expect(
      exchange(answering(Uint8Array.from(Buffer.from(answer, 'hex'))), get),
    ).rejects.toThrow(CardTorn)
  })

  test('a torn answer that looks whole has the wrong size', async () => {
    const client = new StorageCard(answering(Uint8Array.of(1, 2, 3, 0x90, 0)), ACR1255U)
    await expect(client.readBlocks(4, 1)).rejects.toThrow(CardTorn)
    await expect(client.readUid()).rejects.toThrow(CardTorn)
  })
})
