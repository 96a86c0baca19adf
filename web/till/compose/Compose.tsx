import { IconCashBanknote, IconCreditCard, IconLock, IconShoppingBag } from '@tabler/icons-react'
import { type ComponentType, useCallback, useState } from 'react'
import type { Answer, OrderRequest } from '../api.ts'
import { beginOrder } from '../api.ts'
import { useTillState } from '../state.tsx'
import { useAction } from '../../shared/action.ts'
import { LoadForm } from './LoadForm.tsx'
import { NewPasscode } from './NewPasscode.tsx'
import { PasscodePad, PurseHint } from './PasscodePad.tsx'
import { SellForm } from './SellForm.tsx'
import { ShowForm } from './ShowForm.tsx'
import classes from './Compose.module.css'

const MODES = ['sell', 'load', 'passcode', 'show'] as const
type Mode = (typeof MODES)[number]

const TABS: Readonly<Record<Mode, { name: string; icon: ComponentType<{ size?: number }> }>> = {
  sell: { name: 'Sell', icon: IconShoppingBag },
  load: { name: 'Add money', icon: IconCashBanknote },
  passcode: { name: 'Passcode', icon: IconLock },
  show: { name: 'Balance', icon: IconCreditCard },
}

/** What is to be done, all but the passcode. */
type Draft =
  | Omit<Extract<OrderRequest, { kind: 'pay' }>, 'passcode'>
  | Omit<Extract<OrderRequest, { kind: 'load' }>, 'passcode'>

interface Asked {
  readonly draft: Draft
  readonly amount: string
}

export function Compose({ onShown }: { readonly onShown: (answer: Answer) => void }) {
  const [mode, setMode] = useState<Mode>('sell')
  const [asked, setAsked] = useState<Asked>()
  const { policy, module } = useTillState()
  const { busy, problem, run, forget } = useAction(beginOrder)
  const ask = useCallback((draft: Draft, amount: string) => setAsked({ draft, amount }), [])

  if (asked) {
    return (
      <PasscodePad
        title={asked.draft.kind === 'pay' ? 'Payment' : 'Add money'}
        amount={asked.amount}
        busy={busy}
        problem={problem}
        onDone={(passcode) => run({ ...asked.draft, passcode })}
        // Only cards for which a till has a module can do without.
        {...(module === true && {
          note: <PurseHint kind={asked.draft.kind} />,
          onWithout: () => run({ ...asked.draft, passcode: '' }),
        })}
        onBack={() => {
          forget()
          setAsked(undefined)
        }}
      />
    )
  }
  return (
    <>
      <nav className={classes.tabs} aria-label="What to do">
        {MODES.filter((one) => one !== 'load' || policy?.mayLoad === true).map((one) => {
          const { name, icon: Icon } = TABS[one]
          return (
            <button
              key={one}
              type="button"
              className={classes.tab}
              aria-current={one === mode ? 'page' : undefined}
              onClick={() => setMode(one)}
            >
              <Icon size={20} aria-hidden="true" />
              {name}
            </button>
          )
        })}
      </nav>
      {mode === 'sell' && <SellForm onReady={ask} />}
      {mode === 'load' && <LoadForm onReady={ask} />}
      {mode === 'passcode' && (
        <NewPasscode busy={busy} problem={problem} onReady={run} onBack={() => setMode('sell')} />
      )}
      {mode === 'show' && <ShowForm onShown={onShown} />}
    </>
  )
}
