import { ActionIcon, Drawer } from '@mantine/core'
import { IconCloudCheck, IconCloudOff, IconReceipt } from '@tabler/icons-react'
import { useState } from 'react'
import { Mark } from '../shared/Logo.tsx'
import { SchemeSwitch } from '../shared/SchemeSwitch.tsx'
import { Ledge } from './Ledge.tsx'
import { useTillState } from './state.tsx'
import classes from './TopBar.module.css'

/** Whose till it is, and whether it reaches its office. */
export function TopBar() {
  const { name, merchant, till } = useTillState()
  const [open, setOpen] = useState(false)
  return (
    <header className={classes.bar}>
      <span className={classes.who}>
        <Mark size={30} />
        <span className={classes.names}>
          <strong className={classes.merchant}>{merchant === '' ? 'Kontant' : merchant}</strong>
          {name !== merchant && <span className={classes.till}>{name}</span>}
        </span>
      </span>
      <SchemeSwitch />
      {till !== null && (
        <>
          <ActionIcon
            className={classes.receipts ?? ''}
            variant="subtle"
            color="gray"
            size={42}
            aria-label="Receipts and network"
            onClick={() => setOpen(true)}
          >
            <IconReceipt size={21} />
          </ActionIcon>
          <NetworkBadge onClick={() => setOpen(true)} />
        </>
      )}
      <Drawer
        opened={open}
        onClose={() => setOpen(false)}
        position="right"
        size={400}
        title="Network and receipts"
      >
        <Ledge />
      </Drawer>
    </header>
  )
}

function NetworkBadge({ onClick }: { readonly onClick: () => void }) {
  const { network, queue } = useTillState()
  const Icon = network.online ? IconCloudCheck : IconCloudOff
  return (
    <button type="button" className={classes.badge} data-online={network.online} onClick={onClick}>
      <Icon size={19} aria-hidden="true" />
      <span>{network.online ? 'Online' : 'Offline'}</span>
      {queue > 0 && (
        <span className={classes.queue}>
          {queue}
          <span className="visually-hidden"> to upload</span>
        </span>
      )}
    </button>
  )
}
