import { runPackedJob, type PackedJob } from '../office/ledger/verifier-pool.ts'
import type { Verdict } from '../office/scheme.ts'
import { officeSchemes } from './office.ts'

/** What a verification thread runs: src/office/ledger/verifier-pool.ts starts it. */
export default function verifyInWorker(job: PackedJob): Verdict[] {
  return runPackedJob(officeSchemes, job)
}
