import type { Answer } from '../api.ts'
import { Done } from './Done.tsx'
import { RefusedOutcome } from './RefusedOutcome.tsx'
import { Shown } from './Shown.tsx'
import { Torn } from './Torn.tsx'
import { Unfinished } from './Unfinished.tsx'

/** What came of a card, large enough to be read across the counter. */
export function Outcome({
  answer,
  onDone,
}: {
  readonly answer: Answer
  readonly onDone: () => void
}) {
  switch (answer.result) {
    case 'done':
      return <Done answer={answer} onDone={onDone} />
    case 'refused':
      return <RefusedOutcome answer={answer} onDone={onDone} />
    case 'unfinished':
      return <Unfinished answer={answer} onDone={onDone} />
    case 'shown':
      return <Shown answer={answer} onDone={onDone} />
    case 'torn':
      return <Torn onDone={onDone} />
  }
}
