import { utf8, type Bytes } from '../../kernel/bytes.ts'
import { FormatError, invariant, unlessMalformed } from '../../kernel/errors.ts'
import { sha256 } from '../../kernel/hash.ts'
import { cardIdBytes, cardIdOf, digestOf, OFFICE } from '../../kernel/ids.ts'
import { constant, message, uint16 } from '../../kernel/message.ts'
import { currencyByNumber } from '../../kernel/money.ts'
import { checkPasscode, randomDigits } from '../../kernel/pin.ts'
import type { NewElement } from '../../office/coins/coinage.ts'
import type {
  Issue,
  IssueRequest,
  IssuingOffice,
  OfficeScheme,
  Verdict,
  VerifyContext,
} from '../../office/scheme.ts'
import { createBank, lifeOf, readBank } from './office/authority.ts'
import { enrolment, makeCard } from './office/bank.ts'
import { isConfirmedBy, readCertificate, ELEMENT_ID_SIZE } from './certificates.ts'
import { coinage, PIN_FREE_MAX } from './office/coinage.ts'
import { certificate, SCHEME } from './message.ts'
import { cardPlan, chipReport, coinPlan } from './plans.ts'

/** Why evidence is no record of a card’s chain. The order is the order of the checks. */
export const COIN_ISSUE_REJECTIONS = ['malformed', 'unknown_currency', 'unknown_card'] as const

/**
 * The office’s side of the scheme `coin`: docs/protocol/coin.md. A card’s chain has its issue and nothing
 * else; what cards pay are coins, and those are {@link OfficeScheme.coinage}.
 */
export const coinOffice: OfficeScheme = {
  name: SCHEME,
  cardSigns: true,
  recordsAreSigned: 'by their maker',
  createSecrets: (_random, at) => createBank(at),
  // A till gets none: what it needs is in its vendor element.
  tillSecrets: () => NOTHING,
  issue,
  coinage,
  route: () => 0,
  verify,
  judge: () => [],
}

const NOTHING: Bytes = new Uint8Array()
const UNBLOCKING_DIGITS = 8
const PASSCODE_DIGITS = 4

/** The start of a card’s chain: the certificate of its coin element, and in which money it pays. */
const issued = message('issued', {
  version: constant(1),
  currency: uint16({}, 'ISO 4217 number'),
  certificate: certificate('of the coin element'),
})

/**
 * @throws {FormatError} if there is no report of its chip, it is of another chip, or the balance is not
 *   0: money comes on a card as coins, and on no other way.
 */
function issue(request: IssueRequest, office: IssuingOffice): Issue {
  const { card, currency, balance, report } = request
  if (!report) throw new FormatError('report', 'expected what the blank chip has told the desk')
  if (balance !== 0n) throw new FormatError('balance', `expected 0, got ${balance}`)
  const { key } = chipReport.decode(report)
  if (!key.every((byte, index) => byte === request.uid[index])) {
    throw new FormatError('uid', 'expected the key that the chip has reported')
  }
  const passcode = request.passcode ?? randomDigits(office.random, PASSCODE_DIGITS)
  checkPasscode(passcode)
  const unblocking = randomDigits(office.random, UNBLOCKING_DIGITS)
  const { bank } = readBank(office.secrets)
  const element = cardIdBytes(card)
  const identity = office.random.bytes(ELEMENT_ID_SIZE)
  const made = makeCard(bank, report, {
    identity,
    element,
    currency,
    pinFreeMax: PIN_FREE_MAX,
    passcode,
    unblocking,
    ...lifeOf('element', office.clock.now()),
  })
  const plan = coinPlan.decode(cardPlan.decode(made.plan).element)
  return {
    evidence: issued.encode({ currency: currency.numeric, certificate: plan.own }),
    plan: made.plan,
    passcode,
    unblocking,
    known: utf8(unblocking),
    elements: [
      elementOf(plan.own, enrolment.encode(made.enrolment)),
      elementOf(plan.identity, undefined),
    ],
  }
}

function elementOf(bytes: Bytes, known: Bytes | undefined): NewElement {
  const { role, element } = readCertificate(bytes)
  invariant(role !== 'root' && role !== 'bank', 'a card has elements')
  return { id: cardIdOf(element), role, certificate: bytes, known }
}

/** Of issues only: what tills hand in, {@link OfficeScheme.coinage} reads. */
function verify(bytes: Uint8Array, { secrets }: VerifyContext): Verdict {
  const content = unlessMalformed(() => issued.decode(bytes))
  const own = content && unlessMalformed(() => readCertificate(content.certificate))
  if (!own || secrets.length === 0) return { ok: false, reason: 'malformed' }
  const currency = unlessMalformed(() => currencyByNumber(content.currency))
  if (!currency) return { ok: false, reason: 'unknown_currency' }
  const bank = readBank(secrets).own
  if (own.role !== 'coin element' || !isConfirmedBy(own, bank)) {
    return { ok: false, reason: 'unknown_card' }
  }
  return {
    ok: true,
    entry: {
      scheme: SCHEME,
      card: cardIdOf(own.element),
      sequence: 0,
      kind: 'issue',
      currency,
      amount: 0n,
      balance: 0n,
      maker: OFFICE,
      generation: 1,
      madeAt: own.certificate.from,
      digest: digestOf(sha256(content.certificate)),
      predecessor: undefined,
      tokens: [],
      policyVersion: 0,
      proof: NOTHING,
      isAttested: true,
      disclosure: NOTHING,
      findings: [],
    },
  }
}
