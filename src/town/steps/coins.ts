import { invariant } from '../../kernel/errors.ts'
import { sum } from '../../kernel/money.ts'
import type { StepOf } from '../scenario/step-words.ts'
import { money, type Outcome, type Stage } from './outcome.ts'
import { atOffice } from './people.ts'

/** What happens to coins beside payments. */

export async function buyCoins(
  { buyCoins: words }: StepOf<'buyCoins'>,
  { town }: Stage,
): Promise<Outcome> {
  const values = words.coins.map((coin) => coin.in(town.currency))
  const text = `${town.holderOf(words.card).name} buys coins for ${money(town, sum(values))} for ${words.card}`
  return atOffice(text, async () => {
    const { result } = await town.desk.buyCoins(town.card(words.card), values)
    invariant(result === 'done', 'a chip takes the coins that were made for it')
  })
}
