import { defineLost } from '../schemes/wallet/phone-lost.ts'

defineLost({ step: 1 })
