import type { Case } from '../../shared/api.ts'
import { Tag } from '../../shared/Tag.tsx'

export function StrengthTag({ strength }: { readonly strength: Case['strength'] }) {
  return <Tag tone={strength === 'proven' ? 'bad' : 'wait'}>{strength}</Tag>
}

export function CaseState({ of }: { readonly of: Case }) {
  if (of.resolution) return <Tag tone="plain">resolved</Tag>
  if (of.withdrawn) return <Tag tone="plain">explained by later evidence</Tag>
  return <Tag tone={of.strength === 'proven' ? 'bad' : 'wait'}>open</Tag>
}
