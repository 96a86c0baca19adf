import { Button, Menu, Tooltip } from '@mantine/core'
import {
  IconArrowsExchange,
  IconBuildingStore,
  IconCoins,
  IconCreditCard,
  IconGavel,
  IconHistory,
  IconHome,
  IconLogout,
  IconShoppingBag,
  IconUser,
  IconUsers,
  IconWallet,
} from '@tabler/icons-react'
import type { ComponentType, ReactNode } from 'react'
import { Link, useRoute } from 'wouter'
import type { Progress } from '../shared/api.ts'
import { useLiveState } from '../shared/live.tsx'
import { Logo } from '../shared/Logo.tsx'
import { useResource } from '../shared/resource.ts'
import { SchemeSwitch } from '../shared/SchemeSwitch.tsx'
import { useMay, useSession } from './session.tsx'
import classes from './Shell.module.css'

interface Place {
  readonly path: string
  /** What it asks for. */
  readonly call: string
  readonly name: string
  /** Reached from another page where there is no room for it. */
  readonly wideOnly?: boolean
  readonly icon: ComponentType<{ size?: number; 'aria-hidden'?: boolean }>
}

const PLACES: readonly Place[] = [
  { path: '/', call: 'GET /api/progress', name: 'Overview', icon: IconHome },
  { path: '/cards', call: 'GET /api/cards', name: 'Cards', icon: IconCreditCard },
  {
    path: '/people',
    call: 'GET /api/people',
    name: 'People',
    icon: IconUsers,
    wideOnly: true,
  },
  { path: '/cases', call: 'GET /api/cases', name: 'Cases', icon: IconGavel },
  { path: '/tills', call: 'GET /api/tills', name: 'Tills', icon: IconBuildingStore },
  {
    path: '/products',
    call: 'GET /api/products',
    name: 'Products',
    icon: IconShoppingBag,
    wideOnly: true,
  },
  {
    path: '/rules',
    call: 'GET /api/wallet-policy',
    name: 'Wallet rules',
    icon: IconWallet,
    wideOnly: true,
  },
  {
    path: '/coins',
    call: 'GET /api/coins',
    name: 'Coins',
    icon: IconCoins,
    wideOnly: true,
  },
  { path: '/accounts', call: 'GET /api/accounts', name: 'Accounts', icon: IconArrowsExchange },
  { path: '/audit', call: 'GET /api/audit', name: 'Audit', icon: IconHistory },
]

export function Shell({ children }: { readonly children: ReactNode }) {
  const progress = useResource<Progress>('api/progress')
  const { proven = 0, suspected = 0 } = progress.data?.openCases ?? {}
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content" onClick={skipToContent}>
        Skip to content
      </a>
      <header className={classes.head}>
        <Link href="/" className={classes.home}>
          <Logo size={26} />
        </Link>
        <div className={classes.tools}>
          <LiveDot />
          <SchemeSwitch />
          <PersonMenu />
        </div>
      </header>
      <nav className={classes.places} aria-label="Console">
        {PLACES.map((place) => (
          <PlaceLink
            key={place.path}
            place={place}
            count={place.path === '/cases' ? proven + suspected : 0}
          />
        ))}
      </nav>
      <main id="content" tabIndex={-1} className={classes.content}>
        {children}
      </main>
    </div>
  )
}

/** The hash is the router's, so the browser cannot do this by itself. */
export function skipToContent(event: { preventDefault: () => void }) {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function PlaceLink({ place, count }: { readonly place: Place; readonly count: number }) {
  const [here] = useRoute(place.path === '/' ? '/' : `${place.path}/*?`)
  const may = useMay(place.call)
  const Icon = place.icon
  if (!may) return null
  return (
    <Link
      href={place.path}
      className={classes.place}
      data-wide-only={place.wideOnly}
      aria-current={here ? 'page' : undefined}
    >
      <Icon size={20} aria-hidden />
      <span className={classes.placeName}>{place.name}</span>
      {count > 0 && (
        <span className={classes.count}>
          {count}
          <span className="visually-hidden"> open</span>
        </span>
      )}
    </Link>
  )
}

const LIVE_WORDS = {
  connecting: 'Connecting',
  live: 'Live: figures keep themselves up to date',
  lost: 'No connection to the office. Figures may be old; trying again',
}

function LiveDot() {
  const state = useLiveState()
  return (
    <Tooltip label={LIVE_WORDS[state]}>
      <span className={classes.live} data-state={state} role="status" tabIndex={0}>
        {state === 'lost' ? 'Offline' : 'Live'}
        <span className="visually-hidden">: {LIVE_WORDS[state]}</span>
      </span>
    </Tooltip>
  )
}

export function PersonMenu() {
  const { person, signOut } = useSession()
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="sm"
          px={8}
          leftSection={<IconUser size={18} aria-hidden />}
          aria-label={`${person.name}, ${person.role}`}
          className={classes.person}
        >
          {person.name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {person.name}, {person.role}
        </Menu.Label>
        <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={signOut}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
