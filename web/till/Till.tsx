import { Logo } from '../shared/Logo.tsx'

export function Till() {
  return <Logo />
}
