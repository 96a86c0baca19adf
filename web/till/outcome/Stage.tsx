import { type ReactNode, useEffect, useRef } from 'react'
import { Guilloche } from '../../shared/Guilloche.tsx'
import classes from './Stage.module.css'

/** A full ground in the colour of the outcome. Its headline takes the focus, so that it is read out. */
export function Stage({
  tone,
  icon,
  headline,
  children,
  acts,
}: {
  readonly tone: 'good' | 'bad' | 'wait' | 'plain'
  readonly icon: ReactNode
  readonly headline: string
  readonly children: ReactNode
  readonly acts: ReactNode
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <section className={classes.stage} data-tone={tone} aria-live="assertive">
      <Guilloche className={classes.pattern} />
      <div className={classes.words}>
        {icon}
        <h1 ref={heading} tabIndex={-1} className={classes.headline}>
          {headline}
        </h1>
        {children}
      </div>
      <div className={classes.acts}>{acts}</div>
    </section>
  )
}
