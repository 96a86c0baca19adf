import type { OnlineLine } from '../../shared/api.ts'

/** What moved money into or out of an online wallet. */
export const ONLINE_WORDS: Readonly<
  Record<OnlineLine['kind'], { readonly in: string; readonly out: string }>
> = {
  deposit: { in: 'Paid in', out: 'Paid in' },
  withdrawal: { in: 'Paid out', out: 'Paid out' },
  transfer: { in: 'From', out: 'To' },
  load: { in: 'To card', out: 'To card' },
  unload: { in: 'From card', out: 'From card' },
  returned: { in: 'Not loaded after all: card', out: 'Not loaded after all: card' },
  coins: { in: 'Coins bought', out: 'Coins bought' },
  'coins-back': { in: 'Coins given back', out: 'Coins given back' },
  other: { in: 'Put right by the office', out: 'Put right by the office' },
}
