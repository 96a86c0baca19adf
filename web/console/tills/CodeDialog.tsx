import { Button, CopyButton, Modal } from '@mantine/core'
import type { EnrolmentCode } from '../../shared/api.ts'
import { Time } from '../../shared/Time.tsx'
import classes from './CodeDialog.module.css'

/** The code to enrol a till by. The office shows it this once. */
export function CodeDialog({
  code,
  onClose,
}: {
  readonly code: EnrolmentCode | undefined
  readonly onClose: () => void
}) {
  return (
    <Modal opened={code !== undefined} onClose={onClose} title="Enrolment code">
      {code && (
        <div className={classes.code}>
          <p>
            Enter this on the till’s page, or start it with{' '}
            <code>kontant till --data DIR --code {code.code}</code>. It is shown this once and holds
            until <Time at={code.expiresAt} />.
          </p>
          <output className={classes.digits}>{code.code}</output>
          <CopyButton value={code.code}>
            {({ copied, copy }) => (
              <Button variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <p className={classes.fingerprint}>
            The till shows the office as <span>{code.officeFingerprint}</span>
          </p>
        </div>
      )}
    </Modal>
  )
}
