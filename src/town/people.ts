import { Unreachable, type Clock, type RandomSource } from '../kernel/ports.ts'
import type { PhoneParts } from '../schemes/wallet/phone.ts'
import type { Login } from './office-client.ts'
import type { Offices } from './offices.ts'
import { TownPhone } from './phones.ts'
import type { OfficeClient } from './town-office.ts'
import type { TellWire } from './trace/phone.ts'

export interface PersonParts {
  readonly name: string
  /** Where the online wallet is. */
  readonly office: string
  readonly offices: Offices
  readonly clock: Clock
  readonly random: RandomSource
  readonly tell: TellWire | undefined
}

/** Shorter than a session lasts. */
const SESSION_AGE_MAX = 60 * 60 * 1000

/** Somebody with an online wallet and a phone. */
export class TownPerson {
  readonly phone: TownPhone
  readonly #parts: PersonParts
  /** What the office has given it. */
  #id = ''
  #session: { readonly cookie: string; readonly since: number } | undefined

  constructor(parts: PersonParts) {
    this.#parts = parts
    this.phone = new TownPhone(parts, parts.tell)
  }

  get name(): string {
    return this.#parts.name
  }

  get office(): string {
    return this.#parts.office
  }

  get id(): string {
    return this.#id
  }

  get login(): Login {
    return { name: this.name.toLowerCase(), password: `the password of ${this.name}` }
  }

  async register(client: OfficeClient): Promise<void> {
    this.#id = await client.addPerson(this.name, this.login)
  }

  /** The office as this person's phone has it. Undefined while it is down. */
  async online(): Promise<PhoneParts['office']> {
    const office = this.#parts.offices.ifUp(this.office)
    if (!office) return undefined
    const { transport } = office
    return { transport, headers: { cookie: await this.#cookie(() => office.signIn(this.login)) } }
  }

  /** What this person does at the office. @throws {Unreachable} while it is down. */
  async client(): Promise<OfficeClient> {
    const office = this.#parts.offices.ifUp(this.office)
    if (!office) throw new Unreachable(`${this.office} is down`)
    const signIn = () => office.signIn(this.login)
    return office.clientOf(this.login, { cookie: await this.#cookie(signIn) })
  }

  async #cookie(signIn: () => Promise<string>): Promise<string> {
    const now = this.#parts.clock.now()
    if (!this.#session || now - this.#session.since > SESSION_AGE_MAX) {
      this.#session = { cookie: await signIn(), since: now }
    }
    return this.#session.cookie
  }
}
