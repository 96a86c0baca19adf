import { Button, Modal, Skeleton } from '@mantine/core'
import { IconArrowBackUp, IconPrinter } from '@tabler/icons-react'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { useAction } from '../../shared/action.ts'
import { beginOrder, type Receipt } from '../api.ts'
import classes from './ReceiptDialog.module.css'

/** The receipt as paper would show it, with the code by which anyone can have it checked. */
export function ReceiptDialog({
  id,
  onClose,
}: {
  readonly id: number | undefined
  readonly onClose: () => void
}) {
  return (
    <Modal opened={id !== undefined} onClose={onClose} title="Receipt" size="auto">
      {id !== undefined && <Paper id={id} onClose={onClose} />}
    </Modal>
  )
}

function Paper({ id, onClose }: { readonly id: number; readonly onClose: () => void }) {
  const { data, problem, reload } = useResource<Receipt>(`api/receipts/${id}`)
  const refund = useAction(async () => {
    await beginOrder({ kind: 'refund', receipt: id })
    onClose()
  })
  return (
    <div className={classes.receipt}>
      <ProblemNotice problem={problem} retry={reload} />
      <div className={classes.paper}>
        {data ? (
          <>
            <pre className={classes.text}>{data.text}</pre>
            <img
              className={classes.code}
              src={`data:image/svg+xml,${encodeURIComponent(data.svg)}`}
              alt="QR code: check it with kontant receipt"
            />
          </>
        ) : (
          <Skeleton className={classes.wait ?? ''} />
        )}
      </div>
      <Button
        variant="default"
        leftSection={<IconPrinter size={18} aria-hidden="true" />}
        onClick={() => window.print()}
      >
        Print
      </Button>
      {data?.refundable === true && (
        <Button
          variant="default"
          leftSection={<IconArrowBackUp size={18} aria-hidden="true" />}
          loading={refund.busy}
          onClick={() => refund.run()}
        >
          Pay back
        </Button>
      )}
      <ProblemNotice problem={refund.problem} />
    </div>
  )
}
