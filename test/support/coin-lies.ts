import { generatePrivateKey, openSealed, sealTo, type PrivateKey } from '../../src/kernel/p256.ts'
import type { RandomSource } from '../../src/kernel/ports.ts'
import { openMessage, signMessage } from '../../src/kernel/signed-message.ts'
import { readBank } from '../../src/schemes/coin/office/authority.ts'
import {
  CONTEXT,
  evidence,
  payment,
  readCoin,
  settlement,
  tillRecord,
  transfer,
  type Evidence,
  type Payment,
} from '../../src/schemes/coin/message.ts'
import { crackedKey } from '../schemes/coin/bench.ts'
import type { Chip } from '../schemes/coin/world.ts'
import type { CoinOffice, Shop, Shown } from './coin-office.ts'

export type Lie = (honest: Evidence) => Evidence

interface Liar {
  readonly vendor: Chip
  /** To whom he tells it. */
  readonly office: PrivateKey
  readonly random: RandomSource
}

/** The evidence of a vendor who has taken his own element to pieces, and signs what he likes. */
export function altered(
  records: readonly Shown[],
  { vendor, office, random }: Liar,
  lie: Lie,
): readonly Shown[] {
  const key = crackedKey(vendor, 'vendor element')
  return records.map(({ state, evidence: bytes }) => {
    const shown = tillRecord.decode(bytes)
    const [outcome] = shown.outcome
    if (!outcome) throw new Error('it was decided')
    const { content } = openMessage(evidence, openSealed(office, outcome.sealed, CONTEXT.evidence))
    const lied = signMessage(evidence, lie(content), key)
    const sealed = sealTo(office.publicKey, lied, CONTEXT.evidence, random)
    return { state, evidence: tillRecord.encode({ ...shown, outcome: [{ ...outcome, sealed }] }) }
  })
}

/** Of all that a shop has to show. */
export function lying(town: CoinOffice, shop: Shop, lie: Lie): readonly Shown[] {
  const { readingKey: office } = readBank(town.office.office.secretsOf('coin'))
  const liar = { vendor: shop.vendor.chip, office, random: town.world.random }
  return altered(shop.records(), liar, lie)
}

export function withPayment(content: Evidence, change: (honest: Payment) => Payment): Evidence {
  const [bytes = new Uint8Array()] = content.payment
  return { ...content, payment: [payment.encode(change(payment.decode(bytes)))] }
}

/** Coins that say to be worth something else, and that their payer’s own element signs for. */
export function forgedBy(payer: Chip): Lie {
  return (content) =>
    withPayment(content, (honest) => {
      const coins = honest.coins.map(({ coin, hops }) => {
        const forged = coin.slice()
        forged[12] = (forged[12] ?? 0) ^ 1
        return { coin: forged, hops }
      })
      const key = crackedKey(payer, 'coin element')
      const given = openMessage(transfer, honest.transfer).content
      const moved = { ...given, coins: coins.map((held) => readCoin(held).digest) }
      return { ...honest, coins, transfer: signMessage(transfer, moved, key) }
    })
}

/** A payment whose transfer is signed by nobody that is known. */
export const unsigned: Lie = (content) =>
  withPayment(content, (honest) => {
    const given = openMessage(transfer, honest.transfer).content
    return { ...honest, transfer: signMessage(transfer, given, generatePrivateKey()) }
  })

/** Coins that are not those that their payer’s element signed for. */
export function movingNothing(payer: Chip): Lie {
  return (content) =>
    withPayment(content, (honest) => {
      const key = crackedKey(payer, 'coin element')
      const given = openMessage(transfer, honest.transfer).content
      return { ...honest, transfer: signMessage(transfer, { ...given, coins: [] }, key) }
    })
}

/** No change, whatever was paid. */
export function keepingAll(vendor: Chip): Lie {
  return (content) => {
    const { content: honest } = openMessage(
      transfer,
      settlement.decode(content.settlement).transfer,
    )
    const key = crackedKey(vendor, 'vendor element')
    const given = signMessage(transfer, { ...honest, coins: [] }, key)
    return { ...content, settlement: settlement.encode({ transfer: given, coins: [] }) }
  }
}
