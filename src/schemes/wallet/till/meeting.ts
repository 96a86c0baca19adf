import { toHex } from '../../../kernel/bytes.ts'
import { cardIdOf } from '../../../kernel/ids.ts'
import { currencyByNumber } from '../../../kernel/money.ts'
import type { Channel } from '../../../reader/channel.ts'
import type { CardView, Desk, Refusal } from '../../../till/scheme.ts'
import { readCertificate } from '../certificates.ts'
import { SCHEME, type CardState } from '../message.ts'
import { areGenuine, hasEnded, readPapers, type Papers } from './papers.ts'
import { refused } from './statuses.ts'
import { shownIn } from './records.ts'
import { WalletCard, type OwnCertificates } from '../terminal.ts'

/** A genuine card and what the till is to it. */
export interface Met {
  readonly card: WalletCard
  readonly certificates: OwnCertificates
  readonly papers: Papers
  /** When the card is shown who the till is: first, if they have never met. */
  readonly introduction: 'if asked' | 'first'
}

/** The statuses up to `card_expired`. */
export async function meet(channel: Channel, desk: Desk): Promise<Met | Refusal> {
  const card = await WalletCard.connect(channel, desk.random)
  if (card?.state.phase !== 'in use') return refused('unknown_card')
  const papers = readPapers(desk)
  const now = desk.clock.now()
  if (!papers || hasEnded(papers.own, now)) return refused('no_certificate')
  const known = certificatesKept(card, desk)
  if (known) card.introduceAs(known)
  const certificates = await card.certificates([papers.office])
  const id = { kind: 'card', office: card.state.office, card: card.card } as const
  if (!areGenuine(certificates, papers, id)) return refused('counterfeit_card')
  if (hasEnded(certificates.card, now)) return refused('card_expired')
  return { card, certificates, papers, introduction: known ? 'if asked' : 'first' }
}

/**
 * A card that was here before need not show its certificates again: the journal has them. Whoever only
 * calls itself by that card's name cannot sign for it.
 */
function certificatesKept({ card }: WalletCard, { journal }: Desk): OwnCertificates | undefined {
  const latest = journal.latest(card)
  if (latest?.scheme !== SCHEME) return undefined
  const { certificate, office } = shownIn(latest.evidence)
  return { card: readCertificate(certificate), office: readCertificate(office) }
}

/** Who made its last transaction a card does not say; this till knows of its own. */
export function viewOf(state: CardState, { journal, till }: Desk): CardView {
  const latest = journal.latest(cardIdOf(state.card))
  const isOurs = latest?.digest === toHex(state.last)
  return {
    card: cardIdOf(state.card),
    currency: currencyByNumber(state.currency),
    balance: state.balance,
    sequence: state.sequence,
    lastMaker: isOurs ? till : undefined,
    lastAt: isOurs ? latest.madeAt : undefined,
    paymentsLeft: state.paymentsLeft,
    unfinished: false,
  }
}
