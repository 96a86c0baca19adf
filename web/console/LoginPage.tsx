import { Button, PasswordInput, TextInput } from '@mantine/core'
import { type FormEvent, useCallback, useState } from 'react'
import { useAction } from '../shared/action.ts'
import { Guilloche } from '../shared/Guilloche.tsx'
import { post, Refused } from '../shared/http.ts'
import { Logo } from '../shared/Logo.tsx'
import { ProblemNotice } from '../shared/Notice.tsx'
import classes from './LoginPage.module.css'

export function LoginPage({ onDone }: { readonly onDone: () => void }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, problem, run } = useAction(
    useCallback(
      async (given: { readonly name: string; readonly password: string }) => {
        await post('api/session', given)
        onDone()
      },
      [onDone],
    ),
  )
  const submit = (event: FormEvent) => {
    event.preventDefault()
    run({ name, password })
  }
  const field = problem instanceof Refused ? problem.field : undefined
  return (
    <main className={classes.page}>
      <Guilloche className={classes.pattern} />
      <form className={classes.form} onSubmit={submit} aria-label="Sign in">
        <Logo size={36} />
        <h1 className={classes.title}>Sign in</h1>
        <TextInput
          label="Name"
          name="name"
          autoComplete="username"
          autoCapitalize="none"
          required
          withAsterisk={false}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={field === 'name' ? problem?.message : undefined}
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          error={field === 'password' ? problem?.message : undefined}
        />
        {field === undefined && <ProblemNotice problem={problem} />}
        <Button type="submit" size="md" fullWidth loading={busy}>
          Sign in
        </Button>
        <p className={classes.hint}>
          The first start of <code>kontant up</code> prints a name and a password.
        </p>
      </form>
    </main>
  )
}
