import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { invariant } from '../kernel/errors.ts'
import type { Instant } from '../kernel/ports.ts'
import { TownClock } from './clock.ts'
import { checkExpectations, checkSameEnd, type Miss, type Snapshot } from './expectations.ts'
import type { DatabaseServer } from './databases.ts'
import { OfficeHouse } from './office-house.ts'
import { NotaryHouse } from './notary-house.ts'
import { Offices } from './offices.ts'
import type { CarriedBatch } from './party.ts'
import { seededRandom } from './random.ts'
import {
  accountTable,
  caseTable,
  dayAndTime,
  ledgerTable,
  pufTable,
  renderTable,
  tillTable,
} from './report.ts'
import type { Failure, PlayResult, StepResult } from './result.ts'
import type { Path } from './scenario/check-names.ts'
import type { ScenarioFile } from './scenario/file.ts'
import {
  hasNotary,
  memberSchemes,
  NOTARY_NAME,
  officeNames,
  startOf,
  timeOf,
  type Scenario,
} from './scenario/scenario.ts'
import { verbOf, type Step } from './scenario/step-words.ts'
import type { Outcome, Stage } from './steps/outcome.ts'
import { batchName, handIn } from './steps/deliveries.ts'
import { playStep } from './steps/steps.ts'
import { Town } from './town.ts'
import { traceText, type TraceLine } from './trace/trace.ts'

export interface PlayOptions {
  readonly server: DatabaseServer
  /** What people read while it plays; silent without. */
  readonly print?: (text: string) => void
  /** Whether every message is told too. */
  readonly trace?: true
}

/** Something in the town went on strike: our fault or the scenario's, not a cheat's. */
export class PlayBroken extends Error {
  override readonly name = 'PlayBroken'

  constructor(file: string, line: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${file}:${line}: the play broke off here: ${reason}`, { cause })
  }
}

/**
 * Plays a scenario from beginning to end, with the real engines and in simulated time.
 *
 * @throws {PlayBroken} if a step cannot be played at all.
 */
export async function playScenario(file: ScenarioFile, options: PlayOptions): Promise<PlayResult> {
  const clock = new TownClock(startOf(file.scenario))
  const directory = await mkdtemp(join(tmpdir(), 'kontant-town-'))
  const { scenario } = file
  const houses: OfficeHouse[] = []
  let notary: NotaryHouse | undefined
  try {
    const { server } = options
    const { currency, seed } = scenario
    const randomOf = (name: string) => seededRandom(`${name} ${seed}`)
    if (hasNotary(scenario)) {
      notary = await NotaryHouse.build({ server: server.url, clock, random: randomOf(NOTARY_NAME) })
    }
    for (const [index, name] of officeNames(scenario).entries()) {
      const place = notary && { house: notary, number: index + 1, schemes: memberSchemes(scenario) }
      const parts = { name, server, currency, clock, random: randomOf(name), notary: place }
      houses.push(await OfficeHouse.build(parts))
    }
    const openers = new Map(houses.map((house) => [house.name, () => house.open()]))
    const offices = new Offices(openers, notary)
    const heard: TraceLine[] = []
    const trace = options.trace && ((line: TraceLine) => void heard.push(line))
    const town = await Town.open({ scenario, clock, directory, offices, trace })
    try {
      return await new Play(file, town, houses, { ...options, heard }).run()
    } finally {
      await town.close()
    }
  } finally {
    for (const house of houses) await house.drop()
    await notary?.drop()
    await rm(directory, { recursive: true, force: true })
  }
}

interface Hearing extends PlayOptions {
  /** Where what is told gathers. */
  readonly heard: TraceLine[]
}

class Play {
  readonly #file: ScenarioFile
  readonly #scenario: Scenario
  readonly #town: Town
  readonly #houses: readonly OfficeHouse[]
  readonly #print: (text: string) => void
  /** What was told and not yet printed; undefined if nobody listens. */
  readonly #heard: TraceLine[] | undefined
  readonly #steps: StepResult[] = []
  readonly #failures: Failure[] = []

  constructor(
    file: ScenarioFile,
    town: Town,
    houses: readonly OfficeHouse[],
    { print, trace, heard }: Hearing,
  ) {
    this.#file = file
    this.#scenario = file.scenario
    this.#town = town
    this.#houses = houses
    this.#print = print ?? (() => {})
    this.#heard = trace ? heard : undefined
  }

  async run(): Promise<PlayResult> {
    for (const [index, step] of this.#scenario.steps.entries()) await this.#step(step, index)
    const { expect } = this.#scenario
    const snapshot = await this.#town.overview.snapshot()
    if (expect) this.#miss(checkExpectations(expect, ['expect'], snapshot, this.#town.currency))
    const result = this.#result(snapshot)
    this.#printEnd(result)
    return result
  }

  async #step(step: Step, index: number): Promise<void> {
    const { clock } = this.#town
    clock.goTo(timeOf(step, clock.now()))
    // What opened the town belongs to no step.
    this.#heard?.splice(0)
    const path: Path = ['steps', index]
    const outcome = await this.#play(step, index, path)
    const { result, status, text, cashUp, misses = [] } = outcome
    const verb = verbOf(step) ?? 'show'
    const trace = this.#heard?.splice(0)
    this.#steps.push({
      step: index + 1,
      line: this.#file.positionOf(path).line,
      at: new Date(clock.now()).toISOString(),
      verb,
      result,
      ...(status !== undefined && { status }),
      text,
      ...(cashUp && { cashUp }),
      ...(trace && { trace }),
    })
    if (verb !== 'show' && verb !== 'expect') this.#print(stepLine(clock.now(), outcome))
    if (trace && trace.length > 0) this.#print(traceText(trace))
    this.#miss(misses)
    this.#checkOutcome(step, outcome, path)
  }

  async #play(step: Step, index: number, path: Path): Promise<Outcome> {
    const stage: Stage = {
      town: this.#town,
      index,
      print: this.#print,
      tryOrders: (orders, given) => this.#tryOrders(orders, given, [...path, 'order']),
    }
    try {
      return await playStep(step, stage)
    } catch (error) {
      const { file, positionOf } = this.#file
      throw new PlayBroken(file, positionOf(path).line, error)
    }
  }

  /** A step that says nothing must end well, unless it was meant to be cut short. */
  #checkOutcome(step: Step, { result, status, text }: Outcome, path: Path): void {
    const wanted = 'expect' in step && typeof step.expect === 'string' ? step.expect : undefined
    if (wanted === undefined) {
      const isTorn =
        ('tear' in step && step.tear !== undefined) || ('lose' in step && step.lose !== undefined)
      const isWell = result === 'done' || result === 'acknowledged'
      if (!isTorn && !isWell) {
        this.#miss([{ path, expected: `${text}: done`, found: outcomeText(result, status) }])
      }
      return
    }
    const [word, wantedStatus] = wanted.split(' ')
    if (word === result && (wantedStatus === undefined || wantedStatus === status)) return
    const found = outcomeText(result, status)
    this.#miss([{ path: [...path, 'expect'], expected: `${text}: ${wanted}`, found }])
  }

  #miss(misses: readonly Miss[]): void {
    const { file } = this.#file
    for (const { path, expected, found } of misses) {
      const { line } = this.#file.positionOf(path)
      this.#failures.push({ file, line, expected, found })
      this.#print(`\n${file}:${line}: expected ${expected}\n  found ${found}\n`)
    }
  }

  /**
   * Every order at a copy of this office, which is put back to what it was after each. What comes in
   * another order must come to the same: ledgers, accounts and proven cases.
   */
  async #tryOrders(
    orders: Iterable<readonly CarriedBatch[]>,
    given: readonly CarriedBatch[],
    path: Path,
  ): Promise<readonly Miss[]> {
    const town = this.#town
    const [own] = this.#houses
    invariant(own && this.#houses.length === 1, 'a step tries orders at one office')
    await town.offices.stop(own.name)
    const house = await own.copy()
    await town.offices.start(own.name)
    await handIn((till) => town.officeOfTill(till).transport, given)
    await town.offices.settled()
    const wanted = await town.overview.snapshot()
    const misses: Miss[] = []
    for await (const { order, snapshot } of this.#ends(house, orders)) {
      const name = order.map(batchName).join(', ')
      misses.push(...checkSameEnd(name, wanted, snapshot, path))
    }
    return misses
  }

  /** What each order comes to, at an office that is dropped in the end. */
  async *#ends(house: OfficeHouse, orders: Iterable<readonly CarriedBatch[]>) {
    const rewind = await house.keep()
    const copies = new Offices(new Map([[house.name, () => house.open()]]))
    await copies.startAll()
    const { transport } = copies.get(house.name)
    try {
      for (const order of orders) {
        await handIn(() => transport, order)
        await copies.settled()
        yield { order, snapshot: await this.#town.overview.snapshot(copies) }
        await rewind.restore()
      }
    } finally {
      await copies.stopAll()
      await rewind.end()
      await house.drop()
    }
  }

  #result(snapshot: Snapshot): PlayResult {
    const { ledgers, accounts, cases, tills, pufs } = snapshot
    return {
      version: 1,
      title: this.#scenario.title ?? this.#file.file,
      currency: this.#scenario.currency,
      ok: this.#failures.length === 0,
      failures: this.#failures,
      ledgers,
      accounts,
      cases,
      tills,
      pufs,
      steps: this.#steps,
    }
  }

  #printEnd({ ledgers, accounts, cases, tills, pufs, ok, failures }: PlayResult): void {
    const { currency } = this.#town
    const tables = [
      ...Object.entries(ledgers).map(([card, rows]) => ledgerTable(card, rows, currency)),
      accountTable(accounts, currency),
      caseTable(cases, currency),
      tillTable(tills),
      ...(pufs.length > 0 ? [pufTable(pufs)] : []),
    ]
    this.#print('\nIn the end:\n')
    for (const table of tables) this.#print(`${renderTable(table)}\n`)
    this.#print(
      ok ? 'Everything was as expected.' : `${failures.length} expectations did not hold.`,
    )
  }
}

function stepLine(at: Instant, { text, result, status }: Outcome): string {
  return `${dayAndTime(at, 'without-year')}  ${text}: ${outcomeText(result, status)}`
}

function outcomeText(result: string, status: string | undefined): string {
  return status === undefined ? result : `${result}, ${status}`
}
