import { type ReactNode, useEffect, useRef } from 'react'
import { Link } from 'wouter'
import classes from './PageHead.module.css'

/** A page's name. It takes the focus when the page comes up, so that a screen reader says where one is. */
export function PageHead({
  title,
  above,
  facts,
  acts,
}: {
  readonly title: string
  readonly above?: { readonly path: string; readonly name: string }
  readonly facts?: ReactNode
  readonly acts?: ReactNode
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Kontant`
    heading.current?.focus()
  }, [title])
  return (
    <header className={classes.head}>
      <div className={classes.words}>
        {above && (
          <Link href={above.path} className={classes.above}>
            ← {above.name}
          </Link>
        )}
        <h1 ref={heading} tabIndex={-1} className={classes.title}>
          {title}
        </h1>
        {facts !== undefined && <div className={classes.facts}>{facts}</div>}
      </div>
      {acts !== undefined && acts !== false && <div className={classes.acts}>{acts}</div>}
    </header>
  )
}

export function Section({
  title,
  aside,
  children,
}: {
  readonly title: string
  readonly aside?: ReactNode
  readonly children: ReactNode
}) {
  return (
    <section className={classes.section} aria-label={title}>
      <div className={classes.sectionHead}>
        <h2 className={classes.sectionTitle}>{title}</h2>
        {aside !== undefined && aside !== false && <div className={classes.aside}>{aside}</div>}
      </div>
      {children}
    </section>
  )
}
