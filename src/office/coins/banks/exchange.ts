import { fromHex, type Bytes } from '../../../kernel/bytes.ts'
import { CERTIFICATES_MAX, COIN_FEED_PAGE_MAX, type CoinNews } from '../../../kernel/coin-acts.ts'
import { invariant } from '../../../kernel/errors.ts'
import { cardIdOf } from '../../../kernel/ids.ts'
import type { Instant } from '../../../kernel/ports.ts'
import type { NotaryAct, ResultOf } from '../../../kernel/notary.ts'
import { encodeSynchronisation } from '../../../kernel/synchronisation.ts'
import { NoAnswer } from '../../inter-office-client.ts'
import type { EvidenceService } from '../../ledger/evidence.ts'
import { storeBankUploads } from '../../ledger/intake.ts'
import { lockLedger } from '../../ledger/lock.ts'
import type { ItemPlace } from '../../ledger/sorting.ts'
import { loadContents } from '../../ledger/stored-uploads.ts'
import type { Office } from '../../office.ts'
import type { Coinage, ElementId } from '../coinage.ts'
import { certificatesOf, coinSchemeOf, otherBanks } from '../elements.ts'
import { takeWords } from './abroad.ts'
import { decideStale, noteDecisionsTold, untoldDecisions } from './decisions.ts'
import {
  addForeign,
  advanceHeard,
  exchangeState,
  forgetTold,
  noteBankTold,
  noteElementsTold,
  noteHeardAll,
  notePartsTold,
  noteSaid,
  rejectedForNow,
  takenUpTo as readTakenUpTo,
  untoldElements,
  untoldParts,
} from './exchange-store.ts'
import { forgetStopsTold, noteStopsTold, takeStops, untoldStops } from './stops.ts'

/** Whom this office asks: one result an act. */
export interface NotaryAsker {
  ask<A extends NotaryAct>(acts: readonly A[]): Promise<readonly ResultOf<A['act']>[]>
}

export interface BankExchange {
  /**
   * Everything that there is to hear and to say of coins now. Every step may be done again: the notary does
   * each thing once, and this office each of its news.
   *
   * @throws {NoAnswer}
   */
  exchange(): Promise<void>
}

/** Items of evidence in a request: with their certificates a megabyte and a half at most. */
const SHOWN_AT_ONCE = 20
/** Words about coins or cards in a request. */
const SAID_AT_ONCE = 200
const READ_AT_ONCE = 100
/** How much more has to be shown to say so, ms: nobody waits for minutes. */
const SAID_EVERY = 10 * 60 * 1000

/** Undefined if this office is no bank among others. */
export function createBankExchange(
  office: Office,
  notary: NotaryAsker,
  evidence: Pick<EvidenceService, 'shown' | 'readAgain' | 'settled'>,
): BankExchange | undefined {
  const scheme = coinSchemeOf(office)
  const secrets = scheme && office.secretsOf(scheme.name)
  const membership = secrets && scheme.coinage.membership(secrets)
  if (!membership) return undefined
  return new Exchange({ office, notary, evidence, ...scheme, secrets, ...membership })
}

interface Parts {
  readonly office: Office
  readonly notary: NotaryAsker
  readonly evidence: Pick<EvidenceService, 'shown' | 'readAgain' | 'settled'>
  /** Of the scheme. */
  readonly name: string
  readonly coinage: Coinage
  readonly secrets: Bytes
  readonly bank: number
  readonly certificate: Bytes
}

class Exchange implements BankExchange {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get #db() {
    return this.#parts.office.db
  }

  async exchange(): Promise<void> {
    await this.#introduce()
    await this.#hear()
    await this.#tellStops()
    await this.#askWhoIs()
    await this.#showAll()
    await this.#decide()
  }

  /** Shows what there is to show, and says up to when that is everything. */
  async #showAll(): Promise<void> {
    const { evidence, office } = this.#parts
    await evidence.settled()
    const takenUpTo = await readTakenUpTo(this.#db, office.clock.now())
    const isAllShown = await this.#show()
    const { shownUpTo } = await exchangeState(this.#db)
    if (isAllShown && takenUpTo !== undefined && takenUpTo > shownUpTo + SAID_EVERY) {
      await this.#mark(takenUpTo)
    }
  }

  /**
   * Makes the notary remember that it was told what came before. To be done before this office itself takes
   * that for told: if the notary is put back to older books it has forgotten this word too, and is told again.
   *
   * @param shownUpTo if that is more than before.
   */
  async #mark(shownUpTo: Instant = 0): Promise<void> {
    const state = await exchangeState(this.#db)
    const word = { said: state.said + 1, shownUpTo: Math.max(state.shownUpTo, shownUpTo) }
    const act = { act: 'said', number: word.said, shownUpTo: word.shownUpTo } as const
    const [said] = await this.#parts.notary.ask([act])
    checkKnown(said, 'this bank')
    await noteSaid(this.#db, word)
  }

  /** That this is a bank, and which elements are its own. */
  async #introduce(): Promise<void> {
    const { notary, certificate } = this.#parts
    if (!(await exchangeState(this.#db)).told) {
      const [said] = await notary.ask([{ act: 'bank', certificate }])
      // If not, its operator has not got the root yet, or not this one.
      checkKnown(said, 'this bank')
      await this.#mark()
      await noteBankTold(this.#db)
    }
    for (;;) {
      const elements = await untoldElements(this.#db, CERTIFICATES_MAX)
      if (elements.length === 0) return
      const certificates = elements.map((one) => one.certificate)
      const [said] = await notary.ask([{ act: 'elements', certificates }])
      checkKnown(said, 'this bank’s elements')
      await this.#mark()
      await noteElementsTold(
        this.#db,
        elements.map(({ id }) => id),
      )
    }
  }

  /** Which cards of this bank nobody’s tills are to take, and which they may again. */
  async #tellStops(): Promise<void> {
    for (;;) {
      const stops = await untoldStops(this.#db, SAID_AT_ONCE)
      const last = stops.at(-1)
      if (!last) return
      await this.#parts.notary.ask(
        stops.map(({ element, version: number, hot }) => ({
          act: 'card' as const,
          element: fromHex(element),
          number,
          state: hot ? ('stopped' as const) : ('free' as const),
        })),
      )
      await this.#mark()
      await noteStopsTold(this.#db, last.version)
    }
  }

  /** Does what is new, page by page: a page and its number in one transaction. */
  async #hear(): Promise<void> {
    const { notary, office } = this.#parts
    for (;;) {
      const at = office.clock.now()
      const { heard, said } = await exchangeState(this.#db)
      const [answer] = await notary.ask([{ act: 'coin feed', after: heard }])
      invariant(answer, 'every act has a result')
      const { entries, upTo, others } = answer
      if (upTo < heard || answer.said < said) {
        // It was put back to an older state: it does what it has forgotten, and this office nothing twice.
        await this.#db.transaction().execute((trx) => forgetTold(trx))
        await this.#introduce()
        continue
      }
      if (!entries.every(({ number }, index) => number === heard + index + 1)) {
        throw new NoAnswer('the notary’s news of coins has a gap')
      }
      if (entries.length > 0) {
        await this.#take(
          entries.map(({ entry }) => entry),
          heard + entries.length,
        )
      }
      if (entries.length < COIN_FEED_PAGE_MAX) {
        await this.#parts.evidence.settled()
        // An office that was put back to older books has said more than it knows.
        await noteSaid(this.#db, { said: answer.said, shownUpTo: 0 })
        await noteHeardAll(this.#db, others, at)
        return
      }
    }
  }

  async #take(news: readonly CoinNews[], upTo: number): Promise<void> {
    const { office, coinage, secrets, bank, name, evidence } = this.#parts
    const at = office.clock.now()
    const shown = news.filter((one) => one.kind === 'evidence')
    const told = news.flatMap((one) => {
      if (one.kind === 'bank') return [one.certificate]
      return one.kind === 'evidence' ? one.certificates : []
    })
    const stops = news.filter((one) => one.kind === 'card')
    const words = news.filter((one) => one.kind === 'coin')
    const banks = await otherBanks(this.#db)
    await this.#db.transaction().execute(async (trx) => {
      await lockLedger(trx)
      await advanceHeard(trx, upTo)
      await addForeign(trx, coinage.confirm([...banks, ...told], secrets), bank, at)
      await storeBankUploads(
        trx,
        shown.map((one) => ({
          office: one.from,
          items: 1,
          bytes: encodeSynchronisation({
            scheme: name,
            card: NOBODY,
            statement: new Uint8Array(),
            items: [coinage.shown(one.evidence)],
          }),
        })),
        at,
      )
      await takeWords(trx, words, bank, at)
      await takeStops(trx, stops, at)
      if (news.some(({ kind }) => kind === 'bank')) await forgetStopsTold(trx)
    })
    if (shown.length > 0) evidence.shown()
  }

  /** Whoever is named by evidence that said nothing for that reason; and what it says now. */
  async #askWhoIs(): Promise<void> {
    const { evidence } = this.#parts
    let after: ItemPlace = { batch: 0n, index: 0 }
    for (;;) {
      const places = await rejectedForNow(this.#db, after, READ_AT_ONCE)
      const last = places.at(-1)
      if (!last) return
      await this.#learn(await this.#unknownIn(places))
      await evidence.readAgain(places)
      if (places.length < READ_AT_ONCE) return
      after = last
    }
  }

  async #unknownIn(places: readonly ItemPlace[]): Promise<readonly ElementId[]> {
    const { coinage, secrets } = this.#parts
    const items = await this.#itemsAt(places)
    const named = [...new Set(items.flatMap((item) => coinage.named(item, secrets)))]
    const known = await certificatesOf(this.#db, named)
    return named.filter((id) => !known.has(id))
  }

  async #learn(unknown: readonly ElementId[]): Promise<void> {
    const { notary, office, coinage, secrets, bank } = this.#parts
    for (let from = 0; from < unknown.length; from += CERTIFICATES_MAX) {
      const elements = unknown.slice(from, from + CERTIFICATES_MAX).map((id) => fromHex(id))
      const [answer] = await notary.ask([{ act: 'who is', elements }])
      const banks = await otherBanks(this.#db)
      const confirmed = coinage.confirm([...banks, ...(answer?.certificates ?? [])], secrets)
      await this.#db
        .transaction()
        .execute((trx) => addForeign(trx, confirmed, bank, office.clock.now()))
    }
  }

  /**
   * Evidence in which other banks have a part, with the certificates that it takes to read it.
   *
   * @returns whether they all have everything now.
   */
  async #show(): Promise<boolean> {
    const { notary, coinage, secrets } = this.#parts
    for (;;) {
      const parts = await untoldParts(this.#db, SHOWN_AT_ONCE)
      if (parts.length === 0) return true
      const items = await this.#itemsAt(parts.map(({ place }) => place))
      const acts = await Promise.all(
        parts.map(async ({ bank: to }, n) => {
          const item = items[n]
          const opened = item && coinage.opened(item, secrets)
          invariant(opened, 'what is in the ledger can be read')
          const certificates = await certificatesOf(this.#db, coinage.named(item, secrets))
          const shown = [...certificates.values()].slice(0, CERTIFICATES_MAX)
          return { act: 'show coins', to, evidence: opened, certificates: shown } as const
        }),
      )
      const said = await notary.ask(acts)
      const told = parts.filter((_, n) => said[n]?.result === 'shown')
      await this.#mark()
      await notePartsTold(this.#db, told)
      // Of a bank that the notary does not know yet: another time.
      if (told.length < parts.length) return false
    }
  }

  async #itemsAt(places: readonly ItemPlace[]): Promise<readonly Uint8Array[]> {
    const contents = await loadContents(
      this.#db,
      places.map(({ batch }) => batch),
    )
    return places.map(({ batch, index }) => {
      const item = contents.get(batch)?.items[index]
      invariant(item, 'an item is where its place says')
      return item.evidence
    })
  }

  /** What this bank says of its own coins. */
  async #decide(): Promise<void> {
    const { notary, bank } = this.#parts
    for (let isMore = true; isMore;) {
      isMore = await this.#db.transaction().execute(async (trx) => {
        await lockLedger(trx)
        return decideStale(trx, bank)
      })
    }
    for (;;) {
      const decisions = await untoldDecisions(this.#db, bank, SAID_AT_ONCE)
      if (decisions.length === 0) return
      const said = await notary.ask(
        decisions.map(({ coin, step, verdict, creditor, office, value, currency, to }) => ({
          act: 'decide' as const,
          coin: fromHex(coin),
          step,
          verdict,
          creditor:
            creditor !== undefined && office !== undefined
              ? [{ element: fromHex(creditor), office }]
              : [],
          currency,
          value,
          to: [...to],
        })),
      )
      const told = decisions.filter((_, n) => said[n]?.result === 'known')
      await this.#mark()
      await noteDecisionsTold(this.#db, told)
      if (told.length < decisions.length || decisions.length < SAID_AT_ONCE) return
    }
  }
}

/** @throws {NoAnswer} if the notary does not believe it. */
function checkKnown(said: { readonly result: string } | undefined, what: string): void {
  if (said?.result !== 'known') throw new NoAnswer(`the notary says of ${what}: ${said?.result}`)
}

/** What banks show is no card’s. */
const NOBODY = cardIdOf(new Uint8Array(8))
