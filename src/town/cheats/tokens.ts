import { SCHEME, tillRecord } from '../../schemes/coin/message.ts'
import type { SpendableToken } from '../../till/scheme.ts'
import { withTokens as inBlock, type Told } from './block.ts'

/** Says that other units were sold: where a payment is in coins, that is the till's word alone. */
export function withTokens(told: Told, tokens: readonly SpendableToken[]): Told {
  if (told.scheme !== SCHEME) return inBlock(told, tokens)
  const shown = tillRecord.decode(told.evidence)
  const evidence = tillRecord.encode({ ...shown, tokens: tokens.map(({ bytes }) => bytes) })
  return { ...told, evidence }
}
