/** What was tried and what came of it, to be printed: a campaign that tried nothing must not look good. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>()

  count(what: string, outcome: string): void {
    const outcomes = this.#counts.get(what) ?? new Map<string, number>()
    this.#counts.set(what, outcomes)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }

  total(what?: string): number {
    const rows = what === undefined ? [...this.#counts.values()] : [this.#counts.get(what)]
    return rows.flatMap((row) => [...(row?.values() ?? [])]).reduce((sum, count) => sum + count, 0)
  }

  lines(): readonly string[] {
    return [...this.#counts].map(([what, outcomes]) => {
      const parts = [...outcomes]
        .toSorted(([, a], [, b]) => b - a)
        .map(([outcome, count]) => `${outcome} ${count}`)
      return `${what}: ${this.total(what)} (${parts.join(', ')})`
    })
  }
}
