import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { toHex, type Bytes } from '../../../src/kernel/bytes.ts'
import { invariant } from '../../../src/kernel/errors.ts'
import { exportPrivateKey, SIGNATURE_SIZE } from '../../../src/kernel/p256.ts'
import { COIN_SIZE, payment, settlement } from '../../../src/schemes/coin/message.ts'
import { loadCoins } from '../../../src/schemes/coin/issuing.ts'
import { VendorElement } from '../../../src/schemes/coin/terminal.ts'
import { limbsOf, MemorySearch, showsMemory } from '../../support/process-memory.ts'
import { crackedKey } from './bench.ts'
import type { Image, RestingImages, RestingTask } from './resting.ts'
import {
  Counter,
  openEvidence,
  paid,
  World,
  type Chip,
  type Customer,
  type Vendor,
} from './world.ts'

const world = new World('memory')

/** Room for all objects that are made: what is collected by chance, and wiped with that, is none the better. */
const UNCOLLECTED = ['--min-semi-space-size=64', '--max-semi-space-size=64']

/** Another process with the chips of these two in it. */
class Resting {
  readonly #process = spawn(process.execPath, [...UNCOLLECTED, script('./resting.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  readonly #answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()

  constructor(customer: Customer, vendor: Vendor) {
    const images: RestingImages = {
      now: world.now,
      till: vendor.till,
      card: imageOf(customer.chip),
      vendor: imageOf(vendor.chip),
    }
    this.#process.stdin.write(`${JSON.stringify(images)}\n`)
  }

  async perform(task: RestingTask): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(task)}\n`)
    const { value } = await this.#answers.next()
    return JSON.parse(value ?? 'null')
  }

  get pid(): number {
    const { pid } = this.#process
    invariant(pid !== undefined, 'it runs')
    return pid
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.stdin.end()
    await ended
  }
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

function imageOf({ image: { structure, control, nvm } }: Chip): Image {
  return { structure: toHex(structure), control: toHex(control), nvm: toHex(nvm) }
}

/** Every coin of the two, as only somebody knows who has taken the vendor element to pieces. */
async function coinsOf(
  customer: Customer,
  bought: readonly Bytes[],
  vendor: Vendor,
): Promise<readonly Bytes[]> {
  const payer = customer.clone()
  await payer.chip.tapped((channel) => loadCoins(channel, 'card', bought))
  const { total } = await payer.status()
  const empty = await world.vendor({ till: 9, keepMax: 0 })
  const { outcome } = paid(await new Counter(payer, empty).pay(total))
  const [bytes = new Uint8Array()] = openEvidence(world, outcome.evidence).content.payment
  const float = await vendor.clone().chip.tapped(async (slot) => {
    const surrendered = await (await VendorElement.connect(slot))?.surrender()
    return surrendered && openEvidence(world, surrendered.evidence).content.settlement
  })
  const given = settlement.decode(float ?? new Uint8Array())
  return [...payment.decode(bytes).coins, ...given.coins].map(({ coin }) => coin)
}

/**
 * Which coin it is and what it is worth; and its bank’s signature, across its middle. Of one that it has
 * checked OpenSSL leaves a copy in DER, where its halves lie apart: docs/protocol/coin.md, "Memory". What is
 * looked for has four bytes at least of each half, for what lies between them in DER may by chance be one.
 */
function partsOf(coin: Bytes): readonly Bytes[] {
  const middle = COIN_SIZE + SIGNATURE_SIZE / 2
  return [coin.slice(0, 16), coin.slice(middle - 12, middle + 12)]
}

function keysOf(customer: Customer, vendor: Vendor): readonly (readonly [string, Bytes])[] {
  const elements = [
    ['identity element', customer.chip],
    ['coin element', customer.chip],
    ['vendor element', vendor.chip],
  ] as const
  return elements.flatMap(([element, chip]) => {
    const scalar = exportPrivateKey(crackedKey(chip, element)).slice(36, 68)
    const inLimbs = limbsOf(scalar)
    return [[`key of the ${element}`, scalar] as const, [`${element}, limbs`, inLimbs] as const]
  })
}

test('the process of a till and its chips holds no coin and no private key when they are at rest', async (context) => {
  const customer = await world.customer({ coins: [10n, 20n, 5n] })
  const bought = customer.sell([2n])
  const vendor = await world.vendor({ float: [1n, 2n, 2n, 5n], keepMax: 1 })
  const coins = await coinsOf(customer, bought, vendor)
  expect(coins).toHaveLength(8)
  const canary = new Uint8Array(randomBytes(103))
  const search = new MemorySearch([
    ...coins.flatMap((coin, index) =>
      partsOf(coin).map((part) => [`coin ${index}`, part] as const),
    ),
    ...keysOf(customer, vendor),
    ['canary', canary],
  ])
  const resting = new Resting(customer, vendor)
  if (!showsMemory(resting.pid)) {
    console.warn('NOT SEARCHED: this system does not show the memory of a process')
    await resting.end()
    context.skip()
  }
  // With change, of which one coin is kept; the exact sum; and all that is kept goes to the bank.
  expect(await resting.perform({ load: bought.map(toHex), pay: [13, 17] })).toEqual([
    'written',
    'done',
    'done',
    'closed',
  ])
  const { found, searched } = search.findInProcess(resting.pid)
  console.log(`searched ${Math.round(searched / 1e6)} MB, found: ${found.join(', ') || 'nothing'}`)
  expect(found).toEqual([])
  // The search would have found them: what somebody forgets to wipe it finds.
  await resting.perform({ forget: toHex(canary) })
  const { found: left } = search.findInProcess(resting.pid)
  await resting.end()
  expect(left).toEqual(['canary', 'coin element, limbs'])
})
