import { profileOf } from '../reader/pcsc/profiles.ts'
import { serveInVpcd, VPCD_PORT, type VpcdCard } from '../reader/vpcd.ts'
import { CardDirectory, type TakenCard } from './card-directory.ts'
import type { CardCommand } from './card-command.ts'
import { withProgress, type Io } from './io.ts'
import { chooseReader } from './pcsc.ts'
import { virtualReaders, type VirtualReader } from './reader-conf.ts'

type ServeCommand = Extract<CardCommand, { act: 'serve' }>

/** `kontant card serve`: a card in a virtual reader, until it is told to stop. */
export async function serveCard(command: ServeCommand, io: Io): Promise<void> {
  const { image } = command
  const { name, port } = await chosenReader(command)
  const cards = new CardDirectory(command.cards, profileOf(name))
  await cards.read(image)
  const taken = Promise.withResolvers<void>()
  const waiting = withProgress(
    io,
    `Waiting for ${image}, which is somewhere else`,
    () => taken.promise,
  )
  await cards.take(image, async (card) => {
    taken.resolve()
    await waiting
    io.err(`Ctrl-C takes ${image} out again.`)
    const changed = (inserted: boolean) =>
      io.out(
        inserted
          ? `${image} is in reader ${name}.`
          : `${image} waits for reader ${name}: nobody listens on port ${port} yet. On Debian that needs pcscd and vsmartcard-vpcd.`,
      )
    await serveInVpcd(savingCard(card), { port, signal: io.stop, onChange: changed })
  })
}

async function chosenReader({ reader, port }: ServeCommand): Promise<VirtualReader> {
  const known = await virtualReaders()
  if (reader === undefined) {
    return known.find((one) => one.port === port) ?? { name: DEFAULT_NAME, port: port ?? VPCD_PORT }
  }
  const name = chooseReader(
    known.map((one) => one.name),
    reader,
  )
  return known.find((one) => one.name === name) ?? { name, port: VPCD_PORT }
}

/** As Debian's vsmartcard-vpcd names it. */
const DEFAULT_NAME = 'Virtual PCD 00 00'

/** What a card has written is in its file before anybody hears that it is. */
export function savingCard({ field, writes, save }: TakenCard): VpcdCard {
  let saved = writes()
  return {
    get atr() {
      return field.atr
    },
    get powered() {
      return field.powered
    },
    powerOn: () => field.powerOn(),
    powerOff: () => field.powerOff(),
    async transmit(apdu) {
      const answer = field.transmit(apdu)
      const written = writes()
      if (written !== saved) await save()
      saved = written
      return answer
    },
  }
}
