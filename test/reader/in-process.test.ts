import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/kernel/bytes.ts'
import type { Channel, SlotEvent } from '../../src/reader/channel.ts'
import { InProcessSlot } from '../../src/reader/in-process.ts'
import { cardWith, inField } from '../card/cards.ts'

const ACCESS = { blocks: ['000', '000', '000'], trailer: '011' } as const
const LOAD_KEY = 'ff82000006a0a1a2a3a4a5'
const AUTHENTICATE = 'ff860000050100046000'
const READ = 'ffb0000410'
const ZEROS = '00'.repeat(16)

const newCard = () => inField(cardWith(ACCESS))
const send = async (channel: Channel, apdu: string) => toHex(await channel.transmit(fromHex(apdu)))

test('tells of cards that come and go, until nobody listens', () => {
  const slot = new InProcessSlot('till 1')
  const events: SlotEvent['kind'][] = []
  const stop = slot.watch(({ kind }) => events.push(kind))
  expect(slot.card()).toBeUndefined()
  const channel = slot.insert(newCard())
  expect(slot.card()).toBe(channel)
  slot.insert(newCard())
  expect(slot.card()).not.toBe(channel)
  slot.remove()
  slot.remove()
  expect(slot.card()).toBeUndefined()
  expect(events).toEqual(['inserted', 'removed', 'inserted', 'removed'])
  stop()
  slot.insert(newCard())
  expect(events).toHaveLength(4)
})

test('a channel ends with its card, even if the same card comes back', async () => {
  const slot = new InProcessSlot('till 1')
  const card = newCard()
  const first = slot.insert(card)
  expect(await send(first, LOAD_KEY)).toBe('9000')
  expect(await send(first, AUTHENTICATE)).toBe('9000')
  slot.remove()
  expect(await send(first, READ)).toBe('')
  const second = slot.insert(card)
  expect(await send(first, READ)).toBe('')
  expect(await send(second, READ)).toBe('6300')
  expect(await send(second, AUTHENTICATE)).toBe('9000')
  expect(await send(second, READ)).toBe(`${ZEROS}9000`)
})

test('a swap goes unnoticed, but the new card is not authenticated', async () => {
  const slot = new InProcessSlot('till 1')
  const [first, second] = [newCard(), newCard()]
  const events: string[] = []
  const channel = slot.insert(first)
  slot.watch(({ kind }) => events.push(kind))
  await send(channel, LOAD_KEY)
  await send(channel, AUTHENTICATE)
  slot.swap(second)
  expect(await send(channel, READ)).toBe('6300')
  expect(first.transmit(fromHex(READ))).toHaveLength(0)
  expect(events).toEqual([])
})

test('there is nothing to swap in an empty reader', () => {
  const slot = new InProcessSlot('till 1')
  slot.swap(newCard())
  expect(slot.card()).toBeUndefined()
})
