import type { CaseCheck } from '../../src/office/case-file/verify.ts'
import { verifyCaseFile } from '../../src/office/case-file/verify.ts'
import { exportCase } from '../../src/office/case-file/export.ts'
import type { Bytes } from '../../src/kernel/bytes.ts'
import { listCases, type Case } from '../../src/office/ledger/cases.ts'
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
  const cases = await listCases(office.db)
  const proven = cases.filter(({ strength, withdrawn }) => strength === 'proven' && !withdrawn)
  const exported: ExportedCase[] = []
  for (const found of proven) {
    const file = await exportOne(office, found)
    exported.push({ found, file, check: verifyCaseFile(file, office.key.publicKey, officeSchemes) })
  }
  return exported
}

export async function exportOne(office: Office, found: Case): Promise<Bytes> {
  const row = await office.db
    .selectFrom('card')
    .select('currency')
    .where('id', '=', found.card ?? '')
    .executeTakeFirst()
  return office.db.transaction().execute((trx) => exportCase(trx, office, found, row?.currency))
}
