import { IconRefresh } from '@tabler/icons-react'
import { Stage } from './Stage.tsx'
import classes from './Stage.module.css'

export function Torn({ onDone }: { readonly onDone: () => void }) {
  return (
    <Stage
      tone="wait"
      icon={<IconRefresh size={72} stroke={1.6} aria-hidden="true" />}
      headline="The card left too early"
      acts={
        <button type="button" className={classes.act} data-main onClick={onDone}>
          Try again
        </button>
      }
    >
      <p className={classes.why}>It could not be read. Nothing has changed on it.</p>
    </Stage>
  )
}
