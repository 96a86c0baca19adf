import type { Verdict } from '../office/scheme.ts'
import { runVerifyJob, type VerifyJob } from '../office/ledger/verifier.ts'
import { officeSchemes } from './office.ts'

/** What a verification thread runs: src/office/ledger/verifier-pool.ts starts it. */
export default function verifyInWorker(job: VerifyJob): Verdict[] {
  return runVerifyJob(officeSchemes, job)
}
