import { createContext, type ReactNode, useContext } from 'react'
import { PERMISSIONS } from '../../src/office/permissions.ts'
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

/** Whether to offer it, by the office's own table. The office decides again, whatever a page offers. */
export function useMay(call: string): boolean {
  const { role } = useSession().person
  const access = PERMISSIONS[call]
  return Array.isArray(access) ? access.includes(role) : access !== undefined
}
