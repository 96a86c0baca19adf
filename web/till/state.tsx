import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'
import { ChangesProvider } from '../shared/live.tsx'
import type { TillState } from './api.ts'

/** What the till says of itself, and when it came: ages go on from there. */
export interface Heard {
  readonly state: TillState
  /** By this page's clock. */
  readonly at: number
}

interface Line {
  readonly heard: Heard | undefined
  /** Whether the till's server is silent. */
  readonly lost: boolean
}

const StateContext = createContext<Heard | undefined>(undefined)

/** Every event brings the whole state, so nothing is asked for. */
export function useTillLine(): Line {
  const [line, setLine] = useState<Line>({ heard: undefined, lost: false })
  useEffect(() => {
    const source = new EventSource('api/events')
    source.addEventListener('state', ({ data }: MessageEvent<string>) => {
      const state = JSON.parse(data) as TillState
      setLine({ heard: { state, at: Date.now() }, lost: false })
    })
    source.addEventListener('error', () => setLine(({ heard }) => ({ heard, lost: true })))
    return () => source.close()
  }, [])
  return line
}

export function TillStateProvider({
  heard,
  children,
}: {
  readonly heard: Heard
  readonly children: ReactNode
}) {
  return (
    <StateContext value={heard}>
      <ChangesProvider version={heard.at}>{children}</ChangesProvider>
    </StateContext>
  )
}

export function useHeard(): Heard {
  const heard = useContext(StateContext)
  if (!heard) throw new Error('this shows only when the till has answered')
  return heard
}

export function useTillState(): TillState {
  return useHeard().state
}

/** Of everything that this till takes and gives; empty before enrolment. */
export function useCurrency(): string {
  return useTillState().currency?.code ?? ''
}
