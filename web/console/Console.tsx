import { useCallback, useEffect, useMemo } from 'react'
import { Redirect, Route, Router, Switch } from 'wouter'
import { useHashLocation } from 'wouter/use-hash-location'
import type { Session, Till } from '../shared/api.ts'
import { Refused, remove, signedOut } from '../shared/http.ts'
import { LiveProvider } from '../shared/live.tsx'
import { TillNamesProvider } from '../shared/names.tsx'
import { ProblemNotice } from '../shared/Notice.tsx'
import { useResource } from '../shared/resource.ts'
import { AccountsPage } from './AccountsPage.tsx'
import { AuditPage } from './AuditPage.tsx'
import { CardPage } from './CardPage.tsx'
import { CardsPage } from './CardsPage.tsx'
import { CasePage } from './CasePage.tsx'
import { CasesPage } from './CasesPage.tsx'
import { CoinsPage } from './CoinsPage.tsx'
import { HolderConsole } from './HolderConsole.tsx'
import { LoginPage } from './LoginPage.tsx'
import { OverviewPage } from './OverviewPage.tsx'
import { PeoplePage } from './PeoplePage.tsx'
import { PersonPage } from './PersonPage.tsx'
import { RulesPage } from './RulesPage.tsx'
import { SessionProvider } from './session.tsx'
import { Shell } from './Shell.tsx'
import { WrongDoor } from './WrongDoor.tsx'
import { ProductsPage } from './ProductsPage.tsx'
import { TillPage } from './TillPage.tsx'
import { TillsPage } from './TillsPage.tsx'

/** What the office calls out while it works. */
const EVENTS = ['batch', 'entry', 'case', 'card', 'till', 'placed']

/** Whatever the path of the page is, the server has one page to serve. */
const BEHIND_HASH = { hook: useHashLocation }

export function Console() {
  const { data, problem, reload } = useResource<Session>('api/session')
  const signOut = useCallback(() => {
    remove('api/session').then(reload, reload)
  }, [reload])

  // A session that ends while a page is open.
  useEffect(() => {
    signedOut.addEventListener('signed-out', reload)
    return () => signedOut.removeEventListener('signed-out', reload)
  }, [reload])

  if (problem instanceof Refused && problem.status === 401) return <LoginPage onDone={reload} />
  if (!data) return <ProblemNotice problem={problem} retry={reload} />
  const { role } = data.person
  const session = { person: data.person, signOut }
  if (role === 'merchant') return <WrongDoor onLeave={signOut} />
  if (role === 'cardholder') {
    return (
      <SessionProvider session={session}>
        <Router {...BEHIND_HASH}>
          <HolderConsole />
        </Router>
      </SessionProvider>
    )
  }
  return (
    <SessionProvider session={session}>
      <LiveProvider path="api/events" events={EVENTS}>
        <Router {...BEHIND_HASH}>
          <Pages />
        </Router>
      </LiveProvider>
    </SessionProvider>
  )
}

function Pages() {
  const tills = useResource<{ readonly tills: readonly Till[] }>('api/tills')
  const names = useMemo(
    () => new Map(tills.data?.tills.map(({ number, name }) => [number, name] as const)),
    [tills.data],
  )
  return (
    <TillNamesProvider names={names}>
      <Shell>
        <Switch>
          <Route path="/" component={OverviewPage} />
          <Route path="/cards" component={CardsPage} />
          <Route path="/cards/:id">{({ id }) => <CardPage id={id} />}</Route>
          <Route path="/people" component={PeoplePage} />
          <Route path="/people/:id">{({ id }) => <PersonPage id={id} />}</Route>
          <Route path="/rules" component={RulesPage} />
          <Route path="/coins" component={CoinsPage} />
          <Route path="/cases" component={CasesPage} />
          <Route path="/cases/:id">{({ id }) => <CasePage id={id} />}</Route>
          <Route path="/tills" component={TillsPage} />
          <Route path="/tills/:number">{({ number }) => <TillPage number={number} />}</Route>
          <Route path="/products" component={ProductsPage} />
          <Route path="/accounts" component={AccountsPage} />
          <Route path="/audit" component={AuditPage} />
          <Route>
            <Redirect to="/" replace />
          </Route>
        </Switch>
      </Shell>
    </TillNamesProvider>
  )
}
