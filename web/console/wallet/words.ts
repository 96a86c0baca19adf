import type { Holding, Liquidity } from '../../shared/api.ts'

/** What an office tells a card to do. */
export const INSTRUCTION_WORDS: Readonly<Record<NonNullable<Holding['underWay']>['kind'], string>> =
  {
    load: 'take up a load',
    acknowledge: 'forget what the office has',
    restore: 'put its balance right',
    void: 'leave a number out',
    unblock: 'unblock its PIN',
  }

export const LIQUIDITY_WORDS: Readonly<
  Record<Liquidity['policy'], { readonly title: string; readonly meaning: string }>
> = {
  hold: {
    title: 'It waits',
    meaning: 'A payee has the money once the payer’s cards have been synchronised.',
  },
  pool: {
    title: 'The office advances it',
    meaning: 'Payees have the money at once, and the pool gets it back from what comes next.',
  },
  provenance: {
    title: 'It waits, and cards bring proof along',
    meaning: 'Cards carry the payments that theirs stand on, so that the money is found sooner.',
  },
}
