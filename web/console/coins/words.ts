import type { Coin, CoinElement } from '../../shared/api.ts'
import type { Tone } from '../../shared/Tag.tsx'

/** How long after it has expired a coin can still be shown: then its bank gives it back. As the office has it. */
const GRACE = 60 * 24 * 3600 * 1000

interface CoinWords {
  readonly tone: Tone
  readonly title: string
  /** When something happens to it by itself. */
  readonly until?: number
}

/** What became of a coin. */
export function coinWords({ state, refunded, expires }: Coin, now: number): CoinWords {
  switch (state) {
    case 'redeemed':
      return { tone: 'plain', title: 'paid out' }
    case 'contested':
      return { tone: 'bad', title: 'claimed by several' }
    case 'refunded':
      return { tone: 'plain', title: refunded === 'lost' ? 'given back' : 'expired, given back' }
    case 'outside':
      return expires < now
        ? { tone: 'wait', title: 'expired', until: expires + GRACE }
        : { tone: 'good', title: 'good' }
  }
}

export const ELEMENT_WORDS: Readonly<Record<CoinElement['role'], string>> = {
  'identity element': 'Identity element',
  'coin element': 'Coin element',
  'vendor element': 'Vendor element',
}

export function coinsText(count: number): string {
  return count === 1 ? '1 coin' : `${count} coins`
}
