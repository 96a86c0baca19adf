import { useEffect, useState } from 'react'
import { Link, Redirect, Route, Switch } from 'wouter'
import { ChangesProvider } from '../shared/live.tsx'
import { Logo } from '../shared/Logo.tsx'
import { SchemeSwitch } from '../shared/SchemeSwitch.tsx'
import { CardPage } from './CardPage.tsx'
import { HolderPage } from './HolderPage.tsx'
import { PersonMenu, skipToContent } from './Shell.tsx'
import classes from './Shell.module.css'

/** What somebody who holds cards sees: what is theirs. The office tells them nothing by itself. */
export function HolderConsole() {
  return (
    <ChangesProvider version={useReturns()}>
      <div className={classes.shell} data-plain>
        <a className={classes.skip} href="#content" onClick={skipToContent}>
          Skip to content
        </a>
        <header className={classes.head}>
          <Link href="/" className={classes.home}>
            <Logo size={26} />
          </Link>
          <div className={classes.tools}>
            <SchemeSwitch />
            <PersonMenu />
          </div>
        </header>
        <main id="content" tabIndex={-1} className={classes.content}>
          <Switch>
            <Route path="/" component={HolderPage} />
            <Route path="/cards/:id">{({ id }) => <CardPage id={id} />}</Route>
            <Route>
              <Redirect to="/" replace />
            </Route>
          </Switch>
        </main>
      </div>
    </ChangesProvider>
  )
}

/** How often somebody has come back to this page: then it is asked for again. */
function useReturns(): number {
  const [count, setCount] = useState(0)
  useEffect(() => {
    const back = () => setCount((last) => last + 1)
    window.addEventListener('focus', back)
    return () => window.removeEventListener('focus', back)
  }, [])
  return count
}
