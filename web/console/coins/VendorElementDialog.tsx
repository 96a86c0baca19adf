import { Button, FileInput, Modal } from '@mantine/core'
import { useCallback, useState } from 'react'
import { useAction, useOnce } from '../../shared/action.ts'
import type { TillDetail, VendorElementMade } from '../../shared/api.ts'
import { fieldProblem, otherProblem } from '../../shared/field.ts'
import { FormDialog } from '../FormDialog.tsx'
import classes from './coins.module.css'

const SCHEME = 'coin'

/** A vendor element in two steps, as a desk without a line to the office does it: report in, plan out. */
export function VendorElementDialog({
  till,
  onClose,
  onMade,
}: {
  readonly till: TillDetail
  readonly onClose: () => void
  readonly onMade: () => void
}) {
  const [file, setFile] = useState<File | null>(null)
  const [made, setMade] = useState<VendorElementMade>()
  const postOnce = useOnce()
  const { busy, problem, run } = useAction(
    useCallback(
      async (report: File) => {
        const body = { scheme: SCHEME, report: base64(await report.bytes()) }
        setMade(await postOnce(`api/tills/${till.number}/vendor-element`, body))
        onMade()
      },
      [till.number, postOnce, onMade],
    ),
  )
  if (made) return <Made till={till} made={made} onClose={onClose} />
  return (
    <FormDialog
      title="A vendor element for this till"
      act="Make its plan"
      opened
      busy={busy}
      problem={otherProblem(problem, ['report'])}
      disabled={file === null}
      onSubmit={() => {
        if (file) run(file)
      }}
      onClose={onClose}
    >
      <p>
        The issuing desk has a blank chip make its keys and say how its PUF answers. Give that
        report here; the plan that you get for it fits that chip alone.
      </p>
      <FileInput
        label="Report of the blank chip"
        placeholder="Choose a file"
        data-autofocus
        value={file}
        onChange={setFile}
        error={fieldProblem(problem, 'report')}
      />
    </FormDialog>
  )
}

function Made({
  till,
  made: { element, plan },
  onClose,
}: {
  readonly till: TillDetail
  readonly made: VendorElementMade
  readonly onClose: () => void
}) {
  return (
    <Modal opened onClose={onClose} title="A vendor element for this till">
      <div className={classes.made}>
        <p>
          Vendor element <span className={classes.number}>{element}</span> for {till.name}. Have the
          desk write this plan on that chip, put the chip into the till’s slot, and buy it a float.
        </p>
        <div className={classes.buttons}>
          <Button
            component="a"
            href={`data:application/octet-stream;base64,${encodeURIComponent(plan)}`}
            download={`vendor-element-${element}.plan`}
          >
            Save the plan
          </Button>
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
        </div>
      </div>
    </Modal>
  )
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
