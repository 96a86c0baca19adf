import { Button, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useAction } from '../shared/action.ts'
import { ProblemNotice } from '../shared/Notice.tsx'
import { enrolTill } from './api.ts'
import classes from './Enrolment.module.css'

export function Enrolment() {
  const [code, setCode] = useState('')
  const { busy, problem, run } = useAction(enrolTill)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    run(code.trim())
  }
  return (
    <main className={classes.page}>
      <form className={classes.form} onSubmit={submit}>
        <h1 className={classes.title}>This till is new</h1>
        <p>
          Enter the code that the office gave for it. It needs the network once, now; after that it
          sells without one.
        </p>
        <TextInput
          label="Enrolment code"
          size="lg"
          required
          withAsterisk={false}
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        <ProblemNotice problem={problem} />
        <Button type="submit" size="lg" loading={busy}>
          Enrol this till
        </Button>
      </form>
    </main>
  )
}
