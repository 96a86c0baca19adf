/**
 * The power went: what was committed stays, the rest never was. The till object that threw it is dead;
 * a new one opens the same file.
 */
export class PowerLost extends Error {
  override readonly name = 'PowerLost'
}

/**
 * Where a simulation cuts a till's power. Called twice a write: when everything is in the transaction
 * and nothing is committed, and when it is committed and nobody has been told.
 *
 * @throws {PowerLost} if this is the instant.
 */
export type Fuse = (cut: Cut, write: string) => void

export const CUTS = ['before', 'after'] as const
export type Cut = (typeof CUTS)[number]

export interface CountingFuse {
  readonly fuse: Fuse
  /** Every cut point passed so far, in order: `before intend`, `after intend`. */
  readonly passed: readonly string[]
  /** Cuts at the next n-th cut point from here, counted from 1; undefined: never. */
  arm(points: number | undefined): void
}

/** @param points until it blows, counted from 1; undefined: it only counts. */
export function countingFuse(points?: number): CountingFuse {
  const passed: string[] = []
  let left = points
  return {
    passed,
    arm: (next) => {
      left = next
    },
    fuse: (cut, write) => {
      passed.push(`${cut} ${write}`)
      if (left === undefined) return
      left -= 1
      if (left > 0) return
      left = undefined
      throw new PowerLost(`${cut} ${write}`)
    },
  }
}
