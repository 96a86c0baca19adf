import { IconCoins } from '@tabler/icons-react'
import { Link } from 'wouter'
import type { Account, CoinBank } from '../shared/api.ts'
import { Money } from '../shared/Money.tsx'
import { Empty, ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { Stock } from '../shared/Stock.tsx'
import { type Column, Table } from '../shared/Table.tsx'
import { CoinSum } from './coins/CoinSum.tsx'
import { Fact, Facts } from './Facts.tsx'
import { Loading } from './Loading.tsx'
import { PageHead, Section } from './PageHead.tsx'

type Sums = CoinBank['sums'][number]

/** What this office, as a bank, has made of money and money of. */
export function CoinsPage() {
  const { data, problem, reload } = useResource<CoinBank>('api/coins')
  const reserves = useResource<{ readonly accounts: readonly Account[] }>('api/accounts', {
    kind: 'reserve',
  })
  const above = { path: '/accounts', name: 'Accounts' }
  if (!data || !reserves.data) {
    return (
      <>
        <PageHead title="Coins" above={above} />
        <Loading problem={problem ?? reserves.problem} retry={reload} />
      </>
    )
  }
  return (
    <>
      <PageHead
        title="Coins"
        above={above}
        facts={`Made by this office, bank ${data.bank}. A coin is paid once, to whoever shows it.`}
      />
      <ProblemNotice problem={problem} retry={reload} />
      {data.sums.length === 0 && (
        <Empty title="No coins sold yet" icon={<IconCoins size={28} aria-hidden />}>
          Buy some on the page of a card of coins, or float on the page of a till with a vendor
          element.
        </Empty>
      )}
      {data.sums.map((sums) => (
        <OneCurrency key={sums.currency} sums={sums} />
      ))}
      <OtherBanks others={data.others} accounts={reserves.data.accounts} />
    </>
  )
}

const HEAPS = [
  ['outside', 'Outside'],
  ['expired', 'Outside, expired'],
  ['contested', 'In suspense: claimed by several'],
  ['redeemed', 'Paid out to vendors'],
  ['refundedExpired', 'Given back: expired'],
  ['refundedLost', 'Given back: card lost or broken'],
] as const

function OneCurrency({ sums }: { readonly sums: Sums }) {
  const { currency, denominations } = sums
  return (
    <>
      <Section
        title={`What became of them, ${currency}`}
        aside={sums.contested.count > 0 && <Link href="/cases">say whose they are</Link>}
      >
        <Facts>
          {HEAPS.map(([heap, name]) => (
            <Fact key={heap} name={name}>
              <CoinSum of={sums[heap]} currency={currency} />
            </Fact>
          ))}
        </Facts>
      </Section>
      <Section title={`Outside by value, ${currency}`}>
        <Stock label="Outside by value" currency={currency} coins={denominations} />
      </Section>
    </>
  )
}

type Claimed = CoinBank['others'][number]
type Standing = 'awaited' | 'paid' | 'contested' | 'refused'

interface OtherBank {
  readonly bank: string
  readonly currency: string
  /** Its coins that tills here have claimed, by what came of them. */
  readonly claimed: Readonly<Partial<Record<Standing, Sum>>>
  readonly balance: string | undefined
}

type Sum = Pick<Claimed, 'count' | 'amount'>

/** `contested`: its bank has not said yet whose it is; `refused`: somebody else’s, or nobody’s. */
function standingOf(state: Claimed['state']): Standing {
  switch (state) {
    case 'awaited':
    case 'paid':
    case 'contested':
      return state
    case 'unissued':
    case 'expired':
    case 'owed elsewhere':
      return 'refused'
  }
}

function claimedColumn(label: string, standing: Standing): Column<OtherBank> {
  return {
    label,
    figures: true,
    cell: ({ claimed: { [standing]: sum }, currency }) =>
      sum ? <CoinSum of={sum} currency={currency} /> : 'none',
  }
}

const columns: readonly Column<OtherBank>[] = [
  { label: 'Bank', lead: true, cell: ({ bank }) => bank },
  claimedColumn('Its word awaited', 'awaited'),
  claimedColumn('Paid by it', 'paid'),
  claimedColumn('In suspense there', 'contested'),
  claimedColumn('Not paid', 'refused'),
  {
    label: 'Owed to it',
    figures: true,
    cell: ({ balance, currency }) =>
      balance === undefined ? '–' : <Money amount={balance} currency={currency} />,
  },
]

/** Of the accounts, those that this office has with other banks: `bank 2`. */
const WITH_BANK = /^bank (\d+)$/

function OtherBanks({
  others,
  accounts,
}: {
  readonly others: readonly Claimed[]
  readonly accounts: readonly Account[]
}) {
  const rows = new Map<string, OtherBank>()
  const rowOf = (number: string, currency: string): OtherBank =>
    rows.get(`${number} ${currency}`) ?? {
      bank: `Bank ${number}`,
      currency,
      claimed: {},
      balance: undefined,
    }
  for (const { bank, currency, state, count, amount } of others) {
    const row = rowOf(String(bank), currency)
    const standing = standingOf(state)
    const before = row.claimed[standing] ?? { count: 0, amount: '0' }
    const sum = {
      count: before.count + count,
      amount: String(BigInt(before.amount) + BigInt(amount)),
    }
    rows.set(`${bank} ${currency}`, { ...row, claimed: { ...row.claimed, [standing]: sum } })
  }
  for (const { owner, currency, balance } of accounts) {
    const number = WITH_BANK.exec(owner)?.[1]
    if (number === undefined) continue
    rows.set(`${number} ${currency}`, { ...rowOf(number, currency), balance })
  }
  if (rows.size === 0) return null
  return (
    <Section
      title="Other banks"
      aside="under the same root: each one’s vendors take the others’ coins"
    >
      <Table
        label="Other banks"
        columns={columns}
        rows={[...rows.values()]}
        rowKey={({ bank, currency }) => `${bank} ${currency}`}
        empty={null}
      />
    </Section>
  )
}
