import { defineRandomCampaign } from '../schemes/purse/random.ts'

/** A million. */
defineRandomCampaign(500_000, 2)
