import type { CaseKind, Strength, Suspect } from './findings.ts'

/** What a kind of case is called, what it means, and what to do: for a person, not a programmer. */
export interface CaseWords {
  readonly title: string
  /** `who` is the most suspect party by name, `card` the card. */
  readonly happened: (who: string, card: string) => string
  readonly advice: readonly string[]
}

const PROVEN_TILL = [
  'Ask the vendor for an account of it, and show them the records: their own signature is on them.',
  'Revoke the till’s key if the vendor cannot explain it. What honest tills accepted before stays good.',
]

const LOOK_FIRST = [
  'Nobody is proven guilty by this. Look at where else these parties are suspected before you act.',
]

const PROVEN_CARD = [
  'No vendor is to blame: nobody but a chip with the keys of this card can make such stamps.',
  'The card stays blocked. Ask the holder to bring it, and give a new one for what you owe them.',
  'The contested money stays in suspense until you resolve this and say which of the payments are paid.',
]

const OF_ELEMENTS =
  'Anyone can check this with the banks’ certificates alone: whoever is named signed it.'
const PROVEN_ELEMENT = [
  OF_ELEMENTS,
  'A card stays frozen and a till stopped until you have looked. Chips are not opened by customers in a shop: look for others of the kind.',
  'A coin that several vendors claim lies in suspense until you say whose it is.',
]

/** As much of a case as its words depend on. */
export interface WordedCase {
  readonly kind: CaseKind
  readonly strength: Strength
  readonly suspects: readonly Pick<Suspect, 'kind'>[]
}

/** Of a case: what is proven against a card speaks of no vendor. */
export function caseWords({ kind, strength, suspects: [first] }: WordedCase): CaseWords {
  const words = CASE_WORDS[kind]
  if (kind === 'unauthorised-amount' && strength === 'suspected') {
    return { ...words, happened: PASSED_ON, advice: MAY_HAVE_LOST_ITS_JOURNAL }
  }
  const isOwn = kind === 'card-key-extracted' || words.advice.includes(OF_ELEMENTS)
  if (strength !== 'proven' || first?.kind !== 'card' || isOwn) return words
  const happened = kind === 'fork' ? FORKED_ITSELF : words.happened
  return { ...words, happened, advice: PROVEN_CARD }
}

const PASSED_ON: CaseWords['happened'] = (who) =>
  `${who} handed in coins that its vendor element took, and none of the units that were sold for them, though its policy lets it sell listed products only.`
const MAY_HAVE_LOST_ITS_JOURNAL = [
  'A till whose journal is lost learns from the vendor element alone what that took last. This is rare: look for others.',
  ...LOOK_FIRST,
]

const FORKED_ITSELF: CaseWords['happened'] = (_who, card) =>
  `Two payments were each made from the same balance of ${card}, and both have its stamp. One card gives one number once: its chip was copied, or an older state was put back.`

export const CASE_WORDS: Readonly<Record<CaseKind, CaseWords>> = {
  'wrong-arithmetic': {
    title: 'Wrong arithmetic',
    happened: (who, card) =>
      `${who} signed a balance for ${card} that is not the balance before, plus or minus the amount it reports.`,
    advice: PROVEN_TILL,
  },
  'wrong-sequence': {
    title: 'Wrong sequence number',
    happened: (who, card) =>
      `${who} signed a record of ${card} whose number does not follow on the record before it.`,
    advice: PROVEN_TILL,
  },
  'previous-balance-altered': {
    title: 'Previous balance altered',
    happened: (who, card) =>
      `${who} reported another balance for the transaction before its own than ${card} really had, and cannot show that record with its maker’s signature.`,
    advice: [
      'The vendor before it is not to blame: its own record fits the chain.',
      ...PROVEN_TILL,
    ],
  },
  'passcode-not-entered': {
    title: 'Passcode not entered',
    happened: (who, card) =>
      `${who} signed a payment from ${card} without a fresh proof that the holder entered the passcode. Whoever knows the card could have done it without the card being there.`,
    advice: ['Ask the holder whether they were there.', ...PROVEN_TILL],
  },
  'counterfeit-stamp': {
    title: 'Counterfeit stamp',
    happened: (who, card) =>
      `A payment was handed in with a stamp that ${card} did not make. Either a counterfeit card with stolen keys paid, or the till made the stamp up; suspected: ${who}.`,
    advice: [
      'It is not paid until another till has read the payment from the genuine card.',
      'More than one till with such stamps means that keys of a security module are out: replace the master keys.',
    ],
  },
  overspend: {
    title: 'Charged more than the price',
    happened: (who, card) => `${who} took more from ${card} than the products it used up cost.`,
    advice: ['The holder is owed the difference.', ...PROVEN_TILL],
  },
  'unknown-token': {
    title: 'Unknown product',
    happened: (who, card) =>
      `${who} charged ${card} for a unit of product that this office never issued.`,
    advice: PROVEN_TILL,
  },
  'foreign-token': {
    title: 'Product of another till',
    happened: (who, card) =>
      `${who} charged ${card} for a unit of product that was issued to another till.`,
    advice: PROVEN_TILL,
  },
  'token-double-spent': {
    title: 'One unit sold twice',
    happened: (who) => `${who} charged twice for one unit of product. Each unit can be sold once.`,
    advice: ['The holder who paid second is owed the price.', ...PROVEN_TILL],
  },
  'unauthorised-load': {
    title: 'Top-up without permission',
    happened: (who, card) =>
      `${who} added money to ${card}, though its policy does not let it top up cards.`,
    advice: [
      'The money on the card came from nowhere: collect it from the vendor.',
      ...PROVEN_TILL,
    ],
  },
  'unauthorised-amount': {
    title: 'Free amount without permission',
    happened: (who, card) =>
      `${who} took an amount of its own choosing from ${card}, though its policy lets it sell listed products only.`,
    advice: PROVEN_TILL,
  },
  'load-beyond-cash': {
    title: 'More loaded than cash taken',
    happened: (who) =>
      `${who} added more money to cards than the cash it reports to have taken for it.`,
    advice: ['Collect the difference from the vendor.', ...PROVEN_TILL],
  },
  equivocation: {
    title: 'Two versions signed',
    happened: (who, card) =>
      `${who} signed two different records for the same place in the chain of ${card}. A till signs one and remembers it, so only a vendor who lies can have made both.`,
    advice: PROVEN_TILL,
  },
  fork: {
    title: 'Chain forks',
    happened: (_who, card) =>
      `Two vendors each took the next payment of ${card} from the same balance. Either the card was copied, or one of the vendors invented a payment without the card.`,
    advice: [
      ...LOOK_FIRST,
      'One card that forks at many vendors speaks against the card. Many cards that fork at one vendor speak against the vendor. The ranking counts exactly that.',
      'The card stays frozen and the contested money stays in suspense until you resolve this and say which of the payments are paid.',
      'Ask the holder to bring the card: what it shows now tells which branch it really took.',
    ],
  },
  'card-key-extracted': {
    title: 'Card key extracted',
    happened: (_who, card) =>
      `${card} signed two histories: two records for one place in its chain, or one that builds on another record than it had signed there. No card of ours does that: somebody has its key, or has put back an older state.`,
    advice: [
      'Whoever was paid is not to blame: they could not see it, and the signatures that they hold are good.',
      'The card stays blocked. Payments beyond what the card was given wait until you resolve this, and say what became of them.',
      'A card that somebody took a key out of is seldom the only one: look at others of its kind.',
    ],
  },
  'forged-coin': {
    title: 'Forged coin',
    happened: (who) =>
      `${who} passed on a coin that no bank has made, and signed for it. Elements check what they take, so somebody has a key out of one.`,
    advice: PROVEN_ELEMENT,
  },
  'forged-hop': {
    title: 'Forged transfer',
    happened: (who) =>
      `${who} passed on a coin with a transfer in its chain that was not signed by who gave it.`,
    advice: PROVEN_ELEMENT,
  },
  'broken-chain': {
    title: 'Broken chain of a coin',
    happened: (who) =>
      `${who} passed on a coin that its giver did not have, that had changed hands too often, or that was paid for another request.`,
    advice: PROVEN_ELEMENT,
  },
  'wrong-change': {
    title: 'Wrong change',
    happened: (who) => `${who} kept more of a payment in coins than it had asked for.`,
    advice: ['The customer is owed the difference.', ...PROVEN_ELEMENT],
  },
  'unissued-coin': {
    title: 'Coin that was never sold',
    happened: () =>
      'A coin came in with this bank’s own signature, and the books know nothing of it. Either they were put back to an older state, or somebody has the bank’s key.',
    advice: [
      'The vendor who shows it could not know: nobody is accused. Nothing is paid for it.',
      'If the books were not put back, stop selling coins and replace the bank’s key.',
    ],
  },
  'cloned-element': {
    title: 'Element cloned',
    happened: (who) =>
      `${who} has an element that signed two different transfers with one number. It counts on with each, so there are two of it.`,
    advice: PROVEN_ELEMENT,
  },
  'coin-spent-twice': {
    title: 'Coin spent twice',
    happened: (who) =>
      `${who} has an element that gave the same coin away twice. It erases a coin before it lets it go, so somebody has its key or has put back an older state.`,
    advice: PROVEN_ELEMENT,
  },
  'coin-redeemed-twice': {
    title: 'Coin redeemed twice',
    happened: (who) =>
      `${who} got a coin once and claimed it twice. It is paid once, whatever was claimed.`,
    advice: PROVEN_ELEMENT,
  },
  'withheld-transaction': {
    title: 'Transaction withheld',
    happened: (who, card) =>
      `Another till has shown a record of ${card} that ${who} signed. ${who} has since declared everything up to a later time handed in, and it was not there.`,
    advice: PROVEN_TILL,
  },
  'missing-transaction': {
    title: 'Transaction missing',
    happened: (who, card) =>
      `Another till has shown a record of ${card} that ${who} signed, and ${who} has not handed it in for longer than a till may stay offline.`,
    advice: [
      'A broken till or network looks the same as withholding. Get that till online first.',
      ...LOOK_FIRST,
    ],
  },
  'rewritten-journal': {
    title: 'Journal rewritten',
    happened: (who) =>
      `${who} signed two different batches with one number: it changed what it had already reported.`,
    advice: PROVEN_TILL,
  },
  'batch-gap': {
    title: 'Batch missing',
    happened: (who) => `${who} skipped a number in its batches. One may still be on its way.`,
    advice: [
      'If batches travel by USB stick or by another till, ask for the one that is missing.',
      ...LOOK_FIRST,
    ],
  },
}
