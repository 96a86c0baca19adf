import type { CaseCheck } from '../../src/office/case-file/verify.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import { exportCase } from '../../src/office/case-file/export.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { listCases, type Case } from '../../src/office/ledger/cases.ts'
import type { CaseKind } from '../../src/office/ledger/findings.ts'
import type { Office } from '../../src/office/office.ts'
import { officeSchemes } from '../../src/schemes/office.ts'

export interface ExportedCase {
  readonly found: Case
  readonly file: Bytes
  /** What somebody comes to who has nothing but the file and the office's public key. */
  readonly check: CaseCheck
}

/** Every case that an office holds for proven, as a file, and checked as strangers do. */
export async function exportProven(office: Office): Promise<readonly ExportedCase[]> {
  const exported: ExportedCase[] = []
  for (const found of await provenCases(office)) exported.push(await exportAndCheck(office, found))
  return exported
}

/** The newest of a kind. */
export async function exportNewest(office: Office, kind: CaseKind): Promise<ExportedCase> {
  const newest = (await provenCases(office)).find((found) => found.kind === kind)
  if (!newest) throw new Error(`there is no proven case of ${kind}`)
  return exportAndCheck(office, newest)
}

async function provenCases(office: Office): Promise<readonly Case[]> {
  const cases = await listCases(office.db)
  return cases.filter(({ strength, withdrawn }) => strength === 'proven' && !withdrawn)
}

async function exportAndCheck(office: Office, found: Case): Promise<ExportedCase> {
  const file = await exportOne(office, found)
  return { found, file, check: verifyCaseFile(file, office.key.publicKey, officeSchemes) }
}

export async function exportOne(office: Office, found: Case): Promise<Bytes> {
  const row = await office.db
    .selectFrom('card')
    .select('currency')
    .where('id', '=', found.card ?? '')
    .executeTakeFirst()
  return office.db.transaction().execute((trx) => exportCase(trx, office, found, row?.currency))
}
