import type { z } from 'zod'
import type * as schema from '../../src/till/kiosk-schema.ts'
import { post } from '../shared/http.ts'

/** The till's own server, docs/till-api.md: its schemas are these types. */
export type TillState = schema.StateJson
export type Answer = schema.AnswerJson
export type TillRecord = schema.RecordJson
export type CardView = schema.ViewJson
export type Product = TillState['products'][number]
export type LooseCard = TillState['cards'][number]
export type Receipt = z.output<typeof schema.receipt>
export type ReceiptList = z.output<typeof schema.receiptList>
export type OrderRequest = z.input<typeof schema.orderRequest>

export async function beginOrder(order: OrderRequest): Promise<void> {
  await post('api/order', order)
}

export async function tapCard(card: string): Promise<void> {
  await post('api/tap', { card })
}

export async function showCard(card: string): Promise<Answer> {
  return await post<Answer>('api/show', { card })
}

export async function giveUp(): Promise<void> {
  await post('api/give-up')
}

export async function setNetwork(online: boolean): Promise<void> {
  await post('api/network', { online })
}

export async function synchronise(): Promise<void> {
  await post('api/sync')
}

export type CashUp = schema.CashUpJson
export type Float = schema.FloatJson

export async function cashUp(): Promise<CashUp> {
  return await post<CashUp>('api/cash-up')
}

export async function enrolTill(code: string): Promise<void> {
  await post('api/enrol', { code })
}
