import { defineBadInput } from '../fuzz/bad-input.ts'

/** 100,000 and more. */
defineBadInput({
  batches: 30_000,
  requests: 10_000,
  bodies: 30_000,
  paths: 10_000,
  evidence: 15_000,
  blocks: 20_000,
  documents: 10_000,
  lies: 10_000,
})
