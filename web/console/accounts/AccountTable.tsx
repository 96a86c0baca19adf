import type { Account } from '../../shared/api.ts'
import { Money } from '../../shared/Money.tsx'
import { useTillName } from '../../shared/names.tsx'
import { type Column, Table } from '../../shared/Table.tsx'
import { CardName } from '../CardName.tsx'
import classes from './AccountTable.module.css'
import { ACCOUNT_WORDS } from './words.ts'

type Row = Account & { readonly onOpen: () => void }

const columns: readonly Column<Row>[] = [
  {
    label: 'Account',
    lead: true,
    cell: (account) => (
      <button type="button" data-row-link className={classes.open} onClick={account.onOpen}>
        <AccountName account={account} />
      </button>
    ),
  },
  {
    label: 'Balance',
    figures: true,
    cell: ({ balance, currency }) => <Money amount={balance} currency={currency} />,
  },
]

export function AccountTable({
  accounts,
  onOpen,
}: {
  readonly accounts: readonly Account[]
  readonly onOpen: (account: Account) => void
}) {
  return (
    <Table
      label="Accounts"
      columns={columns}
      rows={accounts.map((account) => ({ ...account, onOpen: () => onOpen(account) }))}
      rowKey={({ id }) => id}
      empty={null}
    />
  )
}

export function AccountName({
  account,
}: {
  readonly account: Pick<Account, 'kind' | 'owner' | 'name'>
}) {
  const tillName = useTillName()
  if (account.kind === 'shadow') {
    return (
      <>
        {account.name !== null && <>{account.name} </>}
        <CardName id={account.owner} plain />
      </>
    )
  }
  if (account.kind === 'till-cash') return tillName(Number(account.owner))
  if (account.name !== null) return account.name
  return account.owner === '' ? ACCOUNT_WORDS[account.kind].title : account.owner
}
