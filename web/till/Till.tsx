import { ProblemNotice } from '../shared/Notice.tsx'
import { Unreachable } from '../shared/http.ts'
import { Logo } from '../shared/Logo.tsx'
import { Counter } from './Counter.tsx'
import { Enrolment } from './Enrolment.tsx'
import { TillStateProvider, useTillLine } from './state.tsx'
import classes from './Till.module.css'
import { TopBar } from './TopBar.tsx'
import { Ledge } from './Ledge.tsx'

const SILENT = new Unreachable()

export function Till() {
  const { heard, lost } = useTillLine()
  if (!heard) {
    return (
      <main className={classes.waiting}>
        <Logo size={40} />
        {lost && <ProblemNotice problem={SILENT} />}
      </main>
    )
  }
  return (
    <TillStateProvider heard={heard}>
      <div className={classes.till}>
        <TopBar />
        {lost && (
          <div className={classes.lost}>
            <ProblemNotice problem={SILENT} />
          </div>
        )}
        {heard.state.till === null ? (
          <Enrolment />
        ) : (
          <>
            <Counter />
            <aside className={classes.ledge} aria-label="Network and receipts">
              <Ledge />
            </aside>
          </>
        )}
      </div>
    </TillStateProvider>
  )
}
