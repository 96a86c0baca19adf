import { IconBuildingStore, IconCreditCard } from '@tabler/icons-react'
import { Link } from 'wouter'
import type { Case, Suspect } from '../../shared/api.ts'
import { useTillName } from '../../shared/names.tsx'
import { cardText } from '../CardName.tsx'
import classes from './Suspects.module.css'

/** Ranked, with what speaks against each. */
export function Suspects({
  suspects,
  strength,
  kind,
}: {
  readonly suspects: readonly Suspect[]
  readonly strength: Case['strength']
  readonly kind: Case['kind']
}) {
  const most = Math.max(1, ...suspects.map(({ weight }) => weight))
  return (
    <ol className={classes.suspects}>
      {suspects.map((suspect) => (
        <li key={keyOf(suspect)} className={classes.suspect}>
          <span className={classes.icon}>
            {suspect.kind === 'till' ? (
              <IconBuildingStore size={20} aria-hidden />
            ) : (
              <IconCreditCard size={20} aria-hidden />
            )}
          </span>
          <span className={classes.words}>
            <SuspectLink suspect={suspect} />
            <span className={classes.reason}>{reasonFor(suspect, strength, kind)}</span>
          </span>
          {strength === 'suspected' && (
            <meter
              className={classes.weight}
              min={0}
              max={most}
              value={suspect.weight}
              aria-label={`Weight ${suspect.weight} of ${most}`}
            />
          )}
        </li>
      ))}
    </ol>
  )
}

function SuspectLink({ suspect }: { readonly suspect: Suspect }) {
  const tillName = useTillName()
  if (suspect.kind === 'till')
    return <Link href={`/tills/${suspect.till}`}>{tillName(suspect.till)}</Link>
  return <Link href={`/cards/${suspect.card}`}>card {cardText(suspect.card)}</Link>
}

function reasonFor(
  { kind, weight }: Suspect,
  strength: Case['strength'],
  of: Case['kind'],
): string {
  if (strength === 'proven') return 'signed what nobody else could have made'
  if (of !== 'fork') return 'named by the records below'
  if (kind === 'card') return weight === 1 ? 'forked once' : `forked ${weight} times`
  return weight === 1 ? 'one card forked here' : `${weight} cards forked here`
}

function keyOf(suspect: Suspect): string {
  return suspect.kind === 'till' ? `till ${suspect.till}` : `card ${suspect.card}`
}
