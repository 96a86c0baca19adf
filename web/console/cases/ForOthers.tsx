import { Button } from '@mantine/core'
import { Section } from '../PageHead.tsx'
import classes from './ForOthers.module.css'

/** A proven case as a file, and what it takes to check it elsewhere. */
export function ForOthers({ id }: { readonly id: string }) {
  return (
    <Section title="For others to check">
      <p className={classes.how}>
        The file has this case with its evidence. Whoever has the office’s public key checks it
        without a network: <code>kontant verify-case case-{id}.cose --root KEYFILE</code>. It opens
        the records of the cards concerned, so give it only to who has to see them.
      </p>
      <div className={classes.files}>
        <Button component="a" href={`api/cases/${id}/export`} download variant="default">
          Case file
        </Button>
        <Button component="a" href="api/office/key" download variant="default">
          Public key
        </Button>
      </div>
    </Section>
  )
}
