import { LINK_CUTS, type Field, type LinkCut } from '../../src/card/field.ts'
import { TEARS, type Nvm, type Tear } from '../../src/card/nvm.ts'

/** Where a tap is cut: in a page write of a chip, or in an APDU on its way to it. */
export type Cut =
  | { readonly what: 'write'; readonly at: number; readonly tear: Tear }
  | { readonly what: 'apdu'; readonly at: number; readonly cut: LinkCut }

/** A chip that can be cut, and the reader before it. */
export interface Cuttable {
  readonly nvm: Pick<Nvm, 'arm'>
  readonly field: Pick<Field, 'arm'>
}

/** How many places of each kind there are. */
export interface Size {
  readonly writes: number
  readonly apdus: number
}

/**
 * How much of a product of cuts and of what may follow them is tried: each place once, with ways to cut
 * and what follows in turn; each place in every way, with what follows in turn; or all of it.
 */
export type Breadth = 'each place' | 'in turn' | 'all'

export function arm({ nvm, field }: Cuttable, cut: Cut): void {
  if (cut.what === 'write') nvm.arm({ atWrite: cut.at, tear: cut.tear })
  else field.arm({ atApdu: cut.at, cut: cut.cut })
}

export function disarm({ nvm, field }: Cuttable): void {
  nvm.arm(undefined)
  field.arm(undefined)
}

/** Every place, in every way. */
export function cutsOf({ writes, apdus }: Size, tears: readonly Tear[] = TEARS): Cut[] {
  return [
    ...upTo(writes).flatMap((at) => tears.map((tear) => ({ what: 'write', at, tear }) as const)),
    ...linkCuts(apdus, 'all'),
  ]
}

/** Every APDU on its way, each once with the ways in turn, or in every way. */
export function linkCuts(apdus: number, breadth: Breadth): Cut[] {
  return upTo(apdus).flatMap((at) =>
    LINK_CUTS.filter((_, way) => breadth !== 'each place' || at % LINK_CUTS.length === way).map(
      (cut) => ({ what: 'apdu', at, cut }) as const,
    ),
  )
}

/**
 * Those that fall to one of so many things that may follow. In turn each place has all that may follow,
 * as there are no more of them than ways to cut, and each way to cut has all of them in places side by side.
 * Cut once, places side by side have all ways, and then all ways again with what follows next.
 */
export function shareOf(
  cuts: readonly Cut[],
  { index, of }: { readonly index: number; readonly of: number },
  breadth: Breadth,
): readonly Cut[] {
  return cuts.filter((cut) => {
    const { way, ways } = wayOf(cut)
    switch (breadth) {
      case 'all':
        return true
      case 'in turn':
        return (cut.at + way) % of === index
      case 'each place':
        return cut.at % ways === way && Math.floor(cut.at / ways) % of === index
    }
  })
}

function wayOf(cut: Cut): { readonly way: number; readonly ways: number } {
  return cut.what === 'write'
    ? { way: TEARS.indexOf(cut.tear), ways: TEARS.length }
    : { way: LINK_CUTS.indexOf(cut.cut), ways: LINK_CUTS.length }
}

/** From 1, as writes and APDUs are counted. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** What a campaign tried, said when it is over. */
export class Tally {
  readonly #counts = new Map<string, { tried: number; of: number }>()

  /** @param of how many there would have been. */
  add(what: string, tried: number, of = tried): void {
    const before = this.#counts.get(what) ?? { tried: 0, of: 0 }
    this.#counts.set(what, { tried: before.tried + tried, of: before.of + of })
  }

  print(): void {
    const lines = [...this.#counts].map(
      ([what, { tried, of }]) => `${what}: ${tried === of ? tried : `${tried} of ${of}`}`,
    )
    console.log(lines.join('\n'))
  }
}
