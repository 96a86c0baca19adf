import { defineCampaign } from '../card/multiflex/campaign.ts'

/** A million. */
defineCampaign({ modelled: 400_000, raw: 300_000, stranger: 300_000 })
