import { Button } from '@mantine/core'
import { IconArrowsExchange } from '@tabler/icons-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Account, Progress } from '../shared/api.ts'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { AccountTable } from './accounts/AccountTable.tsx'
import { Balanced } from './accounts/Balanced.tsx'
import { TransferDialog } from './accounts/TransferDialog.tsx'
import { ACCOUNT_WORDS } from './accounts/words.ts'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'
import classes from './page.module.css'

const STEP = 200
/** What one call gives at most. */
const MAX = 1000

export function AccountsPage() {
  const [limit, setLimit] = useState(STEP)
  const { data, problem, reload } = useResource<{ readonly accounts: readonly Account[] }>(
    'api/accounts',
    { limit },
  )
  const progress = useResource<Progress>('api/progress')
  const [open, setOpen] = useState<Account>()
  const facts =
    'Double entry: what one account gains another loses, so together they are always zero.'
  if (!data || !progress.data) {
    return (
      <>
        <PageHead title="Accounts" facts={facts} />
        <Loading problem={problem ?? progress.problem} retry={reload} />
      </>
    )
  }
  const groups = Map.groupBy(data.accounts, ({ kind }) => kind)
  return (
    <>
      <PageHead
        title="Accounts"
        facts={facts}
        acts={
          <>
            <Button component={Link} href="/coins" variant="default">
              Coins
            </Button>
            <Balanced sums={progress.data.sums} />
          </>
        }
      />
      <ProblemNotice problem={problem} retry={reload} />
      {data.accounts.length === 0 && (
        <Empty title="No money has moved yet" icon={<IconArrowsExchange size={28} aria-hidden />}>
          Accounts open by themselves with the first card that is issued with a balance.
        </Empty>
      )}
      {[...groups].map(([kind, accounts]) => (
        <Section key={kind} title={ACCOUNT_WORDS[kind].title} aside={ACCOUNT_WORDS[kind].meaning}>
          <AccountTable accounts={accounts} onOpen={setOpen} />
        </Section>
      ))}
      {data.accounts.length === limit && limit < MAX && (
        <div className={classes.more}>
          <Button variant="default" onClick={() => setLimit((last) => last + STEP)}>
            Show more
          </Button>
        </div>
      )}
      <TransferDialog account={open} onClose={() => setOpen(undefined)} />
    </>
  )
}
