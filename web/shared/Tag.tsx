import type { ReactNode } from 'react'
import classes from './Tag.module.css'

export type Tone = 'good' | 'wait' | 'bad' | 'plain'

/** A state in one word. The word says it; the colour only repeats it. */
export function Tag({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return <span className={`${classes.tag} ${classes[tone] ?? ''}`}>{children}</span>
}
