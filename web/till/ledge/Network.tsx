import { Button, Switch } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import { useAction } from '../../shared/action.ts'
import { Money } from '../../shared/Money.tsx'
import { ProblemNotice } from '../../shared/Notice.tsx'
import { Age } from '../../shared/Time.tsx'
import { setNetwork, synchronise } from '../api.ts'
import { useCurrency, useHeard } from '../state.tsx'
import classes from './Network.module.css'

/** Whether the office is reached, what it does not have yet, and how long this till may go on so. */
export function Network() {
  const { state, at } = useHeard()
  const { network, queue, lastBatch, acknowledged, lastSync, clock } = state
  const turn = useAction(setNetwork)
  const sync = useAction(synchronise)
  return (
    <section className={classes.network} aria-labelledby="network-title">
      <div className={classes.head}>
        <h2 id="network-title" className={classes.title}>
          Network
        </h2>
        <Switch
          size="lg"
          label={network.on ? 'On' : 'Off'}
          aria-label="Network"
          labelPosition="left"
          checked={network.on}
          disabled={turn.busy}
          onChange={(event) => turn.run(event.currentTarget.checked)}
        />
      </div>
      <dl className={classes.facts}>
        <div>
          <dt>To upload</dt>
          <dd data-waiting={queue > 0}>
            {queue} {queue === 1 ? 'record' : 'records'}
          </dd>
        </div>
        <div>
          <dt>Office confirmed</dt>
          <dd>{acknowledged ? <Age at={at - acknowledged.age} /> : 'never'}</dd>
        </div>
        <div>
          <dt>Batches</dt>
          <dd>
            {acknowledged?.batch ?? 0} of {lastBatch} confirmed
          </dd>
        </div>
        <Allowance />
      </dl>
      {clock.warning !== null && <p className={classes.warning}>{clock.warning}</p>}
      {lastSync && lastSync.problem !== null && (
        <p className={classes.warning}>{lastSync.problem}</p>
      )}
      <ProblemNotice problem={turn.problem ?? sync.problem} />
      <Button
        variant="default"
        fullWidth
        disabled={!network.on}
        loading={sync.busy}
        leftSection={<IconRefresh size={18} aria-hidden="true" />}
        onClick={() => sync.run()}
      >
        Synchronise now
      </Button>
    </section>
  )
}

/** How much of what it may do without the office is used up. */
function Allowance() {
  const { policy, usage } = useHeard().state
  const currency = useCurrency()
  if (!policy || (policy.offlinePaymentsMax === null && policy.offlineAmountMax === null)) {
    return null
  }
  return (
    <div>
      <dt>Sold since</dt>
      <dd>
        {usage.payments}
        {policy.offlinePaymentsMax !== null && ` of ${policy.offlinePaymentsMax}`},{' '}
        <Money amount={usage.amount} currency={currency} />
        {policy.offlineAmountMax !== null && (
          <>
            {' '}
            of <Money amount={policy.offlineAmountMax} currency={currency} />
          </>
        )}
      </dd>
    </div>
  )
}
