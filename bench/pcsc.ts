import { command, encodeCommand } from '../src/kernel/apdu.ts'
import type { Channel } from '../src/reader/channel.ts'
import { inProcessChannel } from '../src/reader/in-process.ts'
import { loadPcsc } from '../src/reader/pcsc/load.ts'
import { PcscReaders } from '../src/reader/pcsc/readers.ts'
import { cardWith, inField } from '../test/card/cards.ts'
import { Cards } from '../test/reader/pcsc/cards.ts'
import { Lab, WHY_NOT } from '../test/reader/pcsc/lab.ts'
import { Watching } from '../test/reader/pcsc/watching.ts'

/** A short question and a short answer: the chip's number. */
const GET_UID = encodeCommand(command(0xff, 0xca, 0, 0, undefined, 256))
const WARM_UP = 500

/** Commands a second, one after the other, to a card in this process and to one behind real PC/SC. */
export async function pcscLines(apdus: number): Promise<readonly (readonly [string, string])[]> {
  const local = await perSecond(inProcessChannel(inField(newCard())), apdus * 10)
  return [
    ['APDUs a second, card in this process', whole(local)],
    ['APDUs a second, over pcscd and vpcd to a card in another', await overPcsc(apdus)],
  ]
}

async function overPcsc(apdus: number): Promise<string> {
  if (WHY_NOT !== undefined) return `not measured: ${WHY_NOT}`
  const lab = await Lab.start()
  const cards = await Cards.start(lab)
  const readers = await PcscReaders.open(await loadPcsc())
  try {
    const [reader] = lab.readers
    if (!reader) throw new Error('a lab has readers')
    await cards.make('card', newCard().nvm.snapshot())
    await cards.insert('card', reader.port)
    return whole(await perSecond(await new Watching(readers.slot(reader.name)).card(), apdus))
  } finally {
    await readers.close()
    await cards.stop()
    await lab.stop()
  }
}

function newCard() {
  return cardWith({ blocks: ['000', '000', '000'], trailer: '011' })
}

async function perSecond(channel: Channel, apdus: number): Promise<number> {
  for (let n = 0; n < WARM_UP; n += 1) await channel.transmit(GET_UID)
  const start = performance.now()
  for (let n = 0; n < apdus; n += 1) await channel.transmit(GET_UID)
  return (1000 * apdus) / (performance.now() - start)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
