import { useCallback, useState } from 'react'
import { newKey, postOnce, type Problem, problemOf, Refused } from './http.ts'

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

/**
 * Posts what must not be done twice: however often it is sent, of an answer that was lost nothing happens
 * again. Whoever asks for something else instead is told that the first was done; after that it is something
 * else that they ask for.
 */
export function useOnce() {
  const [key, setKey] = useState(newKey)
  return useCallback(
    async <T>(path: string, body: unknown): Promise<T> => {
      try {
        return await postOnce<T>(path, key, body)
      } catch (error) {
        if (error instanceof Refused && error.code === 'key_reused') setKey(newKey())
        throw error
      }
    },
    [key],
  )
}
