import { invariant } from '../kernel/errors.ts'
import type { TownOffice } from './town-office.ts'

/** How one office is opened, over whatever it was before. */
export type OpenOffice = () => Promise<TownOffice>

/** The offices of a town by name. Each can be stopped, lose its power and be started again. */
export class Offices {
  readonly #openers: ReadonlyMap<string, OpenOffice>
  readonly #open = new Map<string, TownOffice>()

  /** None is open yet. */
  constructor(openers: ReadonlyMap<string, OpenOffice>) {
    this.#openers = openers
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

  /** When everything that has arrived anywhere is in a ledger. */
  async settled(): Promise<void> {
    for (const office of this.#open.values()) await office.settled()
  }
}

/** A step asks an office that is down. */
export class OfficeDown extends Error {
  override readonly name = 'OfficeDown'

  constructor(office: string) {
    super(`${office} is down: it needs a step { restart: ${office} }`)
  }
}
