import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestOffice, type TestOffice } from '../support/office.ts'
import { PASSWORD } from '../support/people.ts'
import { kontant, type Ran } from './run.ts'

export const PIN = '4821'

/** People with wallet cards, who have an office and the command `kontant phone`. */
export class Phones {
  readonly directory = mkdtempSync(join(tmpdir(), 'kontant-phone-'))
  readonly office: TestOffice
  readonly #url: string

  private constructor(office: TestOffice, url: string) {
    this.office = office
    this.#url = url
  }

  static async of(...people: readonly string[]): Promise<Phones> {
    const office = await createTestOffice()
    const phones = new Phones(office, await office.api.listen({ host: '127.0.0.1', port: 0 }))
    for (const name of people) await phones.#issue(name)
    return phones
  }

  get cards(): string {
    return join(this.directory, 'cards')
  }

  /** A person with money, a login and a card. */
  async #issue(name: string): Promise<void> {
    const { office, directory } = this
    const body = { name, login: name, password: PASSWORD, role: 'cardholder' }
    const { json } = await office.call('administrator', 'POST', '/api/people', body)
    const { id } = json as { readonly id: string }
    const money = { amount: '50000', currency: 'SEK', reason: 'for the test' }
    await office.call('operator', 'POST', `/api/online/${id}/deposits`, money)
    for (const login of ['operator', name]) {
      writeFileSync(join(directory, `${login}.login`), `${login}\n${PASSWORD}\n`)
    }
    const { status, err } = await kontant(
      ...['card', 'issue', name, '--scheme', 'wallet', '--currency', 'SEK', '--passcode', PIN],
      ...['--holder', id, '--office', this.#url, '--login', join(directory, 'operator.login')],
      ...['--cards', this.cards],
    )
    if (status !== 0) throw new Error(err)
  }

  /** What somebody’s phone does with their card; `@name` is a file of all. */
  async runs(name: string, line: string, card = this.imageOf(name)): Promise<Ran> {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${this.directory}/`))
    const login = ['--login', join(this.directory, `${name}.login`)]
    const memory = ['--memory', join(this.directory, `${name}.memory`)]
    return kontant('phone', ...words, ...card, '--office', this.#url, ...login, ...memory)
  }

  async does(name: string, line: string, card = this.imageOf(name)): Promise<string> {
    const { status, out, err } = await this.runs(name, line, card)
    if (status !== 0) throw new Error(`phone ${line}: ${err}`)
    return out
  }

  imageOf(name: string): readonly string[] {
    return ['--card', name, '--cards', this.cards]
  }

  async close(): Promise<void> {
    await this.office.close()
    rmSync(this.directory, { recursive: true })
  }
}
