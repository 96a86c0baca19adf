import type { Generated } from 'kysely'
import type { CoinVerdictWord } from '../../kernel/coin-acts.ts'
import type { CurrencyCode } from '../../kernel/money.ts'
import type { Bytea, Int8, Json, NullableBytea, NullableInt8 } from '../columns.ts'
import type { CoinStep, ElementRole } from './coinage.ts'

/** migrations/0006-coins.sql to 0008-coin-evidence.sql, and 0010-coin-banks.sql to 0012-coin-stops.sql. */
export interface CoinTables {
  coin_element: {
    id: string
    role: ElementRole
    bank: number
    certificate: Bytea
    card: string | null
    till: NullableInt8
    sealed: NullableBytea
    sold: number
    made_at: Int8
    told: Generated<boolean>
  }
  coin: {
    id: string
    element: string
    holder: string
    hops: number
    value: Int8
    currency: CurrencyCode
    expires: Int8
    person: NullableInt8
    merchant: NullableInt8
    register: Bytea
    made_at: Int8
    refunded: 'expired' | 'lost' | null
    bound: Generated<boolean>
  }
  coin_evidence: { digest: Bytea; batch: Int8; index: number }
  coin_step: { giver: string; sequence: Int8; digest: Bytea; evidence: NullableBytea }
  coin_claim: {
    coin: string
    evidence: Bytea
    bank: number
    currency: CurrencyCode
    value: Int8
    expires: Int8
    creditor: string
    chain: Json<readonly CoinStep[]>
    received_at: Int8
  }
  coin_spend: {
    coin: string
    creditor: string | null
    account: NullableInt8
    decided: boolean
    step: number
  }
  coin_bank: {
    number: number
    certificate: Bytea
    known_since: Int8
    shown_up_to: Generated<bigint>
  }
  coin_exchange: {
    one: boolean
    heard: Int8
    heard_at: NullableInt8
    told: boolean
    said: Generated<bigint>
    shown_up_to: Generated<bigint>
    stops_told: Generated<bigint>
  }
  coin_card_abroad: { card: string; bank: number; number: Int8; stopped: boolean }
  coin_part: { evidence: Bytea; bank: number; told: boolean }
  coin_decision: {
    coin: string
    step: number
    verdict: CoinVerdictWord | null
    creditor: string | null
    office: number | null
    told: number
    stale: boolean
  }
  coin_abroad: {
    coin: string
    bank: number
    currency: CurrencyCode
    value: Int8
    step: number
    verdict: CoinVerdictWord | null
    creditor: string | null
    office: number | null
  }
}
