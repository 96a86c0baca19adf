/** From the most trusted to the least; docs/operating.md says what each is for. */
export const ROLES = [
  'root',
  'administrator',
  'operator',
  'support',
  'auditor',
  'merchant',
  'cardholder',
] as const
export type Role = (typeof ROLES)[number]
