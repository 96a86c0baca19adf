import type { Card } from '../shared/api.ts'
import { Tag, type Tone } from '../shared/Tag.tsx'

const TONES: Readonly<Record<Card['status'], Tone>> = {
  active: 'good',
  frozen: 'wait',
  hot: 'bad',
  retired: 'plain',
}

export function CardStatusTag({ card }: { readonly card: Pick<Card, 'status'> }) {
  return <Tag tone={TONES[card.status]}>{card.status}</Tag>
}
