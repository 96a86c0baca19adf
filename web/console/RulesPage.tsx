import type { CardPolicy, Till } from '../shared/api.ts'
import { useResource } from '../shared/resource.ts'
import { Loading } from './Loading.tsx'
import { PageHead } from './PageHead.tsx'
import { useMay } from './session.tsx'
import { CardPolicySection } from './wallet/CardPolicySection.tsx'
import { LiquiditySection } from './wallet/LiquiditySection.tsx'
import { ALL_CARDS } from './wallet/rules.ts'

const SCHEME = 'wallet'

/** What holds for all wallets. */
export function RulesPage() {
  const policy = useResource<CardPolicy>(ALL_CARDS, { scheme: SCHEME })
  const tills = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const mayChange = useMay('POST /api/wallet-policy')
  const head = (
    <PageHead
      title="Wallet rules"
      above={{ path: '/cards', name: 'Cards' }}
      facts="For all wallet cards. One card can have rules of its own: see its page."
    />
  )
  if (!policy.data || !tills.data) {
    return (
      <>
        {head}
        <Loading problem={policy.problem ?? tills.problem} retry={policy.reload} />
      </>
    )
  }
  const currency = tills.data.tills[0]?.currency ?? 'EUR'
  return (
    <>
      {head}
      <CardPolicySection
        title="What cards may do without the office"
        policy={policy.data}
        path={ALL_CARDS}
        currency={currency}
        mayChange={mayChange}
        onChanged={policy.reload}
      />
      <LiquiditySection currency={currency} />
    </>
  )
}
