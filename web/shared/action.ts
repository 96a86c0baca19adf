import { useCallback, useState } from 'react'
import { type Problem, problemOf } from './http.ts'

/** Something a person asks for: whether it is under way, and what went wrong with it. */
export interface Action<A extends readonly unknown[]> {
  readonly busy: boolean
  readonly problem: Problem | undefined
  readonly run: (...given: A) => void
  readonly forget: () => void
}

export function useAction<A extends readonly unknown[]>(
  act: (...given: A) => Promise<void>,
): Action<A> {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const run = useCallback(
    (...given: A) => {
      setBusy(true)
      setProblem(undefined)
      act(...given)
        .catch((error: unknown) => setProblem(problemOf(error)))
        .finally(() => setBusy(false))
    },
    [act],
  )
  const forget = useCallback(() => setProblem(undefined), [])
  return { busy, problem, run, forget }
}
