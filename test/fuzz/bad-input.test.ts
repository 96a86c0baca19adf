import { defineBadInput } from './bad-input.ts'

/** A taste; test/long/ has the whole campaign. */
defineBadInput({
  batches: 2000,
  requests: 500,
  bodies: 2000,
  paths: 1000,
  evidence: 1500,
  blocks: 2000,
  documents: 1000,
  lies: 600,
})
