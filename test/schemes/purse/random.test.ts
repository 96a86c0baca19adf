import { defineRandomCampaign } from './random.ts'

/** A taste; test/long/ has the whole campaign. */
defineRandomCampaign(10_000)
