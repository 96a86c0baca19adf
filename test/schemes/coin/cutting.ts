import { LINK_CUTS, type LinkCut } from '../../../src/card/field.ts'
import { TEARS, type Nvm, type Tear } from '../../../src/card/nvm.ts'
import type { Amount } from '../../../src/kernel/money.ts'
import { countingFuse, PowerLost } from '../../../src/till/fuse.ts'
import { Till } from './till.ts'
import type { Chip, Customer, Vendor } from './world.ts'

/** A card, a vendor element and a journal, each of which can be cut anywhere. */
export const MEMORIES = ['card', 'card’s PUF', 'vendor element', 'vendor element’s PUF'] as const
export const LINKS = ['card', 'vendor element'] as const
type Memory = (typeof MEMORIES)[number]
type Link = (typeof LINKS)[number]

export type Cut =
  | { readonly kind: 'memory'; readonly which: Memory; readonly at: number; readonly tear: Tear }
  | { readonly kind: 'link'; readonly which: Link; readonly at: number; readonly tear: LinkCut }
  | { readonly kind: 'journal'; readonly at: number }

export function nameOf(cut: Cut): string {
  return 'which' in cut ? `${cut.kind} ${cut.which}` : cut.kind
}

export function placeOf(cut: Cut): string {
  return `${nameOf(cut)} ${cut.at} ${'tear' in cut ? cut.tear : ''}`
}

export class Scene {
  readonly customer: Customer
  readonly vendor: Vendor
  readonly till: Till

  /** With elements like these, and an empty journal. */
  constructor(customer: Customer, vendor: Vendor) {
    this.customer = customer.clone()
    this.vendor = vendor.clone()
    this.till = new Till(vendor.world, this.vendor)
  }

  memory(which: Memory): Nvm {
    const { chip } = which.startsWith('card') ? this.customer : this.vendor
    return which.endsWith('PUF') ? chip.silicon.control : chip.nvm
  }

  link(which: Link): Chip {
    return which === 'card' ? this.customer.chip : this.vendor.chip
  }

  /** How many places there are to cut so far. */
  counts(): ReadonlyMap<string, number> {
    return new Map([
      ...MEMORIES.map((which) => [`memory ${which}`, this.memory(which).writes] as const),
      ...LINKS.map((which) => [`link ${which}`, this.link(which).field.traffic.apdus] as const),
    ])
  }

  async wealth(): Promise<Amount> {
    return (await this.customer.status()).total + (await this.vendor.status()).total
  }
}

/** Does something, with a cut on its way. Undefined if that took the till’s power: it is on again. */
export async function cutting<T>(
  scene: Scene,
  cut: Cut,
  work: () => Promise<T>,
): Promise<T | undefined> {
  arm(scene, cut)
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof PowerLost)) throw error
    scene.till.restart()
    return undefined
  } finally {
    for (const which of MEMORIES) scene.memory(which).arm(undefined)
    for (const which of LINKS) scene.link(which).field.arm(undefined)
  }
}

function arm(scene: Scene, cut: Cut): void {
  switch (cut.kind) {
    case 'memory':
      scene.memory(cut.which).arm({ atWrite: cut.at, tear: cut.tear })
      return
    case 'link':
      scene.link(cut.which).field.arm({ atApdu: cut.at, cut: cut.tear })
      return
    case 'journal':
      scene.till.restart(countingFuse(cut.at).fuse)
  }
}

/** Every place where something can be cut, in every way or with the ways in turn. */
export async function cutsOf(
  scene: Scene,
  work: () => Promise<unknown>,
  ways: 'each' | 'all',
): Promise<readonly Cut[]> {
  const before = scene.counts()
  const fuse = countingFuse()
  scene.till.restart(fuse.fuse)
  await work()
  const after = scene.counts()
  scene.till.close()
  const points = (name: string) =>
    Array.from({ length: (after.get(name) ?? 0) - (before.get(name) ?? 0) }, (_, n) => n + 1)
  let turn = 0
  const chosen = <T>(tears: readonly [T, ...T[]]): readonly T[] =>
    ways === 'all' ? tears : [tears[turn++ % tears.length] ?? tears[0]]
  return [
    ...MEMORIES.flatMap((which) =>
      points(`memory ${which}`).flatMap((at) =>
        chosen(TEARS).map((tear) => ({ kind: 'memory', which, at, tear }) as const),
      ),
    ),
    ...LINKS.flatMap((which) =>
      points(`link ${which}`).flatMap((at) =>
        chosen(LINK_CUTS).map((tear) => ({ kind: 'link', which, at, tear }) as const),
      ),
    ),
    ...fuse.passed.map((_, index) => ({ kind: 'journal', at: index + 1 }) as const),
  ]
}
