import { defineCampaign } from './campaign.ts'

/** A taste; test/long/ has the whole campaign. */
defineCampaign({ modelled: 8000, raw: 6000, stranger: 6000 })
