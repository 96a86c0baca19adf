import { createInterface } from 'node:readline'
import { fromHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { loadCoins } from '../../../src/schemes/coin/issuing.ts'
import { crackedKey } from './bench.ts'
import { closeTills, pay, Till } from './till.ts'
import { Chip, World, type ChipImage } from './world.ts'

/**
 * A process with a till, and a card and a vendor element that are emulated in it, for whoever looks into
 * its memory: one line of JSON in and one out for each thing that it does.
 */
export interface RestingTask {
  /** Registers for the card, hexadecimal. */
  readonly load?: readonly string[]
  /** Pays so much each time, and closes the day. */
  readonly pay?: readonly number[]
  /** Keeps these bytes, hexadecimal, and a private key, as who forgets to wipe them. */
  readonly forget?: string
}
export interface RestingImages {
  readonly now: number
  readonly till: number
  readonly card: Image
  readonly vendor: Image
}
export type Image = Readonly<Record<keyof ChipImage, string>>

const forgotten: unknown[] = []
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const images = JSON.parse(await nextLine()) as RestingImages

const world = new World('resting')
world.now = images.now
const customer = { chip: chipOf('card', images.card) }
const vendor = { till: images.till, chip: chipOf('vendor element', images.vendor) }
const till = new Till(world, vendor)

for (let line = await nextLine(); line !== ''; line = await nextLine()) {
  console.log(JSON.stringify(await perform(JSON.parse(line) as RestingTask)))
}
closeTills()

async function perform(task: RestingTask): Promise<readonly string[]> {
  const { load = [], pay: amounts = [], forget } = task
  const results: string[] = []
  if (load.length > 0) {
    const registers = load.map((register) => fromHex(register))
    results.push(await customer.chip.tapped((channel) => loadCoins(channel, 'card', registers)))
  }
  for (const amount of amounts) {
    results.push((await till.tap(customer, pay(BigInt(amount)))).result)
  }
  if (amounts.length > 0) results.push((await till.closeDay())?.result ?? 'nothing')
  if (forget !== undefined) {
    forgotten.push(fromHex(forget), crackedKey(customer.chip, 'coin element'))
    results.push('forgotten')
  }
  return results
}

function chipOf(kind: 'card' | 'vendor element', image: Image): Chip {
  const bytes = (name: keyof ChipImage): Bytes => fromHex(image[name])
  const [structure, control, nvm] = [bytes('structure'), bytes('control'), bytes('nvm')]
  return new Chip(world, kind, { structure, control, nvm })
}

async function nextLine(): Promise<string> {
  const { value } = await lines.next()
  return typeof value === 'string' ? value : ''
}
