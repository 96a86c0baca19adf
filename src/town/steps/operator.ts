import {
  accountTable,
  caseTable,
  ledgerTable,
  renderTable,
  tillTable,
  transactionTable,
} from '../report.ts'
import type { CaseResult } from '../result.ts'
import type { StepOf } from '../scenario/step-words.ts'
import type { Town } from '../town.ts'
import { done, refused, type Outcome, type Stage } from './outcome.ts'

/** What an operator does, and what is shown. */

export async function resolve(step: StepOf<'resolve'>, { town }: Stage): Promise<Outcome> {
  const { resolve: wanted, as } = step
  const text = `the operator resolves ${wanted.kind}: ${as}`
  let resolved = 0
  for (const name of town.offices.names) {
    const { client } = town.offices.get(name)
    const [view] = town.overview.views(town.offices, name)
    const fitting = (await client.cases()).filter(
      (found) => view && isWanted(view.caseResult(found), wanted),
    )
    for (const { id } of fitting) await client.resolveCase(id, as)
    resolved += fitting.length
  }
  return resolved === 0 ? refused('no_case', text) : done(text)
}

function isWanted(
  shown: CaseResult,
  { kind, card, suspect, strength }: StepOf<'resolve'>['resolve'],
): boolean {
  return (
    shown.state === 'open' &&
    shown.kind === kind &&
    (card === undefined || card === shown.card) &&
    (suspect === undefined || suspect === shown.suspects[0]) &&
    (strength === undefined || strength === shown.strength)
  )
}

export async function show(
  { show: words }: StepOf<'show'>,
  { town, print }: Stage,
): Promise<Outcome> {
  const { currency } = town
  const tables: string[] = []
  for (const { name } of town.someCards(words.transactions ?? [])) {
    const list = town.transactions.get(name) ?? []
    tables.push(renderTable(transactionTable(name, list, currency)))
  }
  if (words.ledger) {
    const ledgers = await town.overview.ledgers()
    for (const { name } of town.someCards(words.ledger)) {
      tables.push(renderTable(ledgerTable(name, ledgers[name] ?? [], currency)))
    }
  }
  if (words.card) tables.push(...(await cardLines(town, words.card)))
  if (words.accounts)
    tables.push(renderTable(accountTable(await town.overview.accounts(), currency)))
  if (words.cases) tables.push(renderTable(caseTable(await town.overview.cases(), currency)))
  if (words.tills) tables.push(renderTable(tillTable(town.overview.tills())))
  for (const table of tables) print(`\n${table}\n`)
  return done('shown')
}

async function cardLines(town: Town, names: readonly string[]): Promise<readonly string[]> {
  const chips = await town.overview.chips()
  return town.someCards(names).map(({ name }) => {
    const chip = chips.get(name)
    return `${name} holds ${chip && 'balance' in chip ? chip.balance : `nothing that counts: ${chip?.problem ?? ''}`}`
  })
}
