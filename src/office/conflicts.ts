import { DatabaseError } from 'pg'
import { OfficeError } from './errors.ts'

const UNIQUE_VIOLATION = '23505'
const FOREIGN_KEY_VIOLATION = '23503'
const CHECK_VIOLATION = '23514'

/** What the database itself refuses, so that two at once cannot both have it: by the constraint's name. */
const CONFLICTS: Readonly<Record<string, readonly [field: string, message: string]>> = {
  card_label_key: ['body.label', 'Another card has this label: choose another one.'],
  card_chip: ['body.uid', 'This chip carries a living card: renew or retire that one first.'],
  merchant_name_key: ['body.name', 'Another merchant has this name.'],
  till_name_key: ['body.name', 'Another till has this name.'],
  product_merchant_name_key: ['body.name', 'This merchant has a product of this name.'],
  person_login_key: ['body.login', 'Another person has this login.'],
}
const LACKING: Readonly<Record<string, readonly [field: string, message: string]>> = {
  account_online_covered: ['body.amount', 'There is not so much in the online wallet.'],
}
const MISSING: Readonly<Record<string, readonly [field: string, message: string]>> = {
  card_holder_fkey: ['body.holder', 'There is no such person.'],
  till_merchant_fkey: ['body.merchant', 'There is no such merchant.'],
  product_merchant_fkey: ['body.merchant', 'There is no such merchant.'],
  person_merchant_fkey: ['body.merchant', 'There is no such merchant.'],
}

/** The refusal that a violated constraint stands for; undefined if it is no such thing. */
export function conflictOf(error: unknown): OfficeError | undefined {
  if (!(error instanceof DatabaseError)) return undefined
  const name = error.constraint ?? ''
  if (error.code === UNIQUE_VIOLATION) return refusalOf('conflict', CONFLICTS[name])
  if (error.code === FOREIGN_KEY_VIOLATION) return refusalOf('bad_input', MISSING[name])
  if (error.code === CHECK_VIOLATION) return refusalOf('conflict', LACKING[name])
  return undefined
}

function refusalOf(
  refusal: 'conflict' | 'bad_input',
  entry: readonly [field: string, message: string] | undefined,
): OfficeError | undefined {
  return entry && new OfficeError(refusal, entry[1], entry[0])
}
