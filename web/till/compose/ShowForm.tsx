import { useCallback } from 'react'
import { useAction } from '../../shared/action.ts'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { type Answer, showCard } from '../api.ts'
import { LooseCards } from '../tap/LooseCards.tsx'
import { Waves } from '../tap/Waves.tsx'
import tap from '../tap/TapStep.module.css'

export function ShowForm({ onShown }: { readonly onShown: (answer: Answer) => void }) {
  const { busy, problem, run } = useAction(
    useCallback(async (card: string) => onShown(await showCard(card)), [onShown]),
  )
  return (
    <div className={tap.step}>
      <Waves />
      <h1 className={tap.prompt}>Hold the card to see its balance</h1>
      <ProblemNotice problem={problem} />
      <LooseCards busy={busy} onTap={run} />
    </div>
  )
}
