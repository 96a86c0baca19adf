import { decodeBatch, verifyBatch } from '../../kernel/batch.ts'
import { verifySigned } from '../../kernel/cose.ts'
import { unlessMalformed } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import { digestOf } from '../../kernel/ids.ts'
import { publicKeyFrom, type PublicKey } from '../../kernel/p256.ts'
import { decodeSynchronisation, itemsOf } from '../../kernel/synchronisation.ts'
import { tokenSignedBy } from '../../kernel/token.ts'
import type { Allowed } from '../ledger/tracing.ts'
import type { OfficeScheme } from '../scheme.ts'
import { readCoinEvidence, replayCoins, type CoinEvidence } from './coins.ts'
import { decodeCaseFile, type CaseFile } from './document.ts'
import { follows, readAll, replay, type HandedIn, type Read, type ReplayFacts } from './replay.ts'

/** What a stranger can come to, in the order of the checks. */
export const CASE_RESULTS = [
  /** Not a case file. */
  'malformed',
  /** The root's signature is not on it. */
  'not_signed',
  /** A batch is not what its till signed. */
  'bad_evidence',
  /** The batches are genuine, and do not show what the file says; nor is that for the office alone to see. */
  'does_not_follow',
  /** The batches are genuine; that it follows from them is the office's signed word. */
  'office_only',
  'proven',
] as const
export type CaseResult = (typeof CASE_RESULTS)[number]

export interface CaseCheck {
  readonly result: CaseResult
  /** What was checked, in order, up to the check that did not pass. */
  readonly steps: readonly CheckStep[]
  /** Undefined as long as nothing says that it is the office's. */
  readonly file: CaseFile | undefined
}

export interface CheckStep {
  readonly passed: boolean
  /** For people. */
  readonly text: string
}

/**
 * Checks a case file with the office's public key and nothing else: no network, no database, no secret.
 * Pure.
 *
 * @param schemes all that there are: each verifies its own evidence.
 */
export function verifyCaseFile(
  bytes: Uint8Array,
  root: PublicKey,
  schemes: readonly OfficeScheme[],
): CaseCheck {
  const steps: CheckStep[] = []
  const passed = (text: string) => steps.push({ passed: true, text })
  const ended = (result: CaseResult, text: string, file?: CaseFile): CaseCheck => ({
    result,
    steps: [...steps, { passed: result === 'proven', text }],
    file,
  })

  const received = unlessMalformed(() => decodeCaseFile(bytes))
  if (!received) return ended('malformed', 'It is not a case file, or not a whole one.')
  passed('It is a case file.')
  const { file, document } = received
  if (!verifySigned(document, root)) {
    return ended('not_signed', 'It is not what the office whose key you gave has signed.')
  }
  passed('The office whose key you gave has signed it as it is.')

  const handedIn = openEvidence(file)
  if (!handedIn) {
    return ended(
      'bad_evidence',
      'A batch in it is not what the till that it names has signed.',
      file,
    )
  }
  const coins = file.coins && readCoinEvidence(file.coins, schemes)
  if (file.coins && !coins) {
    return ended(
      'bad_evidence',
      'Something about coins in it is not signed by whom it names, or he is not certified.',
      file,
    )
  }
  if (file.coins) passed(signedAbout(file.coins))
  if (!file.coins || handedIn.length > 0) passed(cameFrom(handedIn))

  const read = readAll(handedIn, schemes, {
    keys: file.keys,
    secrets: readingKeysIn(file, schemes),
  })
  if (!coins) passed(readable(read))
  const found = [
    ...replay(read, schemes, factsOf(file, root), coins?.entries),
    ...(coins ? replayCoins(coins) : []),
  ]
  if (follows(file.finding, found)) {
    return ended(
      'proven',
      'The rules of the office find this case in it, and no other party.',
      file,
    )
  }
  return file.checkable === 'office'
    ? ended(
        'office_only',
        'The rest takes the office’s books or secret keys: it is its word.',
        file,
      )
    : ended('does_not_follow', 'The rules of the office do not find this case in it.', file)
}

/**
 * Only what a scheme gives to strangers. With secrets an office could make up whatever its scheme
 * checks by them; what reading keys can be made of is no reading keys but secrets.
 */
function readingKeysIn({ readingKeys }: CaseFile, schemes: readonly OfficeScheme[]) {
  return Object.fromEntries(
    schemes.flatMap((scheme) => {
      const given = readingKeys[scheme.name]
      if (!scheme.readingKeys || !given) return []
      const isSecret = unlessMalformed(() => scheme.readingKeys?.(given, [])) !== undefined
      return isSecret ? [] : [[scheme.name, given] as const]
    }),
  )
}

/** Undefined if something is not what it says, or a batch is not signed by its till. */
function openEvidence({
  batches,
  synchronisations,
  keys,
}: CaseFile): readonly HandedIn[] | undefined {
  const opened = unlessMalformed(() => [
    ...batches.map((bytes) => openBatch(bytes, keys)),
    ...synchronisations.map((bytes) => ({
      items: itemsOf(decodeSynchronisation(bytes)),
      batch: undefined,
      digest: digestOf(sha256(bytes)),
    })),
  ])
  return opened?.every((one) => one !== undefined) ? opened : undefined
}

/** @throws {FormatError} if it is not a batch. */
function openBatch(bytes: Uint8Array, keys: CaseFile['keys']): HandedIn | undefined {
  const received = decodeBatch(bytes)
  const { batch, digest } = received
  const own = keys.find(
    ({ maker, generation }) => maker === batch.till && generation === batch.generation,
  )
  if (!own || !verifyBatch(received, publicKeyFrom(own.publicKey))) return undefined
  return { items: batch.items, batch, digest: digestOf(digest) }
}

const NOTHING: Allowed = { mayLoad: false, freeAmounts: false }

function factsOf({ finding, known, policies }: CaseFile, root: PublicKey): ReplayFacts {
  return {
    allowed: (till, version) =>
      policies.find((policy) => policy.till === till && policy.version === version) ?? NOTHING,
    known: (card) => (card === finding.card ? known : []),
    issued: ({ bytes, price, till }) => (tokenSignedBy(root, bytes) ? { price, till } : undefined),
  }
}

function cameFrom(handedIn: readonly HandedIn[]): string {
  const tills = handedIn.flatMap(({ batch }) => (batch ? `till ${batch.till}` : []))
  const from = [...new Set(tills)].join(' and ')
  const signed = counted(tills.length, 'batch')
  const cards = handedIn.length - tills.length
  if (cards === 0) return `The evidence is whole, as ${from} signed it: ${signed}.`
  const others = `what was handed in for cards, ${cards} times`
  return `The evidence is whole: ${others}${from && `, and ${signed} that ${from} signed`}.`
}

function signedAbout({ opened, transfers }: CoinEvidence): string {
  const items = opened.length > 0 ? `what ${counted(opened.length, 'vendor element')} said` : ''
  const moves = transfers.length > 0 ? counted(transfers.length, 'change') + ' of hands' : ''
  return `The evidence is whole: ${items}${moves}, signed by elements that a bank and the root in it have certified.`
}

function readable(read: readonly Read[]): string {
  const verdicts = read.flatMap((one) => one.verdicts)
  const good = verdicts.filter(({ ok }) => ok).length
  const rest = verdicts.length - good
  const others = rest === 0 ? '' : ` ${counted(rest, 'other')} cannot be read with this file.`
  return `${counted(good, 'record')} in it can be read, each signed by who made it.${others}`
}

function counted(count: number, what: string): string {
  const plural = what === 'batch' ? 'batches' : `${what}s`
  return `${count} ${count === 1 ? what : plural}`
}
