import type { Float } from '../../../till/scheme.ts'
import type { VendorStatus } from '../orders.ts'

/** Fewer coins than that, and many amounts do not work out. */
const FEW = 8

export function floatOf({ total, coins, float }: VendorStatus): Float {
  return {
    result: 'float',
    total,
    coins: float,
    warning: coins < FEW ? warningOf(coins) : undefined,
  }
}

function warningOf(coins: number): string {
  const left = coins === 0 ? 'There is no change left' : `Only ${coins} coins of change are left`
  return `${left}: customers need the exact amount more often. Have the bank sell this till a float.`
}
