import { createContext, type ReactNode, useContext } from 'react'
import type { Session } from '../shared/api.ts'

export interface SignedIn {
  readonly person: Session['person']
  readonly signOut: () => void
}

const SessionContext = createContext<SignedIn | undefined>(undefined)

export function SessionProvider({
  session,
  children,
}: {
  readonly session: SignedIn
  readonly children: ReactNode
}) {
  return <SessionContext value={session}>{children}</SessionContext>
}

export function useSession(): SignedIn {
  const session = useContext(SessionContext)
  if (!session) throw new Error('this page shows only to somebody who signed in')
  return session
}

/** Whether to offer acts at all. The office decides, whatever a page offers. */
export function useMayAct(): boolean {
  const { role } = useSession().person
  return role === 'root' || role === 'administrator' || role === 'operator'
}
