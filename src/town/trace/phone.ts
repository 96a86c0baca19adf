import { unlessMalformed } from '../../kernel/errors.ts'
import { decodeSynchronisation, decodeSynchronisationAnswer } from '../../kernel/synchronisation.ts'
import { openMessage } from '../../kernel/signed-message.ts'
import { record, refusal, request } from '../../schemes/wallet/message.ts'
import { askMessage, paidMessage, refusedMessage } from '../../schemes/wallet/phone/messages.ts'
import type { WireMessage } from '../../schemes/wallet/phone/wire.ts'
import { Exchanges, type Trace } from './trace.ts'
import { tellWallet, type Words } from './wallet.ts'

/** Who is who to a phone: itself, the card that is held to it, and the other phone. */
export type PhoneEnds = readonly [phone: string, card: string, otherPhone: string]

/** Made anew for every holding of a card to a phone. */
export type TellWire = (ends: PhoneEnds) => (message: WireMessage, isLost: boolean) => void

/** What passes through phones in words. */
export function tellPhone(office: string, words: Words, trace: Trace): TellWire {
  return ([phone, card, other]) => {
    const telling = tellWallet(words)
    const exchanges = new Exchanges((command, answer) => {
      const told = telling(command, answer)
      if (!told) return
      trace({ from: phone, to: card, message: told.asks })
      trace({ from: card, to: phone, message: told.answers })
    })
    return (message, isLost) => {
      const { leg, way, name, bytes } = message
      if (leg === 'phone') {
        trace({
          from: phone,
          to: other,
          message: isLost ? '— nothing: the phones have parted —' : handedText(message, words),
        })
      } else if (leg === 'office') {
        const [from, to] = way === 'there' ? [phone, office] : [office, phone]
        const text = way === 'there' ? requestText(message) : answerText(message)
        trace({ from, to, message: isLost ? `— nothing: ${name} is lost —` : text })
      } else if (way === 'there') {
        exchanges.there(bytes)
        if (isLost) exchanges.back(undefined)
      } else {
        exchanges.back(isLost ? undefined : bytes)
      }
    }
  }
}

function requestText({ name, bytes }: WireMessage): string {
  const sync = unlessMalformed(() => decodeSynchronisation(bytes))
  if (sync) return `statement, and ${sync.items.length} records`
  const path = name.slice(name.indexOf(' ') + 1)
  if (path.endsWith('/loads')) return 'load this card from my online wallet, with its statement'
  if (path.endsWith('/unloads')) return 'take money back from this card, with its statement'
  if (path.endsWith('/give-up')) return 'give up the instruction that is under way'
  return name
}

function answerText({ name, bytes }: WireMessage): string {
  const answer = unlessMalformed(() => decodeSynchronisationAnswer(bytes))
  if (answer) {
    const { orders, notices } = answer
    const parts = [
      orders.length === 0 ? 'nothing to do' : `${orders.length} instruction`,
      ...(notices.length === 0 ? [] : [`${notices.length} notices of others`]),
    ]
    return parts.join(', ')
  }
  if (name.endsWith('/loads')) return 'an instruction to load, signed, or why not'
  if (name.endsWith('/unloads')) return 'a request for the money, signed, or why not'
  return 'an answer'
}

function handedText({ name, bytes }: WireMessage, { party, money }: Words): string {
  const text = unlessMalformed(() => {
    switch (name) {
      case 'request': {
        const { payee, amount } = openMessage(request, askMessage.decode(bytes).request).content
        return `please pay ${money(amount)}, signed by ${party(payee)}`
      }
      case 'payment': {
        const paid = paidMessage.decode(bytes)
        const { amount } = openMessage(record, paid.record).content
        const carried =
          paid.carried.length === 0 ? '' : `, with ${paid.carried.length} payments that came before`
        return `paid ${money(amount)}, signed by both cards${carried}`
      }
      case 'refusal': {
        const { payee } = openMessage(refusal, refusedMessage.decode(bytes).refusal).content
        return `refused, signed by ${party(payee)}`
      }
      default:
        return name
    }
  })
  return text ?? name
}
