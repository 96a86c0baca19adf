import { Modal } from '@mantine/core'
import type { Account, AccountRef, Transfer } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { Empty, ProblemNotice } from '../../shared/Notice.tsx'
import { useResource } from '../../shared/resource.ts'
import { type Column, Table } from '../../shared/Table.tsx'
import { Time } from '../../shared/Time.tsx'
import { AccountName } from './AccountTable.tsx'
import { ACCOUNT_WORDS } from './words.ts'

/** What came in and went out of one account, newest first. */
export function TransferDialog({
  account,
  onClose,
}: {
  readonly account: Account | undefined
  readonly onClose: () => void
}) {
  return (
    <Modal
      opened={account !== undefined}
      onClose={onClose}
      size="xl"
      title={account && <AccountName account={account} />}
    >
      {account && <Transfers account={account} />}
    </Modal>
  )
}

/** As seen from one of its two accounts. */
interface Row {
  readonly transfer: Transfer
  readonly other: AccountRef
  /** What it did to this account. */
  readonly change: string
  readonly currency: string
}

const columns: readonly Column<Row>[] = [
  { label: 'When', lead: true, cell: ({ transfer }) => <Time at={transfer.at} /> },
  {
    label: 'With',
    cell: ({ other }) => (
      <>
        {ACCOUNT_WORDS[other.kind].title}: <AccountName account={other} />
      </>
    ),
  },
  { label: 'Reference', cell: ({ transfer }) => transfer.reference },
  {
    label: 'Amount',
    figures: true,
    cell: ({ change, currency }) => <Money amount={change} currency={currency} signed />,
  },
]

function Transfers({ account }: { readonly account: Account }) {
  const { data, problem, reload } = useResource<{ readonly transfers: readonly Transfer[] }>(
    `api/accounts/${account.id}/transfers`,
  )
  const rows = data?.transfers.map((transfer): Row => {
    const isIn = transfer.credit.id === account.id
    return {
      transfer,
      other: isIn ? transfer.debit : transfer.credit,
      change: isIn ? transfer.amount : `-${transfer.amount}`,
      currency: account.currency,
    }
  })
  return (
    <>
      <ProblemNotice problem={problem} retry={reload} />
      <Table
        label="Transfers"
        columns={columns}
        rows={rows}
        rowKey={({ transfer }) => transfer.reference}
        empty={<Empty title="No transfers yet" />}
      />
    </>
  )
}
