import { createContext, type ReactNode, useCallback, useContext } from 'react'

const TillNames = createContext<ReadonlyMap<number, string>>(new Map())

export function TillNamesProvider({
  names,
  children,
}: {
  readonly names: ReadonlyMap<number, string>
  readonly children: ReactNode
}) {
  return <TillNames value={names}>{children}</TillNames>
}

/** A till by the name people gave it. The office is a maker of records too: number 0. */
export function useTillName(): (till: number) => string {
  const names = useContext(TillNames)
  return useCallback(
    (till) => (till === 0 ? 'office' : (names.get(till) ?? `till ${till}`)),
    [names],
  )
}

export function TillName({ till }: { readonly till: number }) {
  return useTillName()(till)
}
