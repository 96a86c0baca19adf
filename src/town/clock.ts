import { invariant } from '../kernel/errors.ts'
import type { Clock, Instant } from '../kernel/ports.ts'

/** The time of the whole town. Goes on only when it is told to. */
export class TownClock implements Clock {
  #now: Instant

  constructor(start: Instant) {
    this.#now = start
  }

  now(): Instant {
    return this.#now
  }

  goTo(at: Instant): void {
    invariant(at >= this.#now, 'a town’s time does not go back')
    this.#now = at
  }

  /** A party's own clock, which runs `skew` ms ahead of the town's. */
  partyClock(skew: number): Clock {
    return { now: () => this.#now + skew }
  }
}
