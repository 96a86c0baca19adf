import { utf8, type Bytes } from '../../src/kernel/bytes.ts'
import { Field } from '../../src/card/field.ts'
import { IsoCard, isoCardNvm, type IsoCardDesign } from '../../src/card/iso-card.ts'
import { IsoFiles } from '../../src/card/iso/files.ts'
import { contact } from '../../src/card/iso/link.ts'
import { insertIntoVpcd } from '../../src/reader/vpcd.ts'
import { countingRandom, SumApplet } from './iso-applets.ts'

/** A card in a virtual reader, in a process of its own: `PORT T=0|T=1`. Goes when standard input ends. */
const [port, protocol] = process.argv.slice(2)

const digits = (text: string): Bytes => utf8(text)
const design: IsoCardDesign = {
  applets: [new SumApplet()],
  root: new IsoFiles({
    size: 3000,
    pins: { 1: { pin: digits('12345678'), unblocking: digits('87654321'), tries: 3 } },
  }),
  historicalBytes: utf8('KONTANT'),
  link: contact(protocol === 'T=0' ? 'T=0' : 'T=1'),
}
const card = new IsoCard(isoCardNvm(design), design, countingRandom())
const pull = new AbortController()
process.stdin.resume().on('end', () => pull.abort())
await insertIntoVpcd(new Field(card), { port: Number(port) }, pull.signal, () =>
  process.stdout.write('inserted'),
)
