import { toHex, type Bytes } from '../kernel/bytes.ts'
import { sha256 } from '../kernel/hash.ts'
import {
  decodeRequest,
  REQUEST_AGE_MAX,
  signAnswer,
  verifyRequest,
  type NotaryAct,
  type NotaryAnswer,
  type NotaryResult,
  type ReceivedRequest,
  type ResultOf,
} from '../kernel/notary.ts'
import { invariant } from '../kernel/errors.ts'
import type { Clock, Instant, RandomSource } from '../kernel/ports.ts'
import { isValidAt } from '../kernel/cvc.ts'
import type { ReadSubject } from '../schemes/wallet/certificates.ts'
import { addBank, addElements, noteSaid, showCoins, tellCard, whoIs } from './banks.ts'
import { readCoinFeed } from './coin-feed.ts'
import { decide } from './coins.ts'
import type { NotaryDb } from './database.ts'
import {
  joinOffice,
  listRevoked,
  listRoots,
  loadNotaryKeys,
  officeCertificates,
  type NotaryKey,
} from './keys.ts'
import { giveBack, permit, show, type Asking } from './permits.ts'
import { accountsOf, readFeed } from './reports.ts'
import { settleAll, type Beliefs } from './settlement.ts'
import { keyName, Trust } from './trust.ts'

export interface NotaryParts {
  readonly db: NotaryDb
  readonly clock: Clock
  readonly random: RandomSource
  /** 32 bytes; see data-key.ts. */
  readonly dataKey: Bytes
}

/**
 * A notary on a migrated database; its first key is made if there is none. It decides by what is in the
 * database alone, so several processes may serve one.
 *
 * @throws {WrongDataKey} if the database was sealed with another data key.
 */
export async function createNotary({ db, clock, random, dataKey }: NotaryParts): Promise<Notary> {
  return new Notary(db, clock, await loadNotaryKeys(db, dataKey, random, clock.now()))
}

export class Notary {
  readonly db: NotaryDb
  readonly keys: readonly NotaryKey[]
  readonly #clock: Clock
  /** Kept while the roots stay the same, for the certificates that it has verified. */
  #trust: { readonly roots: string; readonly trust: Trust } | undefined

  constructor(db: NotaryDb, clock: Clock, keys: readonly NotaryKey[]) {
    this.db = db
    this.keys = keys
    this.#clock = clock
  }

  /**
   * Answers a request; the answer is signed whatever it says.
   *
   * @throws {FormatError} if the bytes are no request.
   */
  async answer(bytes: Uint8Array): Promise<Bytes> {
    const received = decodeRequest(bytes)
    const at = this.#clock.now()
    const beliefs = await this.#beliefs()
    const { result, results } = await this.#perform(received, beliefs, at)
    const { notary } = received.request
    // Of a key that it never had the office knows nothing: it will see that the answer is not signed so.
    const known = this.keys.find(({ generation }) => generation === notary) ?? this.keys.at(-1)
    invariant(known, 'a notary has a key')
    return signAnswer(known.key, known.generation, {
      request: received.digest,
      result,
      notaryTime: at,
      results: [...results],
    })
  }

  async #perform(
    received: ReceivedRequest,
    beliefs: Beliefs,
    at: Instant,
  ): Promise<{ result: NotaryAnswer['result']; results: readonly NotaryResult[] }> {
    const { request } = received
    const known = await officeCertificates(this.db, request.office)
    const joining = joiningWith(request.acts, beliefs, request.office, at)
    const signer =
      known.find(({ generation }) => generation === request.generation) ??
      (joining?.generation === request.generation ? joining : undefined)
    if (!signer) return { result: 'unknown key', results: [] }
    if (beliefs.revoked.has(keyName(signer))) return { result: 'revoked key', results: [] }
    if (!verifyRequest(received, signer.certificate.publicKey)) {
      return { result: 'bad signature', results: [] }
    }
    if (Math.abs(at - request.madeAt) > REQUEST_AGE_MAX) return { result: 'stale', results: [] }
    const keys = [...new Set([signer, ...known])]
      .filter((each) => !beliefs.revoked.has(keyName(each)))
      .map(({ certificate }) => certificate.publicKey)
    const notaryKey = this.keys.find(({ generation }) => generation === request.notary)
    const asking: Asking = { office: request.office, keys, notaryKey }
    return { result: 'done', results: await this.#performAll(request.acts, asking, beliefs, at) }
  }

  /** In their order; all settlements of a request are one change of the books, made when the first comes. */
  async #performAll(
    acts: readonly NotaryAct[],
    asking: Asking,
    beliefs: Beliefs,
    at: Instant,
  ): Promise<readonly NotaryResult[]> {
    const items = acts.flatMap((act) => (act.act === 'settle' ? [act.evidence] : []))
    let settled: ResultOf<'settle'>[] | undefined
    const results: NotaryResult[] = []
    for (const act of acts) {
      if (act.act === 'settle') {
        settled ??= [...(await settleAll(this.db, beliefs, asking.office, items, at))]
        const result = settled.shift()
        invariant(result, 'every settlement has a result')
        results.push(result)
      } else {
        results.push(await this.#performOne(act, asking, beliefs, at))
      }
    }
    return results
  }

  async #performOne(
    act: Exclude<NotaryAct, { readonly act: 'settle' }>,
    asking: Asking,
    beliefs: Beliefs,
    at: Instant,
  ): Promise<NotaryResult> {
    const { db } = this
    const { trust } = beliefs
    switch (act.act) {
      case 'join':
        return { act: 'join', result: await this.#join(act.certificate, beliefs, asking, at) }
      case 'permit':
        return permit(db, trust, asking, act, at)
      case 'give back':
        return giveBack(db, trust, asking, act, at)
      case 'show': {
        const keys = this.keys.map(({ key }) => key.publicKey)
        return show(db, trust, keys, act.evidence, at)
      }
      case 'feed':
        return { act: 'feed', ...(await readFeed(db, asking.office, act.after)) }
      case 'accounts':
        return { act: 'accounts', accounts: [...(await accountsOf(db, asking.office))] }
      case 'bank':
        return { act: 'bank', result: await addBank(db, trust, asking.office, act, at) }
      case 'elements':
        return { act: 'elements', result: await addElements(db, asking.office, act) }
      case 'who is':
        return { act: 'who is', ...(await whoIs(db, act)) }
      case 'show coins':
        return { act: 'show coins', result: await showCoins(db, asking.office, act) }
      case 'card':
        return { act: 'card', result: await tellCard(db, asking.office, act) }
      case 'said':
        return { act: 'said', result: await noteSaid(db, asking.office, act) }
      case 'decide':
        return decide(db, asking.office, act, at)
      case 'coin feed':
        return { act: 'coin feed', ...(await readCoinFeed(db, asking.office, act.after)) }
    }
  }

  async #join(
    certificate: Bytes,
    beliefs: Beliefs,
    { office }: Asking,
    at: Instant,
  ): Promise<'wrong certificate' | 'joined'> {
    const subject = joiningWith([{ act: 'join', certificate }], beliefs, office, at)
    if (!subject) return 'wrong certificate'
    return (await joinOffice(this.db, subject, at)) ? 'joined' : 'wrong certificate'
  }

  /** Read anew for every request: an operator may have changed them from another process. */
  async #beliefs(): Promise<Beliefs> {
    const revoked = new Set((await listRevoked(this.db)).keys())
    const roots = (await listRoots(this.db)).filter((root) => !revoked.has(keyName(root)))
    const name = roots.map(({ bytes }) => toHex(sha256(bytes))).join(' ')
    if (this.#trust?.roots !== name) this.#trust = { roots: name, trust: new Trust(roots) }
    return { trust: this.#trust.trust, revoked }
  }
}

/** The certificate of that office that one of these acts brings, if it is good today. */
function joiningWith(
  acts: readonly NotaryAct[],
  { trust, revoked }: Beliefs,
  office: number,
  at: Instant,
): ReadSubject | undefined {
  return acts
    .flatMap((act) => (act.act === 'join' ? (trust.certified(act.certificate) ?? []) : []))
    .find(
      (subject) =>
        subject.role === 'office' &&
        subject.party.office === office &&
        isValidAt(subject.certificate, at) &&
        !revoked.has(keyName(subject)),
    )
}
