import { Unreachable } from '../../kernel/ports.ts'
import { OfficeRefused } from '../office-client.ts'
import { OfficeDown } from '../offices.ts'
import type { StepOf } from '../scenario/step-words.ts'
import { done, money, refused, type Outcome, type Stage } from './outcome.ts'

/** What people and operators do at an office’s online wallets. */

export async function deposit({ deposit: words }: StepOf<'deposit'>, { town }: Stage) {
  const person = town.person(words.person)
  const amount = words.amount.in(town.currency)
  const text = `${words.person} gets ${money(town, amount)} into the online wallet`
  return atOffice(text, () =>
    town.offices
      .get(person.office)
      .client.deposit(person.id, { amount, currency: town.currency.code }),
  )
}

export async function withdraw({ withdraw: words }: StepOf<'withdraw'>, { town }: Stage) {
  const person = town.person(words.person)
  const amount = words.amount.in(town.currency)
  const text = `${words.person} is paid out ${money(town, amount)}`
  return atOffice(text, () =>
    town.offices
      .get(person.office)
      .client.withdraw(person.id, { amount, currency: town.currency.code }),
  )
}

export async function transfer({ transfer: words }: StepOf<'transfer'>, { town }: Stage) {
  const amount = words.amount.in(town.currency)
  const text = `${words.from} sends ${money(town, amount)} to ${words.to}`
  return atOffice(text, async () => {
    const client = await town.person(words.from).client()
    const to = town.person(words.to).login.name
    await client.transfer(to, { amount, currency: town.currency.code })
  })
}

/** What an office says no to is how the step ends. */
export async function atOffice(text: string, work: () => Promise<void>): Promise<Outcome> {
  try {
    await work()
    return done(text)
  } catch (error) {
    if (error instanceof OfficeRefused) {
      return refused(String(error.status), `${text}: ${error.message}`)
    }
    if (error instanceof Unreachable || error instanceof OfficeDown) {
      return { result: 'unreachable', text }
    }
    throw error
  }
}

export async function walletPolicy(
  { walletPolicy: words, of = ['all'] }: StepOf<'walletPolicy'>,
  { town }: Stage,
): Promise<Outcome> {
  const isAll = of.length === 1 && of[0] === 'all'
  const text = `wallets ${isAll ? '' : `${of.join(', ')} `}get a new policy`
  return atOffice(text, async () => {
    const wanted = town.changePolicy(words)
    if (isAll) {
      for (const name of town.offices.names) {
        await town.offices.get(name).client.setWalletPolicy(undefined, wanted)
      }
      return
    }
    for (const name of of) {
      await town.officeOfCard(name).client.setWalletPolicy(town.card(name).id, wanted)
    }
  })
}
