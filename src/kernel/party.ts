import { CARD_ID_SIZE, cardIdBytes, cardIdOf, type CardId, type TillNumber } from './ids.ts'
import { FormatError } from './errors.ts'
import type { Bytes } from './bytes.ts'
import { choice, octets, struct, uint16, type Field } from './message.ts'

/** An office among several, 1 to 65535; 0 is the notary, who stands over them. */
export type OfficeNumber = number
export const NOTARY: OfficeNumber = 0

/** Who pays or is paid: a card, a till or an office itself, each of one office. */
export type Party =
  | { readonly kind: 'office'; readonly office: OfficeNumber }
  | { readonly kind: 'card'; readonly office: OfficeNumber; readonly card: CardId }
  | { readonly kind: 'till'; readonly office: OfficeNumber; readonly till: TillNumber }

export const PARTY_SIZE = 11

const layout = struct({
  kind: choice(['office', 'card', 'till']),
  office: uint16(),
  id: octets(CARD_ID_SIZE),
})

/** A party in 11 bytes. */
export function party(description = 'party'): Field<Party> {
  return {
    size: PARTY_SIZE,
    description: `${description}: 0 office, 1 card, 2 till ‖ office’s number 2 ‖ card id, or till’s number behind zeros, 8`,
    write: (value, path) =>
      layout.write({ kind: value.kind, office: value.office, id: idOf(value) }, path),
    read(reader, path) {
      const { kind, office, id } = layout.read(reader, path)
      if (kind === 'card') return { kind, office, card: cardIdOf(id) }
      const number = numberOf(id, `${path}.id`)
      if (kind === 'till') {
        if (number === 0) throw new FormatError(`${path}.id`, 'expected a till’s number, got 0')
        return { kind, office, till: number }
      }
      if (number !== 0) throw new FormatError(`${path}.id`, 'expected zeros: an office has no id')
      return { kind, office }
    },
  }
}

export function sameParty(a: Party, b: Party): boolean {
  return partyText(a) === partyText(b)
}

/** `card:1:00c0ffee00c0ffee`, `till:1:7`, `office:2`: a key, and for people. */
export function partyText(value: Party): string {
  switch (value.kind) {
    case 'office':
      return `office:${value.office}`
    case 'card':
      return `card:${value.office}:${value.card}`
    case 'till':
      return `till:${value.office}:${value.till}`
  }
}

function idOf(value: Party): Bytes {
  if (value.kind === 'card') return cardIdBytes(value.card)
  const id = new Uint8Array(CARD_ID_SIZE)
  if (value.kind === 'till') new DataView(id.buffer).setUint32(4, value.till)
  return id
}

function numberOf(id: Bytes, path: string): number {
  const view = new DataView(id.buffer, id.byteOffset, id.length)
  if (view.getUint32(0) !== 0) throw new FormatError(path, 'expected zeros before the number')
  return view.getUint32(4)
}
