import { Logo } from '../shared/Logo.tsx'

export function Console() {
  return <Logo />
}
