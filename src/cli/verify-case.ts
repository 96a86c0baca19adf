import { readFile } from 'node:fs/promises'
import type { Bytes } from '../kernel/bytes.ts'
import { FormatError } from '../kernel/errors.ts'
import { currency, formatAmount } from '../kernel/money.ts'
import { fingerprintOf, publicKeyFromPem, type PublicKey } from '../kernel/p256.ts'
import type { CaseFile } from '../office/case-file/document.ts'
import { verifyCaseFile, type CaseCheck, type CaseResult } from '../office/case-file/verify.ts'
import { caseWords } from '../office/ledger/case-words.ts'
import type { Suspect } from '../office/ledger/findings.ts'
import { officeSchemes } from '../schemes/office.ts'
import type { VerifyCaseCommand } from './command-line.ts'
import { EXIT, InputError, type ExitStatus, type Io } from './io.ts'
import { codeOf } from './system.ts'

const STATUS: Readonly<Record<CaseResult, ExitStatus>> = {
  malformed: EXIT.INPUT,
  not_signed: EXIT.NOT_SIGNED,
  bad_evidence: EXIT.BAD_EVIDENCE,
  does_not_follow: EXIT.DOES_NOT_FOLLOW,
  office_only: EXIT.OFFICE_ONLY,
  proven: EXIT.OK,
}

/** `kontant verify-case FILE`: reads two files, and nothing else. */
export async function verifyCase(
  { file, root, json }: VerifyCaseCommand,
  io: Io,
): Promise<ExitStatus> {
  const key = await readKey(root)
  const check = verifyCaseFile(await readInput(file), key, officeSchemes)
  if (json) io.out(JSON.stringify(toJson(check, key), undefined, 2))
  else for (const line of linesOf(check, key)) io.out(line)
  return STATUS[check.result]
}

async function readKey(path: string): Promise<PublicKey> {
  const text = new TextDecoder().decode(await readInput(path))
  try {
    return publicKeyFromPem(text, path)
  } catch (error) {
    if (error instanceof FormatError) throw new InputError(error.message)
    throw error
  }
}

/** @throws {InputError} if it cannot be read. */
async function readInput(path: string): Promise<Bytes> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    throw new InputError(code === 'ENOENT' ? `${path} is missing` : `${path}: ${code}`)
  }
}

function toJson({ result, steps, file }: CaseCheck, key: PublicKey) {
  return { result, root: fingerprintOf(key), steps, case: file ? caseToJson(file) : null }
}

function caseToJson({
  id,
  openedAt,
  madeAt,
  checkable,
  finding,
  currency: code,
  advice,
}: CaseFile) {
  const { kind, card, suspects, amount, records } = finding
  return {
    id,
    kind,
    card: card ?? null,
    suspects,
    amount: amount === undefined ? null : String(amount),
    currency: code,
    records,
    openedAt,
    madeAt,
    checkable,
    advice,
  }
}

const RESULT_TEXTS: Readonly<Record<CaseResult, string>> = {
  malformed: 'This is not a case file.',
  not_signed: 'Nothing is shown: this is not from that office, or not as it was.',
  bad_evidence: 'Nothing is shown: the evidence is not genuine.',
  does_not_follow: 'Nothing is shown: the evidence is genuine, and there is no such case in it.',
  office_only: 'The evidence is genuine. That the case follows from it, the office alone can see.',
  proven: 'Proven. Nobody else could have made this evidence.',
}

function linesOf({ result, steps, file }: CaseCheck, key: PublicKey): readonly string[] {
  return [
    `Checked with the key ${fingerprintOf(key)}:`,
    ...steps.map(({ passed, text }) => `  ${passed ? 'yes' : 'no '}  ${text}`),
    '',
    ...(file && (result === 'proven' || result === 'office_only') ? [...storyOf(file), ''] : []),
    `${result}: ${RESULT_TEXTS[result]}`,
  ]
}

/** What happened, in the words of the console, and what the office says to do. */
function storyOf({ id, finding, currency: code, advice }: CaseFile): readonly string[] {
  const { card, suspects, amount } = finding
  const words = caseWords(finding)
  const [first] = suspects
  const who = first?.kind === 'card' ? 'The card' : accused(suspects)
  const value =
    amount === undefined || code === null
      ? []
      : [`At stake: ${formatAmount(amount, currency(code))} ${code}`]
  return [
    `Case ${id}: ${words.title}, against ${accused(suspects)}.`,
    words.happened(who, card === undefined ? 'a card' : `card ${card}`),
    ...value,
    'What the office says to do:',
    ...advice.map((line) => `  ${line}`),
  ]
}

/** Of an element of another bank that bank alone knows whose it is. */
function accused(suspects: readonly Suspect[]): string {
  return suspects.length > 0 ? suspects.map(nameOf).join(' and ') : 'somebody of another bank'
}

function nameOf(suspect: Suspect): string {
  return suspect.kind === 'card' ? `card ${suspect.card}` : `till ${suspect.till}`
}
