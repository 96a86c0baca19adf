import { defineBadInput } from './bad-input.ts'

/** A taste; test/long/ has the whole campaign. */
defineBadInput({
  batches: 1000,
  requests: 300,
  bodies: 1000,
  paths: 500,
  evidence: 800,
  blocks: 1000,
  documents: 500,
  lies: 300,
})
