import { invariant } from '../kernel/errors.ts'
import type { NotaryHouse } from './notary-house.ts'
import type { TownOffice } from './town-office.ts'

/** How one office is opened, over whatever it was before. */
export type OpenOffice = () => Promise<TownOffice>

/** The offices of a town by name. Each can be stopped, lose its power and be started again. */
export class Offices {
  readonly #openers: ReadonlyMap<string, OpenOffice>
  readonly #open = new Map<string, TownOffice>()
  /** Undefined where there is none. */
  readonly notary: NotaryHouse | undefined

  /** None is open yet; the notary is. */
  constructor(openers: ReadonlyMap<string, OpenOffice>, notary?: NotaryHouse) {
    this.#openers = openers
    this.notary = notary
  }

  get names(): readonly string[] {
    return [...this.#openers.keys()]
  }

  /** @throws {OfficeDown} */
  get(name: string): TownOffice {
    const office = this.#open.get(name)
    if (!office) throw new OfficeDown(name)
    return office
  }

  /** Undefined while it is down. */
  ifUp(name: string): TownOffice | undefined {
    return this.#open.get(name)
  }

  async start(name: string): Promise<void> {
    const open = this.#openers.get(name)
    invariant(open, 'the scenario was checked')
    if (!this.#open.has(name)) this.#open.set(name, await open())
  }

  async stop(name: string): Promise<void> {
    await this.#open.get(name)?.stop()
    this.#open.delete(name)
  }

  async crash(name: string): Promise<void> {
    await this.#open.get(name)?.crash()
    this.#open.delete(name)
  }

  async startAll(): Promise<void> {
    for (const name of this.names) await this.start(name)
  }

  async stopAll(): Promise<void> {
    for (const name of this.names) await this.stop(name)
  }

  /** When everything that has arrived anywhere is in a ledger, and the notary's news is everywhere. */
  async settled(): Promise<void> {
    for (const office of this.#open.values()) await office.settled()
    if (!this.notary) return
    // What one tells the notary, another hears; and what it hears may be news for a third.
    for (let round = 0; round <= this.#open.size; round++) {
      for (const office of this.#open.values()) {
        await office.exchange()
        await office.settled()
      }
    }
  }
}

/** A step asks an office that is down. */
export class OfficeDown extends Error {
  override readonly name = 'OfficeDown'

  constructor(office: string) {
    super(`${office} is down: it needs a step { restart: ${office} }`)
  }
}
