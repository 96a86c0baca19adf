import type { Role } from './roles.ts'

/**
 * Who may call what, in one table: docs/operating.md prints it. `public` needs no session; `till` is
 * signed by a till's key or its enrolment code; `card` is signed by the card; `signed-in` is every role. What a merchant sees is
 * their own tills, what a cardholder sees their own cards.
 */
export type Access = 'public' | 'till' | 'card' | 'signed-in' | readonly Role[]

const CHIEF = ['root', 'administrator'] as const
const DESK = [...CHIEF, 'operator'] as const
const HELP = [...DESK, 'support'] as const
const STAFF = [...HELP, 'auditor'] as const

export const PERMISSIONS: Readonly<Record<string, Access>> = {
  'GET /healthz': 'public',
  'GET /metrics': 'public',
  'GET /api/openapi.json': 'public',
  'GET /api/office/key': 'public',

  'POST /api/till/enrol': 'till',
  'POST /api/till/batches': 'till',
  'POST /api/till/documents': 'till',

  'POST /api/session': 'public',
  'GET /api/session': 'signed-in',
  'DELETE /api/session': 'signed-in',
  'PUT /api/session/password': 'signed-in',

  'GET /api/cards': [...STAFF, 'cardholder'],
  'POST /api/cards': DESK,
  'GET /api/cards/:id': [...STAFF, 'cardholder'],
  'GET /api/cards/:id/ledger': [...STAFF, 'cardholder'],
  'POST /api/cards/:id/freeze': [...HELP, 'cardholder'],
  'POST /api/cards/:id/release': DESK,
  'POST /api/cards/:id/renew': DESK,
  'POST /api/cards/:id/refund': DESK,

  'GET /api/certificates': 'public',
  'POST /api/wallet/sync': 'card',
  'POST /api/wallet/loads': [...DESK, 'cardholder'],
  'POST /api/wallet/unloads': [...DESK, 'cardholder'],
  'GET /api/cards/:id/holding': [...STAFF, 'cardholder'],
  'POST /api/cards/:id/restore': DESK,
  'POST /api/cards/:id/unblock': HELP,
  'POST /api/cards/:id/give-up': [...DESK, 'cardholder'],
  'POST /api/cards/:id/wallet-policy': CHIEF,
  'GET /api/wallet-policy': STAFF,
  'POST /api/wallet-policy': CHIEF,

  'GET /api/coins': STAFF,
  'GET /api/coins/offer': [...STAFF, 'cardholder'],
  'POST /api/coins': [...DESK, 'cardholder'],
  'POST /api/coins/:id/award': DESK,
  'GET /api/cards/:id/coins': [...STAFF, 'cardholder'],
  'GET /api/cards/:id/elements': [...STAFF, 'cardholder'],
  'POST /api/cards/:id/coins/refund': [...DESK, 'cardholder'],
  'POST /api/tills/:number/vendor-element': CHIEF,
  'GET /api/tills/:number/coins': [...STAFF, 'merchant'],
  'GET /api/tills/:number/elements': [...STAFF, 'merchant'],
  'GET /api/tills/:number/takings': [...STAFF, 'merchant'],
  'POST /api/tills/:number/coins': DESK,

  'GET /api/online/:person': [...STAFF, 'cardholder'],
  'GET /api/online/:person/statement': [...STAFF, 'cardholder'],
  'POST /api/online/:person/deposits': DESK,
  'POST /api/online/:person/withdrawals': DESK,
  'POST /api/online/:person/transfers': 'signed-in',

  'GET /api/merchants': STAFF,
  'POST /api/merchants': DESK,

  'GET /api/tills': [...STAFF, 'merchant'],
  'POST /api/tills': DESK,
  'GET /api/tills/:number': [...STAFF, 'merchant'],
  'POST /api/tills/:number/code': DESK,
  'POST /api/tills/:number/module': CHIEF,
  'GET /api/tills/:number/policies': [...STAFF, 'merchant'],
  'PUT /api/tills/:number/policy': CHIEF,
  'POST /api/tills/:number/stop': DESK,
  'POST /api/tills/:number/keys/:generation/revoke': CHIEF,

  'GET /api/products': [...STAFF, 'merchant'],
  'POST /api/products': DESK,
  'POST /api/products/:id/tokens': DESK,

  'GET /api/people': STAFF,
  'POST /api/people': CHIEF,
  'POST /api/people/:id/disable': CHIEF,
  'PUT /api/people/:id/password': CHIEF,

  'GET /api/accounts': STAFF,
  'GET /api/accounts/:id/transfers': STAFF,
  'GET /api/liquidity': STAFF,
  'PUT /api/liquidity': CHIEF,

  'GET /api/cases': STAFF,
  'GET /api/cases/:id': STAFF,
  'GET /api/cases/:id/export': STAFF,
  'POST /api/cases/:id/resolve': DESK,

  'GET /api/progress': STAFF,
  'GET /api/audit': [...CHIEF, 'auditor'],
  'GET /api/events': STAFF,
}

/** Whom that role may make, disable, or give a new password: nobody raises themselves. */
export function mayManage(own: Role, other: Role): boolean {
  if (own === 'root') return true
  return own === 'administrator' && other !== 'root' && other !== 'administrator'
}
