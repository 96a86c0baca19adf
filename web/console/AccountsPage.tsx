import { IconArrowsExchange } from '@tabler/icons-react'
import { useState } from 'react'
import type { Account } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { AccountTable } from './accounts/AccountTable.tsx'
import { ACCOUNT_WORDS } from './accounts/words.ts'
import { Balanced } from './accounts/Balanced.tsx'
import { TransferDialog } from './accounts/TransferDialog.tsx'
import { PageHead, Section } from './PageHead.tsx'

export function AccountsPage() {
  const { data, problem, reload } = useResource<{ readonly accounts: readonly Account[] }>(
    'api/accounts',
  )
  const [open, setOpen] = useState<Account>()
  const groups = Map.groupBy(data?.accounts ?? [], ({ kind }) => kind)
  return (
    <>
      <PageHead
        title="Accounts"
        facts="Double entry: what one account gains another loses, so together they are always zero."
        acts={data && <Balanced accounts={data.accounts} />}
      />
      <ProblemNotice problem={problem} retry={reload} />
      {data?.accounts.length === 0 && (
        <Empty title="No money has moved yet" icon={<IconArrowsExchange size={28} aria-hidden />}>
          Accounts open by themselves with the first card that is issued with a balance.
        </Empty>
      )}
      {[...groups].map(([kind, accounts]) => (
        <Section key={kind} title={ACCOUNT_WORDS[kind].title} aside={ACCOUNT_WORDS[kind].meaning}>
          <AccountTable accounts={accounts} onOpen={setOpen} />
        </Section>
      ))}
      <TransferDialog account={open} onClose={() => setOpen(undefined)} />
    </>
  )
}
