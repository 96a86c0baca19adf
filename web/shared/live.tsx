import { createContext, type ReactNode, useContext, useEffect, useRef, useState } from 'react'

export type LiveState = 'connecting' | 'live' | 'lost'

interface Live {
  readonly state: LiveState
  /** Goes up whenever the server says that something changed. */
  readonly version: number
}

const LiveContext = createContext<Live>({ state: 'connecting', version: 0 })

/** Changes that come together cause one reload, not one each. */
const SETTLE_MS = 250

/**
 * Listens to a server's events. What an event says does not matter here: whatever a page shows is
 * asked for again, so a lost event cannot leave a wrong figure for longer than until the next one.
 */
export function LiveProvider({
  path,
  events,
  children,
}: {
  readonly path: string
  readonly events: readonly string[]
  readonly children: ReactNode
}) {
  const [state, setState] = useState<LiveState>('connecting')
  const [version, setVersion] = useState(0)
  const names = events.join(' ')

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const changed = () => {
      timer ??= setTimeout(() => {
        timer = undefined
        setVersion((last) => last + 1)
      }, SETTLE_MS)
    }
    const source = new EventSource(path)
    let wasLost = false
    source.addEventListener('open', () => {
      setState('live')
      if (wasLost) changed()
      wasLost = false
    })
    source.addEventListener('error', () => {
      setState('lost')
      wasLost = true
    })
    for (const name of names.split(' ')) source.addEventListener(name, changed)
    return () => {
      source.close()
      clearTimeout(timer)
    }
  }, [path, names])

  return <LiveContext value={{ state, version }}>{children}</LiveContext>
}

/** For a page that hears of changes in some way of its own. */
export function ChangesProvider({
  version,
  children,
}: {
  readonly version: number
  readonly children: ReactNode
}) {
  return <LiveContext value={{ state: 'live', version }}>{children}</LiveContext>
}

export function useLiveState(): LiveState {
  return useContext(LiveContext).state
}

/** Runs `reload` when the server says that something changed; not at first. */
export function useOnChange(reload: () => void): void {
  const { version } = useContext(LiveContext)
  const seen = useRef(version)
  useEffect(() => {
    if (seen.current === version) return
    seen.current = version
    reload()
  }, [version, reload])
}
