import { useCallback, useEffect, useMemo, useState } from 'react'
import { get, type Problem, problemOf, type Query } from './http.ts'
import { useOnChange } from './live.tsx'

/** Something of the server's, kept up to date. While it is asked for again, the last answer stays. */
export interface Resource<T> {
  readonly data: T | undefined
  readonly problem: Problem | undefined
  readonly reload: () => void
}

interface Held<T> {
  readonly key: string
  readonly data: T | undefined
  readonly problem: Problem | undefined
}

/** @param path undefined: nothing is asked for. */
export function useResource<T>(path: string | undefined, query: Query = {}): Resource<T> {
  const key = JSON.stringify([path ?? null, query])
  const [held, setHeld] = useState<Held<T>>({ key, data: undefined, problem: undefined })
  const [turn, setTurn] = useState(0)
  const reload = useCallback(() => setTurn((last) => last + 1), [])
  useOnChange(reload)
  const request = useMemo(() => ({ key, turn }), [key, turn])

  useEffect(() => {
    const abort = new AbortController()
    const { key: asked } = request
    const [wantedPath, wantedQuery] = JSON.parse(asked) as [string | null, Query]
    if (wantedPath === null) return undefined
    get<T>(wantedPath, wantedQuery, abort.signal).then(
      (data) => setHeld({ key: asked, data, problem: undefined }),
      (error: unknown) => {
        if (abort.signal.aborted) return
        const problem = problemOf(error)
        setHeld((last) => ({
          key: asked,
          data: last.key === asked ? last.data : undefined,
          problem,
        }))
      },
    )
    return () => abort.abort()
  }, [request])

  // What belongs to another address is not shown as if it belonged to this one.
  const current = held.key === key
  return {
    data: current ? held.data : undefined,
    problem: current ? held.problem : undefined,
    reload,
  }
}
