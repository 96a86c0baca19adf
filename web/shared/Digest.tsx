import { CopyButton, Tooltip } from '@mantine/core'
import classes from './Digest.module.css'

/** The beginning of a digest; a click copies all of it. */
export function Digest({ digest }: { readonly digest: string }) {
  return (
    <CopyButton value={digest} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : digest} multiline maw={320}>
          <button
            type="button"
            className={classes.digest}
            onClick={copy}
            aria-label={`Copy digest ${digest}`}
          >
            {digest.slice(0, 12)}…
          </button>
        </Tooltip>
      )}
    </CopyButton>
  )
}
