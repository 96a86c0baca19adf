/** Things of which each is used by one at a time. */
export class Pool<T> {
  readonly #free: T[]
  readonly #waiting: ((thing: T) => void)[] = []

  constructor(things: readonly T[]) {
    this.#free = [...things]
  }

  async use<R>(work: (thing: T) => Promise<R>): Promise<R> {
    const thing = await this.#take()
    try {
      return await work(thing)
    } finally {
      const next = this.#waiting.shift()
      if (next) next(thing)
      else this.#free.push(thing)
    }
  }

  #take(): Promise<T> {
    const thing = this.#free.shift()
    if (thing !== undefined) return Promise.resolve(thing)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
