import type { Progress } from '../../shared/api.ts'
import { Tooltip } from '@mantine/core'
import classes from './Flow.module.css'

interface Step {
  readonly name: string
  readonly meaning: string
  readonly count: (records: Progress['records']) => number
  readonly tone: 'plain' | 'wait' | 'bad' | 'good'
}

/** From what tills sent to what is paid: "accepted" alone would say nothing. */
const STEPS: readonly Step[] = [
  {
    name: 'Received',
    meaning: 'Records handed in by their makers, and verified; those of the office are among them',
    count: ({ uploaded }) => uploaded,
    tone: 'plain',
  },
  {
    name: 'Not handed in',
    meaning: 'Shown by another till; the one that made them has not been heard since',
    count: ({ missing }) => missing,
    tone: 'wait',
  },
  {
    name: 'Waiting',
    meaning: 'Handed in; something before them on their card is missing',
    count: ({ waiting }) => waiting,
    tone: 'wait',
  },
  {
    name: 'Held',
    meaning: 'In order, and contested: their money stays in suspense until a case is resolved',
    count: ({ held }) => held,
    tone: 'bad',
  },
  {
    name: 'Settled',
    meaning: 'In order, and their money has moved',
    count: ({ settled }) => settled,
    tone: 'good',
  },
]

export function Flow({ progress }: { readonly progress: Progress }) {
  return (
    <section aria-label="Progress" className={classes.flow}>
      <dl className={classes.steps}>
        {STEPS.map(({ name, meaning, count, tone }) => {
          const value = count(progress.records)
          return (
            <div key={name} className={classes.step} data-tone={value === 0 ? 'plain' : tone}>
              <dt>
                <Tooltip label={meaning} multiline maw={260}>
                  <span tabIndex={0}>{name}</span>
                </Tooltip>
              </dt>
              <dd>{value}</dd>
            </div>
          )
        })}
      </dl>
      <p className={classes.batches}>
        Batches received: {progress.batches.received}, still to be placed:{' '}
        {progress.batches.toPlace} · Records refuted: {progress.records.refuted}, rejected as they
        came: {progress.rejected}
      </p>
    </section>
  )
}
